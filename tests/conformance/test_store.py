"""The conformance suite: what every backend of the store promises; a new one is a row in `MAKERS`."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.errors import NotFoundError
from runbook.store.backend import REF_LIMIT_BYTES, Backend
from runbook.store.folder import Folder
from runbook.store.keys import object_key
from runbook.store.memory import Memory

KEY = object_key("ab" * 32, packed=False)
OTHER = object_key("cd" * 32, packed=True)
REF = "names/some-name"
LATER = datetime.now(UTC) + timedelta(days=1)
EARLIER = datetime.now(UTC) - timedelta(days=1)


def _memory(folder: Path) -> Backend:
    return Memory()


def _folder(folder: Path) -> Backend:
    return Folder(folder / "store")


MAKERS: dict[str, Callable[[Path], Backend]] = {"memory": _memory, "folder": _folder}


@pytest.fixture(params=sorted(MAKERS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return MAKERS[request.param](tmp_path)


def test_what_is_put_can_be_got(backend: Backend) -> None:
    assert backend.put(KEY, b"bytes") is True
    assert backend.get(KEY) == b"bytes"


def test_empty_bytes_are_bytes(backend: Backend) -> None:
    backend.put(KEY, b"")

    assert backend.get(KEY) == b""


def test_bytes_of_some_size_come_back(backend: Backend) -> None:
    data = bytes(range(256)) * 20_000
    backend.put(KEY, data, durable=False)
    backend.ensure_durable([KEY])

    assert backend.get(KEY) == data


def test_putting_again_changes_nothing_and_says_so(backend: Backend) -> None:
    backend.put(KEY, b"first")

    assert backend.put(KEY, b"second") is False
    assert backend.get(KEY) == b"first"


def test_a_missing_object_is_not_found(backend: Backend) -> None:
    with pytest.raises(NotFoundError, match="no such object"):
        backend.get(KEY)
    with pytest.raises(NotFoundError, match="no such object"):
        backend.ensure_durable([KEY])


def test_listing_is_sorted_and_below_the_prefix(backend: Backend) -> None:
    backend.put(OTHER, b"22")
    backend.put(KEY, b"1")
    backend.swap_ref(REF, None, b"r")

    assert [(item.key, item.size_bytes) for item in backend.list("objects/")] == [(KEY, 1), (OTHER, 2)]
    assert [item.key for item in backend.list("objects/cd/")] == [OTHER]
    assert [item.key for item in backend.list("names/")] == [REF]
    assert [item.key for item in backend.list("")] == [REF, KEY, OTHER]
    assert list(backend.list("objects/ff/")) == []


def test_deleting_says_whether_something_went(backend: Backend) -> None:
    backend.put(KEY, b"1")

    assert backend.delete(KEY) is True
    assert backend.delete(KEY) is False
    assert list(backend.list("objects/")) == []
    assert backend.put(KEY, b"2") is True


def test_an_object_put_meanwhile_is_not_deleted(backend: Backend) -> None:
    backend.put(KEY, b"1")

    assert backend.delete(KEY, unless_since=EARLIER) is False
    assert backend.get(KEY) == b"1"
    assert backend.delete(KEY, unless_since=LATER) is True


def test_putting_again_counts_as_put_now(backend: Backend) -> None:
    backend.put(KEY, b"1")
    first = next(iter(backend.list("objects/"))).since
    between = datetime.now(UTC)
    backend.put(KEY, b"1")
    second = next(iter(backend.list("objects/"))).since

    assert second >= first
    assert second >= between - timedelta(milliseconds=20)  # file stamps have the kernel's tick


def test_a_ref_is_none_until_it_is_made(backend: Backend) -> None:
    assert backend.read_ref(REF) is None
    assert backend.swap_ref(REF, None, b"one") is True
    assert backend.read_ref(REF) == b"one"


def test_a_ref_is_swapped_only_from_what_was_expected(backend: Backend) -> None:
    backend.swap_ref(REF, None, b"one")

    assert backend.swap_ref(REF, None, b"two") is False
    assert backend.swap_ref(REF, b"other", b"two") is False
    assert backend.read_ref(REF) == b"one"
    assert backend.swap_ref(REF, b"one", b"two") is True
    assert backend.read_ref(REF) == b"two"
    assert backend.swap_ref(REF, b"two", None) is True
    assert backend.read_ref(REF) is None
    assert backend.swap_ref(REF, None, None) is True


def test_a_ref_stays_small(backend: Backend) -> None:
    with pytest.raises(ValueError, match="a ref of"):
        backend.swap_ref(REF, None, b"x" * (REF_LIMIT_BYTES + 1))


def test_healing_replaces_the_bytes(backend: Backend) -> None:
    backend.put(KEY, b"damaged")
    backend.heal(KEY, b"whole")

    assert backend.get(KEY) == b"whole"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/x",
        "x/",
        "../x",
        "a/../b",
        "a//b",
        ".hidden",
        "a/.hidden",
        "Upper",
        "ü",
        "a b",
        "a\nb",
        "x" * 201,
    ],
)
def test_what_is_not_a_key_is_refused(backend: Backend, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        backend.put(key, b"")
    with pytest.raises(ValueError, match="not a key"):
        backend.get(key)
    with pytest.raises(ValueError, match="not a key"):
        backend.read_ref(key)
    with pytest.raises(ValueError, match="not a key"):
        backend.delete(key)


def test_of_many_makers_one_wins(backend: Backend) -> None:
    start = threading.Barrier(8)
    made: list[bool] = []

    def make() -> None:
        start.wait()
        made.append(backend.put(KEY, b"same"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [False] * 7 + [True]


def test_no_increment_of_a_ref_is_lost(backend: Backend) -> None:
    backend.swap_ref(REF, None, b"0")

    def count() -> None:
        done = 0
        while done < 20:
            before = backend.read_ref(REF) or b"0"
            done += backend.swap_ref(REF, before, b"%d" % (int(before) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert backend.read_ref(REF) == b"80"
