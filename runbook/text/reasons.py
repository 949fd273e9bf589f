"""Reasons: why a text is refused, or is not in normal form. One table of codes for the whole reader.

Two degrees (DESIGN §4.2). `REFUSED` could hide or change what runs, and holds everywhere. `NOT_NORMAL` has
more than one spelling: it runs in `scratch` with a note, `fmt` mends it, and it can't be approved.
Pure. A code has one degree, and is never renamed: scripts and `docs/reference` go by it.
"""

import enum
from collections.abc import Iterable

import msgspec


class Degree(enum.StrEnum):
    REFUSED = "refused"
    NOT_NORMAL = "not-normal"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason: a stable `code`, the 1-based `line`, what was found (`message`), what to do (`hint`)."""

    code: str
    degree: Degree
    line: int | None
    message: str
    hint: str


class Code(msgspec.Struct, frozen=True):
    """One row of the table: how grave it is, and one line on what it means."""

    degree: Degree
    meaning: str


_R, _N = Degree.REFUSED, Degree.NOT_NORMAL

CODES: dict[str, Code] = {
    # The file as a whole
    "text.size": Code(_R, "the file is larger than 1 MiB"),
    "text.encoding": Code(_R, "the file is not UTF-8, or says that it is something else"),
    "text.line-ends": Code(_R, "line ends are mixed, or a carriage return stands alone"),
    "text.character": Code(_R, "a character that is invisible, turns the text, or is not in Unicode 14"),
    "text.line-length": Code(_R, "a line so long that its end is out of sight"),
    "text.bom": Code(_N, "the file starts with a byte order mark"),
    "text.nfc": Code(_N, "letters and accents are not composed (Unicode NFC)"),
    "text.final-newline": Code(_N, "the file does not end with exactly one line end"),
    "text.trailing-blanks": Code(_N, "a line ends in blanks"),
    # The header
    "header.fence": Code(_R, "the header's fences `# ---` are not both there in their one spelling"),
    "header.size": Code(_R, "the header is larger than 64 KiB"),
    "header.yaml": Code(_R, "the header is not the strict YAML that has only one meaning"),
    "header.reading": Code(_R, "a header that jupytext and this reader would not understand alike"),
    "header.key": Code(_R, "a key under `runbook:` that is not known"),
    "header.value": Code(_R, "a value under `runbook:` that is not of the kind its key asks for"),
    "header.env": Code(_R, "`env` names a variable that never passes to steps"),
    "header.approvals": Code(_R, "the `approvals:` block is not in its one spelling"),
    "header.includes": Code(_N, "`includes` without the digest of its files"),
    "header.missing": Code(_N, "there is no header"),
    "header.place": Code(_N, "something stands above the header"),
    "header.root": Code(_N, "a root key that is none of runbook, approvals, jupyter"),
    "header.order": Code(_N, "the root keys are not in the order runbook, approvals, jupyter"),
    "header.spelling": Code(_N, "a header line that does not start with `# `"),
    "header.jupytext": Code(_N, "the `jupyter:` section is not in normal form"),
    # Cells
    "cell.marker": Code(_R, "a line that one program takes for a cell marker and another does not"),
    "cell.title": Code(_R, "a title of which jupytext would take a part for options"),
    "cell.option": Code(_R, "an option that changes what runs behind a reader's back, or can't be read"),
    "cell.prose": Code(_R, "a line in prose that is not commented out"),
    "cell.syntax": Code(_R, "code that this Python can't parse"),
    "cell.character": Code(_R, "a character outside ASCII in code, or below the eye's notice"),
    "cell.tabs": Code(_R, "a tab outside a string"),
    "cell.blanks": Code(_R, "more than 40 blanks in a row inside a line of code"),
    "cell.exit": Code(_R, "`exit()` or `quit()`: it does not stop a run"),
    "cell.prompt": Code(_R, "a line like `>>>` or `In [1]:`, which IPython cuts before it runs the rest"),
    "cell.spelling": Code(_N, "a marker or its options are not in their one spelling"),
    "cell.other-option": Code(_N, "an option that means nothing here"),
    "cell.unmarked": Code(_N, "something stands before the first marker"),
    "cell.prose-spelling": Code(_N, "a line in prose that does not start with `# `"),
    # Steps
    "step.name": Code(_R, "a step's name that is taken, or is not a name"),
    "step.tags": Code(_R, "tags that can't stand where they are, or together"),
    "step.option": Code(_R, "an option that this kind of step can't have, or a value it can't have"),
    "step.when": Code(_R, "a `when` that is not the expression it may be"),
    "step.undoes": Code(_R, "an `undoes` that names no step it could undo"),
    "step.checks": Code(_R, "a `checks` that names no step it could check"),
    "step.tag-spelling": Code(_N, "a tag that is not in lower-case letters, digits and - _ . : /"),
    # Parameters
    "parameters.default": Code(_N, "a default that does not fit its own declaration"),
    "parameters.derived": Code(
        _N, "a default that the text computes: it keeps its old value when others change"
    ),
    "parameters.injected": Code(_N, "a step that an earlier run injected, and the next one may leave out"),
    "parameters.name": Code(_N, "a name that no parameter may have"),
    "parameters.statement": Code(_N, "a statement between the declarations that declares nothing"),
    "parameters.twice": Code(_N, "a name that is declared twice"),
    "parameters.type": Code(_N, "a type that parameters can't have, or none that can be told"),
    # Included files
    "includes.missing": Code(_R, "a path of `includes` that names no file"),
    "includes.place": Code(_R, "a file of git's own, compiled code, or evidence"),
    "includes.kind": Code(_R, "a link, or what is no regular file"),
    "includes.name": Code(_R, "a file's name that is not plain ASCII, or two that differ in case only"),
    "includes.size": Code(_R, "too many files, or too many bytes"),
    "includes.text": Code(_R, "an included text that holds what a runbook may not hold"),
    "includes.binary": Code(_R, "a file that is no text, and was not named by its exact path"),
    "includes.digest": Code(_R, "the included files are not those of the header's digest"),
    # The second opinion
    "jupytext.reading": Code(_R, "jupytext reads other cells from this text than this reader"),
}
"""Every reason that reading a text can give, the second opinion's included."""


def reason(code: str, line: int | None, message: str, hint: str) -> Reason:
    """A reason of the degree its code has. Raises KeyError for a code that is not in the table: a bug."""
    return Reason(code=code, degree=CODES[code].degree, line=line, message=message, hint=hint)


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """By line (those of the whole file first), refusals first on one line, each once."""
    distinct = {(r.line or 0, r.degree is not Degree.REFUSED, r.code, r.message): r for r in reasons}
    return tuple(distinct[key] for key in sorted(distinct))
