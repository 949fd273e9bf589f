"""Which files `includes:` names, what they may be, and the digest of their tree."""

import hashlib
from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.text.includes import (
    FILE_LIMIT_BYTES,
    MOST_FILES,
    Included,
    Listed,
    Tree,
    changes,
    gather,
    starts,
    tree_digest,
)
from runbook.text.runbook import Includes

Kind = Literal["file", "link", "other"]
FILES: dict[str, bytes] = {
    "Makefile": b"deploy:\n\t./deploy.sh\n",
    "deploy.sh": b"#!/bin/sh\n",
    "k8s/web.yaml": b"kind: Deployment\n",
    "k8s/db/pod.yaml": b"kind: Pod\n",
    "k8s/db/notes.txt": b"notes\n",
    "k8s/.hidden.yaml": b"kind: Hidden\n",
    "k8s/__pycache__/x.cpython-311.pyc": b"\0",
    "k8s/compiled.pyc": b"\0",
    "lib/helper.py": b"x = 1\n",
    "logo.png": b"\x89PNG\0",
    "executions/2026-11/run/plan.json": b"{}",
    ".git/config": b"[core]\n",
    ".env": b"A=1\n",
}


def gathered(
    *paths: str, files: Mapping[str, bytes] = FILES, kinds: Mapping[str, Kind] | None = None
) -> Tree:
    listed = [Listed(path, (kinds or {}).get(path, "file")) for path in files]
    return gather(
        Includes(paths=paths, digest=None, line=4),
        listed,
        lambda path: (files[path], path.endswith(".sh")),
        apart=("executions",),
    )


def names(*paths: str) -> list[str]:
    tree = gathered(*paths)
    assert tree.reasons == ()
    return [each.path for each in tree.files]


def codes(
    *paths: str, files: Mapping[str, bytes] = FILES, kinds: Mapping[str, Kind] | None = None
) -> list[str]:
    return [reason.code for reason in gathered(*paths, files=files, kinds=kinds).reasons]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["Makefile"], ["Makefile"]),
        (["k8s"], ["k8s/db/notes.txt", "k8s/db/pod.yaml", "k8s/web.yaml"]),
        (["k8s/**"], ["k8s/db/notes.txt", "k8s/db/pod.yaml", "k8s/web.yaml"]),
        (["k8s/*"], ["k8s/web.yaml"]),
        (["k8s/**/*.yaml"], ["k8s/db/pod.yaml", "k8s/web.yaml"]),
        (["**/*.yaml"], ["k8s/db/pod.yaml", "k8s/web.yaml"]),
        (["*/d?/*.txt"], ["k8s/db/notes.txt"]),
        (["k8s/.hidden.yaml", ".env"], [".env", "k8s/.hidden.yaml"]),
        (["deploy.sh", "Makefile", "Make*"], ["Makefile", "deploy.sh"]),
        (["logo.png"], ["logo.png"]),
    ],
)
def test_paths_folders_and_wildcards(paths: list[str], found: list[str]) -> None:
    assert names(*paths) == found


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("Makefiel", "includes.missing"),
        ("*.toml", "includes.missing"),
        ("executions", "includes.missing"),
        ("executions/2026-11/run/plan.json", "includes.place"),
        (".git/config", "includes.place"),
        (".git", "includes.place"),
        (".git/*", "includes.place"),
        ("k8s/compiled.pyc", "includes.place"),
        ("*.png", "includes.binary"),
    ],
)
def test_what_no_path_brings_along(path: str, code: str) -> None:
    tree = gathered(path)
    assert [(reason.code, reason.line) for reason in tree.reasons] == [(code, 4)]
    assert tree.reasons[0].hint


def test_links_and_devices_are_refused_and_not_passed_over() -> None:
    assert codes("k8s", kinds={"k8s/web.yaml": "link"}) == ["includes.kind"]
    assert codes("k8s", kinds={"k8s/web.yaml": "other"}) == ["includes.kind"]
    assert codes("k8s/*", kinds={"k8s": "link"}, files={"k8s": b""}) == ["includes.kind"]


@pytest.mark.parametrize("name", ["über.txt", "a\nb", "a\\b", " a", "a ", "a\x1b[2J", "\udcff"])
def test_a_name_that_a_person_could_misread_is_refused(name: str) -> None:
    assert codes("d", files={f"d/{name}": b"x"}) == ["includes.name"]


