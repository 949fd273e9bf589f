"""Outputs belong to the source that made them: kept with it, dropped or marked when it changes, and never
given to another cell. Pure, linear.

A notebook that is written carries, for each cell with outputs, the digest of the source that made them
(`metadata.runbook.source`); outputs of an earlier source are marked there with `stale`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from runbook.canonical import digest, hex_digest
from runbook.pairing.cells import Cell, plain_of
from runbook.pairing.merge import Merged
from runbook.pairing.notebooks import Notebook, NotebookCell, dump, source_lines
from runbook.pairing.splice import spliced

Outputs = Literal["drop", "mark-stale"]
"""What becomes of the outputs of a cell whose source was changed in the text."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of the notebook to write, as JSON texts, and what became of outputs."""

    cells: tuple[str, ...]
    kept: int
    dropped: int
    changed: int


def _bytes(source: str) -> bytes:
    return source.encode("utf-8", "surrogatepass")


def _run_digest(cell: NotebookCell) -> str | None:
    """A digest of a cell's outputs and of the run they are from; None when it has none."""
    outputs = cell.plain.get("outputs")
    if not outputs:
        return None
    run = [outputs, cell.plain.get("execution_count")]
    return hex_digest(json.dumps(run, sort_keys=True).encode("ascii"))


def maker(cell: NotebookCell, before: NotebookCell | None, foreign: str | None) -> str | None:
    """The digest of the source that made the outputs; None without outputs.

    `before` is the same cell when it was seen last: outputs that are the same now were made by what made them
    then, others by the source that they were saved with; unless the notebook says something new about it.
    """
    if not cell.plain.get("outputs"):
        return None
    # Equal bytes are equal outputs; most cells are spared the digest of theirs.
    same = before is not None and (before.raw == cell.raw or _run_digest(before) == _run_digest(cell))
    if before is None:
        return digest(_bytes(cell.cell.source))
    if not same:
        # Jupyter leaves our stamp as it is: a new one came with the outputs, from a notebook of another name.
        told = _stamp(cell)
        return told if told is not None and told != _stamp(before) else digest(_bytes(cell.cell.source))
    if foreign is not None:
        return foreign
    return _stamp(before) or digest(_bytes(before.cell.source))


def _stamp(cell: NotebookCell) -> str | None:
    own = cell.plain.get("metadata", {}).get("runbook")
    found = own.get("source") if isinstance(own, dict) else None
    return found if isinstance(found, str) else None


def foreign_makers(notebook: Notebook, before: Notebook | None, known: Mapping[str, str]) -> dict[str, str]:
    """By cell id, the makers of outputs that the notebook itself does not tell: what Jupyter leaves when a
    cell is edited and not run again, or run again. To be remembered until the notebook is written."""
    old = {cell.id: cell for cell in before.cells if cell.id} if before else {}
    found: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.id is None or not cell.plain.get("outputs"):
            continue
        made = maker(cell, old.get(cell.id), known.get(cell.id))
        # A stamp outlives a new run in Jupyter, so it is believed only where nothing else is remembered.
        if made is not None and made != (_stamp(cell) or digest(_bytes(cell.cell.source))):
            found[cell.id] = made
    return found


