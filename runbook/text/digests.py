"""Digests: what an approval is about, and what would run (DESIGN §4.5). Pure.

Everything that goes in is put behind its length, so that no two different runbooks give the same bytes.
"""

from collections.abc import Iterable, Sequence

from runbook.canonical import digest, framed
from runbook.text.runbook import Cell, Header, Option, Parameter

_STEPS_TAG = b"runbook steps v1"


def text_digest(body: str) -> str:
    """`sha256:` of the canonical text without its `approvals:` block: an approval's subject."""
    return digest(body.encode("utf-8"))


def steps_digest(header: Header, cells: Sequence[Cell], parameters: Iterable[Parameter]) -> str:
    """`sha256:` of what would run: kernel, language, each cell's kind, options and source, includes,
    parameter declarations, and what else the header gives to the kernel (`env`, `agent`).

    Titles, blank lines between cells and the rest of the header are not in it: they change no step.
    """
    includes = () if header.includes is None else (header.includes.digest or "", *header.includes.paths)
    parts = [_STEPS_TAG, *map(str.encode, (header.kernel, header.language, str(header.agent)))]
    parts += _list(header.env)
    parts += _list(includes)
    parts.append(b"%d" % len(cells))
    for cell in cells:
        parts.append(cell.kind.encode())
        parts.append(b"%d" % len(cell.options))
        for key, value in sorted(cell.options):
            parts += [key.encode(), *_option(value)]
        parts.append(cell.source.encode())
    for declared in parameters:
        # The help is prose, and stands in the cell's source anyway.
        words = (declared.name, declared.type_text, str(declared.secret), str(declared.derived))
        default = () if declared.default_source is None else (declared.default_source,)
        parts += [*_list(words), *_list(default)]
    return digest(framed(parts))


def _list(words: Sequence[str]) -> list[bytes]:
    """Texts behind their number, so that the list's end is told too."""
    return [b"%d" % len(words), *map(str.encode, words)]


def _option(value: Option) -> list[bytes]:
    """Kind of value, then the value: a number and a text that spells it are not the same option."""
    if isinstance(value, str):
        return [b"text", value.encode()]
    if isinstance(value, int):
        return [b"number", b"%d" % value]
    return [b"list", *_list(value)]
