"""What is asked at a terminal before a run: missing values, and the reason for an expired approval."""

from collections.abc import Callable

import msgspec

from runbook.cli import asking, show
from runbook.cli.around import has_terminal
from runbook.errors import NotPermitted
from runbook.execution.plan import Plan, Terms
from runbook.text.values import Given
from runbook.verbs.run import Ready

ORIGIN = "prompt"


def ask_for(ready: Ready) -> Ready:
    """Ask for each value that is missing; what was typed is converted later, with all the others."""
    show.say("these parameters have no default:")
    given = list(ready.given)
    for parameter in ready.missing:
        help_text = f"  {parameter.help}" if parameter.help else ""
        show.say(f"  {parameter.name}: {parameter.type_text}{help_text}")
        if parameter.secret:  # asked for when the run begins: a plan holds no secret
            given.append(Given(name=parameter.name, raw="prompt", origin=ORIGIN))
            continue
        typed = asking.line(f"  {parameter.name}:")
        given.append(Given(name=parameter.name, raw=typed, origin=ORIGIN))
    return msgspec.structs.replace(ready, given=tuple(given), missing=())


def secret(name: str) -> str:
    """The secret of this name, typed and not shown. Raises DeclinedError when they hang up."""
    return asking.unseen(f"  {name} (what you type is not shown):")


def with_reason(make: Callable[[Terms], Plan], terms: Terms) -> Plan:
    """Plan; when only an expired approval stands in the way and policy lets a reason do, ask for one."""
    try:
        return make(terms)
    except NotPermitted as error:
        answer = getattr(error.verdict, "answer", "refused")
        if answer != "needs-reason" or terms.expired_reason is not None or not has_terminal():
            raise
        show.warn(f"{error.subject}: {error.message}")
        typed = asking.line("  why must it run now? (empty: do not run it)")
        if not typed.strip():
            raise
        return make(msgspec.structs.replace(terms, expired_reason=typed))
