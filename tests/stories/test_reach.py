"""What a step may reach: the variables that the header names, and nobody's start-up files."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from runbook.errors import NotPermitted
from runbook.evidence.blobs import Blobs
from runbook.evidence.events import Event
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal, whole_payload
from tests.execution.staging import Stage


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
