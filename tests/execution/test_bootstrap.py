"""A kernel starts with nothing but what it was told: nobody's files, variables, modules or network."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from runbook.execution.kernel_launch import adopt, launch
from runbook.execution.kernel_values import KernelSpec
from runbook.system import files
from tests.execution.kernel_runs import Running, spec, with_kernel


def test_start_up_files_of_the_home_do_not_run(home: Path) -> None:
    startup = home / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-first.py").write_text(f"open({str(home / 'pwned')!r}, 'w')\nplanted = 1\n")
    (startup.parent / "ipython_config.py").write_text(f"open({str(home / 'pwned')!r}, 'w')\n")
    rc = home / "startup.py"
    rc.write_text(f"open({str(home / 'pwned')!r}, 'w')\n")

    async def body(kernel: Running) -> None:
        assert (await kernel.run("planted")).error is not None

    folder = home / "run" / "kernel"
    (folder / "ipython").mkdir(parents=True)
    (folder / "ipython" / "startup").symlink_to(startup)  # as /etc/ipython would be
    folder.chmod(0o700)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONSTARTUP": str(rc)}
    with_kernel(home, body, environment=environment, folder=folder)

    assert not (home / "pwned").exists()


def test_a_hostile_pythonpath_changes_nothing(home: Path) -> None:
    hostile = home / "hostile"
    hostile.mkdir()
    for name in ("sitecustomize", "usercustomize", "json", "zmq", "planted"):
        (hostile / f"{name}.py").write_text(f"open({str(home / 'pwned')!r}, 'w')\n")

    async def body(kernel: Running) -> None:
        reply = await kernel.run("import planted")
        assert reply.error is not None
        assert reply.error.name == "ModuleNotFoundError"

    with_kernel(home, body, environment={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(hostile)})

    assert not (home / "pwned").exists()


def test_an_undeclared_neighbour_in_the_working_folder_cannot_be_imported(home: Path) -> None:
    async def body(kernel: Running) -> None:
        (home / "work" / "helper.py").write_text("x = 1\n")
        (home / "work" / "textwrap.py").write_text("planted = 1\n")
        reply = await kernel.run("import helper")
        assert reply.error is not None
        assert reply.reason == "ModuleNotFoundError: No module named 'helper'"
        await kernel.run("import os, textwrap; print(hasattr(textwrap, 'planted'), os.getcwd())")

    kernel = with_kernel(home, body)

    assert kernel.text() == f"False {os.path.realpath(home / 'work')}\n"


def test_declared_includes_can_be_imported_and_shadow_nothing(home: Path) -> None:
    includes = home / "includes"
    includes.mkdir()
    (includes / "ours.py").write_text("x = 'included'\n")
    (includes / "json.py").write_text("planted = 1\n")

    async def body(kernel: Running) -> None:
        assert (await kernel.run("import ours, json; print(ours.x, hasattr(json, 'planted'))")).error is None

    assert with_kernel(home, body, includes=(includes,)).text() == "included False\n"


def test_only_the_variables_that_were_given_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere/agent")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "no")

    async def body(kernel: Running) -> None:
        await kernel.run("import os; print(sorted(os.environ))")

    environment = {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb", "WEB_REGION": "eu"}
    kernel = with_kernel(home, body, environment=environment)

    # MPLBACKEND is what ipykernel says to matplotlib, so that figures become outputs.
    assert kernel.text() == str(sorted([*environment, "MPLBACKEND", "RUNBOOK_KERNEL"])) + "\n"


def test_a_bare_shell_word_is_a_syntax_error(home: Path) -> None:
    async def body(kernel: Running) -> None:
        victim = home / "work" / "victim"
        victim.write_text("still here")
        reply = await kernel.run("rm victim")
        assert reply.error is not None
        assert reply.error.name == "SyntaxError"
        assert victim.exists()

    with_kernel(home, body)


def test_a_kernelspec_on_disk_is_not_looked_at(home: Path) -> None:
    planted = home / "jupyter" / "kernels" / "python3"
    planted.mkdir(parents=True)
    (planted / "kernel.json").write_text(
        '{"argv": ["/bin/sh", "-c", "touch pwned"], "display_name": "x", "language": "python"}'
    )

    async def body(kernel: Running) -> None:
        assert (await kernel.run("1")).state == "succeeded"

    kernel = with_kernel(
        home, body, environment={"PATH": "/usr/bin:/bin", "JUPYTER_PATH": str(home / "jupyter")}
    )

    assert kernel.process.argv[:4] == (sys.executable, "-I", "-X", "utf8")
    assert not list(home.rglob("pwned"))


def test_no_network_port_is_opened_and_nothing_is_written_into_the_home(home: Path) -> None:
    own = home / "own"
    own.mkdir()

    async def body(kernel: Running) -> None:
        await kernel.run("%timeit -n1 -r1 1\nprint('x')")
        process = psutil.Process(kernel.process.pid)
        assert process.net_connections(kind="inet") == []

    with_kernel(home, body, environment={"PATH": "/usr/bin:/bin", "HOME": str(own)})

    assert list(own.rglob("*")) == []


def test_the_key_of_the_kernel_is_the_users_alone(home: Path) -> None:
    async def body(kernel: Running) -> None:
        folder = kernel.process.folder
        assert folder.stat().st_mode & 0o777 == 0o700
        for name in ("kernel.json", "process.json", "kernel.log"):
            assert (folder / name).stat().st_mode & 0o777 == 0o600

    with_kernel(home, body)


def test_the_kit_can_be_imported_and_knows_the_run(home: Path) -> None:
    async def body(kernel: Running) -> None:
        source = (
            "from runbook.kit import context\n"
            "print(context.execution, context.runbook, context.environment, context.operator,"
            " context.step, context.dry_run, context.unattended)"
        )
        assert (await kernel.run(source)).state == "succeeded"

    kernel = with_kernel(
        home,
        body,
        context={
            "execution": "e-1",
            "runbook": "runbooks/x.py",
            "environment": "prod",
            "operator": "alice",
            "dry_run": False,
            "unattended": True,
        },
    )

    assert kernel.text() == "e-1 runbooks/x.py prod alice step False True\n"


def test_another_interpreter_gets_the_kit_and_nothing_else_of_the_package(home: Path, tmp_path: Path) -> None:
    """An interpreter without this package: the same Python, its path of modules cut down to ipykernel's."""
    site = tmp_path / "site"
    site.mkdir()
    ours = Path(psutil.__file__).parents[1]
    for entry in ours.iterdir():
        if entry.suffix != ".pth" and not entry.name.startswith(("runbook", "signed_runbook", "_")):
            (site / entry.name).symlink_to(entry)
    (site / "runbook").mkdir()
    (site / "runbook" / "__init__.py").write_text("stranger = True\n")
    (site / "runbook" / "kit.py").write_text("stranger = True\n")
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    folder = tmp_path / "venv"
    subprocess.run([base, "-m", "venv", "--without-pip", str(folder)], check=True)
    lib = next((folder / "lib").glob("python*")) / "site-packages"
    lib.rmdir()
    lib.symlink_to(site)

    async def body(kernel: Running) -> None:
        reply = await kernel.run("import runbook.kit as kit; kit.sh('echo', 'kit'); print(kit.__file__)")
        assert reply.state == "succeeded", reply.reason
        reply = await kernel.run("import runbook.execution")
        assert reply.reason == "ModuleNotFoundError: No module named 'runbook.execution'"

    kernel = with_kernel(home, body, interpreter=str(folder / "bin" / "python"))

    assert "kit\n" in kernel.text()
    assert str(site) not in kernel.text()


