"""Every way to cheat with an execution's folder: `tests/attacks/evidence/<verdict>/<name>/attack.py`.

Each attack runs as a program of its own in the folder of a whole, sealed execution. The folder's name is the
verdict, and `findings.txt` the findings that must be among those that verification gives.
"""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.canonical import digest
from runbook.evidence import derive, verification
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.plan import PlannedValue
from runbook.evidence.verification import ExecutionVerdict, Finding, verify_execution
from runbook.system import files
from runbook.text.reader import require
from runbook.text.values import resolve, values_digest
from tests.evidence.builders import BEGAN, CELLS, Cell, Told, plan_of, text_of

ATTACKS = Path(__file__).parent.parent / "attacks" / "evidence"
NAMES = sorted(str(path.parent.relative_to(ATTACKS)) for path in ATTACKS.glob("*/*/attack.py"))

POLICY = b"""\
version = 1
workspace = "urn:uuid:6f1e0c1e-1111-4222-8333-444455556666"
[groups]
sre = ["bob@example.com"]
[[rules]]
paths = ["runbooks/**"]
environments = ["prod"]
"""


def sealed_run(where: Path) -> ExecutionFolder:
    """A whole run with trust files, a picture, a note, a manual step; sealed."""
    trust = {"allowed_signers": b"# nobody\n", "policy.toml": POLICY, "revoked": b"# nothing\n"}
    told = Told(where, CELLS, plan_of(CELLS, approved=False, counted=()), trust=trust)
    told.kernel()
    told.tell("note", by="alice", words="a bad day")
    told.let_run("health", 1)
    request = told.begin("health")
    told.print("health", "fine\n", parent=request)
    told.end("health", "succeeded", parent=request)
    told.tell("question", question=2, step="announce", asks="manual", choices=["done"], words="Done?")
    told.tell("answer", question=2, choice="done", words="", by="alice", how="terminal")
    told.tell("attested", step="announce", by="alice", words="")
    told.let_run("restart", 3)
    request = told.begin("restart")
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 2000).decode()
    told.print("restart", "restarted\n", parent=request)
    told.hear("restart", "display_data", {"data": {"image/png": picture}, "metadata": {}}, parent=request)
    told.end("restart", "succeeded", parent=request)
    told.tell("kernel-ended", returncode=0, signal=None, expected=True, number=1)
    told.seal("succeeded", health="succeeded", announce="attested", restart="succeeded")
    derive.conclude(told.folder, now=BEGAN)
    return told.folder


def spelled(finding: Finding) -> str:
    place = finding.file or ""
    place += f":{finding.line}" if finding.line is not None else ""
    return f"{finding.code}: {place}: {finding.message}" if place else f"{finding.code}: {finding.message}"


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_on_the_evidence_gets_its_verdict(tmp_path: Path, name: str) -> None:
    folder = sealed_run(tmp_path)
    (blob,) = (path.name for path in folder.blobs.iterdir())
    # -I and a path of its own: a runbook.py in the working folder must never be imported.
    program = "import sys; sys.path.insert(0, sys.argv[1]); exec(open(sys.argv[2]).read())"
    attack = [str(ATTACKS), str(ATTACKS / name / "attack.py")]
    subprocess.run([sys.executable, "-I", "-c", program, *attack], cwd=folder.path, check=True)
    (left,) = (tmp_path / "2026-11").iterdir()
    found = verify_execution(ExecutionFolder(left))
    said = [spelled(finding) for finding in found.findings]
    assert found.verdict == name.split("/")[0].upper(), said
    for expected in (ATTACKS / name / "findings.txt").read_text().splitlines():
        assert any(each.startswith(expected.replace("BLOB", blob)) for each in said), said


def test_there_are_attacks_of_every_verdict() -> None:
    assert {name.split("/")[0] for name in NAMES} == {"tampered", "incomplete", "unverifiable", "unsigned"}
    assert len(NAMES) >= 30


def test_an_untouched_run_is_unsigned_and_nothing_is_found(tmp_path: Path) -> None:
    folder = sealed_run(tmp_path)
    assert verify_execution(folder) == ExecutionVerdict(
        id=folder.id, verdict="UNSIGNED", outcome="succeeded", findings=()
    )


def test_a_run_at_work_is_incomplete(tmp_path: Path) -> None:
    told = Told(
        tmp_path, plan=plan_of(CELLS, environment="scratch", approved=False, counted=(), workspace=None)
    )
    told.let_run("health", 1)
    told.begin("health")
    with files.locked(told.folder.lock):
        found = verify_execution(told.folder)
    assert (found.verdict, found.outcome) == ("INCOMPLETE", None)
    assert [spelled(finding) for finding in found.findings] == ["run: a supervisor is at work"]


