"""Lines: from a file's bytes to the canonical text, and what its lines may not be (DESIGN §4.2).

Pure. The canonical text has LF line ends and no byte order mark; nothing else is changed. Lines end at LF and
nowhere else: `str.splitlines` also ends them at U+2028, U+0085, form feeds and more, so that one program's
comment is another one's code.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from runbook.text.characters import name, refused_at, refused_in
from runbook.text.reasons import Reason, reason

LIMIT_BYTES = 1 << 20
CODE_COLUMNS = 200
PROSE_COLUMNS = 2000
_BOM = "\ufeff"


def canonical_text(data: bytes) -> tuple[str | None, list[Reason]]:
    """The canonical text of a file, and the reasons that concern the file as bytes.

    None when there is no text to speak of (too large, not UTF-8). Never raises.
    """
    if len(data) > LIMIT_BYTES:
        found = f"the file has {len(data)} bytes; the limit is {LIMIT_BYTES}"
        return None, [reason("text.size", None, found, "split it into several runbooks")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte {error.start} is not UTF-8"
        return None, [reason("text.encoding", line, found, "save the file as UTF-8")]
    reasons: list[Reason] = []
    if text.startswith(_BOM):
        text = text[1:]
        found = "the file starts with a byte order mark, which hides the header from jupytext"
        reasons.append(reason("text.bom", 1, found, "save it as UTF-8 without BOM, or run `runbook fmt`"))
    if "\r" in text:
        text = _folded(text, reasons)
    return text, reasons


def _folded(text: str, reasons: list[Reason]) -> str:
    """All CRLF becomes LF (a Windows checkout is the same text); a mixture is refused, and folded too."""
    pairs = text.count("\r\n")
    if text.count("\r") != pairs:
        rest = text.replace("\r\n", "\n\n")
        line = text.count("\n", 0, rest.index("\r")) + 1
        found = "a carriage return stands alone: some programs start a new line there, others do not"
        reasons.append(reason("text.line-ends", line, found, "delete it, or make it a line end"))
    elif text.count("\n") != pairs:
        found = (
            f"{pairs} lines end in CRLF and {text.count(chr(10)) - pairs} in LF; this is the first to differ"
        )
        ends = [line.endswith("\r") for line in text.split("\n")[:-1]]
        line = ends.index(not ends[0]) + 1
        reasons.append(reason("text.line-ends", line, found, "save the file with one kind of line end"))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines_of(canonical: str) -> list[str]:
    """The lines, split at LF only, without their ends; a final LF starts no further line."""
    lines = canonical.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def spelling(canonical: str, lines: Sequence[str]) -> list[Reason]:
    """What is harmless about the lines but has more than one spelling."""
    reasons = []
    hint = "run `runbook fmt`"
    if lines and not canonical.endswith("\n"):
        found = "the last line has no line end"
        reasons.append(reason("text.final-newline", len(lines), found, hint))
    elif lines and not lines[-1]:
        found = "the text ends in more than one line end"
        reasons.append(reason("text.final-newline", len(lines), found, hint))
    if " \n" in canonical or "\t\n" in canonical or canonical.endswith((" ", "\t")):
        for number, line in enumerate(lines, 1):
            if line.endswith((" ", "\t")):
                reasons.append(reason("text.trailing-blanks", number, "the line ends in blanks", hint))
    # Asking the running Python is safe here: Unicode promises that the normal form of assigned characters
    # never changes (Normalization Stability Policy), and only characters of Unicode 14 come this far.
    if not canonical.isascii() and not refused_in(canonical) and not _is_composed(canonical):
        for number, line in enumerate(lines, 1):
            if not _is_composed(line):
                found = "letters and accents that could be one character are two (not in Unicode NFC)"
                reasons.append(reason("text.nfc", number, found, hint))
    return reasons


def _is_composed(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


def sight(canonical: str, lines: Sequence[str], code: Iterable[range]) -> list[Reason]:
    """What a reader would not see: refused characters, and lines that leave the screen.

    `code` are the indices (from 0) of lines that belong to code cells; all others are prose.
    """
    bad = refused_in(canonical)
    longest = max(map(len, lines), default=0)
    if not bad and longest <= CODE_COLUMNS:
        return []
    in_code = {index for span in code for index in span}
    reasons = []
    for index, line in enumerate(lines):
        prose = index not in in_code
        if bad and not bad.isdisjoint(line):
            for column, character in refused_at(line, prose=prose):
                found = f"column {column} holds {name(character)}"
                reasons.append(
                    reason("text.character", index + 1, found, "delete it, or write what it should say")
                )
        limit = PROSE_COLUMNS if prose else CODE_COLUMNS
        if len(line) > limit:
            found = (
                f"the line has {len(line)} columns; in {'prose' if prose else 'code'} {limit} are the limit"
            )
            reasons.append(reason("text.line-length", index + 1, found, "break it"))
    return reasons
