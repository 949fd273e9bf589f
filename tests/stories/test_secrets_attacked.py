"""Attacks on masking: ways to get a canary to disk or to the screen that are no plain printing.

`test_secrets` says the canary in every way a step has. Here it comes cut off, in colours, in others'
spelling, out of crashes, and through what is written down before any step runs.
"""

import contextlib
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runbook.errors import InputError, ParameterError, RunbookError
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import read_journal
from runbook.execution import fetching
from runbook.execution.session import Session
from tests.execution.staging import Script, Stage, script, until
from tests.program import inside
from tests.stories.test_secrets import CANARY, KEY, armed, require_nowhere, step, text

ODD = "Zq%sabcdefgh{x}ijkl\\mnopq%drstu \"v'wé&<xy>+z=/.,$"
"""A canary that colours of source, addresses, shells and encodings take apart."""
SEVERAL = 8  # characters of it that stand nowhere by chance


def require_no_part(folder: Path, secret: str = ODD) -> None:
    """Not even a part of the secret, spelled as it is, stands below this folder."""
    parts = {secret[at : at + SEVERAL] for at in range(len(secret) - SEVERAL + 1)}
    spelled = {part: {part, part.replace("\\", "\\\\").replace('"', '\\"')} for part in parts}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes().decode("utf-8", "replace")
            found = sorted(part for part, forms in spelled.items() if any(form in data for form in forms))
            assert not found, f"{path}: {found}"


QUIETLY = {
    "notes": """
        import logging, sys, warnings
        warnings.warn("beware of " + token.reveal())
        logging.warning("got %s and %r", token.reveal(), token.reveal())
        logging.getLogger("ipykernel").error("%s", token.reveal())
        sys.stderr.buffer.write(token.reveal().encode() + b"\\n") if hasattr(sys.stderr, "buffer") else None
        print(token.reveal(), file=sys.__stderr__, flush=True)
        print(token.reveal(), file=sys.__stdout__, flush=True)
    """,
    "descriptors": """
        import os
        said = token.reveal().encode()
        for at in range(0, len(said), 7):  # both outputs in turn, in more than two pieces
            os.write(1, said[at:at + 7]); os.write(2, said[at:at + 7])
    """,
    "pieces": """
        import sys
        said = token.reveal()
        for at in range(0, len(said), 5):
            sys.stdout.write(said[at:at + 5]); sys.stdout.flush()
            sys.stderr.write("meanwhile"); sys.stderr.flush()
        print()
    """,
    "afterwards": """
        import sys, threading, time
        def late():
            time.sleep(0.3)
            print("late:", token.reveal())
            sys.stdout.write(token.reveal()[:9]); sys.stdout.flush()
            sys.stdout.write(token.reveal()[9:]); sys.stdout.flush()
            raise ValueError("in a thread: " + token.reveal())
        late_thread = threading.Thread(target=late)
        late_thread.start()
    """,
    "joined": """
        late_thread.join()
        class Goes:
            def __del__(self): raise ValueError("gone: " + token.reveal())
        Goes()
    """,
    "awaited": """
        import asyncio, gc
        async def fails(): raise ValueError("in a task: " + token.reveal())
        task = asyncio.get_running_loop().create_task(fails())
        await asyncio.sleep(0.05)
        del task; gc.collect()
        def called(): raise ValueError("called: " + token.reveal())
        asyncio.get_running_loop().call_soon(called)
        await asyncio.sleep(0.05)
    """,
    "forked": """
        import multiprocessing, os
        child = os.fork()
        if child == 0:
            print("a child:", token.reveal()); raise ValueError(token.reveal())
        os.waitpid(child, 0)
        process = multiprocessing.get_context("fork").Process(target=print, args=("another:", token.reveal()))
        process.start(); process.join()
    """,
    "captured": """
        import contextlib, io
        from IPython.utils.capture import capture_output
        with capture_output() as captured:
            print(token.reveal())
        captured.show()
        kept = io.StringIO()
        with contextlib.redirect_stdout(kept): print(token.reveal())
        print(kept.getvalue())
    """,
    "payloads": """
        from IPython.core.page import page
        get_ipython().set_next_input(token.reveal())
        shown = {"source": "page", "data": {"text/plain": token.reveal()}}
        get_ipython().payload_manager.write_payload(shown)
        page(token.reveal())
    """,
    "lists": """
        from IPython.display import display
        said = token.reveal()
        lines = ["<b>", said[:9], said[9:]]
        letters = {"letters": list(said)}
        display({"text/html": lines, "text/plain": lines, "application/json": letters}, raw=True)
        display({"text/plain": "x", "application/octet-stream": said, "application/pdf": said}, raw=True,
                transient={"display_id": said}, metadata={"deep": [{said: said}]})
    """,
    "coloured": r"""
        from IPython.display import display
        between = "\x1b[31m".join(token.reveal()) + "\x1b[0m"
        display({"text/plain": between, "application/json": {"k": between}}, raw=True)
        print(between, flush=True)
    """,
    "cut": """
        from runbook.kit import attach_file, ask, retry, sh, wait_until
        from pathlib import Path
        said = token.reveal()
        half = len(said) // 2
        sh("true", "y" * (8192 - 4 - half) + said)
        def fails(): raise OSError("z" * (200 - half) + said)
        tries = [fails, lambda: wait_until(fails, every=0.01, timeout=0.02)]
        Path("fine.txt").write_text("fine")
        tries.append(lambda: attach_file("fine.txt", name="n" * (100 - half) + said + "\\n"))
        tries.append(lambda: ask("q" * (100 - half) + said + "\\n"))
        for each in tries:
            try:
                retry(each, times=2, every=0.01, on=OSError)
            except Exception as error:
                print(error)
        attach_file("fine.txt", name=said)
    """,
    "spelled": """
        import html, json, unicodedata, urllib.parse
        said = token.reveal()
        dumped = json.dumps(said, ensure_ascii=False)
        print(dumped.replace("/", "\\\\/"))
        print(dumped.replace("&", "\\\\u0026").replace("<", "\\\\u003c").replace(">", "\\\\u003e"))
        for mark in ("&#39;", "&apos;", "'"):
            print(html.escape(said).replace("&#x27;", mark))
        print(html.escape(said).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
        for kept in ("!~*'()", "!#$%&'()*+,/:;=?@[]~", "!$&'()*+,;=:@/?"):
            print(urllib.parse.quote(said, safe=kept))
        print(unicodedata.normalize("NFD", said), said.encode("ascii", "replace").decode())
        print(ascii(said))
    """,
    "shells": """
        import subprocess
        from runbook.kit import sh
        line = 'echo "$GIVEN" >/dev/null; printf "%q\\\\n" "$GIVEN"; declare -p GIVEN'
        sh("bash", "-xc", line, env={"GIVEN": token})
        subprocess.run(["printf", "%s", token.reveal().encode("latin-1")])
        sh("printf", "%s", token, check=False, timeout=5)
    """,
}