def test_a_file_that_cannot_be_read_is_not_called_tampered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sealed_run(tmp_path)
    real = os.open

    def refuse(path: object, *args: object, **more: object) -> int:
        if str(path).endswith("plan.json"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, whom no mode stops
    found = verify_execution(folder)
    assert found.verdict == "UNVERIFIABLE"
    assert spelled(found.findings[0]) == "plan: plan.json: Permission denied"


def test_another_renderers_files_are_held_by_the_manifest_and_compared_where_they_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sealed_run(tmp_path)
    monkeypatch.setattr(verification, "RENDERER", 99)
    assert verify_execution(folder).verdict == "UNSIGNED"  # the same bytes, whoever made them
    monkeypatch.setattr(verification, "RENDERER", 0)
    assert verify_execution(folder).verdict == "UNVERIFIABLE"
    folder.audit.write_text("all is well")
    assert verify_execution(folder).verdict == "TAMPERED"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ExecutionFolder:
    return sealed_run(tmp_path_factory.mktemp("whole"))


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_byte_changed_in_any_file_is_tampered(whole: ExecutionFolder, data: st.DataObject) -> None:
    names = ["finish.txt", *(name for name, _ in _manifest(whole))]
    path = whole.path / data.draw(st.sampled_from(names))
    kept = path.read_bytes()
    place = data.draw(st.integers(0, len(kept) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != kept[place]))
    try:
        path.write_bytes(kept[:place] + bytes([byte]) + kept[place + 1 :])
        found = verify_execution(whole)
    finally:
        path.write_bytes(kept)
    if path.name == "finish.txt" and found.verdict in ("UNSIGNED", "UNVERIFIABLE"):
        # When it ended, and by which renderer, only the seal says: until it is signed nobody knows better.
        line = kept[kept.rfind(b"\n", 0, place) + 1 :]
        assert line.startswith((b"# ended: ", b"# renderer: "))
        return
    assert found.verdict == "TAMPERED"
    places = {finding.file for finding in found.findings}
    assert str(path.relative_to(whole.path)) in places or path.name == "finish.txt"  # a digest names its file


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_cut_of_any_file_is_tampered(whole: ExecutionFolder, data: st.DataObject) -> None:
    path = whole.path / data.draw(st.sampled_from(["finish.txt", *(name for name, _ in _manifest(whole))]))
    kept = path.read_bytes()
    try:
        path.write_bytes(kept[: data.draw(st.integers(0, len(kept) - 1))])
        found = verify_execution(whole)
    finally:
        path.write_bytes(kept)
    assert found.verdict == "TAMPERED"


def _manifest(folder: ExecutionFolder) -> tuple[tuple[str, str], ...]:
    from runbook.evidence import seal

    return seal.read(folder).manifest


def test_the_digest_of_the_plan_is_in_start_and_journal(whole: ExecutionFolder) -> None:
    expected = digest(whole.plan.read_bytes())
    assert f"plan: {expected}\n" in whole.start.read_text()
    assert f'"plan":"{expected}"' in whole.journal.read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("bent", "words"),
    [
        ({}, None),
        ({"literal": "'web9'"}, "its values are not what the text makes of them"),
        ({"type_text": "Secret"}, "its values are not what the text makes of them"),
        ({"name": "hosts"}, "its values are not what the text makes of them"),
    ],
)
def test_a_default_in_the_plan_is_the_one_that_was_reviewed(
    tmp_path: Path, bent: dict[str, object], words: str | None
) -> None:
    cells = (Cell(name="given", source='host: str = "web1"', tags=("parameters",)),)
    runbook = require(text_of(cells).encode(), name="x.py")
    digest = values_digest(resolve(runbook.parameters, (), base=tmp_path))
    default = {"name": "host", "type_text": "str", "literal": "'web1'", "origin": "default"}
    value = PlannedValue(**{**default, **bent})  # type: ignore[arg-type]  # texts all
    kept = {"environment": "scratch", "approved": False, "counted": (), "workspace": None}
    told = Told(tmp_path, cells, plan_of(cells, values=(value,), values_digest=digest, **kept))
    told.seal("stopped", given="pending")
    derive.conclude(told.folder, now=BEGAN)
    said = [spelled(finding) for finding in verify_execution(told.folder).findings]
    assert said == ([] if words is None else [f"text: plan.json: {words}"])
