"""What people and machines do wrong: each gets a message, the right exit code, and a record that is true."""

import contextlib
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.keys import Key, KeyKind, make_key
from tests.program import Caller, Said, compile_ahead, inside, made_workspace, program

TEXT = """\
# %% name="parameters" tags=["parameters"]
host: str  # the host
count: int = 1

# %% go
print("went to", host)
"""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(capsys, monkeypatch)


@pytest.fixture
def ws(tmp_path: Path, alice: Key) -> Path:
    root = made_workspace(tmp_path / "w", alice)
    (root / "runbooks/restart.py").write_text(TEXT)
    return root


def executions(ws: Path) -> list[Path]:
    return sorted(ws.glob("executions/*/*"))


def run(ws: Path, *words: str, code: int, **env: str) -> Said:
    """Run `restart` in scratch, unattended; the last line of standard output is JSON."""
    said = program(ws, "run", "restart", "--env", "scratch", "--unattended", "--json", *words, **env)
    assert said.code == code, said
    return said


def record_is_true(ws: Path, outcome: str, **states: str) -> dict[str, Any]:
    """The newest execution checks, and says these states; returns it as `show --json` has it."""
    shown: dict[str, Any] = inside(ws, "show", "latest", "--json").json
    assert shown["outcome"] == outcome
    assert {step["name"]: step["state"] for step in shown["steps"]}.items() >= states.items()
    (verdict,) = inside(ws, "verify", "latest", "--json").json["executions"]
    assert verdict["verdict"] == "UNSIGNED", verdict
    assert verdict["outcome"] == outcome
    return shown


# Names


@pytest.mark.parametrize(
    ("words", "message", "next_"),
    [
        (("show", "restrat"), "restrat: no runbook of this name", "did you mean restart?"),
        (
            ("run", "restrat", "--env", "scratch", "--unattended"),
            "no runbook of this name",
            "did you mean restart?",
        ),
        (("verify", "restrat"), "no runbook of this name", "did you mean restart?"),
        (("lint", "restrat"), "no runbook of this name", "did you mean restart?"),
        (("review", "restrat", "--env", "prod"), "no runbook of this name", "did you mean restart?"),
        (("show", ""), "an empty word was given", "`runbook list`"),
        (("audit", "latest"), "there are no executions yet", "`runbook run NAME` makes one"),
        (("run", "20261121T000000Z-x-aaaaaa"), "no execution", ""),
        (
            ("create", "x", "--template", "plan"),
            "no such template: 'plan'",
            "there are: plain, change, checklist",
        ),
        (("init", ".", "--profile", "duo", "--yes"), "no such profile: 'duo'", "there are: solo, team"),
        (("run", "restart", "--env", "scratch", "--unattended", "-p", "host=a", "--only", "gi"), "gi", "go"),
        (("rn", "restart"), "there is no verb 'rn'\n  next: did you mean 'run'?", ""),
        (("run", "restart", "--unatended"), "--unatended", "--unattended"),
        (("-C", "/nowhere/at/all", "list"), "/nowhere/at/all", ""),
        (("history", "restrat"), "no runbook of this name", "did you mean restart?"),
    ],
)
def test_an_unknown_name_is_refused_and_the_closest_is_offered(
    ws: Path, call: Caller, words: tuple[str, ...], message: str, next_: str
) -> None:
    said = call(ws, *words)

    assert said.code == 2
    assert message in said.err
    assert next_ in said.err
    assert executions(ws) == [ws / "executions/README.md"] or executions(ws) == []


# Parameters


def test_wrong_and_missing_values_are_told_all_at_once(ws: Path, call: Caller) -> None:
    said = call(
        ws,
        "run",
        "restart",
        "--env",
        "scratch",
        "--unattended",
        "-p",
        "hots=a",
        "-p",
        "count=many",
        "-p",
        "x",
    )

    assert said.code == 2
    assert "4 problems with the values" in said.err
    for words in (
        "'x' is not NAME=VALUE",
        "'hots' is not a parameter of this runbook (command line); did you mean host?",
        "count: 'many' is not int",
        "host: is required and nobody gave it (str, the host)",
    ):
        assert words in said.err
    assert executions(ws) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "__class__",
        "host\n",
        "\x1b[31mhost",
        "\u202ehost",
        "host; import os",
        "ｈｏｓｔ",
        "count ",
        "HOST",
    ],
)
def test_a_hostile_parameter_name_is_refused_and_shown_inert(ws: Path, call: Caller, name: str) -> None:
    said = call(ws, "run", "restart", "--env", "scratch", "--unattended", "-p", "host=a", "-p", f"{name}=1")

    assert said.code == 2
    assert "is not a parameter of this runbook" in said.err
    assert not CONTROL.search(said.out + said.err)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("-rf", "begins with '-'"),
        ("a\nb", "line break"),
        ("\x1b[31m", "control character (U+001B)"),
        ("a\u2028b", "U+2028"),
        ("\u202egnp.exe", "U+202E"),
        ("a\x00b", "U+0000"),
        ("\udcff", "U+DCFF"),
    ],
)
def test_a_hostile_value_is_refused_and_shown_inert(ws: Path, call: Caller, value: str, words: str) -> None:
    said = call(ws, "run", "restart", "--env", "scratch", "--unattended", "-p", f"host={value}")

    assert said.code == 2
    assert words in said.err
    assert not CONTROL.search(said.out + said.err)
    assert executions(ws) == []


