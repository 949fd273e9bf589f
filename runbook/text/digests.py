"""Digests: what an approval is about, and what would run (DESIGN §4.5). Pure.

Everything that goes in is put behind its length, so that no two different runbooks give the same bytes.
"""

from collections.abc import Iterable, Sequence

from runbook.canonical import canonical_json, digest, framed
from runbook.text.runbook import Cell, Header, Parameter

_STEPS_TAG = b"runbook steps v1"


def text_digest(body: str) -> str:
    """`sha256:` of the canonical text without its `approvals:` block: an approval's subject."""
    return digest(body.encode("utf-8"))


def steps_digest(header: Header, cells: Sequence[Cell], parameters: Iterable[Parameter]) -> str:
    """`sha256:` of what would run: kernel, language, each cell's kind, options and source, includes,
    parameter declarations, and what else the header gives to the kernel (`env`, `agent`).

    Titles, blank lines between cells and the rest of the header are not in it: they change no step.
    """
    includes: list[bytes] = []
    if header.includes is not None:
        includes = [(header.includes.digest or "").encode("utf-8"), *map(str.encode, header.includes.paths)]
    declarations = [
        [p.name, p.type_text, p.default_source, p.secret, p.derived] for p in parameters
    ]  # the help is prose: it is in the cell's source anyway
    parts = [
        _STEPS_TAG,
        header.kernel.encode("utf-8"),
        header.language.encode("utf-8"),
        canonical_json([list(header.env), header.agent]),
        framed(_cell(cell) for cell in cells),
        framed(includes),
        canonical_json(declarations),
    ]
    return digest(framed(parts))


def _cell(cell: Cell) -> bytes:
    options = canonical_json([[key, value] for key, value in sorted(cell.options)])
    return framed([cell.kind.encode("ascii"), options, cell.source.encode("utf-8")])
