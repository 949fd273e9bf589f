"""Markdown that can't be talked out of its shape: a page, written so that no output reads as structure. Pure.

1 Words that are not ours stand in code spans or in fences, nowhere else. 2 A span's and a fence's backticks
are more than any run of backticks inside. 3 What would be obeyed or hides is spelled (`inert`), so no line
inside can end the fence or begin outside it. 4 There is no HTML, no link, nothing that is fetched; an image
is a file of `blobs/`, named by its digest. Tables are not used: there a `|` works even inside a span.
"""

import re

from runbook.evidence import inert
from runbook.evidence.page import Block, Facts, Heading, Listing, Page, Paragraph, Picture, Said, Words

_RUNS = re.compile("`+")
_BLOB = re.compile(r"[0-9a-f]{64}")


def render(page: Page) -> str:
    """The page as markdown, with a final newline."""
    return "\n".join("\n".join(_block(block)) + "\n" for block in page.blocks)


def span(text: str) -> str:
    """`text` as one code span; `(empty)` for nothing at all."""
    if not text:
        return "(empty)"
    shown = inert.line(text)
    mark = "`" * (_longest(shown) + 1)
    if shown.startswith("`") or shown.endswith("`") or (shown[0] == shown[-1] == " " and shown.strip()):
        shown = f" {shown} "  # markdown takes one blank off each side
    return f"{mark}{shown}{mark}"


def fence(text: str, language: str = "text") -> str:
    """`text` as one fenced block, without a line end behind it."""
    shown = inert.block(text)
    mark = "`" * max(3, _longest(shown) + 1)
    end = "" if shown.endswith("\n") or not shown else "\n"
    return f"{mark}{language}\n{shown}{end}{mark}"


def _longest(text: str) -> int:
    return max((len(run) for run in _RUNS.findall(text)), default=0)


def words(parts: Words) -> str:
    """Our words as they are, those of others in spans."""
    return "".join(span(part.text) if isinstance(part, Said) else part for part in parts)


def _block(block: Block) -> list[str]:
    match block:
        case Heading(level, parts):
            return [f"{'#' * level} {words(parts)}"]
        case Paragraph(parts, loud):
            return [f"**{words(parts)}**" if loud else words(parts)]
        case Facts(rows):
            return [f"- {label}: {words(parts)}" if label else f"- {words(parts)}" for label, parts in rows]
        case Listing(text, language):
            return [fence(text, language)]
        case Picture(blob, media, size):
            return [_picture(blob, media, size)]


def _picture(blob: str, media: str, size: int) -> str:
    if not _BLOB.fullmatch(blob):
        raise ValueError("not the digest of a blob")
    return f"![{media}, {size} bytes](blobs/{blob})"
