"""All checks before a commit, for people without pre-commit: one process, everything said at once."""

from collections.abc import Sequence

from runbook.hooks import lint, no_outputs, sync
from runbook.hooks.finding import Tell, say
from runbook.workspace import Surroundings


def main(argv: Sequence[str], around: Surroundings, tell: Tell) -> int:
    """As `hooks/sync`; git gives this hook no words."""
    found = [each for hook in (sync, no_outputs, lint) for each in hook.findings(argv, around)]
    code = say(found, tell)
    if code:
        tell("nothing was committed; `git commit --no-verify` goes past these checks")
    return code
