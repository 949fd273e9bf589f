"""A disk that does not answer while a verb of pairs looks at files: said with its path and what next, never a
bug, and never taken for a file that is not there."""

import errno
from pathlib import Path

import pytest

from tests.pairing.builders import Bench
from tests.pairing.failing import FailingDisk, at
from tests.program import inside


@pytest.fixture
def here(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    bench = Bench(root)
    (root / "runbook.toml").write_text("version = 1\n")
    bench.sync()
    bench.edit("Slowly", "Quickly")
    bench.sync()
    return root


@pytest.mark.parametrize(
    "words", [("versions", "x"), ("diff", "x@1", "x@3"), ("resolve", "x"), ("lint",)], ids=lambda it: it[0]
)
def test_each_look_at_a_file_may_fail(here: Path, words: tuple[str, ...]) -> None:
    with FailingDisk(here, errno.EIO, lambda *_: False)() as disk:
        good = inside(here, *words)
    assert disk.count > 10
    failed = 0
    for point in range(1, disk.count + 1):
        with FailingDisk(here, errno.EIO, lambda count, *_, point=point: count == point)() as disk:
            said = inside(here, *words)
        where = f"call {point}: {disk.failed}, {said}"
        if said.code == 6:
            failed += 1
            assert "Input/output error" in said.err, where
            assert "next: the disk reports an error: look at the system's log" in said.err, where
        else:
            assert said.code == good.code, where  # it was not needed
    assert failed > 5


def test_a_folder_that_cannot_be_listed_is_not_without_findings(here: Path) -> None:
    with at(here, errno.EACCES, call="scandir", path="/runbooks")():
        said = inside(here, "lint")
    assert (said.code, said.out) == (6, "")
    assert said.err.startswith(f"error: {here}/runbooks: Permission denied\n")


def test_an_error_that_no_disk_gives_stays_a_bug(here: Path) -> None:
    with at(here, errno.EINVAL, call="stat", path="/runbook.toml")():
        said = inside(here, "lint")
    assert said.code == 70
    assert "a bug in runbook: OSError" in said.err
