"""Secrets go into the steps and come out nowhere: canaries, said in every way a step has to say something."""

import base64
import textwrap
from pathlib import Path

import msgspec
import pytest

from runbook.errors import InputError, ParameterError, UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.evidence.verification import verify_execution
from runbook.execution import lease
from runbook.kit.forms import forms
from tests.execution.staging import Script, Stage, script, until
from tests.keys import Key
from tests.program import Seat, inside, made_workspace

CANARY = "c4nary-S3cret/of+the&\"mine'!"
KEY = "first line of a key\nsecond-line-of-the-key\n  third-line-of-the-key\n"

DECLARED = """
    # %% tags=["parameters"]
    from runbook.kit import Secret, secret
    token: Secret = secret("env:CANARY")
    key: Secret = secret("env:CANARY_KEY")
"""


def armed(stage: Stage, **more: str) -> Stage:
    """The stage with the canaries in the operator's environment."""
    env = {**stage.around.env, "CANARY": CANARY, "CANARY_KEY": KEY, **more}
    stage.around = msgspec.structs.replace(stage.around, env=env)
    return stage


def step(name: str, body: str, options: str = "") -> str:
    return f'# %% name="{name}" {options}\n{textwrap.dedent(body).strip()}\n'


def text(*steps: str) -> str:
    return textwrap.dedent(DECLARED).strip() + "\n\n" + "\n".join(steps)


def canaries_in(data: bytes) -> list[str]:
    """The forms of a canary that stand in these bytes."""
    read = data.decode("latin-1")
    return [form for secret in (CANARY, KEY) for form in forms(secret) if form in read]


def require_nowhere(*folders: Path) -> None:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                assert not canaries_in(path.read_bytes()), f"{path}: {canaries_in(path.read_bytes())}"


WAYS = {
    "whole": "print(token.reveal())",
    "characters": """
        import sys, time
        for each in token.reveal():
            sys.stdout.write(each); sys.stdout.flush()
        print()
    """,
    "slow": """
        import sys, time
        sys.stdout.write(token.reveal()[:3]); sys.stdout.flush(); time.sleep(1.6)
        print(token.reveal()[3:])
    """,
    "stderr": "import sys; print('x' * 9000 + token.reveal() * 3, file=sys.stderr)",
    "lines": "print(key.reveal()); print(key.reveal().splitlines()[1].upper().lower())",
    "encoded": """
        import base64, json, urllib.parse
        s = token.reveal()
        print(repr(s), json.dumps(s), urllib.parse.quote(s), urllib.parse.quote_plus(s), s.encode().hex())
        for before in ("", "a", "ab"):
            print(base64.b64encode((before + s + "tail").encode()))
            print(base64.urlsafe_b64encode((before + s).encode()))
    """,
    "shown": """
        from IPython.display import HTML, SVG, Markdown, display
        import html
        s = token.reveal()
        display(HTML(f"<b title='{html.escape(s)}'>{s}</b>"))
        display(Markdown(s)); display({"application/json": {s: [s, {"deep": s}]}, "text/plain": s}, raw=True)
        display({"image/svg+xml": f"<svg><desc>{html.escape(s)}</desc></svg>", "text/latex": s}, raw=True)
        handle = display("nothing yet", display_id="one")
        display(s, display_id="one", update=True)
        display("with metadata", metadata={"note": s})
        s
    """,
    "picture": """
        import base64, struct, zlib
        from IPython.display import Image, display
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        def png(*texts):
            head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
            body = head + b"".join(texts) + chunk(b"IDAT", zlib.compress(b"\\0\\0"))
            return b"\\x89PNG\\r\\n\\x1a\\n" + body + chunk(b"IEND", b"")
        s = token.reveal().encode()
        for one in (chunk(b"tEXt", b"Comment\\0" + s), chunk(b"zTXt", b"Comment\\0\\0" + zlib.compress(s))):
            display(Image(data=png(one) + b"\\0" * 2000))
            display({"image/png": base64.encodebytes(png(one)).decode(), "text/plain": "a picture"}, raw=True)
    """,
    "comm": """
        from comm import create_comm
        made = create_comm(target_name="t", data={"s": token.reveal()}, metadata={"s": token.reveal()})
        made.send({"s": token.reveal()}, buffers=[b"xx" + token.reveal().encode()])
    """,
    "commands": """
        import subprocess
        from runbook.kit import note, sh
        sh("echo", "with", token)
        sh("echo {token} | tr -d x", token=token)
        sh("printenv", "GIVEN", env={"GIVEN": token})
        sh("cat", input=token)
        subprocess.run(["echo", token.reveal()])
        zeros = "head -c {size} /dev/zero | tr '\\\\0' a"
        sh("sh", "-c", f"{zeros.format(size=4090)}; cat; {zeros.format(size=5000)}", input=token)
        sh("sh", "-c", f"{zeros.format(size=5000)}; cat; {zeros.format(size=4090)}", input=token)
        note("the token is " + token.reveal())
    """,
}


