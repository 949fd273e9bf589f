"""Writing: cells as percent lines in their one spelling. Pure.

Vouches for nothing: whoever writes a text reads it back and compares (`normal`, `notebook`), because a line
of code that looks like a marker, or a title with `=` in it, can't be carried by percent text.
"""

import json
from collections.abc import Sequence

from runbook.text.fences import FENCE
from runbook.text.jupyter_section import normal_section
from runbook.text.marker import OPTIONS, Kind


def marker_line(kind: Kind, title: str, options: Sequence[tuple[str, object]]) -> str:
    """`# %%`, the title, the kind unless it is code, the options: known ones first, in their usual order."""
    words = ["# %%"]
    words += [title] if title else []
    words += [] if kind == "code" else [f"[{kind}]"]
    words += [f"{key}={json.dumps(value)}" for key, value in options]
    return " ".join(words)


def in_order(options: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    """Options in the order of the documentation; what is not known stays behind, as it came."""
    known = {key: place for place, key in enumerate(OPTIONS)}
    return sorted(options, key=lambda option: known.get(option[0], len(known)))


def body_lines(kind: Kind, source: str) -> list[str]:
    """The lines under the marker: code as it is, prose behind `# `."""
    if not source:
        return []
    lines = source.split("\n")
    return lines if kind == "code" else commented(lines)


def commented(lines: Sequence[str]) -> list[str]:
    """Each line behind `# `; an empty one is `#`."""
    return [f"# {line}" if line else "#" for line in lines]


def header_lines(root: Sequence[str], *, formats: str | None = None) -> list[str]:
    """The header with its fences: the root's lines (without `# `), the `jupyter:` section in normal form."""
    return [FENCE, *commented([*root, *normal_section(formats)]), FENCE]
