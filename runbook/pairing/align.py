"""Which cell became which: by identity, then by content, then by resemblance. Linear in the number of cells.

Two cells are never matched twice, and a cell without a fair counterpart stays alone: a wrong match would give
one cell's edit to another.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import chain

import msgspec

from runbook.pairing.cells import Cell

_WORD = re.compile(r"\w+")
# A word in more cells than this says little about which cell it is.
_COMMON = 8
_WORDS_READ = 400


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one side; `ids` are nbformat's, where they are known (None: all unknown)."""

    cells: tuple[Cell, ...]
    ids: tuple[str | None, ...] | None = None


def align(old: Side, new: Side) -> list[int | None]:
    """For each old cell the index of the new cell that it became, or None."""
    found: list[int | None] = [None] * len(old.cells)
    taken = [False] * len(new.cells)

    def match(i: int, j: int) -> None:
        found[i] = j
        taken[j] = True

    _by_ends(old, new, match)
    if None not in found or all(taken):
        return found  # the ordinary: nothing is left to be told apart
    _by_key(old, new, found, taken, match, _ids)
    _by_key(old, new, found, taken, match, _names)
    _by_content(old, new, found, taken, match)
    _by_place(old, new, found, taken, match)
    return found


def _same(old: Side, i: int, new: Side, j: int) -> bool:
    if old.ids is not None and new.ids is not None:
        first, second = old.ids[i], new.ids[j]
        if first is not None and second is not None and first != second:
            return False
    return _content(old.cells[i]) == _content(new.cells[j])


def _content(cell: Cell) -> tuple[str, str]:
    return (cell.kind, cell.source)


def _by_ends(old: Side, new: Side, match: Callable[[int, int], None]) -> None:
    """Equal cells at both ends: nearly always nearly all."""
    n, m = len(old.cells), len(new.cells)
    head = 0
    while head < min(n, m) and _same(old, head, new, head):
        match(head, head)
        head += 1
    tail = 0
    while tail < min(n, m) - head and _same(old, n - 1 - tail, new, m - 1 - tail):
        match(n - 1 - tail, m - 1 - tail)
        tail += 1


def _ids(side: Side, index: int) -> object:
    return side.ids[index] if side.ids is not None else None


def _names(side: Side, index: int) -> object:
    return next((value for key, value in side.cells[index].meta if key == "name"), None)


def _by_key(
    old: Side,
    new: Side,
    found: list[int | None],
    taken: list[bool],
    match: Callable[[int, int], None],
    key: Callable[[Side, int], object],
) -> None:
    """Cells with the same id, or the same name, where it stands once on either side."""
    first = _once([key(old, i) for i in range(len(found))], [each is not None for each in found])
    if not first:
        return
    second = _once([key(new, j) for j in range(len(taken))], taken)
    for word, i in first.items():
        if word in second:
            match(i, second[word])


def _once(keys: Sequence[object], taken: Sequence[bool]) -> dict[object, int]:
    count: dict[object, int] = defaultdict(int)
    for key in keys:
        count[key] += 1
    return {
        key: index
        for index, key in enumerate(keys)
        if key is not None and count[key] == 1 and not taken[index]
    }


def _by_content(
    old: Side, new: Side, found: list[int | None], taken: list[bool], match: Callable[[int, int], None]
) -> None:
    """Exactly equal cells, wherever they stand: first to first, second to second."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for j in range(len(taken) - 1, -1, -1):
        if not taken[j]:
            places[_content(new.cells[j])].append(j)
    for i in range(len(found)):
        if found[i] is None and old.cells[i].source and (queue := places.get(_content(old.cells[i]))):
            match(i, queue.pop())


def _by_place(
    old: Side, new: Side, found: list[int | None], taken: list[bool], match: Callable[[int, int], None]
) -> None:
    """What is left between the same neighbours: by the words they share, then one to one."""
    gaps_new = _gaps_new(found, taken)
    for anchor, left in _gaps_old(found).items():
        right = gaps_new.get(anchor, [])
        if not right:
            continue
        _by_words(old, new, (left, right), match)
        left = [i for i in left if found[i] is None]
        right = [j for j in right if not taken[j]]
        if len(left) == len(right):
            for i, j in zip(left, right, strict=True):
                if old.cells[i].kind == new.cells[j].kind:
                    match(i, j)


def _gaps_old(found: Sequence[int | None]) -> dict[int, list[int]]:
    """Unmatched old cells by the new index of the match before them (-1: none)."""
    gaps: dict[int, list[int]] = defaultdict(list)
    anchor = -1
    for i, j in enumerate(found):
        if j is None:
            gaps[anchor].append(i)
        else:
            anchor = j
    return gaps


def _gaps_new(found: Sequence[int | None], taken: Sequence[bool]) -> dict[int, list[int]]:
    gaps: dict[int, list[int]] = defaultdict(list)
    anchor = -1
    for j, is_taken in enumerate(taken):
        if is_taken:
            anchor = j
        else:
            gaps[anchor].append(j)
    return gaps


def _by_words(
    old: Side, new: Side, gap: tuple[Sequence[int], Sequence[int]], match: Callable[[int, int], None]
) -> None:
    """Cells in one gap that share most of their rarer words, in order."""
    left, right = gap
    if len(left) == len(right) == 1:
        return
    there = {j: _words(new.cells[j]) for j in right}
    often = Counter(chain.from_iterable(there.values()))
    rare = {word for word, count in often.items() if count <= _COMMON}
    places: dict[str, list[int]] = defaultdict(list)
    for j, words in there.items():
        for word in words & rare:
            places[word].append(j)
    last = -1
    for i in left:
        words = _words(old.cells[i])
        votes: dict[int, int] = defaultdict(int)
        for word in words & rare:
            for j in places[word]:
                votes[j] += 1
        fair = [
            (-count, j)
            for j, count in votes.items()
            if j > last
            and new.cells[j].kind == old.cells[i].kind
            and 3 * count >= max(len(words), len(there[j]))
        ]
        if fair:
            last = min(fair)[1]
            match(i, last)


def _words(cell: Cell) -> set[str]:
    return set(_WORD.findall(cell.source)[:_WORDS_READ])