def test_canaries_are_nowhere_below_the_execution_whatever_a_step_does(stage: Stage) -> None:
    armed(stage)
    result, operator = stage.run(text(*(step(name, body) for name, body in WAYS.items())))
    assert result.outcome == "succeeded", operator.texts()
    folder = ExecutionFolder(result.execution)
    require_nowhere(folder.path)
    assert "[secret:token]" in operator.texts()
    notes = [str(event.payload["words"]) for event in operator.events if event.kind == "note"]
    assert notes[-1].startswith("in all: masked: ")
    assert "token" in folder.audit.read_text()
    assert "in all: masked" in folder.audit.read_text()
    record = (folder.path / "record.ipynb").read_text()
    assert "is left out: it holds [secret:token]" in record


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError(token.reveal())",
        "raise type(token.reveal(), (Exception,), {})(key.reveal())",
        "{'a': 1}[token.reveal()]",
        'from runbook.kit import sh\nsh("sh", "-c", "cat >&2; exit 3", input=token)',
        'from runbook.kit import sh\nsh("false", token)',
    ],
)
def test_an_error_tells_no_secret(stage: Stage, body: str) -> None:
    armed(stage)
    result, operator = stage.run(text(step("fails", body)))
    assert result.outcome == "failed"
    require_nowhere(result.execution)
    assert "[secret:" in "".join(str(event.payload) for event in operator.events)


def test_what_people_say_and_are_asked_holds_no_secret(stage: Stage) -> None:
    armed(stage)
    body = """
        from runbook.kit import ask
        said = input("is it " + token.reveal() + "? ")
        assert said == token.reveal()
        print("heard", said)
    """
    operator = script("go", ("say", CANARY), ("note", f"it was {CANARY}"), ("skip", f"for {CANARY}"))
    later = step("later", "1", 'tags=["confirm"]')
    result, _ = stage.run(text(step("asks", body), later), operator, unattended=False)
    assert result.outcome == "succeeded", operator.heard
    require_nowhere(result.execution)
    assert "heard [secret:token]" in operator.texts()


def test_neither_spool_nor_run_folder_nor_processes_have_it_while_it_runs(stage: Stage) -> None:
    armed(stage)
    wait = "import time\nfor _ in range(600):\n    time.sleep(0.1)\n"
    execution = stage.plan(text(step("whole", WAYS["whole"]), step("waits", wait)))
    with stage.start(execution) as session:
        held = lease.read(ExecutionFolder(execution))
        until(lambda: stage.states(execution)["whole"] == "succeeded")
        require_nowhere(execution, Path(held.socket).parent)
        for part in ("cmdline", "environ"):
            assert not canaries_in(Path(f"/proc/{held.kernel}/{part}").read_bytes())
        assert not canaries_in(Path(f"/proc/{held.supervisor}/cmdline").read_bytes())
        session.stop(now=True)
        session.drive(Script())
    require_nowhere(execution)


def test_a_plan_names_the_place_and_another_place_can_be_given(stage: Stage, tmp_path: Path) -> None:
    place = tmp_path / "token.txt"
    place.write_text("fr0m-a-file\n")
    armed(stage)
    seen = step(
        "seen", 'assert token.reveal() == "fr0m" + "-a-file"; assert key.reveal().startswith("first")'
    )
    execution = stage.plan(text(seen), token=f"file:{place}")
    assert f'"source":"file:{place}"' in (execution / "plan.json").read_text()
    with stage.start(execution) as session:
        assert session.drive(Script()).outcome == "succeeded"
    verdict = verify_execution(ExecutionFolder(execution))
    assert not verdict.findings, verdict


def test_a_secret_that_is_not_there_stops_it_before_anything_is_begun(stage: Stage) -> None:
    armed(stage)
    execution = stage.plan(text(step("one", "1")), token="env:NOBODY_SET_THIS")
    with pytest.raises(UnavailableError, match="the secret token: the variable NOBODY_SET_THIS is not set"):
        stage.start(execution)
    assert not ExecutionFolder(execution).start.exists()


def test_an_unattended_run_asks_for_no_secret(stage: Stage) -> None:
    armed(stage)
    execution = stage.plan(text(step("one", "1")), token="prompt")
    with pytest.raises(InputError, match="the secret token is typed at a terminal"):
        stage.start(execution)


