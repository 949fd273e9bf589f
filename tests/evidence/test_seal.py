import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.errors import EvidenceDamaged, ExistsError
from runbook.evidence import derive, seal
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.seal import Finish, FinishedStep
from tests.evidence.builders import BEGAN, Told, whole_run


@pytest.fixture
def sealed(tmp_path: Path) -> ExecutionFolder:
    folder = whole_run(tmp_path)
    folder.work.mkdir()
    (folder.work / "scratch").write_text("not evidence")
    derive.conclude(folder, now=BEGAN)
    return folder


def sha256sum(folder: ExecutionFolder, *flags: str) -> subprocess.CompletedProcess[str]:
    command = ["sha256sum", "--check", *flags, "finish.txt"]
    return subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=False)


def test_sha256sum_alone_checks_every_file(sealed: ExecutionFolder) -> None:
    said = sha256sum(sealed, "--strict")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"{name}: OK"
        for name in ("audit.md", "journal.jsonl", "plan.json", "record.ipynb", "runbook.py", "start.txt")
    ]
    with sealed.audit.open("a") as file:
        file.write("one more line\n")
    said = sha256sum(sealed)
    assert said.returncode == 1
    assert "audit.md: FAILED" in said.stdout


def test_the_seal_says_what_the_run_came_to(sealed: ExecutionFolder) -> None:
    lines = sealed.finish.read_text().splitlines()
    assert lines[0] == "# runbook run-finish v1"
    assert lines[4] == "# outcome: succeeded"
    assert lines[8:11] == [
        "# step: health succeeded 750",
        "# step: announce attested -",
        "# step: restart succeeded 750",
    ]
    assert seal.parse(sealed.finish.read_bytes()).journal_length == len(
        sealed.journal.read_bytes().splitlines()
    )


def test_an_execution_is_sealed_once(sealed: ExecutionFolder) -> None:
    with pytest.raises(ExistsError, match="sealed already"):
        derive.conclude(sealed, now=BEGAN)


def test_nothing_is_sealed_before_its_last_word(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health")
    with pytest.raises(EvidenceDamaged, match=r"journal\.jsonl: the journal has no last word"):
        derive.conclude(told.folder, now=BEGAN)
    assert not told.folder.record.exists()
    assert not told.folder.finish.exists()


def test_what_a_crash_cut_short_before_the_seal_is_finished(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    folder.record.write_bytes(derive.derived(folder).record)  # written, then the machine went down
    finish = derive.conclude(folder, now=BEGAN)
    assert dict(finish.manifest)["record.ipynb"] == seal.digest_of(folder, "record.ipynb")


def test_a_record_that_somebody_else_put_there_is_not_sealed(tmp_path: Path) -> None:
    folder = whole_run(tmp_path)
    folder.record.write_text("{}")
    with pytest.raises(
        EvidenceDamaged, match=r"record\.ipynb: is there already and is not what the journal says"
    ):
        derive.conclude(folder, now=BEGAN)
    assert folder.record.read_text() == "{}"


NAMES = st.text(alphabet="abc./ -", min_size=1, max_size=12).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)
HEX = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
FINISHES = st.builds(
    Finish,
    id=st.just("20261121T001205Z-web-restart-7f3a9c"),
    start=HEX,
    journal_length=st.integers(0, 2**40),
    journal_head=HEX,
    outcome=st.sampled_from(["succeeded", "failed", "unknown", "refused"]),
    started=st.just(BEGAN),
    ended=st.datetimes(timezones=st.just(UTC)).map(lambda when: when.replace(microsecond=0)),
    renderer=st.integers(1, 99),
    steps=st.lists(
        st.builds(
            FinishedStep,
            name=st.text(alphabet="abc-0 ", min_size=1, max_size=9),
            state=st.sampled_from(["succeeded", "timed-out", "pending"]),
            ms=st.none() | st.integers(0, 10**9),
        ),
        max_size=4,
    ).map(tuple),
    manifest=st.dictionaries(NAMES, HEX, max_size=5).map(lambda found: tuple(sorted(found.items()))),
)


@settings(max_examples=150, deadline=None)
@given(FINISHES)
def test_a_seal_reads_back_as_it_was_written(finish: Finish) -> None:
    data = seal.emit(finish)
    assert seal.parse(data) == finish
    assert seal.emit(seal.parse(data)) == data


WHOLE = Finish(
    id="20261121T001205Z-web-restart-7f3a9c",
    start="0" * 64,
    journal_length=3,
    journal_head="1" * 64,
    outcome="failed",
    started=BEGAN,
    ended=datetime(2026, 11, 21, 0, 13, tzinfo=UTC),
    renderer=1,
    steps=(FinishedStep(name="health", state="failed", ms=12),),
    manifest=(("audit.md", "2" * 64), ("blobs/x", "3" * 64)),
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused_or_says_something_else(data: st.DataObject) -> None:
    whole = seal.emit(WHOLE)
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    try:
        read = seal.parse(changed)
    except EvidenceDamaged:
        return
    assert read != WHOLE
    assert seal.emit(read) == changed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run-finish v1", "run-finish v2", "comes first"),
        ("# outcome: failed", "# outcome: splendid", "finish.txt:5: not a seal: 'splendid' is no outcome"),
        ("# start: sha256:0", "# start: sha256:X", "not sha256: and 64 hex digits"),
        ("health failed 12", "health glad 12", "finish.txt:9: not a seal: 'glad' is no state of a step"),
        ("  audit.md", "  ../audit.md", "finish.txt:10: not a seal: not a line of a manifest"),
        ("  audit.md", " *audit.md", "finish.txt:10: not a seal: not a line of a manifest"),
        ("  audit.md", "  zzz", "finish.txt:11: not a seal: the manifest is not sorted"),
        ("# renderer: 1", "# renderer: 01", "not the one spelling"),
        ("# id", "#  id", "finish.txt:2: not a seal: a line 'id' is missing here"),
    ],
)
def test_another_spelling_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(EvidenceDamaged) as problem:
        seal.parse(seal.emit(WHOLE).decode().replace(old, new).encode())
    assert message in str(problem.value)
