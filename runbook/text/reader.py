"""The strict reader: from the bytes of a file to a runbook, or to every reason why it is none (DESIGN §4.2).

Pure: no file, clock, environment or randomness; the same bytes give the same answer everywhere, with one
exception (`cell.syntax`: what the running Python can't parse). Nothing of the text is executed to be read.

The order of the reading; each number stands again in the code:
1. bytes: size, UTF-8, line ends;
2. header: its place, its YAML, its keys, the approvals in their one spelling;
3. cells: where they begin, their options, their code;
4. parameters and steps: names, tags, options, and whether they fit together;
5. lines: characters and lengths, told apart by what is code and what is prose.
All are gone through whatever the earlier ones found, so that a person sees everything at once.
"""

import functools
import warnings
from collections import Counter
from threading import Lock

from runbook.errors import TextRefused
from runbook.text import parameters
from runbook.text.digests import steps_digest, text_digest
from runbook.text.entries import without_entries
from runbook.text.header import read_header
from runbook.text.lines import canonical_text, lines_of, sight, spelling
from runbook.text.percent import read_cells
from runbook.text.reasons import Degree, Reason, ordered
from runbook.text.runbook import Header, Parameter, Reading, Runbook, Step
from runbook.text.steps import require_when, steps_of

MAX_ALIKE = 50
"""How many reasons with one code are told one by one; a text of nothing but mistakes is told shortly."""

_SILENCE = Lock()  # Python's warning filters are one for all threads


@functools.lru_cache(maxsize=4)
def read(data: bytes) -> Reading:
    """Read a runbook's bytes whole. Never raises on any bytes; says every reason of both degrees, by line.

    Who shows a text and who decides on it each read the very bytes that they have: those of the last few
    texts are not read twice, since the same bytes give the same reading.
    """
    # 1 bytes
    canonical, reasons = canonical_text(data)
    if canonical is None:
        return Reading(runbook=None, reasons=ordered(reasons))
    lines = lines_of(canonical)
    # 2 header
    header, place, found = read_header(lines)
    reasons += found
    # 3 cells
    with _SILENCE, warnings.catch_warnings():
        # An invalid escape makes Python warn; said here it would be noise, and as an error a verdict.
        warnings.simplefilter("ignore")
        cells, found = read_cells(lines, place.end)
        reasons += found
        # 4 parameters and steps
        declared, problems = parameters.declared(cells)
        reasons += problems
        steps, found = steps_of(cells)
        reasons += found
        reasons += require_when(steps, {p.name for p in declared if not p.secret})
    # 5 lines
    reasons += spelling(canonical, lines)
    code = (range(cell.source_line - 1, cell.end_line) for cell in cells if cell.kind == "code")
    reasons += sight(canonical, lines, code)
    told = _told(ordered(reasons))
    if any(reason.degree is Degree.REFUSED for reason in told):
        return Reading(runbook=None, reasons=told)
    return Reading(runbook=_runbook(canonical, header, steps, declared, told), reasons=told)


def _runbook(
    canonical: str,
    header: Header,
    steps: tuple[Step, ...],
    declared: tuple[Parameter, ...],
    notes: tuple[Reason, ...],
) -> Runbook:
    body = without_entries(canonical)
    return Runbook(
        canonical=canonical,
        body=body,
        text=text_digest(body),
        steps_digest=steps_digest(header, [step.cell for step in steps], declared),
        header=header,
        steps=steps,
        parameters=declared,
        notes=notes,
    )


def _told(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    if len(reasons) <= MAX_ALIKE:
        return reasons
    seen: Counter[str] = Counter()
    told = []
    for found in reasons:
        seen[found.code] += 1
        if seen[found.code] <= MAX_ALIKE:
            told.append(found)
    return tuple(told)


def require(data: bytes, *, name: str) -> Runbook:
    """The runbook in `data`. Raises TextRefused, with all reasons, when there is none; `name` is the file's
    for the message."""
    reading = read(data)
    if reading.runbook is not None:
        return reading.runbook
    refusals = reading.refusals
    first = refusals[0]
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    raise TextRefused(
        f"{first.message}{more}", reasons=reading.reasons, subject=name, line=first.line, hint=first.hint
    )
