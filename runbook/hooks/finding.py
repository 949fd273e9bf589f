"""What a hook finds, and how it is said: the file, what is wrong, and the command that mends it."""

from collections.abc import Iterable

import msgspec

from runbook.evidence import inert


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One reason not to commit."""

    path: str
    message: str
    mend: str | None = None


def say(found: Iterable[Found]) -> int:
    """Print them all; 1 when there are any, else 0: what git asks of a hook."""
    code = 0
    for each in found:
        code = 1
        print(inert.block(f"{each.path}: {each.message}"))
        if each.mend:
            print(inert.block(f"    mend it: {each.mend}"))
    return code
