"""Kinds of runs for the lives: with secrets, with the operator's SSH agent, with a second person, with a step
that is never done in its time, and undoing another run."""

import contextlib
import os
import select
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import lease, leftovers, plan_folder, undoing
from runbook.execution.questions import Answer, Question
from runbook.system import clock
from tests.execution.ssh import agent
from tests.execution.staging import PATIENCE_SECONDS, Script, Stage, until
from tests.keys import Key
from tests.program import made_workspace, program
from tests.stories.lives import LINES, TEXT, VICTIMS, Kind, go_on, journaled
from tests.stories.test_secrets import armed, canaries_in

APART = ("supervisor", "kernel", "child", "both")
"""Whom to kill where somebody sits at the terminal and answers."""


class WithSecrets(Kind):
    """It says its secret in every step: whole, cut in two, and by the mouth of a child."""

    text = """
    # %% given name="given" tags=["parameters"]
    from runbook.kit import Secret, secret
    token: Secret = secret("env:CANARY")
    key: Secret = secret("env:CANARY_KEY")
""" + TEXT.replace(
        'print("one", n)', 'print("one", n)\n        n % 50 or print("it is", token.reveal(), key.reveal())'
    ).replace(
        'print("two", n, flush=True)',
        """print("two", n, flush=True)
        print(token.reveal()[:9], end="", flush=True)
        time.sleep(0.003)
        print(token.reveal()[9:], flush=True)""",
    ).replace("echo ended;", "echo $SECRET; echo ended;").replace(
        ", check=True)", ', check=True, env={"SECRET": token.reveal()})'
    )

    def arrange(self, stage: Stage) -> None:
        armed(stage)

    def look(self, stage: Stage, said: str) -> None:
        assert not canaries_in(said.encode()), "a terminal got to see a secret"
        for execution in stage.root.glob("executions/*/*"):
            for place in (execution, lease.run_folder(os.environ, execution)):
                for path in place.rglob("*"):
                    with contextlib.suppress(OSError):  # gone meanwhile, or a socket
                        assert not canaries_in(path.read_bytes()), f"a secret stands in {path}"

    def require(self, execution: Path) -> None:
        folder = ExecutionFolder(execution)
        states = [each.text("state") for each in read_journal(folder).events if each.text("step") == "one"]
        if "succeeded" in states:  # or it would not be said anywhere for want of trying
            assert sum(line.startswith("it is") for line in journaled(folder)) == 6


class WithAgent(Kind):
    """A step lists the operator's keys, and tries to sign an approval with them."""

    text = """
    # ---
    # runbook:
    #   title: T
    #   agent: true
    # ---
""" + TEXT.replace(
        "    # %% two\n",
        """    # %% asks name="asks"
    def listed():
        return subprocess.run(["ssh-add", "-L"], capture_output=True, text=True)
    with open("key.pub", "w") as file:
        file.write(listed().stdout)
    sign = ["ssh-keygen", "-Y", "sign", "-n", "approval.v1@signed-runbook", "-f", "key.pub", "key.pub"]
    signed = subprocess.run(sign, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
    print("agent", listed().returncode, "signed", signed, flush=True)
    # %% two
""",
    )

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def arrange(self, stage: Stage) -> None:
        env = {**stage.around.env, "SSH_AUTH_SOCK": str(self._socket)}
        stage.around = msgspec.structs.replace(stage.around, env=env)

    def look(self, stage: Stage, said: str) -> None:
        assert str(self._socket) not in said

    def require(self, execution: Path) -> None:
        events = read_journal(ExecutionFolder(execution)).events
        said = journaled(ExecutionFolder(execution))
        assert not [line for line in said if "signed True" in line], "a step has signed an approval"
        begun = [each.seq for each in events if each.kind == "step-started" and each.text("step") == "asks"]
        ended = [each for each in events if each.kind == "step-ended" and each.text("step") == "asks"]
        opened = [each.seq for each in events if each.kind == "opened"]
        if ended and ended[0].text("state") == "succeeded":
            overtaken = any(begun[0] < seq < ended[0].seq for seq in opened)
            assert overtaken or "agent 0 signed False" in said, "the agent was not there"
        closed = [each for each in events if each.kind == "agent" and each.text("what") == "closed"]
        assert len(closed) <= len(opened)
        place = lease.run_folder(os.environ, execution)
        leftovers.take_away(place.parent)  # as the next command does: who dies behind the seal leaves it
        assert not place.exists(), "the proxy's socket is left"


