"""Meaning: what of a runbook must stay when only its spelling changes. Pure.

Two texts mean the same when they have the same steps with the same options, prose that reads the same, and
code with equal syntax trees and equal comments. Magics have no tree, so they must be equal to the letter.
"""

import ast
import re
import unicodedata

from runbook.errors import FormatError
from runbook.text.runbook import Runbook, Step
from runbook.text.syntax import parts
from runbook.text.trees import tree_of

# A name that counts cells is no name anybody gave; it follows when an empty cell goes.
_COUNTED = re.compile(r"step-[0-9]+")


def require_same_meaning(before: Runbook, after: Runbook, *, lifted: bool = False) -> None:
    """Raise FormatError naming the first step whose meaning differs; nothing may be written then.

    `lifted`: a header was moved up out of the first cell, where it stood as comments.

    1. the same number of steps, but for an empty cell that nobody wrote a marker for;
    2. the same kind, title, name and options of each;
    3. prose: the same text, letters composed and blanks at line ends left out;
    4. code: equal syntax trees, so strings are equal to the letter;
    5. code: the same text, where again only composed letters and blanks at line ends do not count;
    6. magics: equal to the letter;
    7. what the header says of the runbook, but for letters that were not composed.
    """
    if not lifted and _header(before) != _header(after):
        raise _changed("the header would say something else", None)
    old = [step for step in before.steps if not _is_nothing(step)]
    new = [step for step in after.steps if not _is_nothing(step)]
    if lifted and old and _is_comments(old[0]):
        # What stood above the header: comments, with the header among them, or the header alone.
        new = new[1:] if len(new) == len(old) and _is_comments(new[0]) else new
        old = old[1:]
        lifted = False
    if len(old) != len(new):
        raise _changed(f"{len(old)} steps would become {len(new)}", None)
    for place, (one, other) in enumerate(zip(old, new, strict=True)):
        if _options(one) != _options(other):
            raise _changed("its kind, title, name or options would change", one)
        if one.kind != "code":
            if _settled(one.cell.source) != _settled(other.cell.source):
                raise _changed("its prose would change", one)
            continue
        if _tree(one) != _tree(other):
            raise _changed("its code would change", one)
        if _settled(one.cell.source) != _settled(other.cell.source) and not (lifted and place == 0):
            raise _changed("its comments would change", one)
        if _magics(one) != _magics(other):
            raise _changed("a line for IPython or the shell would change", one)


def _changed(what: str, step: Step | None) -> FormatError:
    where = "" if step is None else f"in step {step.name!r} "
    return FormatError(
        f"{where}{what}; nothing was written",
        line=None if step is None else step.cell.line,
        hint="spell this step in normal form by hand; `runbook lint` says what is missing",
    )


def _is_nothing(step: Step) -> bool:
    cell = step.cell
    return cell.kind == "code" and cell.line == cell.source_line and not cell.source.strip()


def _is_comments(step: Step) -> bool:
    """A code cell without a statement."""
    tree = tree_of(step.cell.source) if step.kind == "code" else None
    return tree is not None and not tree.body


def _header(runbook: Runbook) -> tuple[object, ...]:
    header = runbook.header
    texts = (header.title, header.description, header.owner)
    composed = tuple(unicodedata.normalize("NFC", text or "") for text in texts)
    includes = None if header.includes is None else (header.includes.paths, header.includes.digest)
    return *composed, header.environments, header.env, header.agent, includes


def _options(step: Step) -> tuple[object, ...]:
    options = dict(step.cell.options)
    options.pop("tags", None)
    name = "" if _COUNTED.fullmatch(step.name) else step.name
    tags = tuple(dict.fromkeys(step.tags))
    title = unicodedata.normalize("NFC", step.title)
    return step.kind, step.cell.kind, title, name, tags, tuple(options.items())


def _settled(source: str) -> str:
    lines = (line.rstrip(" \t") for line in unicodedata.normalize("NFC", source).split("\n"))
    return "\n".join(lines).strip("\n")


def _tree(step: Step) -> str | None:
    tree = tree_of(step.cell.source)
    try:
        return None if tree is None else ast.dump(tree)
    except RecursionError as error:
        raise _changed("the code is nested too deep to compare", step) from error


def _magics(step: Step) -> list[str]:
    source = step.cell.source
    if source.lstrip().startswith("%%"):
        return [source.strip("\n")]
    return [source[part.start : part.end] for part in parts(source) if part.kind == "magic"]
