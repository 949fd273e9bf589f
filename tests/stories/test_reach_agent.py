"""What a step may do with the operator's SSH agent: log in to a real sshd, and sign nothing else."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.errors import UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.verification import verify_execution
from tests.execution.ssh import agent, sshd
from tests.execution.staging import Script, Stage, script, until
from tests.keys import Key
from tests.program import made_workspace, program
from tests.stories.test_reach import events, header, including, printed, run, with_environment, with_files

AGENT = header("title: T", "agent: true")


@pytest.fixture
def operators(stage: Stage, home: Path, alice: Key) -> Iterator[Path]:
    """The operator's agent; its socket, which is in the terminal's environment."""
    with agent(home, alice) as place:
        with_environment(stage, SSH_AUTH_SOCK=str(place))
        yield place


def test_an_honest_step_logs_in_and_uses_a_folder_of_the_repository(
    stage: Stage, operators: Path, home: Path, alice: Key, bob: Key
) -> None:
    with_files(stage)
    with sshd(home / "sshd", lets_in=alice, host_key=bob) as words:
        body = (
            "# %% log in\nfrom runbook.kit import sh\nlogin = [\n"
            + "".join(f"    {word!r},\n" for word in words)
            + "]\nsh(*login, 'echo logged in')\n"
            "# %% deploy\nsh('make', 'deploy')\n"
        )
        result, _ = stage.run(
            including(stage, body).replace("#   title: T\n", "#   title: T\n#   agent: true\n")
        )

    said = printed(result.execution)
    assert result.outcome == "succeeded", said
    assert "logged in\n" in said
    assert "deploying k8s/db.yaml k8s/web.yaml" in said
    signed, closed = events(result.execution, "agent")
    assert signed.payload["what"] == "signed"
    assert signed.text("user") == words[-1].partition("@")[0]
    assert signed.text("key").startswith("SHA256:")
    assert (closed.payload["signed"], closed.payload["refused"]) == (1, 0)
    assert verify_execution(ExecutionFolder(result.execution)).findings == ()
    audit = (result.execution / "audit.md").read_text()
    assert signed.text("key") in audit


APPROVE = """
# %% approve
import os
import subprocess
from pathlib import Path