def odd(stage: Stage) -> Stage:
    return armed(stage, CANARY=ODD)


def test_no_part_of_it_is_left_whatever_way_it_takes(stage: Stage) -> None:
    odd(stage)
    result, operator = stage.run(text(*(step(name, body) for name, body in QUIETLY.items())))
    assert result.outcome == "succeeded", operator.texts()
    require_no_part(result.execution)
    require_nowhere(result.execution)


ERRORS = {
    "chained": """
        try:
            raise ValueError(token.reveal())
        except ValueError as error:
            error.add_note("a note: " + token.reveal())
            raise KeyError(token.reveal()) from error
    """,
    "grouped": """
        said = token.reveal()
        raise ExceptionGroup(said, [ValueError(said), OSError(5, "", said)])
    """,
    "source in colours": """
        import sys
        from pathlib import Path
        Path("settings.py").write_text("password = " + repr(token.reveal()) + " + 1\\n")
        sys.path.insert(0, "."); sys.dont_write_bytecode = True
        import settings
    """,
    "no syntax": """
        Path("settings.py").unlink()
        exec('x = ' + repr(token.reveal()) + ' y')
    """,
    "verbose": """
        get_ipython().run_line_magic("xmode", "Verbose")
        def connect(password): raise ConnectionError("refused")
        connect(token.reveal())
    """,
    "left": "import sys; sys.exit(token.reveal())",
    "interrupted": "raise KeyboardInterrupt(token.reveal())",
    "no such program": "from runbook.kit import sh\nsh(token)",
    "no such folder": "from runbook.kit import sh\nsh('ls', cwd='/no/' + token.reveal())",
}


def test_an_error_of_any_make_tells_no_part_of_it(stage: Stage) -> None:
    odd(stage)
    caught = "".join(step(name.replace(" ", "-"), body) + "\n" for name, body in ERRORS.items())
    operator = Script(
        lambda question: ("continue", "as expected") if question.asks == "failed" else ("go", "")
    )
    result, _ = stage.run(text(caught), operator, unattended=False)
    succeeded = [name for name, state in stage.states(result.execution).items() if state == "succeeded"]
    assert succeeded == ["step-1"]  # the declaration
    require_no_part(result.execution)
    require_nowhere(result.execution)