def test_two_names_that_differ_in_case_only_are_refused() -> None:
    """`make` takes `makefile` before `Makefile`, and a macOS checkout has only one of them."""
    tree = gathered("d", files={"d/Makefile": b"x", "d/makefile": b"y"})
    assert [reason.message for reason in tree.reasons] == [
        "d/Makefile and d/makefile are one file where case does not count"
    ]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", "x\u202ey".encode(), "a.txt:1: column 2 holds a character that turns the direction"),
        ("a.txt", b"x\n\x1b[2J", "a.txt:2: column 1 holds a control character"),
        ("a.txt", b"x\r\ny\n", "a.txt:1: line ends are mixed"),
        ("a.txt", b"x\ry", "a.txt:1: line ends are mixed"),
        ("a.py", b"x = 1" + b" " * 60 + b"; evil()\n", "a.py:1: more than 40 blanks in a row"),
        ("a.py", b"# " + b"x" * 300, "a.py:1: 302 columns; in code 200 are the limit"),
    ],
)
def test_text_passes_the_readers_character_rules(name: str, data: bytes, words: str) -> None:
    (reason,) = gathered(name, files={name: data}).reasons
    assert reason.code == "includes.text"
    assert reason.message.startswith(words)


@pytest.mark.parametrize("data", [b"a\r\nb\r\n", b"\tx\n", b"", "grüße ✅".encode(), b"x" * 5000])
def test_ordinary_texts_come_along_as_they_are(data: bytes) -> None:
    tree = gathered("a.txt", files={"a.txt": data})
    assert tree.reasons == ()
    assert tree.files[0].data == data


def test_there_are_limits() -> None:
    many = {f"d/{number}": b"" for number in range(MOST_FILES + 1)}
    assert codes("d", files=many) == ["includes.size"]
    large = {"d/a": b"x" * (FILE_LIMIT_BYTES + 1)}
    assert codes("d", files=large) == ["includes.size"]
    together = {f"d/{number}": b"x" * FILE_LIMIT_BYTES for number in range(5)}
    assert codes("d", files=together) == ["includes.size"]


def test_the_digest_is_over_names_bits_and_bytes_behind_their_lengths() -> None:
    """Written out, so that anybody can compute it."""

    def part(data: bytes) -> bytes:
        return len(data).to_bytes(8, "big") + data

    tree = gathered("deploy.sh", "k8s/web.yaml")
    spelled = part(b"runbook includes v1")
    for path, bit in (("deploy.sh", b"executable"), ("k8s/web.yaml", b"plain")):
        content = hashlib.sha256(FILES[path]).hexdigest().encode()
        spelled += part(path.encode()) + part(bit) + part(content)
    assert tree.digest == f"sha256:{hashlib.sha256(spelled).hexdigest()}"


tree_files = st.dictionaries(
    st.text("ab/", min_size=1, max_size=4), st.tuples(st.binary(max_size=4), st.booleans()), max_size=4
)


@given(tree_files, tree_files)
def test_two_trees_have_one_digest_only_when_they_are_the_same(
    one: dict[str, tuple[bytes, bool]], other: dict[str, tuple[bytes, bool]]
) -> None:
    def tree(files: dict[str, tuple[bytes, bool]]) -> Tree:
        return Tree(
            files=tuple(
                Included(path=path, executable=bit, data=data) for path, (data, bit) in sorted(files.items())
            )
        )

    assert (tree(one).digest == tree(other).digest) == (one == other)
    assert bool(changes(tree(one), tree(other))) == (one != other)


def test_the_order_of_files_does_not_matter() -> None:
    rows = [("b", False, "0" * 64), ("a", True, "1" * 64)]
    assert tree_digest(rows) == tree_digest(rows[::-1])


def test_changes_are_named() -> None:
    def tree(**files: tuple[bytes, bool]) -> Tree:
        return Tree(
            files=tuple(Included(path=path, executable=bit, data=data) for path, (data, bit) in files.items())
        )

    before = tree(gone=(b"1", False), mode=(b"1", False), same=(b"1", False), text=(b"1", False))
    after = tree(mode=(b"1", True), new=(b"1", False), same=(b"1", False), text=(b"2", True))
    assert [change.words for change in changes(before, after)] == [
        "gone is gone",
        "mode is executable now",
        "new is new",
        "text has changed",
    ]


def test_where_to_look_is_told_from_the_paths() -> None:
    includes = Includes(paths=("Makefile", "k8s/*.yaml", "lib/**/x.py", "*.md", "lib/a"), digest=None)
    assert starts(includes) == ("Makefile", "k8s", "lib", "", "lib/a")
