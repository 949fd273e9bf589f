"""What a step may reach: the variables and files that the header names, and nobody's start-up files."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from runbook.approval.verdict import Verdict
from runbook.errors import EvidenceDamaged, NotPermitted, RefusedError
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.included import read_tree
from runbook.evidence.journal import read_journal, whole_payload
from runbook.evidence.verification import verify_execution
from runbook.execution.questions import Choice, Question
from runbook.text import reader
from tests.execution.staging import Script, Stage, script, until


def header(*lines: str) -> str:
    """A header with these lines under `runbook:`, and a blank line behind it."""
    return "".join(
        f"{line}\n" for line in ("# ---", "# runbook:", *(f"#   {each}" for each in lines), "# ---", "")
    )


def events(execution: Path, kind: str) -> list[Event]:
    return [event for event in read_journal(ExecutionFolder(execution)).events if event.kind == kind]


def printed(execution: Path) -> str:
    """Everything that the journal has of standard output and error."""
    folder = ExecutionFolder(execution)
    blobs, found = Blobs(folder.blobs), ""
    for event in events(execution, "message"):
        if event.text("type") == "stream":
            content = whole_payload(event, blobs)["content"]
            assert isinstance(content, Mapping)
            found += str(content["text"])
    return found


def run(stage: Stage, text: str) -> tuple[str, str]:
    """Run a text without anybody; its outcome, and what it printed."""
    result, _ = stage.run(text)
    return result.outcome, printed(result.execution)


def with_environment(stage: Stage, **env: str) -> None:
    stage.around = msgspec.structs.replace(stage.around, env={**stage.around.env, **env})


def test_the_variables_that_the_header_names_pass_and_the_journal_has_their_names(stage: Stage) -> None:
    with_environment(stage, WEB_REGION="eu-west-1", AWS_SECRET="canary-7f3a")
    text = header("title: T", "env: [WEB_REGION, WEB_TIER]") + (
        "# %% look\nimport json, os\n"
        "names = 'WEB_REGION', 'WEB_TIER', 'AWS_SECRET'\n"
        "print(json.dumps({name: os.environ.get(name) for name in names}))\n"
    )
    result, _ = stage.run(text)

    assert json.loads(printed(result.execution)) == {
        "WEB_REGION": "eu-west-1",
        "WEB_TIER": None,
        "AWS_SECRET": None,
    }
    (opened,) = events(result.execution, "opened")
    assert opened.payload["variables"] == ["WEB_REGION"]
    assert opened.payload["unset"] == ["WEB_TIER"]
    journal = ExecutionFolder(result.execution).journal.read_text()
    assert "canary-7f3a" not in journal
    assert journal.count("eu-west-1") == 1, "only where the step itself printed it"


def test_nobodys_startup_files_are_read(stage: Stage, home: Path) -> None:
    """IPython's profile, $PYTHONSTARTUP, the user's sitecustomize and Jupyter's configuration."""
    told = home / "told"
    line = f"open({str(told)!r}, 'a').write(__file__ if '__file__' in dir() else 'startup')\n"
    user_site = home / ".local/lib/python3.11/site-packages"
    for place in (
        home / ".ipython/profile_default/startup/00-first.py",
        home / ".ipython/profile_default/ipython_config.py",
        home / ".ipython/profile_default/ipython_kernel_config.py",
        home / ".jupyter/jupyter_config.py",
        home / ".pythonrc",
        home / ".pythonrc.py",
        user_site / "sitecustomize.py",
        user_site / "usercustomize.py",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(line)
    with_environment(
        stage,
        HOME=str(home),
        PYTHONSTARTUP=str(home / ".pythonrc"),
        PYTHONPATH=str(user_site),
        IPYTHONDIR=str(home / ".ipython"),
        JUPYTER_CONFIG_DIR=str(home / ".jupyter"),
    )
    outcome, said = run(
        stage,
        "# %% look\nimport os, sys\n"
        "print(sorted(name for name in os.environ if name.startswith(('PYTHON', 'IPYTHON', 'JUPYTER'))))\n"
        "print([path for path in sys.path if '.local' in path or path == ''])\n"
        "print(get_ipython().profile_dir.location.startswith(os.path.expanduser('~/.ipython')))\n",
    )

    assert (outcome, said) == ("succeeded", "[]\n[]\nFalse\n")
    assert not told.exists(), f"a start-up file was run: {told.read_text()}"


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "SSH_AUTH_SOCK", "IPYTHONDIR", "RUNBOOK_KERNEL"]
)
def test_a_variable_that_would_bring_code_or_keys_along_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(NotPermitted, match=f"{name} never passes to steps"):
        stage.prepare(header("title: T", f"env: [{name}]") + "# %%\n1\n")


DEPLOY = """
# %% look
import os
from pathlib import Path

import helper
from lib import tools
from runbook.kit import sh

print(helper.name, tools.name)
sh("make", "deploy")
print(sorted(str(each) for each in Path().rglob("*") if each.is_file()))
"""


