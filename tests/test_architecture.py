"""The rules of the house (DESIGN §3), checked on the source. Those between rooms stand in pyproject.toml."""

import ast
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "runbook"

PURE_FILES = {"errors", "instants", "canonical", "decoding"}

EDGES = {
    "text": {"notebook"},
    "approval": {"signing", "trust"},
    "evidence": {
        "blobs",
        "derive",
        "exporter",
        "folder",
        "included",
        "journal",
        "plan_file",
        "planned_text",
        "proposal",
        "seal",
        "start",
        "summary",
        "verification",
        "whereabouts",
    },
}
"""The modules of the pure rooms that meet the outside. A new one has to be argued for here."""

PURE_PARTS = {
    "runbook.pairing": {
        "align", "cells", "conflicts", "fidelity", "flow", "lines", "markers", "merge", "metadata", "outputs",
        "patch", "splice", "table", "texts", "batching", "mounts", "pingpong", "told", "wording",
    },
}  # fmt: skip
"""What decides, merges and aligns in a room that otherwise lives on files and events."""

OUTSIDE = {
    "os", "io", "sys", "time", "random", "secrets", "uuid", "subprocess", "socket", "threading", "asyncio",
    "multiprocessing", "concurrent", "signal", "tempfile", "shutil", "glob", "fcntl", "logging", "locale",
    "platform", "getpass", "select", "urllib", "http", "ssl", "psutil", "zmq", "watchdog", "nbclient",
    "jupyter_client", "ipykernel", "IPython", "nbconvert", "nbformat", "jupytext", "typer", "rich",
    "runbook.system", "runbook.store", "runbook.workspace",
}  # fmt: skip

READS_A_CLOCK = {"now", "utcnow", "today"}
TOUCHES_A_FILE = {
    "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "rmdir", "unlink", "touch", "rename",
    "symlink_to", "hardlink_to", "chmod", "stat", "lstat", "exists", "is_file", "is_dir", "iterdir", "rglob",
    "resolve", "cwd", "home", "expanduser", "is_symlink",
}  # fmt: skip

HEAVY: dict[str, set[str]] = {
    "jupytext": {"runbook.text.notebook"},
    "nbclient": {"runbook.execution.kernel_nbclient"},
    # What nbclient runs and jupytext makes is a notebook of nbformat's.
    "nbformat": {"runbook.text.notebook", "runbook.execution.kernel_nbclient", "runbook.pairing.upgrade"},
    "nbconvert": {"runbook.evidence.exporter"},
    "cryptography": {"runbook.approval.keys"},
    "watchdog": {"runbook.pairing.watcher"},
    "psutil": {"runbook.execution.kernel_tree"},
    "platformdirs": {"runbook.cli.around"},
}
"""Each is met in one module that knows its traps, and makes slow only the verbs that need it."""

KEPT_FROM_LIGHT_VERBS = {
    "nbformat",
    "jupytext",
    "nbclient",
    "nbconvert",
    "IPython",
    "jupyter_client",
    "zmq",
    "watchdog",
}

LOADED_BY_KERNEL = re.findall(r'_load\("(\w+)"\)', (PACKAGE / "execution" / "bootstrap.py").read_text())
STEPS_PROCESS = {"runbook.kit", "runbook.execution.bootstrap"} | {
    f"runbook.execution.{name}" for name in LOADED_BY_KERNEL
}
"""What runs in the kernel's process, or in a plain `python file.py`: the rooms are out of its reach there."""

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "core", "lib"}


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_bytes(), str(path))
    return found


