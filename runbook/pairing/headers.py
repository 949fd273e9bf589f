"""The front matter: merged key by key, as lines; YAML is neither parsed nor written here. Pure.

What stands outside `jupyter:` flows both ways: it is the notebook's first raw cell. `jupyter:` itself flows
from the text to the notebook's metadata only: what Jupyter writes there for itself never reaches the text.
"""

import re
from collections.abc import Sequence

from runbook.pairing.lines import merge_lines

Lines = tuple[str, ...]
_KEY = re.compile(r"( *)([^\s#'\"{}\[\]-][^:#]*):(?:\s.*)?")
APPROVALS = "approvals"


def root_of(source: str) -> Lines:
    """The root lines in the source of a notebook's first raw cell (fences taken off)."""
    return tuple(source.strip("\n\t ").split("\n")[1:-1])


def _blocks(lines: Sequence[str], indent: int) -> list[tuple[str, Lines]] | None:
    """Lines by the key that they belong to, at one depth; None when that cannot be told."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        match = _KEY.fullmatch(line)
        if match and len(match[1]) == indent:
            found.append((match[2], [line]))
        elif found:
            found[-1][1].append(line)
        else:
            found.append(("", [line]))
    keys = [key for key, _ in found]
    if len(set(keys)) != len(keys):
        return None
    return [(key, tuple(block)) for key, block in found]


def without_approvals(root: Sequence[str]) -> Lines:
    """The root lines without the block of approvals: what approvals are about."""
    blocks = _blocks(root, 0)
    if blocks is None:
        return tuple(root)
    return tuple(line for key, block in blocks if key != APPROVALS for line in block)


def merge_root(base: Lines, mine: Lines, theirs: Lines, *, bodies_alike: bool) -> Lines | None:
    """The root lines with both sides' changes; None when they dispute a key.

    Approvals that both sides changed are united when the bodies are alike (DESIGN §5), else only those stay
    that both sides hold: an approval of one body says nothing about the merged one.
    """
    if theirs in (base, mine):
        return mine
    if mine == base:
        return theirs
    return _merged((base, mine, theirs), 0, bodies_alike)


def _merged(sides: tuple[Lines, Lines, Lines], indent: int, alike: bool) -> Lines | None:
    parts = [_blocks(side, indent) for side in sides]
    if any(part is None for part in parts):
        merged = merge_lines(*sides)
        return None if merged is None else tuple(merged)
    base, mine, theirs = (dict(part or ()) for part in parts)
    lines: list[str] = []
    for key in _order(list(mine), list(theirs)):
        block = _block(key, (base.get(key, ()), mine.get(key, ()), theirs.get(key, ())), indent, alike)
        if block is None:
            return None
        lines.extend(block)
    return tuple(lines)


def _block(key: str, sides: tuple[Lines, Lines, Lines], indent: int, alike: bool) -> Lines | None:
    base, mine, theirs = sides
    if mine == theirs or theirs == base:
        return mine
    if mine == base:
        return theirs
    if indent == 0 and key == APPROVALS:
        return _approvals(sides, alike)
    if mine and theirs and mine[0] == theirs[0] and len(mine) > 1 and len(theirs) > 1:
        inner = _merged((base[1:], mine[1:], theirs[1:]), _depth(mine[1:]), alike)
        return None if inner is None else (mine[0], *inner)
    return None


def _depth(lines: Sequence[str]) -> int:
    first = next((line for line in lines if line.strip()), "")
    # Far to the right: no key stands there, so the lines are merged as lines.
    return len(first) - len(first.lstrip(" ")) or 10_000


def _order(mine: list[str], theirs: list[str]) -> list[str]:
    """The text's order; keys that only the notebook has stand behind the key that they follow there."""
    order = list(mine)
    last: str | None = None
    for key in theirs:
        if key not in order:
            order.insert(order.index(last) + 1 if last is not None else len(order), key)
        last = key
    return order


def _entries(block: Sequence[str]) -> list[Lines]:
    found: list[list[str]] = []
    for line in block[1:]:
        if line.startswith("- ") or not found:
            found.append([line])
        else:
            found[-1].append(line)
    return [tuple(entry) for entry in found]


def _approvals(sides: tuple[Lines, Lines, Lines], alike: bool) -> Lines:
    base, mine, theirs = (_entries(side) for side in sides)
    if alike:
        kept = [entry for entry in mine if entry in theirs or entry not in base]
        kept += [entry for entry in theirs if entry not in mine and entry not in base]
    else:
        kept = [entry for entry in mine if entry in theirs]
    return (f"{APPROVALS}:", *(line for entry in kept for line in entry)) if kept else ()
