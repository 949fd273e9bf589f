"""The first file a kernel's process runs: `INTERPRETER -I -X utf8 bootstrap.py FOLDER`. Never imported.

The interpreter may be another than ours and need not have this package: standard library only, and what else
is needed is loaded from the files beside this one. The order matters:

1. signals as a kernel expects them, whatever the supervisor's are;
2. a real standard error that stays (`kernel.log`), so that a crash can be explained;
3. the watch on the supervisor's lock, before anything that could hang;
4. the spool, before anything can be published;
5. the kit, importable by its name and nothing else of this package; `includes/`, behind everything else; the
   run's secrets, from standard input, which then is empty, and what masks them;
6. the kernel (`kernel_inside`).

It adds nothing to `sys.path` but `includes/`, reads no configuration, and opens no network port.
"""

import contextlib
import faulthandler
import fcntl
import importlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Sequence
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded yet
_KIT = os.path.join(os.path.dirname(_HERE), "kit")  # noqa: PTH118, PTH120
_INTERVAL_SECONDS = 1.0


def main() -> None:
    folder = sys.argv[1]
    with open(f"{folder}/kernel.json", "rb") as file:
        connection = json.load(file)
    settings = connection["runbook"]
    sys.argv = ["runbook"]
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # 1
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    log = os.fdopen(os.dup(2), "w")  # 2: descriptor 2 becomes a pipe to the kernel's own threads
    faulthandler.enable(log, all_threads=False)
    watch = SupervisorWatch(settings["lock"], settings["linger_seconds"])  # 3
    watch.start()
    writer = _load("spool_writer").SpoolWriter(
        settings["spool"], segment_bytes=settings["segment_bytes"]
    )  # 4
    _tell_the_kit(settings["context"])  # 5
    _provide_kit()
    if settings["secrets"]:
        settings["masking"] = _take_secrets()
    if settings["includes"]:
        sys.path += settings["includes"]
        sys.dont_write_bytecode = True  # what lies there is evidence: nothing may be added to it
    settings["environment"] = dict(os.environ)
    os.environ["IPYTHONDIR"] = f"{folder}/ipython"  # while it starts; a step sees what was told only
    _load("kernel_publishing")
    _load("kernel_inside").run(folder, settings, writer, watch)  # 6


def _load(name: str) -> Any:
    """A neighbour of this file as a module of its own, whether or not this package can be imported."""
    spec = importlib.util.spec_from_file_location(f"_runbook_{name}", f"{_HERE}/{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is missing beside {__file__}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _take_secrets() -> Any:
    """Give the kit the secrets that stand in standard input; returns what masks them in what is published."""
    with os.fdopen(0, "rb", closefd=False) as file:
        handed = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    masking = importlib.import_module("runbook.kit.masking")
    run: Any = sys.modules["_runbook_run"]
    run.secrets, run.masks = handed, masking.Masks(handed["values"])
    return _load("kernel_masking").Masking(handed["values"])


def _tell_the_kit(context: dict[str, Any]) -> None:
    """What `runbook.kit.context` answers, where the kit finds it without importing anything."""
    module: Any = types.ModuleType("_runbook_run")
    module.facts = dict(context)
    sys.modules["_runbook_run"] = module


class KitFinder:
    """A finder of modules: `runbook` (empty) and `runbook.kit`, from the files beside this one. The rest of
    the package stays out of reach."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "runbook":
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        if name == "runbook.kit":
            return importlib.util.spec_from_file_location(
                name, f"{_KIT}/__init__.py", submodule_search_locations=[_KIT]
            )
        return None


def _provide_kit() -> None:
    """Make `runbook.kit` ours: what is installed under that name may be ours, nothing, or somebody else's."""
    found = importlib.machinery.PathFinder.find_spec("runbook")
    places = [] if found is None else list(found.submodule_search_locations or [])
    if [os.path.realpath(place) for place in places] != [os.path.realpath(os.path.dirname(_HERE))]:  # noqa: PTH120
        sys.meta_path.insert(0, KitFinder())


class SupervisorWatch(threading.Thread):
    """Ends this process when the supervisor's lock was free for longer than `linger_seconds`.

    The lock is asked for by its name each time: a file that is gone is a supervisor that is gone. Looking
    takes a shared lock for an instant; whoever wants the lock for itself tries more than once.
    """

    def __init__(self, lock: str, linger_seconds: float) -> None:
        super().__init__(name="supervisor-watch", daemon=True)
        self._lock = lock
        self._linger_seconds = linger_seconds

    def run(self) -> None:
        free_since: float | None = None
        while True:
            time.sleep(min(_INTERVAL_SECONDS, max(0.05, self._linger_seconds / 4)))
            if self.is_held():
                free_since = None
            elif free_since is None:
                free_since = time.monotonic()
            elif time.monotonic() - free_since >= self._linger_seconds:
                self._end()

    def is_held(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(os.getpid(), signal.SIGTERM)  # a step may have said what to do then
        time.sleep(5)
        os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