def with_files(stage: Stage) -> None:
    for name, data in {
        "Makefile": "deploy:\n\t@./bin/deploy.sh k8s/*.yaml\n",
        "bin/deploy.sh": "#!/bin/sh\necho deploying $@\n",
        "k8s/web.yaml": "kind: Deployment\n",
        "k8s/db.yaml": "kind: StatefulSet\n",
        "lib/tools.py": "name = 'tools'\n",
        "helper.py": "name = 'helper'\n",
        "other.py": "name = 'undeclared'\n",
    }.items():
        place = stage.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(data)
    (stage.root / "bin/deploy.sh").chmod(0o755)


NAMED = "  paths: [Makefile, bin, k8s, lib/*.py, helper.py]"


def digest_of(stage: Stage) -> str:
    runbook = reader.require(header("title: T", "includes:", NAMED).encode() + b"# %%\n1\n", name="x.py")
    assert runbook.header.includes is not None
    return read_tree(stage.root, runbook.header.includes).digest


def including(stage: Stage, body: str = DEPLOY, *, digest: str | None = None) -> str:
    return header("title: T", "includes:", NAMED, f"  digest: {digest or digest_of(stage)}") + body.lstrip(
        "\n"
    )


def test_a_folder_of_the_repository_comes_along_and_is_found_where_it_was(stage: Stage) -> None:
    with_files(stage)
    result, _ = stage.run(including(stage))

    assert result.outcome == "succeeded"
    said = printed(result.execution)
    assert "helper tools\n" in said
    assert "deploying k8s/db.yaml k8s/web.yaml" in said
    assert "['Makefile', 'bin/deploy.sh', 'helper.py', 'k8s/db.yaml', 'k8s/web.yaml', 'lib/tools.py']" in said
    kept = result.execution / "includes/bin/deploy.sh"
    assert kept.stat().st_mode & 0o777 == 0o555
    assert (result.execution / "includes/k8s/web.yaml").stat().st_mode & 0o222 == 0
    verdict = verify_execution(ExecutionFolder(result.execution))
    assert (verdict.verdict, verdict.findings) == ("UNSIGNED", ())
    manifest = (result.execution / "finish.txt").read_text()
    assert "  includes/lib/tools.py\n" in manifest
    assert "__pycache__" not in manifest


def test_what_was_planned_runs_whatever_was_edited_since(stage: Stage) -> None:
    with_files(stage)
    execution = stage.plan(including(stage))
    (stage.root / "bin/deploy.sh").write_text("#!/bin/sh\necho something else\n")
    (stage.root / "helper.py").unlink()

    with stage.start(execution) as session:
        result = session.drive(Script())

    assert result.outcome == "succeeded"
    assert "deploying k8s/db.yaml k8s/web.yaml" in printed(execution)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda includes: rewrite(includes / "helper.py", "evil = 1\n"), "is not the file that was planned"),
        (lambda includes: (includes / "k8s/db.yaml").unlink(), "can't be read"),
        (lambda includes: (includes / "added.py").write_text("x = 1\n"), "was not planned"),
        (lambda includes: (includes / "k8s/.added").write_text(""), "was not planned"),
    ],
    ids=["edited", "removed", "added", "hidden"],
)
def test_a_plan_whose_included_files_were_touched_is_refused(
    stage: Stage, edit: Callable[[Path], object], words: str
) -> None:
    with_files(stage)
    execution = stage.plan(including(stage))
    edit(execution / "includes")

    with pytest.raises(RefusedError, match=words):
        stage.start(execution)
    assert not (execution / "start.txt").exists()


def rewrite(place: Path, text: str) -> None:
    place.chmod(0o644)
    place.write_text(text)


def test_what_somebody_put_into_the_working_folder_does_not_run(stage: Stage) -> None:
    """`make` takes GNUmakefile before the Makefile that was reviewed."""
    with_files(stage)
    execution = stage.plan(including(stage))
    (execution / "work/GNUmakefile").write_text("deploy:\n\t@echo evil\n")

    with pytest.raises(RefusedError, match="work/GNUmakefile was put there after it was planned"):
        stage.start(execution)
    (execution / "work/GNUmakefile").unlink()
    with stage.start(execution) as session:
        assert session.drive(Script()).outcome == "succeeded"


def test_files_that_are_not_those_of_the_digest_are_refused(stage: Stage) -> None:
    with_files(stage)
    text = including(stage)
    (stage.root / "k8s/web.yaml").write_text("kind: CronJob\n")

    with pytest.raises(NotPermitted, match="not those of the header's digest") as refused:
        stage.prepare(text)
    verdict = refused.value.verdict
    assert isinstance(verdict, Verdict)
    assert [(reason.code, reason.line) for reason in verdict.reasons] == [("includes.digest", 5)]