class _Confirming(Script):
    """An operator who has the second person called when a step waits for them."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(go_on)
        self._call = call

    def ask(self, question: Question, wake: int) -> Answer | None:
        if question.asks != "second":
            return super().ask(question, wake)
        self._call()
        assert select.select([wake], [], [], PATIENCE_SECONDS)[0], "it was confirmed, and waits"
        return None


class WithSecondPerson(Kind):
    """A dangerous step waits for somebody else's signature."""

    text = TEXT.replace(
        "    # %% child name",
        """    # %% fix name="fix" tags=["danger"]
    mark("fix")
    for n in range(40):
        print("fix", n, flush=True)
        time.sleep(0.003)
    # %% child name""",
    )
    lines: Mapping[str, int] = {**LINES, "fix": 40}
    attended = True

    def __init__(self, alice: Key, bob: Key) -> None:
        self._alice, self._bob = alice, bob

    def arrange(self, stage: Stage) -> None:
        policy = made_workspace(stage.root, self._alice, self._bob) / ".runbook/policy.toml"
        rule = '[[rules]]\npaths = ["**"]\nenvironments = ["scratch"]\nconfirm_by = "sre"\n'
        head, _, rest = policy.read_text().partition("\n[")
        policy.write_text(f'{head}\n[groups]\nsre = ["{self._bob.principal}"]\n\n[{rest}\n{rule}')

    def operator(self, stage: Stage, folder: ExecutionFolder) -> Script:
        words = ("confirm", folder.id, "--key", str(self._bob.path), "--yes")
        return _Confirming(lambda: program(stage.root, *words))

    def require(self, execution: Path) -> None:
        confirmed: set[int] = set()
        for event in read_journal(ExecutionFolder(execution)).events:
            if event.kind == "confirmed":
                confirmed.add(event.number("attempt"))
            if event.kind == "step-started" and event.text("step") == "fix":
                assert event.number("attempt") in confirmed, "it ran, and nobody else had confirmed it"


class WithTimeLimit(Kind):
    """A step that would go on for ever, and has a second. Whoever looks after the run ends it."""

    text = TEXT.replace(
        "    # %% child name",
        """    # %% slow name="slow" timeout=1
    import itertools
    mark("slow")
    for n in itertools.count():
        print("slow", n, flush=True)
        time.sleep(0.02)
    # %% child name""",
    )
    lines: Mapping[str, int] = {**LINES, "slow": -1}  # it never says all it has to say
    attended = True

    def require(self, execution: Path) -> None:
        events = read_journal(ExecutionFolder(execution)).events
        for event in events:
            if event.kind == "step-ended" and event.text("step") == "slow":
                assert event.text("state") in ("timed-out", "unknown", "kernel-died"), event
                assert event.text("state") != "timed-out" or event.number("ms") >= 900, event


class Undoing(Kind):
    """It undoes a run that is over: what that had done is not done again, and undone once."""

    text = """
    # %% ready name="ready" tags=["setup"]
    import time
    def mark(name):
        with open("marks", "a") as file:
            file.write(name + "\\n")
    mark("ready")
    # %% tools name="tools" tags=["setup"]
    shell = ["sh", "-c"]
    # %% one
    mark("one")
    # %% three
    mark("three")
    # %% unone name="unone" undoes="one"
    mark("unone")
    for n in range(300):
        print("unone", n)
    # %% unthree name="unthree" undoes="three"
    mark("unthree")
    for n in range(60):
        print("unthree", n, flush=True)
        time.sleep(0.003)
"""
    lines: Mapping[str, int] = {"one": 0, "three": 0, "unone": 300, "unthree": 60}
    attended = True

    def arrange(self, stage: Stage) -> None:
        result, _ = stage.run(self.text)
        assert result.outcome == "succeeded"
        self._done = ExecutionFolder(result.execution)
        until(lambda: not self._done.is_alive())
        self._journal = self._done.journal.read_bytes()

    def plan(self, stage: Stage) -> Path:
        plan = undoing.plan_undo(self._done, workspace=stage.workspace, around=stage.around, now=clock.now())
        execution = plan_folder.write(plan, stage.root / "executions", state=stage.around.state_folder)
        stage.executions.append(execution)
        return execution

    def require(self, execution: Path) -> None:
        assert self._done.journal.read_bytes() == self._journal
        events = read_journal(ExecutionFolder(execution)).events
        began = [each.text("step") for each in events if each.kind == "step-started"]
        assert not {"one", "three"} & {*began}, "what was to be undone ran again"
        undone = [each for each in began if each.startswith("un")]
        assert undone in ([], ["unthree"], ["unthree", "unone"]), "not once, or not the latest first"


KINDS: dict[str, tuple[str, ...]] = {
    "secrets": VICTIMS,
    "agent": VICTIMS,
    "second person": APART,
    "time limit": APART,
    "undo": APART,
}
"""Each kind, and whom to kill there."""


@contextlib.contextmanager
def kind_of(name: str, home: Path, alice: Key, bob: Key) -> Iterator[Kind]:
    """One of `KINDS`, with what it needs."""
    if name == "agent":
        with agent(home, alice) as socket:
            yield WithAgent(socket)
        return
    made: dict[str, Kind] = {
        "secrets": WithSecrets(),
        "second person": WithSecondPerson(alice, bob),
        "time limit": WithTimeLimit(),
        "undo": Undoing(),
    }
    yield made[name]
