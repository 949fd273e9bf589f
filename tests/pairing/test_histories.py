"""Random histories of two sides that are edited, run, touched, cut off, renamed, killed: every edit carries a
token, and every token is found again (DESIGN §6, promise 2).
"""

import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runbook.errors import NotFoundError
from runbook.pairing.history import versions
from runbook.pairing.reports import PairReport
from runbook.pairing.resolve import resolve
from runbook.pairing.state import State
from runbook.store import checkup
from runbook.store.store import open_store
from tests.pairing.builders import NOW, TEXT, Bench, run_cell

SOAK = 100 if os.environ.get("RUNBOOK_SOAK") else 0
_TOKEN = re.compile(r"tok\d+end")
POINTS = [
    "kept",
    "intended",
    "prepared",
    "exchanged",
    "checked",
    "between",
    "written",
    "created",
    "before-create",
]


class Histories(RuleBasedStateMachine):
    """One pair, two people, one machine that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="histories-"))
        self.bench = Bench(self.folder / "w")
        self.count = 0
        self.tokens: set[str] = set()
        self.last: PairReport | None = None

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            shutil.rmtree(self.folder)

    def _token(self) -> str:
        self.count += 1
        token = f"tok{self.count}end"
        self.tokens.add(token)
        return token

    @initialize()
    def start(self) -> None:
        self.bench.sync()

    # --- people

    @rule(pick=st.integers(0, 99), kind=st.sampled_from(["line", "cell", "prose", "inside"]))
    @precondition(lambda self: self.bench.text.exists())
    def edit_text(self, pick: int, kind: str) -> None:
        lines = self.bench.text.read_bytes().decode("utf-8").split("\n")
        token = self._token()
        body = [i for i, line in enumerate(lines) if line.startswith("# %%")]
        if not body:
            self.bench.write("\n".join([*lines, f"# %%\n{token} = 1\n"]))
            return
        at = body[pick % len(body)] + 1
        code = "[markdown]" not in lines[at - 1]
        if kind == "cell":
            lines[at - 1 : at - 1] = ["# %%", f"{token} = {self.count}", ""]
        elif kind == "prose":
            lines[at - 1 : at - 1] = ["# %% [markdown]", f"# {token} words", ""]
        elif kind == "inside" and at < len(lines) and lines[at] and not lines[at].startswith("# %%"):
            lines[at] += f"  # {token}"
        else:
            lines.insert(at, f"{token} = 0" if code else f"# {token}")
        self.bench.write("\n".join(lines))

    @rule(pick=st.integers(0, 99), kind=st.sampled_from(["line", "cell", "prose", "inside"]))
    @precondition(lambda self: self._can_save())
    def edit_notebook(self, pick: int, kind: str) -> None:
        token = self._token()

        def change(cells: list[dict[str, Any]]) -> None:
            at = pick % (len(cells) + 1)
            if kind in ("cell", "prose") or not cells:
                cell: dict[str, Any] = {"id": f"n{self.count}", "metadata": {}, "source": [f"{token} = 1"]}
                cell |= {"cell_type": "markdown" if kind == "prose" else "code"}
                if kind != "prose":
                    cell |= {"execution_count": None, "outputs": []}
                cells.insert(at, cell)
                return
            source = "".join(cells[at % len(cells)]["source"]).split("\n")
            if kind == "inside":
                source[pick % len(source)] += f"  # {token}"
            else:
                source.insert(pick % (len(source) + 1), f"{token} = 2")
            cells[at % len(cells)]["source"] = "\n".join(source).splitlines(keepends=True)

        self.bench.change(change)

    @rule(pick=st.integers(0, 99))
    @precondition(lambda self: self._can_save())
    def run_in_jupyter(self, pick: int) -> None:
        self.sync()  # the outputs that this run replaces must have been seen
        if not self._can_save():
            return

        def change(cells: list[dict[str, Any]]) -> None:
            own = [cell for cell in cells if cell["cell_type"] == "code"]
            if own:
                run_cell(own[pick % len(own)], self._token())

        self.bench.change(change)
        # Run, then edited, then seen for the first time: nobody could tell which source made the output.
        self.sync()

    @rule(pick=st.integers(0, 99), how=st.sampled_from(["delete", "move", "metadata", "clear"]))
    @precondition(lambda self: self._can_save())
    def rearrange_in_jupyter(self, pick: int, how: str) -> None:
        self.sync()  # what is deleted must have been seen
        if not self._can_save():
            return

        def change(cells: list[dict[str, Any]]) -> None:
            if len(cells) < 3:
                return
            cell = cells[pick % len(cells)]
            if how in ("delete", "move"):
                cells.remove(cell)
            if how == "move":
                cells.insert((pick // 7) % (len(cells) + 1), cell)
            if how == "metadata":
                cell["metadata"]["slideshow"] = {"slide_type": "slide"}
            if how == "clear" and cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None

        self.bench.change(change)

    # --- the world

    @rule(side=st.sampled_from(["text", "notebook"]), ahead=st.integers(-10_000, 10_000))
    def clocks_lie(self, side: str, ahead: int) -> None:
        path = self.bench.text if side == "text" else self.bench.notebook
        with contextlib.suppress(FileNotFoundError):
            now = path.stat().st_mtime + ahead
            os.utime(path, (now, now))

    @rule(side=st.sampled_from(["text", "notebook"]), part=st.integers(0, 99), syncs=st.booleans())
    def a_save_is_cut_off_and_comes_again(self, side: str, part: int, syncs: bool) -> None:
        path = self.bench.text if side == "text" else self.bench.notebook
        if not path.exists():
            return
        self.sync()
        if not path.exists():
            return
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * part // 100])
        if syncs:
            report = self.bench.sync()
            if part < 40:
                assert report.action in ("quarantined", "refused", "blocked", "conflict"), report
        if path.exists() and path.read_bytes() == whole[: len(whole) * part // 100]:
            path.write_bytes(whole)

    @rule(side=st.sampled_from(["text", "notebook"]))
    def a_side_is_deleted(self, side: str) -> None:
        self.sync()
        path = self.bench.text if side == "text" else self.bench.notebook
        path.unlink(missing_ok=True)

    @rule(number=st.integers(0, 99))
    def an_old_version_is_checked_out(self, number: int) -> None:
        self.sync()
        with contextlib.suppress(NotFoundError):
            known = [each for each in versions(self.bench.place, "runbooks/x.py") if each.side == "text"]
            if known:
                data = open_store(self.bench.place.store).get(known[number % len(known)].digest)
                if data:
                    self.bench.text.write_bytes(data)

    @rule(side=st.sampled_from(["text", "notebook"]), syncs=st.booleans(), inside=st.booleans())
    @precondition(lambda self: self._can_save() and self.bench.text.exists())
    def an_editor_moves_the_file_away_and_writes_a_new_one(
        self, side: str, syncs: bool, inside: bool
    ) -> None:
        """As Vim and Emacs save with a backup; a sync may see the moment without a file."""
        self.sync()
        if not (self._can_save() and self.bench.text.exists()):
            return
        path, data = self._with_a_cell_more(side, inside=inside)
        backup = path.with_name(path.name + "~")
        path.rename(backup)
        if syncs:
            self.sync()
        path.write_bytes(data)
        self._token()
        backup.unlink()

    @rule(sides=st.sampled_from([("text",), ("text", "notebook")]), edits=st.booleans(), syncs=st.booleans())
    @precondition(lambda self: self.bench.text.exists())
    def it_is_renamed_and_back(self, sides: tuple[str, ...], edits: bool, syncs: bool) -> None:
        self.sync()
        pairs = [(self.bench.text, self.bench.text.with_name("y.py"))]
        if "notebook" in sides and self.bench.notebook.exists():
            pairs.append((self.bench.notebook, self.bench.notebook.with_name("y.ipynb")))
        for here, there in pairs:
            if not there.exists():  # what an earlier rename left alone there stays
                here.rename(there)
        if syncs:
            self.bench.sync_all()
        if edits:
            new = pairs[0][1]
            new.write_bytes(new.read_bytes() + f"\n# %%\n{self._token()} = 5\n".encode())
            self.bench.sync_all()
        for name, back in (("y.py", self.bench.text), ("y.ipynb", self.bench.notebook)):
            there = self.bench.text.with_name(name)
            if there.exists() and not back.exists():
                there.rename(back)
        self.bench.sync_all()
        self.sync()

    @rule(edits=st.booleans())
    @precondition(lambda self: self.bench.text.exists())
    def another_text_is_renamed_over_it(self, edits: bool) -> None:
        """What stood here is in the versions; the notebook of the other one stays, alone."""
        self.sync()
        other = self.bench.text.with_name("y.py")
        if other.exists() or not self.bench.text.exists():
            return
        body = self.bench.text.read_bytes() if edits else TEXT.encode()
        other.write_bytes(body + f"\n# %%\n{self._token()} = 6\n".encode())
        self.bench.sync_all()
        other.rename(self.bench.text)
        self.bench.sync_all()
        self.sync()

    @rule(number=st.integers(0, 99), edits=st.booleans())
    @precondition(lambda self: self.bench.text.exists())
    def it_is_stashed_and_popped(self, number: int, edits: bool) -> None:
        """The text goes back to what was committed, and comes again where nobody changed it meanwhile."""
        self.sync()
        mine = self.bench.text.read_bytes()
        self.an_old_version_is_checked_out(number)
        self.sync()
        if not self.bench.text.exists():
            return
        clean = self.bench.text.read_bytes()
        if edits and self._can_save():
            self.edit_notebook(number, "line")
            self.sync()
        if self.bench.text.exists() and self.bench.text.read_bytes() == clean:
            self.bench.text.write_bytes(mine)

    @rule()
    def the_state_is_deleted(self) -> None:
        """What was known of cells that were edited and not run again, the versions know too."""
        shutil.rmtree(self.bench.place.state, ignore_errors=True)

    @rule()
    def sync(self) -> None:
        self.last = self.bench.sync()

    @rule(take=st.sampled_from(["text", "notebook", "both"]))
    @precondition(lambda self: self.last is not None and self.last.action == "conflict")
    def a_person_resolves(self, take: Any) -> None:
        self.last = resolve(self.bench.place, self.bench.pair, take=take, now=NOW)

    @rule(point=st.sampled_from(POINTS), skip=st.integers(0, 1))
    def the_machine_is_killed(self, point: str, skip: int) -> None:
        child = os.fork()
        if child == 0:
            left = [skip]

            def fault(name: str) -> None:
                if name == point:
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            try:
                self.bench.sync(fault=fault)
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    @rule(point=st.sampled_from(POINTS), side=st.sampled_from(["text", "notebook"]))
    def somebody_saves_in_the_middle(self, point: str, side: str) -> None:
        done: list[str] = []

        def fault(name: str) -> None:
            if name == point and not done:
                done.append(name)
                with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
                    self._crossing_save(side)

        self.last = self.bench.sync(fault=fault)

    def _crossing_save(self, side: str) -> None:
        """By rename, as most editors save: a write in place would wait for our lease, in our own process."""
        path, data = self._with_a_cell_more(side)
        other = path.with_name(path.name + ".editor~")
        other.write_bytes(data)
        other.rename(path)
        self._token()

    def _with_a_cell_more(self, side: str, *, inside: bool = False) -> tuple[Path, bytes]:
        """What is to be saved: the next token is in it, and counts once it was. `inside`: every cell of a
        notebook that has outputs was edited, and not run again."""
        token = f"tok{self.count + 1}end"
        if side == "text":
            return self.bench.text, self.bench.text.read_bytes() + f"\n# %%\n{token} = 3\n".encode()
        notebook = json.loads(self.bench.notebook.read_bytes())
        for cell in notebook["cells"] if inside else []:
            if cell.get("outputs"):
                cell["source"] = [*cell["source"], f"\nedited = {self.count}"]
        cell = {"cell_type": "code", "id": f"x{self.count}", "metadata": {}, "outputs": []}
        notebook["cells"].append({**cell, "execution_count": None, "source": [f"{token} = 4"]})
        return self.bench.notebook, json.dumps(notebook, indent=1).encode()

    # --- what must hold

    def _can_save(self) -> bool:
        try:
            return "cells" in self.bench.json()
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return False

    def _settle(self) -> None:
        for _ in range(4):
            self.last = self.bench.sync()
        assert self.last is not None
        again = self.bench.sync()
        assert again.action in ("unchanged", "conflict", "orphan", "quarantined", "refused", "recorded"), (
            again
        )
        missing = self.tokens - self._found()
        assert not missing, (missing, self.last)
        if self.last.is_settled and self.bench.text.exists():
            assert self.bench.agrees(), self.last
        self._check_outputs()
        left = [path.name for path in self.bench.text.parent.iterdir() if path.name.endswith(".tmp")]
        assert not left, left
        assert checkup.check(open_store(self.bench.place.store)).findings == ()

    def _found(self) -> set[str]:
        found: set[str] = set()
        for path in self.bench.text.parent.iterdir():
            found |= set(_TOKEN.findall(path.read_bytes().decode("utf-8", "replace")))
        store = open_store(self.bench.place.store)
        for name in ("runbooks/x.py", "runbooks/y.py"):
            for entry in store.history(name):
                found |= set(_TOKEN.findall(store.get(entry.digest).decode("utf-8", "replace")))
        return found

    def _check_outputs(self) -> None:
        """Outputs stand in the cell that made them, and stale ones are known to be so."""
        if not self._can_save():
            return
        record = State(self.bench.place.state).records.get("runbooks/x.py")
        for cell in self.bench.json()["cells"]:
            for output in cell.get("outputs", ()):
                made = _made(output)
                assert made[2] == str(cell["id"])
                stamp = cell["metadata"].get("runbook", {"source": _digest(cell)})
                if record is not None and record.base_notebook == record.notebook:
                    assert made[1] == record.foreign.get(cell["id"], stamp["source"]), cell


def _made(output: dict[str, Any]) -> re.Match[str]:
    """What the output says of itself: the digest of its source, and its cell."""
    made = re.match(r"made by (sha256:[0-9a-f]{64}) in (\S+)", "".join(output["text"]))
    assert made is not None
    return made


def _digest(cell: dict[str, Any]) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256("".join(cell["source"]).encode()).hexdigest()


_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_no_edit_is_lost_in_300_random_histories() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=300, stateful_step_count=14, deadline=None, suppress_health_check=_CHECKS
        ),
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("number", range(SOAK))
def test_no_edit_is_lost_in_100_random_histories_of_this_seed(number: int) -> None:
    """All seeds together are 10 000 histories; each can be run again by its number."""
    machine = seed(number)(type(f"Histories{number}", (Histories,), {}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=_CHECKS,
        ),
    )


def test_the_example_text_is_one() -> None:
    assert "# %%" in TEXT