def test_a_bit_is_part_of_the_digest(stage: Stage) -> None:
    with_files(stage)
    text = including(stage)
    (stage.root / "helper.py").chmod(0o755)
    with pytest.raises(NotPermitted, match="not those of the header's digest"):
        stage.prepare(text)


def test_without_a_digest_they_come_along_where_nobody_must_approve(stage: Stage) -> None:
    with_files(stage)
    result, _ = stage.run(header("title: T", "includes:", NAMED) + DEPLOY.lstrip("\n"))

    assert result.outcome == "succeeded"
    assert verify_execution(ExecutionFolder(result.execution)).findings == ()


def test_a_file_that_was_edited_after_the_run_is_told(stage: Stage) -> None:
    with_files(stage)
    result, _ = stage.run(including(stage))
    rewrite(result.execution / "includes/helper.py", "name = 'evil'\n")

    verdict = verify_execution(ExecutionFolder(result.execution))
    assert verdict.verdict == "TAMPERED"
    assert ("includes", "includes/helper.py") in {(each.code, each.file) for each in verdict.findings}


def test_a_step_can_not_import_what_was_not_declared(stage: Stage) -> None:
    with_files(stage)
    (stage.root / "runbooks").mkdir()
    outcome, said = run(stage, including(stage, "# %% look\nimport helper\nimport other\n"))

    assert outcome == "failed"
    assert "undeclared" not in said


def test_links_out_of_the_workspace_bring_nothing_along(stage: Stage, home: Path) -> None:
    (home / "secret").write_text("canary")
    (stage.root / "k8s").mkdir()
    (stage.root / "k8s/web.yaml").symlink_to(home / "secret")
    (stage.root / "out").symlink_to(home)
    for path in ("k8s", "k8s/*", "k8s/web.yaml", "out/secret", "out", "out/*"):
        with pytest.raises(NotPermitted) as refused:
            stage.prepare(header("title: T", "includes:", f"  paths: ['{path}']") + "# %%\n1\n")
        verdict = refused.value.verdict
        assert isinstance(verdict, Verdict)
        assert verdict.reasons[0].code == "includes.kind", path


def test_a_run_that_is_taken_up_has_its_files_still(stage: Stage) -> None:
    with_files(stage)
    text = including(stage, "# %% one\nimport helper\n# %% two\nimport helper\nprint(helper.name)\n")
    execution = stage.plan(text, unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution):
        until(lambda: folder.journal.exists() and b'"question"' in folder.journal.read_bytes())
        stage.kill_both(execution)
    (stage.root / "helper.py").write_text("name = 'edited meanwhile'\n")
    with stage.start(execution, task="resume") as session:
        result = session.drive(script("go"))

    assert result.outcome == "succeeded"
    assert printed(execution) == "helper\n"


def test_a_step_that_edits_its_included_files_gets_no_seal(stage: Stage) -> None:
    with_files(stage)
    body = (
        "# %% a\nfrom pathlib import Path\nplace = Path('../includes/helper.py')\n"
        "place.chmod(0o644)\nplace.write_text('x')\n"
    )
    result, _ = stage.run(including(stage, body))

    assert not result.sealed
    assert isinstance(result.failure, EvidenceDamaged)
    assert result.failure.subject == "includes/helper.py"


ANSWERS = """
# %% a
import subprocess, sys
from pathlib import Path

Path("answer.py").write_text('''
import json, os, socket, time
place = json.load(open("../supervisor.lock"))["socket"]
while not any('"question"' in line and '"b"' in line for line in open("../journal.jsonl")):
    time.sleep(0.05)
line = socket.socket(socket.AF_UNIX)
line.connect(place)
for say in ({"type":"hello","who":"step","mode":"drive","take":True},
            {"type":"said","answer":{"question":2,"choice":"run"}}):
    try:
        line.sendall(json.dumps({"v":1,"say":say}).encode() + bytes([10]))
    except OSError:
        pass  # sent away before a word was said
told = b""
try:
    while piece := line.recv(4096):
        told += piece
except OSError:
    pass  # the rest is cut off, since what we said was never read
open("told.part", "wb").write(told)
os.rename("told.part", "told")
''')
subprocess.Popen([sys.executable, "answer.py"], start_new_session=True)

# %% b
print("b ran")
"""


def test_a_step_that_tries_to_answer_its_own_question_fails_to(stage: Stage) -> None:
    execution = stage.plan(ANSWERS.lstrip("\n"), unattended=False)
    told = execution / "work/told"

    def says(question: Question) -> tuple[Choice, str]:
        if question.step == "a":
            return "run", ""
        until(told.exists, seconds=30)
        return "stop", "seen enough"

    with stage.start(execution) as session:
        result = session.drive(Script(says))

    assert b"a step, and what it started, can't talk to the run" in told.read_bytes()
    assert [step.state for step in result.steps] == ["succeeded", "pending"]
    assert "b ran" not in printed(execution)
