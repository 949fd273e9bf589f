"""`sh`: real commands, their outputs, their ends, and the record of them."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook.kit import CommandError, Ran, TransportError, commands, protocol, sh
from runbook.kit.capture import EDGE_BYTES, Capture


class Told(list[dict[str, Any]]):
    """The records that the kit told, in place of an IPython."""

    def of(self, what: str) -> list[dict[str, Any]]:
        return [record for record in self if record["what"] == what]


class Publisher:
    """What IPython's display publisher is to the kit."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.shown: list[str] = []

    def publish(self, data: dict[str, Any]) -> None:
        record = protocol.read(data)
        assert record is not None, "a record that its own reader refuses"
        self.told.append(record)
        self.shown.append(data.get("text/plain", ""))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    records = Told()
    publisher = Publisher(records)
    monkeypatch.setattr(protocol, "_publisher", lambda: publisher)
    return records


def test_words_run_without_a_shell(capfd: pytest.CaptureFixture[str]) -> None:
    ran = sh("printf", "%s|", "a b", "$HOME", "*", "; touch pwned")

    assert ran.stdout == "a b|$HOME|*|; touch pwned|"
    assert (ran.code, ran.ok, bool(ran)) == (0, True, True)
    assert (
        capfd.readouterr().out
        == "$ printf '%s|' 'a b' '$HOME' '*' '; touch pwned'\na b|$HOME|*|; touch pwned|"
    )


def test_a_line_runs_in_the_shell_and_its_values_are_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "a b; touch pwned"
    folder.mkdir()
    (folder / "one").touch()

    ran = sh("ls {folder} | wc -l", folder=folder)

    assert ran.stdout.strip() == "1"
    assert ran.is_line
    assert list(tmp_path.rglob("pwned")) == []


def test_a_list_is_words_also_when_it_has_one_and_blanks_in_it(tmp_path: Path) -> None:
    tool = tmp_path / "my tool"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)

    assert sh([tool, "x"]).stdout == "x\n"
    assert sh([tool]).stdout == "\n"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sh(), TypeError, "sh needs a command"),
        (lambda: sh("  "), ValueError, "not an empty line"),
        (lambda: sh([]), ValueError, "needs the name of a program"),
        (lambda: sh("ls -l", "/tmp"), ValueError, "'ls -l' is a line and more words follow"),
        (lambda: sh("ls", "{x}", x=1), TypeError, "x=… is for a placeholder in one shell line"),
        (lambda: sh("ls", x=1), TypeError, "no placeholder {x} in the line: ls"),
        (lambda: sh("sleep {timeout}", timeout=1), ValueError, "{timeout} is the name of an option of sh"),
        (lambda: sh("ls", None), TypeError, "None is not a word of a command"),
        (lambda: sh("ls", timeout=0), ValueError, "timeout=0 is not a number of seconds above 0"),
        (lambda: sh("ls", input=cast("str", 3)), TypeError, "input takes text or bytes, not int"),
        (lambda: sh("ls", cwd="/nowhere/at/all"), NotADirectoryError, "no such folder to work in"),
    ],
)
def test_a_call_that_could_mean_two_things_is_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        call()

    assert words in str(caught.value)


def test_a_failure_says_the_command_the_code_and_the_last_words() -> None:
    with pytest.raises(CommandError) as caught:
        sh("echo out; echo first >&2; echo why >&2; exit 3")

    assert str(caught.value).startswith(
        "echo out; echo first >&2; echo why >&2; exit 3: ended with 3 after 0."
    )
    assert str(caught.value).endswith("\n  first\n  why")
    assert caught.value.ran.code == 3
    assert caught.value.ran.stderr == "first\nwhy\n"
    assert caught.value.ran.stdout == "out\n"


def test_check_false_makes_the_code_a_result() -> None:
    ran = sh("exit 7", check=False)

    assert (ran.code, ran.ok) == (7, False)
    assert repr(ran).startswith("<exit 7: ended with 7 after 0.")


def test_a_signal_is_named() -> None:
    with pytest.raises(CommandError, match="ended by SIGUSR1"):
        sh("kill -USR1 $$")


@pytest.mark.parametrize(
    ("name", "code"), [("/nowhere/tool", 127), ("no-such-tool-anywhere", 127), ("/etc/passwd", 126)]
)
def test_a_program_that_cannot_be_started_ends_as_in_a_shell(name: str, code: int, told: Told) -> None:
    ran = sh(name, "x", check=False)

    assert ran.code == code
    assert ran.stderr.startswith(f"{name}: ")
    assert [record["code"] for record in told] == [code]


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_both_outputs_can_be_as_long_as_they_like(size: int) -> None:
    program = (
        "import sys\n"
        f"for _ in range({size} // 1000):\n"
        "    sys.stderr.write('e' * 1000); sys.stdout.write('o' * 1000)\n"
    )

    ran = sh(sys.executable, "-c", program)

    assert (ran.stdout, ran.stderr) == ("o" * size, "e" * size)


