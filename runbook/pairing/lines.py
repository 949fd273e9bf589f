"""Three-way merge of lines, in near-linear time. Pure.

Never drops a line that only one side brought, never invents one: what overlaps or touches is no clean merge.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

Block = tuple[int, int, int]
"""`length` equal lines at `a` and at `b`: (a, b, length)."""

# Above this product of lines, a stretch without a single unique common line counts as changed as a whole.
_SMALL_PRODUCT = 40_000


def matches(first: Sequence[str], second: Sequence[str]) -> list[Block]:
    """Stretches of equal lines in both, in order: equal ends, then lines that stand once on either side."""
    found: list[Block] = []
    _match(first, second, (0, len(first), 0, len(second)), found)
    found.append((len(first), len(second), 0))
    return found


def _match(
    first: Sequence[str], second: Sequence[str], span: tuple[int, int, int, int], found: list[Block]
) -> None:
    todo = [(span, False)]
    while todo:
        (a, a_end, b, b_end), is_block = todo.pop()
        if is_block:
            found.append((a, b, a_end - a))
            continue
        head = 0
        while a + head < a_end and b + head < b_end and first[a + head] == second[b + head]:
            head += 1
        tail = 0
        while (
            a_end - tail > a + head
            and b_end - tail > b + head
            and first[a_end - tail - 1] == second[b_end - tail - 1]
        ):
            tail += 1
        later: list[tuple[tuple[int, int, int, int], bool]] = []
        if head:
            later.append(((a, a + head, b, b + head), True))
        later.extend(_inner(first, second, (a + head, a_end - tail, b + head, b_end - tail)))
        if tail:
            later.append(((a_end - tail, a_end, b_end - tail, b_end), True))
        todo.extend(reversed(later))


def _inner(
    first: Sequence[str], second: Sequence[str], span: tuple[int, int, int, int]
) -> list[tuple[tuple[int, int, int, int], bool]]:
    a, a_end, b, b_end = span
    if a == a_end or b == b_end:
        return []
    anchors = _anchors(first, second, span)
    if anchors:
        parts: list[tuple[tuple[int, int, int, int], bool]] = []
        for x, y in anchors:
            parts.append(((a, x, b, y), False))
            parts.append(((x, x + 1, y, y + 1), True))
            a, b = x + 1, y + 1
        parts.append(((a, a_end, b, b_end), False))
        return parts
    if (a_end - a) * (b_end - b) > _SMALL_PRODUCT:
        return []
    matcher = SequenceMatcher(None, first[a:a_end], second[b:b_end], autojunk=False)
    return [
        ((a + x, a + x + size, b + y, b + y + size), True)
        for x, y, size in matcher.get_matching_blocks()
        if size
    ]


def _anchors(
    first: Sequence[str], second: Sequence[str], span: tuple[int, int, int, int]
) -> list[tuple[int, int]]:
    """Lines that stand once on either side, the longest run of them that is in order (patience)."""
    a, a_end, b, b_end = span
    once_a = _once(first, a, a_end)
    once_b = _once(second, b, b_end)
    pairs = [(x, once_b[line]) for line, x in once_a.items() if line in once_b]
    pairs.sort()
    return longest_run(pairs)


def _once(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    seen: dict[str, int] = {}
    twice: set[str] = set()
    for index in range(start, end):
        line = lines[index]
        if line in seen:
            twice.add(line)
        else:
            seen[line] = index
    for line in twice:
        del seen[line]
    return seen


def longest_run(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of pairs (sorted by their first) whose seconds grow."""
    tops: list[int] = []
    piles: list[int] = []
    back: list[int] = []
    for index, (_, y) in enumerate(pairs):
        low, high = 0, len(tops)
        while low < high:
            middle = (low + high) // 2
            if tops[middle] < y:
                low = middle + 1
            else:
                high = middle
        back.append(piles[low - 1] if low else -1)
        if low == len(tops):
            tops.append(y)
            piles.append(index)
        else:
            tops[low], piles[low] = y, index
    run: list[tuple[int, int]] = []
    at = piles[-1] if piles else -1
    while at >= 0:
        run.append(pairs[at])
        at = back[at]
    return run[::-1]


def merge_lines(base: Sequence[str], first: Sequence[str], second: Sequence[str]) -> list[str] | None:
    """The lines with both sides' changes, or None when they touch each other."""
    merged: list[str] = []
    at = a = b = 0
    for start, end, a_start, b_start in _stable(base, first, second):
        old, left, right = base[at:start], first[a:a_start], second[b:b_start]
        if left == right or right == old:
            merged.extend(left)
        elif left == old:
            merged.extend(right)
        else:
            return None
        merged.extend(base[start:end])
        at, a, b = end, a_start + (end - start), b_start + (end - start)
    return merged


def _stable(
    base: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> list[tuple[int, int, int, int]]:
    """Stretches of base that both sides kept: (start, end, start in first, start in second), and the end."""
    left, right = matches(base, first), matches(base, second)
    found: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i][0], right[j][0])
        end = min(left[i][0] + left[i][2], right[j][0] + right[j][2])
        if start < end:
            found.append((start, end, left[i][1] + start - left[i][0], right[j][1] + start - right[j][0]))
        if left[i][0] + left[i][2] < right[j][0] + right[j][2]:
            i += 1
        else:
            j += 1
    found.append((len(base), len(base), len(first), len(second)))
    return found


def merge_text(base: str, first: str, second: str) -> str | None:
    """`merge_lines` on the lines of three texts."""
    if first in (second, base):
        return second
    if second == base:
        return first
    merged = merge_lines(base.split("\n"), first.split("\n"), second.split("\n"))
    return None if merged is None else "\n".join(merged)