def source_lines(name: str) -> int:
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_bytes().count(b"\n")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What is imported, deferred imports included, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def attributes_called(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.lineno, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.lineno, node.func.id


def pure_modules() -> list[str]:
    found = []
    for name in modules():
        _, room, *rest = [*name.split("."), "", ""][:3]
        is_pure_part = rest[0] in PURE_PARTS.get(f"runbook.{room}", set())
        if room in PURE_FILES or is_pure_part or (room in EDGES and rest[0] not in EDGES[room]):
            found.append(name)
    return found


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_any_of(name: str, roots: set[str]) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


@pytest.mark.parametrize("name", pure_modules())
def test_a_pure_module_meets_nothing_outside(name: str) -> None:
    tree = modules()[name]
    # A lock is no effect: it keeps a computation alike when two threads make it.
    met = [
        f"line {line}: {what}"
        for line, what in imports(tree)
        if is_any_of(what, OUTSIDE) and what != "threading.Lock"
    ]
    met += [f"line {line}: .{what}()" for line, what in attributes_called(tree) if what in READS_A_CLOCK]
    if any(what.startswith("pathlib") for _, what in imports(tree)):
        met += [f"line {line}: .{what}()" for line, what in attributes_called(tree) if what in TOUCHES_A_FILE]
    met += [f"line {line}: open()" for line, what in attributes_called(tree) if what == "open"]

    assert met == []


def test_the_modules_named_here_exist() -> None:
    named = {f"runbook.{room}.{edge}" for room, edges in EDGES.items() for edge in edges}
    named |= {f"{room}.{part}" for room, parts in PURE_PARTS.items() for part in parts}

    assert named - set(modules()) == set()


@pytest.mark.parametrize("room", ["text", "approval", "evidence"])
def test_lines_are_split_on_line_feed_only(room: str) -> None:
    """`splitlines` breaks at U+2028, form feeds and more: what looks like a comment would become a line."""
    found = [
        f"{name}:{line}"
        for name, tree in modules().items()
        if name.startswith(f"runbook.{room}")
        for line, what in attributes_called(tree)
        if what == "splitlines"
    ]
    assert found == []


@pytest.mark.parametrize("library", sorted(HEAVY))
def test_a_heavy_library_is_met_in_its_module(library: str) -> None:
    users = {
        name for name, tree in modules().items() for _, what in imports(tree) if is_any_of(what, {library})
    }

    assert users <= HEAVY[library]


ONLY_IN: dict[str, set[str]] = {
    "fcntl": {"runbook.system"},
    "time": {"runbook.system.clock"},
    "secrets": {"runbook.system", "runbook.execution", "runbook.verbs"},
    "random": set(),
    "tempfile": {"runbook.verbs", "runbook.execution", "runbook.approval.signing", "runbook.cli"},
    "logging": {"runbook.execution"},
    "pickle": set(),
    "shutil": {"runbook.system", "runbook.verbs", "runbook.cli"},
}


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_an_effect_has_its_place(library: str) -> None:
    users = {
        name for name, tree in modules().items() for _, what in imports(tree) if is_any_of(what, {library})
    }

    assert {user for user in users if not is_any_of(user, ONLY_IN[library] | STEPS_PROCESS)} == set()


def test_child_processes_are_started_in_one_module() -> None:
    """To name a type of `subprocess` is no start. The supervisor forks, to come loose from its terminal."""
    starts = re.compile(r"subprocess\.|os\.(?:system|popen|exec|spawn|posix_spawn)")
    found = [
        f"{name}:{node.lineno} {ast.unparse(node.func)}"
        for name, tree in modules().items()
        if not is_any_of(name, {"runbook.system.processes"} | STEPS_PROCESS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and starts.match(ast.unparse(node.func))
    ]
    assert found == []


def test_the_clock_is_read_in_one_module() -> None:
    allowed = {"runbook.system.clock"} | STEPS_PROCESS
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if not is_any_of(name, allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READS_A_CLOCK
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "clock")
    ]
    assert found == []


WRITES = {
    "write_text",
    "write_bytes",
    "hardlink_to",
    "symlink_to",
    "unlink",
    "rename",
    "mkdir",
    "rmdir",
    "touch",
}


def test_files_are_written_in_one_room() -> None:
    allowed = {"runbook.system"} | STEPS_PROCESS
    found = [
        f"{name}:{line} {what}"
        for name, tree in modules().items()
        if not is_any_of(name, allowed)
        for line, what in attributes_called(tree)
        if what in WRITES
    ]
    assert found == []


def test_values_are_frozen() -> None:
    found = []
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(
                ast.unparse(base) == "msgspec.Struct" for base in node.bases
            ):
                said = {word.arg: ast.unparse(word.value) for word in node.keywords}
                if said.get("frozen") != "True":
                    found.append(f"{name}.{node.name}")
    assert found == []


def test_no_module_is_above_400_lines() -> None:
    assert {name: source_lines(name) for name in modules() if source_lines(name) > 400} == {}


def test_functions_are_short() -> None:
    """Below 50 lines without the docstring; two in a hundred may be longer."""
    lengths = {}
    for name, tree in modules().items():
        for function in functions(tree):
            assert function.end_lineno is not None
            length = function.end_lineno - function.lineno + 1
            first = function.body[0]
            if ast.get_docstring(function, clean=False) is not None:
                assert first.end_lineno is not None
                length -= first.end_lineno - first.lineno + 1
            lengths[f"{name}:{function.lineno} {function.name}"] = length
    long = {place: length for place, length in lengths.items() if length >= 50}

    assert len(long) <= len(lengths) * 0.02, long


def test_functions_take_few_parameters() -> None:
    """Commands of the command line have one parameter per flag; nobody else has more than six."""
    many = {}
    for name, tree in modules().items():
        if name.startswith("runbook.cli"):
            continue
        for function in functions(tree):
            taken = function.args
            names = [one.arg for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
            count = len([one for one in names if one not in ("self", "cls")])
            if count > 6:
                many[f"{name}:{function.lineno} {function.name}"] = count
    assert many == {}


def test_modules_are_named_for_what_they_hold() -> None:
    parts = {part for name in modules() for part in name.split(".")}

    assert parts & BANNED_NAMES == set()


def test_every_module_says_what_it_is() -> None:
    silent = [name for name, tree in modules().items() if not ast.get_docstring(tree)]

    assert silent == []


def test_a_check_is_silenced_for_a_named_reason_only() -> None:
    silenced = re.compile(r"#\s*type:\s*ignore(?!\[[a-z-]+(?:,[a-z-]+)*\])|#\s*noqa(?!: [A-Z]+[0-9]+)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("runbook", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(errors="replace").split("\n"), 1)
        if path != Path(__file__) and silenced.search(line)
    ]
    assert found == []


def test_tests_use_real_things() -> None:
    """At most five mocks in a hundred tests. A patched environment variable or folder is no mock."""
    mock = re.compile(r"monkeypatch\.setattr\(|\bmock\.|\bMagicMock\b|\bmocker\.")
    test = re.compile(r"^\s*(?:async )?def test_", re.MULTILINE)
    mocks: dict[str, int] = defaultdict(int)
    tests = 0
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path != Path(__file__):
            text = path.read_text(errors="replace")
            mocks[str(path.relative_to(ROOT))] += len(mock.findall(text))
            tests += len(test.findall(text))
    assert sum(mocks.values()) <= tests * 0.05, {path: count for path, count in mocks.items() if count}


HAS_COMMAND_LINE = importlib.util.find_spec("runbook.cli.main") is not None


def loaded_by(folder: Path, *words: str) -> set[str]:
    """The modules that one call of the program loads, as the interpreter itself tells."""
    command = [sys.executable, "-X", "importtime", "-m", "runbook", *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode in (0, 1, 3), done.stderr[-2000:] + done.stdout[-2000:]
    return {
        line.rpartition("|")[2].strip() for line in done.stderr.split("\n") if line.startswith("import time:")
    }


@pytest.mark.skipif(not HAS_COMMAND_LINE, reason="until the command line is there")
@pytest.mark.parametrize(
    "words", [("--help",), ("status",), ("list",), ("verify", "--env", "prod", "--all")], ids=" ".join
)
def test_a_light_verb_loads_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    """A plain `import nbformat` costs a second where jupyter_server is installed."""
    shutil.copy(ROOT / "runbook.toml", tmp_path)
    for name in (".runbook", "runbooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    loaded = loaded_by(tmp_path, *words)

    assert "runbook.cli.main" in loaded
    heavy = KEPT_FROM_LIGHT_VERBS | ({"cryptography"} if words in (("--help",), ("status",)) else set())
    assert {name for name in loaded if name.partition(".")[0] in heavy} == set()