def test_output_appears_as_it_comes(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    def look() -> None:
        time.sleep(0.4)
        seen.append(capfd.readouterr().out)

    thread = threading.Thread(target=look)
    thread.start()
    sh("echo early; sleep 0.9; echo late")
    thread.join()

    assert "early" in seen[0].splitlines()
    assert "late" not in seen[0].splitlines()


def test_what_is_not_text_is_shown_with_replacements_and_kept_as_it_was() -> None:
    ran = sh("printf 'a\\377b\\000c'")

    assert ran.stdout_bytes == b"a\xffb\0c"
    assert ran.stdout == "a\ufffdb\0c"


@settings(max_examples=80, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), data=st.data())
def test_characters_are_never_cut_by_the_borders_of_chunks(text: str, data: st.DataObject) -> None:
    shown: list[str] = []
    capture = Capture(shown.append)
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=10)))

    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        capture.take(raw[start:end])
    capture.finish()

    assert "".join(shown) == text
    assert capture.whole() == raw


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.integers(0, 3 * EDGE_BYTES), max_size=8))
def test_head_and_tail_of_a_record_are_the_real_ends(chunks: list[int]) -> None:
    capture, whole = Capture(lambda text: None), b""
    for index, size in enumerate(chunks):
        part = (b"%d." % index * (size + 1))[:size]
        whole += part
        capture.take(part)

    record = capture.record()

    assert record["bytes"] == len(whole)
    assert record["sha256"] == hashlib.sha256(whole).hexdigest()
    assert record["head"].encode() == whole[:EDGE_BYTES]
    rest = whole[EDGE_BYTES:]
    assert record["tail"].encode() == rest[-EDGE_BYTES:]


def test_more_than_is_kept_is_not_handed_out_as_if_it_were_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.kit.capture.KEPT_BYTES", 1000)
    ran = sh("head -c 5000 /dev/zero")

    with pytest.raises(ValueError, match="stdout was 5000 bytes"):
        _ = ran.stdout
    assert ran.stderr == ""


def test_input_is_what_it_reads_and_nothing_otherwise() -> None:
    data = bytes(range(256)) * 4000

    assert sh("cat", input=data).stdout_bytes == data
    assert sh("cat", input="hä").stdout == "hä"
    assert sh("cat").stdout == ""
    assert sh("true", input=data).ok  # it does not read, which is its right


def test_the_environment_is_added_to_and_taken_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("GONE", "1")

    ran = sh("echo ${KEPT-none} ${GONE-none} ${NEW-none}", env={"GONE": None, "NEW": "2"})

    assert ran.stdout == "1 none 2\n"


def test_it_works_where_it_is_told(tmp_path: Path) -> None:
    assert sh("pwd", cwd=tmp_path).stdout.strip() == os.path.realpath(tmp_path)


def _left(pattern: str) -> list[int]:
    """Processes of this command that are there a second after they were killed."""
    deadline = time.monotonic() + 1
    while True:
        found = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if pattern in " ".join(process.info["cmdline"] or [])
        ]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def test_a_time_limit_ends_all_that_was_started() -> None:
    start = time.monotonic()
    with pytest.raises(CommandError, match=r"ended by its time limit after 0\.\d s\n  said before") as caught:
        sh("echo said before; (sleep 81.25; echo x) & sleep 81.5", timeout=0.5)

    assert time.monotonic() - start < 20
    assert caught.value.ran.timed_out
    assert _left("sleep 81.") == []


def test_a_command_that_ignores_being_asked_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook.kit.child._GRACE_SECONDS", 0.3)
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    program = f"{ignoring}; print(1, flush=True); time.sleep(82.5)"

    with pytest.raises(CommandError) as caught:
        sh(sys.executable, "-c", program, timeout=0.5)

    assert caught.value.ran.code == -signal.SIGKILL
    assert _left("time.sleep(82.5)") == []


def test_last_words_after_the_time_limit_are_kept() -> None:
    with pytest.raises(CommandError) as caught:
        sh("trap 'echo cleaned up; exit 9' TERM; echo ready; while :; do sleep 0.05; done", timeout=0.5)

    assert caught.value.ran.stdout == "ready\ncleaned up\n"
    assert caught.value.ran.code == 9


