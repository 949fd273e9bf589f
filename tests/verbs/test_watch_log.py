"""The JSON log of a watch without a terminal: bounded, and never the end of the watch."""

import json
from pathlib import Path

from runbook.pairing.told import Told
from runbook.verbs import watch
from runbook.verbs.watch import Log


def said(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


def test_the_older_half_goes_and_whole_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "logs/watch.log"
    log = Log(path)
    for number in range(3000):
        log(Told(code="lost", message=f"{number} " + "x" * 500))

    assert path.stat().st_size < watch._LOG_BYTES
    kept = [int(line.split(" ")[0]) for line in said(path)]
    assert kept == list(range(kept[0], 3000))


def test_a_log_that_was_large_already_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "watch.log"
    path.write_bytes(b'{"message": "old"}\n' * 1_000_000)
    log = Log(path)
    log(Told(code="lost", message="new"))

    assert path.stat().st_size < watch._LOG_BYTES
    assert said(path)[-1] == "new"


def test_a_log_that_is_taken_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "watch.log"
    log = Log(path)
    log(Told(code="lost", message="one"))
    path.unlink()
    log(Told(code="lost", message="two"))

    assert said(path) == ["two"]


def test_a_log_that_cannot_be_written_costs_lines_and_not_the_watch(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = Log(folder / "watch.log")
    (folder / "watch.log").unlink()
    folder.rename(tmp_path / "away")
    log(Told(code="lost", message="lost"))
    (tmp_path / "away").rename(folder)
    log(Told(code="lost", message="again"))

    assert said(folder / "watch.log") == ["again"]