@pytest.fixture
def cores() -> Iterator[None]:
    """Crashes dump core here, as where somebody set the machine up for it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("cores")
def test_a_crash_writes_no_memory_down(stage: Stage) -> None:
    armed(stage)
    body = """
        import os, resource, subprocess
        print("limit", resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
        given = {**os.environ, "GIVEN": token.reveal()}
        subprocess.run(["sh", "-c", "kill -SEGV $$"], env=given)
        os.kill(os.getpid(), 11)
    """
    result, operator = stage.run(text(step("crashes", body)))
    assert stage.states(result.execution)["crashes"] == "kernel-died"
    assert "limit 0\n" in operator.texts()
    assert not list(ExecutionFolder(result.execution).work.iterdir())
    require_nowhere(result.execution)


@pytest.mark.usefixtures("cores")
def test_a_run_without_secrets_may_dump_core(stage: Stage) -> None:
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    body = "import resource\nprint('limit', resource.getrlimit(resource.RLIMIT_CORE)[0])"
    _, operator = stage.run(step("says", body))
    assert f"limit {most}\n" in operator.texts()


def test_a_secret_that_stands_in_an_included_file_is_refused(stage: Stage) -> None:
    armed(stage)
    (stage.root / "runbook.toml").write_text("version = 1\n")
    (stage.root / "settings").mkdir()
    (stage.root / "settings/app.ini").write_text(f"[db]\npassword = {CANARY}\n")
    header = "# ---\n# runbook:\n#   includes:\n#     paths: [settings/app.ini]\n# ---\n\n"
    execution = stage.plan(header + text(step("one", "1")))
    with pytest.raises(InputError, match=r"token: the secret stands in the included file settings/app\.ini"):
        stage.start(execution)
    assert not ExecutionFolder(execution).start.exists()
    said = inside(
        stage.root, "run", "x.py", "--unattended", "--env", "scratch", CANARY=CANARY, CANARY_KEY=KEY
    )
    assert said.code == 2
    assert "token: the secret stands in the included file settings/app.ini" in said.err
    assert list((stage.root / "executions").glob("*/*")) == [execution]


def test_a_secret_that_stands_in_the_reason_for_an_expired_approval_is_refused(stage: Stage) -> None:
    armed(stage)
    record = stage.prepare(text(step("one", "1"))).record
    secrets = fetching.fetch(record, text="", env=stage.around.env, ask=None)
    typed = msgspec.structs.replace(record, expired_reason=f"the token {CANARY} runs out today")
    with pytest.raises(ParameterError, match="token: the secret stands in the reason that was typed"):
        fetching.require_fit(typed, secrets, text="")


def test_a_question_and_its_answer_cut_no_secret_in_two(stage: Stage) -> None:
    odd(stage)
    body = """
        from runbook.kit import ask
        said = ask("which one? " + token.reveal(), choices=["yes", "no"])
        prompt = input("p" * (2000 - 10) + token.reveal())
    """
    operator = script("go", ("say", "w" * 90 + ODD), ("say", "yes"), ("say", ODD))
    result, _ = stage.run(text(step("asks", body)), operator, unattended=False)
    assert result.outcome == "succeeded", operator.heard
    require_no_part(result.execution)


COLOURED = r"""
    import sys, time
    print("\x1b[31m".join(token.reveal()) + "\x1b[0m", flush=True)
    time.sleep(600)
"""


def test_colours_within_it_do_not_bring_it_into_the_spool(stage: Stage) -> None:
    """What the kernel keeps before the supervisor has seen it."""
    armed(stage)
    execution = stage.plan(text(step("colours", COLOURED)))
    with stage.start(execution) as session:
        until(lambda: b"[secret:token]" in ExecutionFolder(execution).journal.read_bytes())
        spools = [path for path in ExecutionFolder(execution).spool.rglob("*") if path.is_file()]
        kept = b"".join(path.read_bytes() for path in spools)
        assert b"[secret:token]" in kept
        assert b"\\u001b[31m" not in kept
        session.stop(now=True)
        session.drive(Script())


def test_a_process_that_outlived_its_kernel_does_not_tell_an_old_secret(stage: Stage) -> None:
    """Between the two starts somebody gave the secret a new value; the old one stands in a command line."""
    armed(stage)
    body = """
        from runbook.kit import sh
        sh("sh", "-c", "sleep 600; echo never", "given", token)
    """
    execution = stage.plan(text(step("waits", body)), unattended=False)
    folder = ExecutionFolder(execution)

    def begun() -> list[int]:
        told = [event for event in read_journal(folder).events if event.kind == "kit"]
        return [event.number("pid") for event in told if event.text("what") == "sh-started"]

    with stage.start(execution, linger_seconds=60) as session:
        left = threading.Thread(target=lambda: _until_cut_off(session), daemon=True)
        left.start()
        until(lambda: folder.journal.exists() and bool(begun()))
        (pid,) = begun()
        stage.kill_both(execution)
        left.join()
    try:
        armed(stage, CANARY="an0ther-value")
        operator = Script(lambda question: ("stop", "seen"))
        with stage.start(execution, task="resume") as session:
            session.drive(operator)
    finally:
        os.killpg(pid, signal.SIGKILL)
    notes = [str(event.payload["words"]) for event in operator.events if event.kind == "note"]
    assert f"still runs, though the kernel that started it is gone: pid {pid}, sh" in notes
    require_nowhere(execution)


def _until_cut_off(session: Session) -> None:
    with contextlib.suppress(RunbookError):
        session.drive(Script(lambda question: "go"))