@pytest.mark.parametrize(
    "value", ['"; import os; os.system("touch pwned") #', "{host}", "$(touch pwned)", "a'b\"c\\"]
)
def test_a_value_that_looks_like_code_stays_a_value(ws: Path, value: str) -> None:
    said = run(ws, "-p", f"host={value}", code=0)

    assert said.json["outcome"] == "succeeded"
    journal = (ws / said.json["execution"] / "record.ipynb").read_text()
    assert "went to" in journal
    assert not list(ws.rglob("pwned"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("v.json", '{"host": "a", "host": "b"}', "host"),
        ("v.yaml", "host: &x a\n", "anchor"),
        ("v.yaml", "host: yes\n", "quote it"),
        ("v.toml", "host = \n", "not TOML"),
        ("v.txt", "host=a", "does not say which format"),
        ("v.json", "[1]", "not a table"),
        ("v.yaml", "host: !!python/object:os.system x\n", "tag"),
    ],
)
def test_a_file_of_values_that_is_wrong_is_named(
    ws: Path, call: Caller, name: str, data: str, words: str
) -> None:
    (ws / name).write_text(data)

    said = call(ws, "run", "restart", "--env", "scratch", "--unattended", "--params", name)

    assert said.code == 2
    assert name in said.err
    assert words in said.err


# Folders and disks


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "restart", "-p", "host=a"),
        ("run", "restart", "-p", "host=a", "--env", "scratch", "--unattended"),
    ],
)
def test_a_file_where_the_executions_must_lie_stops_it(
    ws: Path, call: Caller, words: tuple[str, ...]
) -> None:
    (ws / "executions/README.md").unlink()
    (ws / "executions").rmdir()
    (ws / "executions").write_text("mine\n")

    said = call(ws, *words)

    assert said.code == 2
    assert "a file stands where a folder must be" in said.err
    assert "next: move it away" in said.err
    assert (ws / "executions").read_text() == "mine\n"


def test_a_file_where_the_trust_files_must_lie_refuses(ws: Path, call: Caller) -> None:
    for path in (ws / ".runbook").iterdir():
        path.unlink()
    (ws / ".runbook").rmdir()
    (ws / ".runbook").write_text("mine\n")

    said = call(ws, "run", "restart", "-p", "host=a", "--env", "scratch", "--unattended")

    assert said.code == 3
    assert "cannot read the trust files" in said.err
    assert executions(ws) == []


def test_a_folder_that_was_taken_away_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"rmdir {gone} && exec {sys.executable} -m runbook list"
    done = subprocess.run(["/bin/sh", "-c", words], cwd=gone, capture_output=True, check=False)

    assert done.returncode == 2
    assert done.stderr.decode() == "error: the current folder is gone\n  next: cd to one that is there\n"


