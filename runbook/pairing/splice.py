"""Editing one JSON object in place: the values that change are written, every other byte stays. Pure."""

import json
import re
from collections.abc import Iterable, Mapping

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def spans(text: str) -> list[tuple[str, int, int, int]]:
    """The members of the object `text`: (key, where the key begins, where its value begins, and ends).

    Raises ValueError for what is no object.
    """
    found: list[tuple[str, int, int, int]] = []
    at = _skip(text, 1)
    while text[at] != "}":
        begin = at
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, at = _DECODER.raw_decode(text, start)
        found.append((key, begin, start, at))
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def spliced(text: str, changes: Mapping[str, str], dropped: Iterable[str] = ()) -> str:
    """`text` with these values (JSON texts) in place of the old ones; missing members come first, `dropped`
    ones go."""
    gone = frozenset(dropped)
    members = spans(text)
    opening = text[: members[0][1]] if members else "{"
    blank = opening[1:]
    parts: list[str] = []
    seen = set()
    for index, (key, begin, start, end) in enumerate(members):
        seen.add(key)
        if key in gone:
            continue
        value = changes.get(key, text[start:end])
        between = text[members[index - 1][3] : begin] if index and parts else ""
        parts.append(between + text[begin:start] + value)
    fresh = [
        f"{json.dumps(key)}: {value}" for key, value in changes.items() if key not in seen and key not in gone
    ]
    closing = text[members[-1][3] :] if members else "}"
    if not fresh:
        return opening + "".join(parts) + closing
    head = f",{blank or ' '}".join(fresh)
    rest = "".join(parts)
    return opening + head + (f",{blank or ' '}{rest}" if rest else "") + closing
