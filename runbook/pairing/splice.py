"""Editing one JSON object in place: the values that change are written, every other byte stays. Pure."""

import json
import re
from collections.abc import Iterable, Mapping

_BLANKS = " \t\n\r"
# One member up to its value; the comma before it belongs to no one.
_MEMBER = re.compile(r'[ \t\n\r]*,?[ \t\n\r]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\n\r]*:[ \t\n\r]*')
_DECODER = json.JSONDecoder()


def spans(text: str) -> list[tuple[str, int, int, int]]:
    """The members of the object `text`: (key, where the key begins, where its value begins, and ends).

    Raises ValueError for what is no object.
    """
    found: list[tuple[str, int, int, int]] = []
    at = 1
    while member := _MEMBER.match(text, at):
        spelled, start = member[1], member.end()
        key = json.loads(spelled) if "\\" in spelled else spelled[1:-1]
        _, at = _DECODER.raw_decode(text, start)
        found.append((key, member.start(1), start, at))
    if text[at:].strip(_BLANKS) != "}":
        raise ValueError("not an object")
    return found


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
