"""The picture of included files, for a reviewer. Renders values; decides nothing."""

from runbook.cli import show
from runbook.verbs.reviewed_files import ReviewedFiles

_COLOURS = {"+": "green", "-": "red"}
_WORDS = {"unknown": "", "same": "as approved: ", "gone": "", "new": "NEW: ", "changed": "CHANGED: "}


def reviewed(found: ReviewedFiles) -> None:
    """Every included file whole, then what changed since they were approved: nearest to the question."""
    show.painted(f"\nincluded files, {found.digest}:", "bold")
    for each in found.files:
        show.painted(f"\n--- {each.path}  ({_WORDS[each.state]}{each.facts})", "cyan")
        for number, line in enumerate(each.lines, 1):
            show.quoted(f"{number:5} | ", line)
        for number, name in each.unusual:
            show.painted(f"  outside ASCII, line {number}: {name}", "yellow")
    show.painted(f"\n{found.since}", "bold")
    for each in found.files:
        if each.state in ("new", "changed", "gone"):
            show.painted(f"  {each.path}: {each.state}", "yellow")
        for line in each.difference:
            show.quoted("    ", line, _COLOURS.get(line[:1], "dim"))