def test_a_secret_that_is_a_public_value_is_refused(stage: Stage) -> None:
    armed(stage, CANARY="postgres")
    declared = DECLARED + '    user: str = "postgres"\n'
    execution = stage.plan(textwrap.dedent(declared).strip() + "\n\n" + step("one", "1"))
    with pytest.raises(ParameterError, match="token: the secret is the value of user"):
        stage.start(execution)
    assert not ExecutionFolder(execution).start.exists()


def test_a_secret_that_stands_in_the_text_is_refused(stage: Stage) -> None:
    armed(stage, CANARY="restart")
    execution = stage.plan(text(step("one", "print('restart it')")))
    with pytest.raises(InputError, match="token: the secret stands in the runbook's text"):
        stage.start(execution)
    assert not ExecutionFolder(execution).start.exists()


def test_a_short_secret_is_said_to_be_unmasked(stage: Stage) -> None:
    armed(stage, CANARY="abc")
    result, operator = stage.run(text(step("one", "print(token.reveal())")))
    words = "the secret token has fewer than 4 characters: it is not masked"
    assert words in [event.payload["words"] for event in operator.events if event.kind == "note"]
    assert words in ExecutionFolder(result.execution).audit.read_text()


@pytest.mark.parametrize("both", [False, True], ids=["its kernel alive", "a new kernel"])
def test_resume_fetches_again_and_masks_as_before(stage: Stage, both: bool) -> None:
    armed(stage)
    first = step("first", "print('first', token.reveal())", 'tags=["setup"]')
    execution = stage.plan(text(first, step("then", "print('then', token.reveal())")), unattended=False)
    with stage.start(execution, linger_seconds=60) as session:
        asked: list[str] = []

        def says(question: object) -> str:
            asked.append(str(question))
            if len(asked) == 1:
                return "run"
            raise _Leave

        with pytest.raises(_Leave):
            session.drive(Script(says))  # type: ignore[arg-type]  # it answers with words alone
    if both:
        stage.kill_both(execution)
    else:
        stage.kill_supervisor(execution)
    armed_env = stage.around.env
    stage.around = msgspec.structs.replace(stage.around, env={**armed_env, "CANARY": ""})
    with pytest.raises(UnavailableError, match="the secret token: env:CANARY is empty"):
        stage.start(execution, task="resume")
    stage.around = msgspec.structs.replace(stage.around, env=armed_env)
    operator = Script(lambda question: "go")
    with stage.start(execution, task="resume") as session:
        assert session.drive(operator).outcome == "succeeded"
    require_nowhere(execution)
    assert "then [secret:token]" in operator.texts()
    told = [
        event.payload for event in read_journal(ExecutionFolder(execution)).events if event.kind == "note"
    ]
    assert [(note["step"], note["words"]) for note in told if "masked" in str(note["words"])] == [
        ("first", "masked: token 1 time"),
        *([("first", "masked: token 1 time")] if both else []),  # a new kernel runs `setup` again
        ("then", "masked: token 1 time"),
        (
            None,
            f"since the run was taken up: masked: token {1 + both} time{'s' * both};"
            " what was masked before stands at its steps",
        ),
    ]


class _Leave(Exception):
    """The operator's terminal is gone."""


def test_a_file_with_a_secret_in_it_is_not_attached(stage: Stage) -> None:
    armed(stage)
    body = """
        from pathlib import Path
        from runbook.kit import attach_file
        Path("out.log").write_text("x" * 100000 + token.reveal())
        try:
            attach_file("out.log")
        except ValueError as error:
            print(error)
        Path("out.log").unlink()
    """
    result, operator = stage.run(text(step("attaches", body)))
    assert result.outcome == "succeeded"
    assert "holds the secret token" in operator.texts()
    require_nowhere(result.execution)


def test_what_a_step_sends_past_its_kernel_is_masked_by_the_supervisor(stage: Stage) -> None:
    armed(stage)
    body = """
        import sys
        sys.modules["_runbook_kernel_publishing"]._inside.masking = None
        print("past", token.reveal())
    """
    result, operator = stage.run(text(step("cheats", body)))
    assert not canaries_in(ExecutionFolder(result.execution).journal.read_bytes())
    assert "past [secret:token]" in operator.texts()
    require_nowhere(result.execution)


def test_a_held_back_beginning_shows_when_nothing_comes(stage: Stage) -> None:
    armed(stage)
    body = "import sys\nsys.stdout.write('c4nary'); sys.stdout.flush()\ninput('?')\n"
    operator = Script(lambda question: "go" if question.asks == "start" else ("say", ""))
    result, _ = stage.run(text(step("prompts", body)), operator, unattended=False)
    assert result.outcome == "succeeded"
    assert "c4nary" in operator.texts()


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Path:
    return made_workspace(tmp_path / "w", alice)