@pytest.mark.skipif(AS_ROOT, reason="root may read and write everything")
@pytest.mark.parametrize(
    ("path", "mode", "code"), [("executions", 0o500, 6), ("runbooks/restart.py", 0o000, 6)]
)
def test_what_this_user_may_not_touch_is_said(
    ws: Path, call: Caller, path: str, mode: int, code: int
) -> None:
    (ws / path).chmod(mode)
    said = call(ws, "run", "restart", "-p", "host=a", "--env", "scratch", "--unattended")
    (ws / path).chmod(0o700)

    assert said.code == code
    assert "look at owner and mode" in said.err


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """A disk on which no file can grow above `size` bytes, for us and everything we start."""
    compile_ahead()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_from_the_start_runs_nothing(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(f'# %% go\nopen("{ws}/ran", "w")\n')
    with room_for(512):
        said = program(ws, "run", "restart", "--env", "scratch", "--unattended")

    assert said.code == 6
    assert "File too large" in said.err
    assert "Traceback" not in said.err
    assert not (ws / "ran").exists()
    assert not list(ws.glob("executions/*/*/start.txt"))


def test_a_disk_that_fills_up_stops_the_run_and_the_record_says_unknown(ws: Path) -> None:
    talks = 'for n in range(2000):\n    print(n, "x" * 100, flush=True)\n'
    (ws / "runbooks/restart.py").write_text(f"# %% go\n{talks}# %% never\nprint(1)\n")
    with room_for(100_000):
        said = program(ws, "run", "restart", "--env", "scratch", "--unattended", "--json")

    assert said.code == 6
    assert "File too large" in said.err
    assert said.json["outcome"] == "unknown"
    assert [(step["name"], step["state"]) for step in said.json["steps"]] == [
        ("go", "unknown"),
        ("never", "pending"),
    ]
    (verdict,) = inside(ws, "verify", "latest", "--json").json["executions"]
    assert verdict["verdict"] == "INCOMPLETE"


def test_a_full_disk_behind_standard_output_is_no_bug(ws: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "runbook", "list"],
            cwd=ws,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 6
    assert done.stderr.decode() == "error: standard output cannot be written: No space left on device\n"


# Keys


def review(ws: Path, *words: str, **env: str) -> Said:
    inside(ws, "fmt", "restart")
    text = inside(ws, "show", "restart", "--json").json["text"]
    before = (ws / "runbooks/restart.py").read_bytes()
    said = inside(ws, "review", "restart", "--env", "prod", "--text", text, *words, **env)
    assert said.code == 0 or (ws / "runbooks/restart.py").read_bytes() == before
    return said


def test_no_ssh_keygen_is_said_with_what_to_install(ws: Path, alice: Key) -> None:
    said = review(ws, "--key", str(alice.path), PATH="/nowhere")

    assert said.code == 6
    assert "ssh-keygen is not installed: approvals are signed with it" in said.err
    assert "install OpenSSH's client" in said.err


def test_no_ssh_keygen_is_needed_to_verify(ws: Path, alice: Key) -> None:
    assert review(ws, "--key", str(alice.path)).code == 0

    assert program(ws, "verify", "restart", "--env", "prod", PATH="/nowhere").code == 0


def test_no_key_says_where_one_can_be_set(ws: Path) -> None:
    said = review(ws)

    assert said.code == 2
    assert "no key to sign with" in said.err
    assert "say --key FILE, set RUNBOOK_SIGNING_KEY, or set git's user.signingkey" in said.err


def test_a_key_file_that_is_not_there_is_named(ws: Path) -> None:
    said = review(ws, "--key", "nope")

    assert said.code == 2
    assert "nope: no such key file" in said.err


def test_a_locked_key_without_a_terminal_does_not_wait(ws: Path, tmp_path: Path) -> None:
    locked = make_key(tmp_path, "alice@example.com", KeyKind.ED25519, passphrase="secret")
    words = ("--principal", "alice@example.com", "--key", str(locked.public), "--yes")
    assert inside(ws, "init", ".", *words).code == 0

    said = review(ws, "--key", str(locked.path))

    assert said.code == 6
    assert "the key is locked, and there is no terminal to ask for its passphrase" in said.err
    assert "ssh-add" in said.err


def test_a_key_that_is_not_enrolled_is_refused_with_the_way_in(ws: Path, carol: Key) -> None:
    said = review(ws, "--key", str(carol.path))

    assert said.code == 3
    assert "is not enrolled" in said.err
    assert "`runbook init --principal NAME --key FILE.pub` enrols it" in said.err


def test_a_public_key_without_its_private_half_is_said(ws: Path, alice: Key, tmp_path: Path) -> None:
    (tmp_path / "alone.pub").write_bytes(alice.public.read_bytes())

    said = review(ws, "--key", str(tmp_path / "alone.pub"))

    assert said.code == 6
    assert "the private half is neither beside the public key nor in a running agent" in said.err


def test_a_file_that_is_no_key_is_said_to_be_none(ws: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hello\n")
    (tmp_path / "key").chmod(0o600)

    said = review(ws, "--key", str(tmp_path / "key"))

    assert said.code == 2
    assert "not a key that ssh-keygen can read" in said.err


# Kernels


@pytest.mark.parametrize(
    ("interpreter", "words"),
    [("/bin/false", "the kernel did not start"), ("/nowhere/python", "does not run")],
)
def test_a_kernel_that_does_not_start_is_said_and_nothing_ran(
    ws: Path, home: Path, interpreter: str, words: str
) -> None:
    config = home / ".config/runbook/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'interpreter = "{interpreter}"\n')

    said = run(ws, "-p", "host=a", code=6)

    assert words in said.err
    assert "`runbook doctor`" in said.err or interpreter == "/nowhere/python"
    assert said.json["outcome"] == "failed"
    assert said.json["error"]["code"] == "kernel"
    assert all(step["seconds"] is None for step in said.json["steps"])
    record_is_true(ws, "failed", go="pending")


def test_a_kernel_that_dies_is_said_to_have_died(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(
        "# %% one\nprint(1)\n"
        "# %% dies\nimport os\nprint('last words', flush=True)\nos.kill(os.getpid(), 9)\n"
        "# %% never\nprint(3)\n"
    )

    said = run(ws, code=4)

    assert said.json["outcome"] in ("failed", "unknown")
    record_is_true(ws, said.json["outcome"], one="succeeded", dies="kernel-died", never="pending")
    assert "last words" in inside(ws, "audit", "latest").out


def test_a_step_that_prints_50_mb_is_kept_whole(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(
        '# %% talks\nfor n in range(525_000):\n    print(f"{n:0>99}")\nprint("THE END")\n'
    )

    said = run(ws, code=0)

    folder = ws / said.json["execution"]
    kept = sum(path.stat().st_size for path in [folder / "journal.jsonl", *folder.glob("blobs/*")])
    assert kept > 50_000_000
    assert len(said.out) < 1000
    audit = inside(ws, "audit", "latest").out
    assert "THE END" in audit
    assert len(audit) < 1_000_000
    record_is_true(ws, "succeeded", talks="succeeded")


def test_a_step_that_never_ends_is_timed_out(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(
        "# %% hangs timeout=1\nwhile True:\n    pass\n# %% never\nprint(1)\n"
    )

    said = run(ws, code=4)

    assert said.json["outcome"] == "failed"
    record_is_true(ws, "failed", hangs="timed-out", never="pending")


def test_code_of_a_second_client_is_told_and_the_step_is_not_called_succeeded(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(
        "# %% lets-in\n"
        "import os, subprocess, sys\n"
        "code = '''\n"
        "import sys\n"
        "from jupyter_client import BlockingKernelClient\n"
        "client = BlockingKernelClient(connection_file=sys.argv[1])\n"
        "client.load_connection_file()\n"
        "client.start_channels()\n"
        'client.execute("stolen = 1")\n'
        "'''\n"
        'folder = open("/proc/self/cmdline").read().split("\\0")[-2]\n'
        'subprocess.run([sys.executable, "-c", code, os.path.join(folder, "kernel.json")])\n'
        "# %% next\nprint(2)\n"
        "# %% never\nprint(3)\n"
    )

    said = run(ws, code=4)

    assert said.json["outcome"] == "unknown"
    states = {step["name"]: step["state"] for step in said.json["steps"]}
    assert "unknown" in states.values()
    assert states["never"] == "pending"
    assert "another client" in inside(ws, "audit", "latest").out


# Nothing hostile reaches the screen


def test_names_and_texts_of_strangers_are_shown_inert(ws: Path, call: Caller) -> None:
    hostile = ws / "runbooks/\x1b]0;owned\x07\u202e.py"
    hostile.write_text('# %% <script>\nprint("hi")\n')
    (ws / "runbooks/title.py").write_text(
        "# %% [markdown]\n# # <script>alert(1)</script> \u202e\n\n# %%\nx = 1\n"
    )

    for words in (
        ("list",),
        ("list", "--json"),
        ("verify",),
        ("lint",),
        ("find", "hi"),
        ("show", "title"),
        ("fmt", "--check"),
    ):
        said = call(ws, *words)
        assert not CONTROL.search(said.out + said.err), words
        assert said.code in (0, 1, 3), words


def test_hostile_output_is_inert_on_the_screen_and_in_the_audit(ws: Path) -> None:
    (ws / "runbooks/restart.py").write_text(
        "# %% talks\n"
        'print("\\x1b]0;owned\\x07 ``` <script>alert(1)</script> \\u202e ![x](http://evil.example/x.png)")\n'
        'print("\\x1b[2J\\r\\x08", end="")\n'
    )

    said = program(ws, "run", "restart", "--env", "scratch", "--unattended")

    assert said.code == 0
    assert not CONTROL.search(said.out + said.err)
    audit = inside(ws, "audit", "latest").out
    assert not CONTROL.search(audit)
    html = inside(ws, "audit", "latest", "--to", "html").out
    assert "<script>alert" not in html