Path("statement").write_text("runbook approval v1")
sign = ["ssh-keygen", "-Y", "sign", "-n", "approval.v1@signed-runbook", "-f", {public!r}, "statement"]
print("listed", {blob!r} in subprocess.run(["ssh-add", "-L"], capture_output=True, text=True).stdout)
print("signed", subprocess.run(sign, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0)
print("left", sorted(each.name for each in Path().iterdir()))
print("named", {socket!r} in set(os.environ.values()))
"""


def test_a_step_that_tries_to_sign_an_approval_fails_to(stage: Stage, operators: Path, alice: Key) -> None:
    public = stage.root / "alice.pub"
    public.write_text(alice.public.read_text())
    text = APPROVE.format(public=str(public), blob=alice.words[1], socket=str(operators)).lstrip("\n")
    result, _ = stage.run(AGENT + text)

    assert printed(result.execution) == "listed True\nsigned False\nleft ['statement']\nnamed False\n"
    refused, closed = events(result.execution, "agent")
    assert refused.text("reason") == "signing files, commits or approvals (SSHSIG) is not for steps"
    assert (closed.payload["signed"], closed.payload["refused"]) == (0, 1)


def test_without_agent_true_a_step_has_no_agent(stage: Stage, operators: Path) -> None:
    outcome, said = run(stage, "# %% a\nimport os\nprint(sorted(n for n in os.environ if 'SSH' in n))\n")
    assert (outcome, said) == ("succeeded", "[]\n")


def test_without_an_agent_of_the_operators_nothing_starts_and_the_plan_is_not_spent(
    stage: Stage, home: Path, alice: Key
) -> None:
    execution = stage.plan(AGENT + "# %% a\nprint('ran')\n")
    with pytest.raises(UnavailableError, match="the runbook wants your SSH agent, and none is running here"):
        stage.start(execution)
    assert not (execution / "start.txt").exists()
    with agent(home, alice) as place:
        with_environment(stage, SSH_AUTH_SOCK=str(place))
        with stage.start(execution) as session:
            assert session.drive(Script()).outcome == "succeeded"


LIST = "import subprocess\nprint(subprocess.run(['ssh-add', '-l'], capture_output=True).returncode)\n"


@pytest.mark.parametrize("kernel_dies", [False, True], ids=["warm", "cold"])
def test_a_run_that_is_taken_up_has_the_agent_of_who_takes_it_up(
    stage: Stage, operators: Path, home: Path, alice: Key, kernel_dies: bool
) -> None:
    execution = stage.plan(f"{AGENT}# %% one\n{LIST}# %% two\n{LIST}", unattended=False)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=60):
        until(lambda: folder.journal.exists() and b'"question"' in folder.journal.read_bytes())
        (stage.kill_both if kernel_dies else stage.kill_supervisor)(execution)
    other = home / "other"
    other.mkdir()
    with agent(other, alice) as place:
        with_environment(stage, SSH_AUTH_SOCK=str(place))
        operators.unlink()
        with stage.start(execution, task="resume") as session:
            result = session.drive(script("go"))

    assert result.outcome == "succeeded"
    assert printed(execution) == "0\n0\n"


def test_the_socket_goes_with_the_run(stage: Stage, operators: Path, home: Path) -> None:
    result, _ = stage.run(f"{AGENT}# %% a\nimport os\nprint(os.environ['SSH_AUTH_SOCK'])\n")
    place = Path(printed(result.execution).strip())
    assert place.is_relative_to(home / "run")
    assert not place.exists()


def test_a_step_that_goes_on_after_the_run_has_no_agent_any_more(stage: Stage, operators: Path) -> None:
    """A daemon that a step leaves behind."""
    told = stage.root / "told"
    daemon = stage.root / "daemon.py"
    daemon.write_text(
        "import os, subprocess, time\n"
        "while os.path.exists(os.environ['SSH_AUTH_SOCK']):\n    time.sleep(0.05)\n"
        f"open({str(told)!r}, 'w').write(str(subprocess.run(['ssh-add', '-l']).returncode))\n"
    )
    text = (
        f"{AGENT}# %% a\nimport subprocess, sys\n"
        f"subprocess.Popen([sys.executable, {str(daemon)!r}], start_new_session=True,\n"
        "    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
    )
    stage.run(text)
    with contextlib.suppress(AssertionError):  # a run that ends takes what it started with it
        until(told.exists, seconds=2)
    assert not told.exists() or told.read_text() != "0"
    assert os.path.exists(operators)


def test_at_the_command_line(tmp_path: Path, home: Path, alice: Key) -> None:
    """Without an agent: exit 6 and what to do next. With one: --detach works, and what is unset is said."""
    root = made_workspace(tmp_path / "w", alice)
    text = header("title: T", "agent: true", "env: [WEB_REGION]") + f"# %% a\n{LIST}"
    (root / "runbooks/x.py").write_text(text)
    said = program(root, "run", "x", "--unattended", "--env", "scratch")
    assert said.code == 6, said.err
    assert "the runbook wants your SSH agent, and none is running here" in said.err
    assert "`eval $(ssh-agent)`, `ssh-add`" in said.err
    with agent(home, alice) as place:
        said = program(root, "run", "x", "--unattended", "--env", "scratch", SSH_AUTH_SOCK=str(place))
        assert said.code == 0, said.err
        assert "not set here: WEB_REGION; steps go without" in said.out
        detached = program(root, "run", "x", "--detach", "--json", SSH_AUTH_SOCK=str(place), WEB_REGION="eu")
        execution = root / detached.json["execution"]
        assert program(root, "stop", execution.name).code == 0
        until(lambda: (execution / "finish.txt").exists(), seconds=30)
    assert [event.payload["what"] for event in events(execution, "agent")] == ["closed"]