def test_the_supervisors_signals_are_not_inherited(home: Path) -> None:
    """A supervisor that was started with `nohup`, or blocks signals, must not make its steps unstoppable."""

    async def body(kernel: Running) -> None:
        source = (
            "import signal, subprocess, sys\n"
            "words = 'import signal as s; print(s.pthread_sigmask(s.SIG_BLOCK, []), s.getsignal(s.SIGHUP))'\n"
            "print(subprocess.run([sys.executable, '-c', words], capture_output=True, text=True).stdout)\n"
            "import time; time.sleep(60)"
        )
        reply = await kernel.run(source, timeout_seconds=3)
        assert (reply.state, reply.complete) == ("timed-out", True)

    saved = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        kernel = with_kernel(home, body)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        signal.signal(signal.SIGHUP, saved)

    assert kernel.text().strip() == "set() 0"  # nothing blocked; SIG_DFL


def test_the_kernel_ends_itself_when_its_supervisor_is_gone_too_long(home: Path) -> None:
    asked = spec(home, linger_seconds=1)
    with files.locked(asked.lock):
        process = launch(asked)
        time.sleep(2.5)
        assert process.is_alive
    asyncio.run(asyncio.wait_for(process.ended(), 60))

    assert process.signal == signal.SIGTERM


def test_the_kernel_outlives_the_process_that_started_it(home: Path) -> None:
    asked = spec(home)
    program = (
        "import os, sys, msgspec, json\n"
        "from pathlib import Path\n"
        "from runbook.execution.kernel_launch import launch\n"
        "from runbook.execution.kernel_values import KernelSpec\n"
        "asked = KernelSpec(folder=Path(sys.argv[1]), work=Path(sys.argv[2]), lock=Path(sys.argv[3]),\n"
        "                   environment={'PATH': '/usr/bin:/bin'}, interpreter=sys.executable)\n"
        "print(launch(asked).pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    with files.locked(asked.lock):
        words = [sys.executable, "-c", program, str(asked.folder), str(asked.work), str(asked.lock)]
        root = str(Path(__file__).parents[2])
        done = subprocess.run(words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root})
        process = adopt(asked.folder)
        try:
            assert done.returncode == -signal.SIGKILL
            assert process.pid == int(done.stdout)
            kernel = Running(process)

            async def story() -> None:
                await kernel.client.connect()
                assert (await kernel.run("print('here')")).state == "succeeded"
                await kernel.client.shutdown()

            asyncio.run(story())
        finally:
            process.kill_tree()

    assert kernel.text() == "here\n"


def test_launching_is_immediate_and_imports_nothing_heavy(home: Path) -> None:
    program = (
        "import sys\n"
        "from runbook.execution import kernel_launch, kernel_values\n"
        "heavy = {'nbclient', 'jupyter_client', 'nbformat', 'IPython', 'zmq', 'psutil', 'asyncio.events'}\n"
        "print(sorted(heavy & set(sys.modules) - {'asyncio.events'}))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    asked: KernelSpec = spec(home)
    with files.locked(asked.lock):
        start = time.monotonic()
        process = launch(asked)
        took = time.monotonic() - start
        process.kill_tree()

    assert said.stdout == b"[]\n"
    assert took < 0.25
