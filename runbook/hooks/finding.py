"""What a hook finds, and how it is said: the file, what is wrong, and the command that mends it."""

from collections.abc import Callable, Iterable

import msgspec

Tell = Callable[[str], None]
"""Says one thing to whoever commits or pushes: who calls a hook knows what that is said on."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One reason not to commit, or, where it does not refuse, something to know beside."""

    path: str
    message: str
    mend: str | None = None
    refuses: bool = True


def say(found: Iterable[Found], tell: Tell) -> int:
    """Tell them all; 1 when one of them refuses, else 0: what git asks of a hook."""
    code = 0
    for each in found:
        code |= each.refuses
        tell(f"{each.path}: {each.message}")
        if each.mend:
            tell(f"    mend it: {each.mend}")
    return code