def recalled_makers(notebook: Notebook, seen: Iterable[tuple[Notebook, bool]]) -> dict[str, str]:
    """`foreign_makers` where nobody remembers: from every version of the notebook that was seen, oldest
    first, and whether it was one of ours.

    Outputs were made by the source that they were first seen with; a notebook of ours says itself which.
    Those that were never seen are told by the notebook, where it says something new, else by what they stand
    with.
    """
    runs: dict[tuple[str, str], str] = {}
    stamps: dict[str, str | None] = {}
    for version, is_ours in seen:
        for cell in version.cells:
            run = _run_digest(cell)
            if cell.id is not None and run is not None:
                told = _stamp(cell) if is_ours else None
                runs.setdefault((cell.id, run), told or digest(_bytes(cell.cell.source)))
            if cell.id is not None:
                stamps[cell.id] = _stamp(cell)
    found: dict[str, str] = {}
    for cell in notebook.cells:
        run = _run_digest(cell)
        if cell.id is None or run is None:
            continue
        stamp, here = _stamp(cell), digest(_bytes(cell.cell.source))
        news = stamp if stamp != stamps.get(cell.id) else None
        made = runs.get((cell.id, run)) or news or here
        if made != (stamp or here):
            found[cell.id] = made
    return found


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What the outputs of a notebook were made by: its state when last in step, and what was remembered."""

    before: Notebook | None
    foreign: Mapping[str, str]
    policy: Outputs = "drop"
    exact: Mapping[int, str] = {}
    """By text index, the source as jupytext reads it: what a cell that comes from the text is given."""


def write_cells(notebook: Notebook, merged: Sequence[Merged], sources: Sources) -> Written:
    """The JSON text of each cell that the notebook shall hold. Cells that do not change keep their bytes, but
    for the digest of what made their outputs. Raises ValueError for metadata that JSON cannot say."""
    old = {cell.id: cell for cell in sources.before.cells if cell.id} if sources.before else {}
    taken = {cell.id for cell in notebook.cells if cell.id}
    texts: list[str] = []
    kept = dropped = changed = 0
    for place, slot in enumerate(merged):
        if slot.notebook is None:
            continue
        exact = sources.exact.get(slot.text_index) if slot.text_index is not None else None
        source = exact if exact is not None and slot.notebook == slot.text else slot.notebook.source
        if slot.notebook_index is None:
            texts.append(_new(notebook, slot.notebook, source, _fresh_id(slot.notebook, place, taken)))
            changed += 1
            continue
        cell = notebook.cells[slot.notebook_index]
        made = maker(cell, old.get(cell.id) if cell.id else None, sources.foreign.get(cell.id or ""))
        edited, keeps = _edited(notebook, cell, slot.notebook, source, (made, sources.policy))
        texts.append(edited)
        if made is not None:
            kept += keeps
            dropped += not keeps
        changed += slot.notebook != cell.cell
    return Written(cells=tuple(texts), kept=kept, dropped=dropped, changed=changed)


def _edited(
    notebook: Notebook, cell: NotebookCell, shall: Cell, source: str, made: tuple[str | None, Outputs]
) -> tuple[str, bool]:
    """One cell of the notebook with what it shall say, and whether its outputs stay; only the values that
    change are written."""
    maker_digest, policy = made
    changes: dict[str, object] = {}
    metadata = dict(cell.plain.get("metadata", {}))
    is_new_source = shall.source != cell.cell.source
    outputs = cell.plain.get("outputs")
    if shall.kind != cell.cell.kind:
        changes["cell_type"] = shall.kind
        changes |= {"outputs": [], "execution_count": None} if shall.kind == "code" else {}
        outputs = None
    elif is_new_source and outputs and policy == "drop":
        changes |= {"outputs": [], "execution_count": None}
        outputs = None
    elif (
        is_new_source
        and shall.kind == "code"
        and cell.plain.get("execution_count") is not None
        and not outputs
    ):
        changes["execution_count"] = None
    if is_new_source:
        changes["source"] = source_lines(source, cell.plain)
    metadata = _metadata(metadata, cell, shall)
    stamp = _stamped(maker_digest if outputs else None, shall.source)
    if stamp is None:
        metadata.pop("runbook", None)
    else:
        metadata["runbook"] = stamp
    if metadata != cell.plain.get("metadata", {}):
        changes["metadata"] = metadata
    if not changes:
        return cell.raw, bool(outputs)
    drop = ("outputs", "execution_count") if shall.kind != "code" and cell.cell.kind == "code" else ()
    drop = (*drop, "attachments") if shall.kind == "code" and "attachments" in cell.plain else drop
    written = {key: dump(notebook, value, depth=3) for key, value in changes.items()}
    return spliced(cell.raw, written, drop), bool(outputs)


def _stamped(maker_digest: str | None, source: str) -> dict[str, object] | None:
    if maker_digest is None:
        return None
    if maker_digest == digest(_bytes(source)):
        return {"source": maker_digest}
    return {"source": maker_digest, "stale": True}


def _metadata(metadata: dict[str, Any], cell: NotebookCell, shall: Cell) -> dict[str, Any]:
    """The notebook's metadata with the title and options that the cell shall have."""
    plain = plain_of(shall.meta)
    for key in [key for key, _ in cell.cell.meta if key not in plain]:
        metadata.pop(key, None)
    for key, value in plain.items():
        if cell.metas.get(key) != dict(shall.meta)[key]:
            metadata[key] = value
    return metadata


def new_cell(notebook: Notebook, cell: Cell, source: str, number: int, taken: set[str]) -> str:
    """A cell that was not there before, as JSON text."""
    return _new(notebook, cell, source, _fresh_id(cell, number, taken))


def _new(notebook: Notebook, cell: Cell, source: str, cell_id: str) -> str:
    plain: dict[str, object] = {"cell_type": cell.kind}
    if cell.kind == "code":
        plain["execution_count"] = None
    if notebook.has_ids:
        plain["id"] = cell_id
    plain["metadata"] = plain_of(cell.meta)
    if cell.kind == "code":
        plain["outputs"] = []
    plain["source"] = source_lines(source, None)
    return dump(notebook, plain, depth=2)


def _fresh_id(cell: Cell, number: int, taken: set[str]) -> str:
    """An id that no other cell has; the same history gives the same ids."""
    attempt = 0
    while True:
        words = f"{number}\n{attempt}\n{cell.kind}\n{cell.source}"
        found = hex_digest(_bytes(words))[:8]
        if found not in taken:
            taken.add(found)
            return found
        attempt += 1
