from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runbook.errors import EvidenceDamaged, ExistsError, FormatError, NotFoundError
from runbook.evidence.folder import (
    ExecutionFolder,
    evidence_names,
    executions_below,
    find,
    make,
    new_id,
    parse_id,
)
from runbook.system import files

NOW = datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC)


def test_a_name_holds_time_words_and_chance() -> None:
    name = new_id(NOW, "runbooks/Web Restart.py", "7f3a9c")
    assert name.text == "20261121T001205Z-runbooks-web-restart-py-007f3a9c"
    assert name.month == "2026-11"
    assert parse_id(name.text) == name


def test_words_without_a_letter_still_make_a_name() -> None:
    assert new_id(NOW, "…", "7f3a9c").text == "20261121T001205Z-runbook-007f3a9c"


def test_a_long_title_is_cut_in_the_name() -> None:
    assert len(new_id(NOW, "restart-" * 40, "7f3a9c").slug) <= 60


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20261121T001205Z-web",
        "20261121T001205Z-web-restart-7F3A9C",
        "20261321T001205Z-web-restart-7f3a9c",
        "20261121T001205Z-../x-7f3a9c",
        "20261121T001205Z-web-7f3a9c\n",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="not the name of an execution"):
        parse_id(text)


def test_one_maker_wins_the_folder(tmp_path: Path) -> None:
    name = new_id(NOW, "web", "7f3a9c")
    folder = make(tmp_path, name)
    assert folder.path == tmp_path / "2026-11" / name.text
    with pytest.raises(ExistsError, match="never overwritten"):
        make(tmp_path, name)


def test_executions_are_listed_by_age_and_nothing_else_is(tmp_path: Path) -> None:
    later = make(tmp_path, new_id(NOW.replace(day=22), "b", "000000"))
    earlier = make(tmp_path, new_id(NOW, "a", "111111"))
    (tmp_path / "README.md").write_text("where runs land")
    (tmp_path / "log" / "runner").mkdir(parents=True)
    (tmp_path / "2026-11" / "notes").mkdir()
    (tmp_path / "2026-11" / "20261121T001205Z-link-7f3a9c").symlink_to(later.path)
    assert executions_below(tmp_path) == (earlier, later)
    assert executions_below(tmp_path / "nowhere") == ()


def test_what_is_planned_in_one_second_is_listed_in_its_order(tmp_path: Path) -> None:
    moments = [NOW + timedelta(milliseconds=each) for each in (0, 4, 250, 254, 990, 999)]
    made = [
        make(tmp_path, new_id(moment, words, random))
        for moment, words, random in zip(
            moments, "zyxwvu", ["ffff", "eeee", "dddd", "0000"] * 2, strict=False
        )
    ]
    assert executions_below(tmp_path) == tuple(made)


def test_an_execution_is_found_by_a_unique_part_of_its_name(tmp_path: Path) -> None:
    one = make(tmp_path, new_id(NOW, "web", "7f3a9c"))
    make(tmp_path, new_id(NOW, "db", "aaaaaa"))
    assert find(tmp_path, "7f3a9c") == one
    assert find(tmp_path, one.id) == one
    with pytest.raises(NotFoundError, match="2 executions have this in their name") as many:
        find(tmp_path, "20261121")
    assert many.value.hint is not None
    assert one.id in many.value.hint
    with pytest.raises(NotFoundError, match="no execution has this name") as none:
        find(tmp_path, "20261121T001205Z-web-7f3a9d")
    assert none.value.hint == f"did you mean {one.id}?"


def test_where_several_have_that_part_the_preferred_one_is_meant(tmp_path: Path) -> None:
    one, other = (make(tmp_path, new_id(NOW, "web", tail)) for tail in ("7f3a9c", "aaaaaa"))

    assert find(tmp_path, "web", preferred=lambda each: each == other) == other
    assert find(tmp_path, "7f3a9c", preferred=lambda each: each == other) == one  # it alone is named
    for preferred in ([], [one, other]):
        with pytest.raises(NotFoundError, match="2 executions have this in their name"):
            find(tmp_path, "web", preferred=preferred.__contains__)


def test_evidence_leaves_out_the_seal_the_lock_and_the_work(tmp_path: Path) -> None:
    folder = make(tmp_path, new_id(NOW, "web", "7f3a9c"))
    for name in ("finish.txt", "finish.sig", "supervisor.lock", "start.txt", "blobs/aa", "trust/policy.toml"):
        files.make_folder((folder.path / name).parent)
        (folder.path / name).write_text("x")
    for name in ("work", "spool"):
        (folder.path / name).mkdir()
        (folder.path / name / "file").write_text("x")
    (folder.path / "blobs" / "work").write_text("not the folder's own work")
    assert evidence_names(folder) == ("blobs/aa", "blobs/work", "start.txt", "trust/policy.toml")


@pytest.mark.parametrize("name", ["a\nb", "a\\b", "a\u202eb"])
def test_a_name_that_a_manifest_cannot_hold_is_damage(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path, new_id(NOW, "web", "7f3a9c"))
    (folder.path / name).write_text("x")
    with pytest.raises(EvidenceDamaged, match="a name that a manifest can't hold"):
        evidence_names(folder)


def test_a_link_in_the_evidence_is_damage(tmp_path: Path) -> None:
    folder = make(tmp_path, new_id(NOW, "web", "7f3a9c"))
    (folder.path / "runbook.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(EvidenceDamaged, match=r"runbook\.py: a link"):
        evidence_names(folder)


def test_a_held_lock_says_that_a_supervisor_is_alive(tmp_path: Path) -> None:
    folder = make(tmp_path, new_id(NOW, "web", "7f3a9c"))
    assert not folder.is_alive()
    with files.locked(folder.lock):
        assert ExecutionFolder(folder.path).is_alive()
    assert not folder.is_alive()