def test_an_interrupt_ends_all_that_was_started_and_is_recorded(told: Told) -> None:
    timer = threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    start = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        sh("(sleep 83.25; echo x) & sleep 83.5")

    timer.join()
    assert time.monotonic() - start < 20
    assert _left("sleep 83.") == []
    (record,) = told.of("sh")
    assert record["interrupted"] is True
    assert record["code"] == -signal.SIGTERM


def test_what_is_left_running_on_purpose_is_not_waited_for_and_not_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    ran = sh("sleep 84.5 & echo $!")

    pid = int(ran.stdout)
    try:
        assert time.monotonic() - start < 20
        assert ran.held
        assert psutil.Process(pid).is_running()
    finally:
        os.kill(pid, signal.SIGKILL)
    assert not sh("sleep 0.1 > /dev/null 2>&1 & echo x").held


@pytest.fixture
def failing_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tool = tmp_path / "bin" / "ssh"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'Connection closed' >&2\nexit ${CODE-255}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tool


def test_a_lost_connection_is_not_taken_for_a_failed_command(failing_ssh: Path) -> None:
    ways: list[list[object]] = [["ssh", "web1", "true"], ["ssh web1 true"], [failing_ssh, "web1"]]
    for command in ways:
        with pytest.raises(TransportError, match=r"ssh did not get through, or was cut off \(255\)"):
            sh(*command)
    with pytest.raises(CommandError) as caught:
        sh("ssh", "web1", "false", env={"CODE": "1"})
    assert not isinstance(caught.value, TransportError)
    with pytest.raises(CommandError) as caught:
        sh("exit 255")
    assert not caught.value.ran.transport


def test_every_end_leaves_a_record_that_says_all(told: Told, tmp_path: Path) -> None:
    sh("echo out; echo err >&2; exit 4", check=False, cwd=tmp_path)

    first, last = told
    assert (first["what"], last["what"]) == ("sh-started", "sh")
    assert first["id"] == last["id"]
    assert first["pid"] > 0
    assert first["argv"] == last["argv"] == ["echo out; echo err >&2; exit 4"]
    assert last["shell"] is True
    assert last["cwd"] == str(tmp_path)
    assert (last["code"], last["timed_out"], last["interrupted"], last["dry_run"]) == (4, False, False, False)
    assert last["stdout"] == {
        "bytes": 4,
        "sha256": hashlib.sha256(b"out\n").hexdigest(),
        "head": "out\n",
        "tail": "",
    }
    assert last["stderr"]["head"] == "err\n"
    assert last["began"] <= last["ended"]
    assert isinstance(last["ms"], int)


def test_a_record_stays_small_whatever_the_command_is(told: Told) -> None:
    ran = sh("printf", "%s", "\x01" * 100_000, "x" * 20_000)

    assert len(ran.stdout) >= 100_000
    assert len(told) == 2  # the reader refuses what is too large
    assert told[0]["argv"][-1].endswith("…")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.one_of(
        st.lists(
            st.text(min_size=1, max_size=8).filter(lambda each: "\0" not in each), min_size=1, max_size=3
        ),
        st.just(["touch", "pwned"]),
    ),
    timeout=st.one_of(st.none(), st.just(1.0)),
)
def test_a_dry_run_starts_no_process(
    words: list[str], timeout: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the real Popen in reach: it raises when it is called."""

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("a dry run started a process")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    facts = type("Run", (), {"facts": {"dry_run": True, "read_only": False}})
    monkeypatch.setitem(sys.modules, "_runbook_run", facts)

    ran = sh(words, timeout=timeout)

    assert isinstance(ran, Ran)
    assert (ran.dry_run, ran.stdout, ran.code) == (True, "", 0)


def test_a_dry_run_shows_what_it_would_do_and_acts_in_read_only_steps(
    told: Told, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    facts: dict[str, object] = {"dry_run": True, "read_only": False}
    monkeypatch.setitem(sys.modules, "_runbook_run", type("Run", (), {"facts": facts}))

    assert repr(sh("echo {x}", x="a b")) == "<echo 'a b': not run: this is a dry run>"
    facts["read_only"] = True
    assert sh("echo real").stdout == "real\n"

    assert [record["dry_run"] for record in told.of("sh")] == [True, False]
    assert told.of("sh")[0]["code"] is None
    assert capfd.readouterr().out == "real\n"


def test_a_screen_without_unicode_gets_escapes(tmp_path: Path) -> None:
    program = "from runbook.kit import sh; sh('echo', 'h\\u00e4')"
    root = str(Path(__file__).parents[2])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": root, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, check=True
    )

    assert done.stdout == b"$ echo 'h\\xe4'\nh\\xe4\n"


def test_numbers_of_commands_are_their_order() -> None:
    before = commands._count
    sh("true")
    sh("true")

    assert commands._count == before + 2