def test_a_secret_is_typed_at_the_terminal_and_never_shown_there(ws: Path) -> None:
    body = (
        step("says", "print('I say', token.reveal())")
        + "\n"
        + step("fails", "raise ValueError(token.reveal())")
    )
    declared = '# %% tags=["parameters"]\nfrom runbook.kit import Secret, secret\ntoken: Secret\n\n'
    (ws / "runbooks/x.py").write_text(declared + body)
    seat = Seat(ws, "run", "x")
    seat.prompted("token (what you type is not shown):", CANARY)
    seat.asked("Run says?", "g")
    seat.sees("I say [secret:token]")
    seat.sees("ValueError: [secret:token]")
    seat.asked("fails: failed. What now?", f"n it was {CANARY}")
    seat.sees("it was [secret:token]")
    status = inside(ws, "status", "--json")
    seat.asked("fails: failed. What now?", "q")
    seat.sees("in all: masked: token")
    seat.leaves()
    answered = seat.screen.replace(f"n it was {CANARY}", "")  # what a person types is on their screen
    assert not canaries_in(answered.encode())
    assert not canaries_in(status.out.encode())
    require_nowhere(ws)


def test_a_bare_secret_on_the_command_line_is_refused(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text(text(step("one", "1")))
    said = inside(ws, "run", "x", "-p", "token=hunter2hunter2", "--unattended", "--env", "scratch")
    assert said.code == 2
    assert "a secret is never given itself (a shell keeps its history)" in said.err
    assert "hunter2" not in said.out + said.err
    assert not list((ws / "executions").glob("*/*"))


def test_a_run_that_is_left_to_itself_has_its_secrets(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text(text(step("one", "print('I say', token.reveal())")))
    there = {"CANARY": CANARY, "CANARY_KEY": KEY}
    missing = inside(ws, "run", "x", "--unattended", "--env", "scratch")
    assert missing.code == 6
    assert "the secret token: the variable CANARY is not set" in missing.err
    assert not list((ws / "executions").glob("*/*"))
    said = inside(ws, "run", "x", "--unattended", "--env", "scratch", **there)
    assert said.code == 0, said.err
    assert "I say [secret:token]" in said.out
    planned = inside(ws, "plan", "x", "--unattended", "--env", "scratch").out
    assert "(secret: env:CANARY)" in planned
    require_nowhere(ws)


def test_base64_of_the_canary_is_what_the_test_believes() -> None:
    assert canaries_in(base64.b64encode(b"ab" + CANARY.encode() + b"more"))


def test_a_refusal_for_a_secret_leaves_nothing_behind(ws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = (
        '# %% tags=["parameters"]\nfrom runbook.kit import Secret, secret\n'
        'token: Secret = secret("env:TOKEN")\nuser: str = "postgres"\n\n'
    )
    (ws / "runbooks/x.py").write_text(declared + step("one", "print('restart it')"))
    for value, code, words in (
        ("restart", 2, "token: the secret stands in the runbook's text"),
        ("postgres", 2, "token: the secret is the value of user"),
        ("", 6, "the secret token: env:TOKEN is empty"),
    ):
        monkeypatch.setenv("TOKEN", value)
        said = inside(ws, "run", "x", "--env", "scratch", "--unattended")
        assert (said.code, words in said.err) == (code, True), said.err
    assert not list((ws / "executions").glob("*/*"))


UNDONE = """\
# %% tags=["parameters"]
from runbook.kit import Secret
token: Secret

# %% Change name="change"
print("changing with", token.reveal())

# %% Put back name="put-back" undoes="change"
print("putting back with", token.reveal())
"""


def test_a_detached_run_masks_what_was_typed_before_it_was_let_go(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text(UNDONE)
    seat = Seat(ws, "run", "x", "--detach")
    seat.prompted("token (what you type is not shown):", CANARY)
    seat.sees("started: executions/")
    assert seat.leaves() == 0
    later = Seat(ws, "attach", "latest")
    later.asked("Run change?", "g")
    later.sees("changing with [secret:token]")
    assert later.leaves() == 0
    assert not canaries_in((seat.screen + later.screen).encode())
    require_nowhere(ws)


def test_undo_asks_for_the_secret_again_and_masks_it(ws: Path) -> None:
    (ws / "runbooks/x.py").write_text(UNDONE)
    seat = Seat(ws, "run", "x")
    seat.prompted("token (what you type is not shown):", CANARY)
    seat.asked("Run change?", "g")
    assert seat.leaves() == 0
    seat = Seat(ws, "undo", "latest")
    seat.prompted("token (what you type is not shown):", CANARY)
    seat.asked("Run put-back?", "r")
    seat.sees("putting back with [secret:token]")
    seat.sees("in all: masked: token 1 time")
    assert seat.leaves() == 0
    assert not canaries_in(seat.screen.encode())
    require_nowhere(ws)
