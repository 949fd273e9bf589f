"""`watch`: keep the pairs of a workspace in step while they are edited; ask, stop, detach it."""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.errors import ConfigError, NotFoundError, RunbookError, UnavailableError
from runbook.instants import stamp
from runbook.pairing import daemon
from runbook.pairing.listening import Folders, Poll
from runbook.pairing.observe import look
from runbook.pairing.places import Place
from runbook.pairing.told import Told, plain
from runbook.pairing.watching import Scene
from runbook.system import clock, files, git, processes
from runbook.verbs.sync import pairs_of, place_of
from runbook.workspace import Surroundings, Workspace

_LOG_BYTES = 1 << 20
_START_SECONDS = 30.0

# As the supervisor of runs: the very package that runs here, and no folder that could shadow something.
_PROGRAM = """\
import sys
from importlib import util
spec = util.spec_from_file_location("runbook", sys.argv[1], submodule_search_locations=[sys.argv[1][:-12]])
sys.modules["runbook"] = package = util.module_from_spec(spec)
spec.loader.exec_module(package)
sys.argv[:] = ["runbook", *sys.argv[2:]]
from runbook.cli.main import entry
entry()
"""


def scene_of(workspace: Workspace, *, poll: Poll, around: Surroundings) -> Scene:
    """What is to be watched. Raises ConfigError when one of the runbook folders is the workspace itself."""
    root = str(workspace.root)
    if workspace.loose:
        folders = Folders(flat=(root,))
    else:
        folders = Folders(deep=tuple(_folder(workspace, name) for name in workspace.settings.runbooks))
    return Scene(
        place=place_of(workspace, around),
        find=lambda: pairs_of(workspace),
        template=workspace.settings.pairs,
        folders=folders,
        git_folder=_git_folder(workspace.root, around),
        poll=poll,
    )


def _folder(workspace: Workspace, name: str) -> str:
    path = os.path.normpath(workspace.root / name)
    if not path.startswith(f"{workspace.root}{os.sep}") and path != str(workspace.root):
        raise ConfigError(f"{name!r} is not below the workspace", subject="runbook.toml")
    return path


def _git_folder(root: Path, around: Surroundings) -> Path | None:
    """The work tree's own folder of git's: where its locks are."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return None
    try:
        said = git.ask(root, "rev-parse", "--absolute-git-dir", env=around.env)
    except UnavailableError:
        return None
    return Path(said.decode("utf-8", "surrogateescape").removesuffix("\n"))


def watch(
    scene: Scene, *, around: Surroundings, tell: Callable[[Told], None], log: str | None = None
) -> None:
    """Until it is stopped. Raises LockBusy when somebody watches here already."""
    owner = daemon.Owner(
        pid=os.getpid(), host=around.host, root=str(scene.place.root), since=stamp(clock.now()), log=log
    )
    daemon.serve(scene, owner, tell=tell)


class Log:
    """The JSON log of a watch without a terminal; its older half goes when it is larger than a mebibyte.

    Never ends the watch: a full disk costs lines, a log that was taken away is begun anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        files.make_folder(self._path.parent)
        self._file = self._opened()

    def _opened(self) -> files.Appender:
        try:
            return files.Appender(self._path, resume=True)
        except NotFoundError:
            return files.Appender(self._path)

    def __call__(self, told: Told) -> None:
        line = json.dumps(plain(told, at=clock.now())).encode("ascii") + b"\n"
        with contextlib.suppress(RunbookError):
            if look(self._path) is None:
                self._file.close()
                self._file = self._opened()
            self._file.append(line)
            size = look(self._path)
            if size is not None and size.size > _LOG_BYTES:
                self._halve(size.size)

    def _halve(self, size_bytes: int) -> None:
        kept = b"".join(files.chunks(self._path, offset=size_bytes - min(size_bytes, _LOG_BYTES) // 2))
        self._file.close()
        try:
            files.replace(self._path, kept[kept.find(b"\n") + 1 :], durable=False)
        finally:
            self._file = self._opened()


def detach(workspace: Workspace, *, poll: Poll, around: Surroundings) -> daemon.Status:
    """Start it in a session of its own, and wait until it watches. Raises LockBusy, UnavailableError."""
    place = place_of(workspace, around)
    known = daemon.owner_of(place)
    if known is not None:
        raise daemon.busy(place)
    files.make_folder(place.state)
    log = daemon.log_path(place)
    package = Path(__file__).resolve().parents[1] / "__init__.py"
    words = ["-C", str(workspace.root), "watch", "--poll", poll, "--log", str(log)]
    errors, writer = os.pipe()
    try:
        argv = [sys.executable, "-I", "-c", _PROGRAM, str(package), *words]
        child = processes.begin(argv, env=around.env, cwd=Path("/"), error_log=writer)
        os.close(writer)
        until = clock.monotonic_ns() + int(_START_SECONDS * 1e9)
        while clock.monotonic_ns() < until:
            found = daemon.status(place)
            if found is not None and found.owner.pid == child.pid:
                child.returncode = 0  # it lives on, and is not ours to wait for
                return found
            if child.poll() is not None:
                said = os.read(errors, 1 << 16).decode("utf-8", "replace").strip()
                raise UnavailableError("the watch did not start", subject=str(place.root), hint=said or None)
            clock.sleep(0.02)
        still = f"process {child.pid} still looks at everything for the first time, and goes on"
        raise UnavailableError(
            still, subject=str(place.root), hint=f"`runbook watch --status`; its log: {log}"
        )
    finally:
        os.close(errors)


def state_of(place: Place, *, now: datetime) -> dict[str, object]:
    """For `--status --json`: whether somebody watches, and how it goes."""
    owner, found = daemon.owner_of(place), daemon.status(place)
    head: dict[str, object] = {"schema": 1, "watching": owner is not None, "asked": stamp(now)}
    if found is not None:
        return {**head, **msgspec.to_builtins(found)}
    return head if owner is None else {**head, "owner": msgspec.to_builtins(owner)}


def unit(workspace: Workspace, *, around: Surroundings) -> str:
    """A systemd user unit for this workspace. `runbook` by the name under which it is found now."""
    program = processes.find("runbook", env=around.env) or sys.argv[0]
    root = str(workspace.root)
    quoted = root.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f"""\
# ~/.config/systemd/user/runbook-watch.service
# systemctl --user daemon-reload && systemctl --user enable --now runbook-watch
[Unit]
Description=Keep runbooks and notebooks in step in {root.replace("%", "%%")}

[Service]
Type=exec
WorkingDirectory={root.replace("%", "%%")}
ExecStart="{program.replace("%", "%%")}" -C "{quoted}" watch --json
Restart=on-failure
RestartSec=5
# 6: somebody else watches here, or the disk does not answer. 2: settings to be mended by a person.
RestartPreventExitStatus=2
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
