"""What a sync comes to, in one line a person reads at a glance. Pure."""

from runbook.pairing.reports import PairReport

_ARROWS = {"to-notebook": "→", "made-notebook": "→", "to-text": "←", "made-text": "←", "merged": "↔"}


def line_of(report: PairReport) -> str:
    """`x.py → x.ipynb: 2 cells changed, outputs of 1 dropped`; problems stand as they are."""
    other = _beside(report.name, report.notebook)
    arrow = _ARROWS.get(report.action)
    if arrow is None:
        return f"{report.name}: {report.message}"
    return f"{report.name} {arrow} {other}: {_what(report)}"


def notes_of(report: PairReport) -> list[str]:
    """The lines below: stale approvals first, then what else is to be known, then what to do."""
    lines = [stale_line(report.name, each) for each in report.stale]
    if report.taken_back is not None:
        lines.append(f"{report.name}: the notebook took back what was last edited in the text")
        lines.append(f"  next: if that was not meant: `runbook restore {report.name}@{report.taken_back}`")
    lines += [f"{report.name}: {note}" for note in report.notes]
    if report.conflict is not None:
        lines.append(f"{report.name}: both versions are in {report.conflict}")
    lines += [f"  next: {hint}" for hint in dict.fromkeys(p.hint for p in report.problems if p.hint)]
    return lines


def stale_line(name: str, stale: str) -> str:
    """`stale` is one entry of `PairReport.stale`: `bob@example.com (prod, staging)`."""
    who, _, where = stale.removesuffix(")").partition(" (")
    return f"{name}: approval for {where} is now stale ({who})"


def _what(report: PairReport) -> str:
    verbs = {"made-notebook": "made", "made-text": "made again", "merged": "merged"}
    cells = f"{report.cells} cell{'' if report.cells == 1 else 's'}"
    verb = verbs.get(report.action, "changed")
    words = [f"{cells} {verb}" if report.cells else verb if report.action in verbs else "header changed"]
    if report.outputs_kept and report.wrote_notebook:
        words.append(f"outputs of {report.outputs_kept} kept")
    if report.outputs_dropped:
        words.append(f"outputs of {report.outputs_dropped} dropped")
    return ", ".join(words)


def _beside(name: str, notebook: str) -> str:
    """The notebook's path, shortened to its name where it stands beside the text."""
    folder, _, own = notebook.rpartition("/")
    return own if folder == name.rpartition("/")[0] else notebook
