"""Fetching a run's secrets when it begins, by whoever starts it; and what must hold of them. An edge.

The plan names the places. What is fetched goes to the supervisor through its pipe and from there to the
kernel through another: never into a file, an argument or a variable. No message of ours holds any of it.
"""

from collections.abc import Callable, Iterator, Mapping

from runbook.errors import InputError, ParameterError, UnavailableError
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.kit import places
from runbook.kit.forms import SHORTEST
from runbook.kit.masking import Masks
from runbook.text.includes import Tree
from runbook.text.literals import evaluate
from runbook.text.secret import Hidden, SecretSource, parse_source
from runbook.text.values import DEFAULT

NO_FILES = Tree(files=())
"""Of a plan that is there already: the supervisor looks at those."""
TOTAL_BYTES = 40 << 10
"""All secrets of a run together: they go through a pipe at once, and a pipe takes 64 KiB."""

Ask = Callable[[str], str]
"""Asks a person for the secret of this name, and shows nothing of what they type."""


def fetch(
    record: PlanRecord, *, text: str, includes: Tree = NO_FILES, env: Mapping[str, str], ask: Ask | None
) -> dict[str, Hidden]:
    """The secrets of a plan, by name; `text` is the runbook's own, `includes` the files that it brings, `ask`
    None where nobody can be asked.

    Raises UnavailableError (one is not where it should be), InputError (one wants a person, and none is
    there), ParameterError (one is no secret, or they are too large).
    """
    fetched = {
        value.name: Hidden(
            _one(value.name, source, env=env, ask=None if record.kind == "unattended" else ask)
        )
        for value, source in _secrets(record)
    }
    require_fit(record, fetched, text=text, includes=includes)
    return fetched


def _one(name: str, source: SecretSource, *, env: Mapping[str, str], ask: Ask | None) -> str:
    try:
        if source.kind != "prompt":
            return places.fetch(source.kind, source.name, env)
        if ask is None:
            raise InputError(
                f"the secret {name} is typed at a terminal, and nobody is asked here",
                hint=f"run it at a terminal without --unattended, or plan it with -p {name}=env:NAME",
            )
        return places.checked(ask(name), "what was typed")
    except places.Unavailable as error:
        raise UnavailableError(f"the secret {name}: {error.message}", hint=error.hint) from None


def _secrets(record: PlanRecord) -> tuple[tuple[PlannedValue, SecretSource], ...]:
    """The plan's secrets, each with its place. Raises InputError for a plan that names none."""
    found = []
    for value in record.values:
        if value.literal is None:
            source = parse_source(value.source or "")
            if source is None:
                raise InputError(
                    f"the plan does not say where the secret {value.name} is",
                    subject=record.id,
                    hint="plan it again",
                )
            found.append((value, source))
    return tuple(found)


def require_fit(
    record: PlanRecord, fetched: Mapping[str, Hidden], *, text: str, includes: Tree = NO_FILES
) -> None:
    """Raise unless these are the secrets of the plan, each a secret and all of them small enough.

    1 Each secret of the plan is there, and no other. 2 None equals a public value, or stands in one, in the
    runbook's own `text`, in a file that comes along, or in the reason typed for an expired approval: that is
    written down for everybody, and with it masked the record could not be true.
    Raises InputError (1), ParameterError (2, or too large).
    """
    wanted = {value.name for value in record.values if value.literal is None}
    for name in sorted(wanted ^ set(fetched)):  # 1
        what = "was not handed over" if name in wanted else "is none of this plan's"
        raise InputError(f"the secret {name} {what}", subject=record.id)
    problems = [
        problem
        for name, hidden in fetched.items()
        for problem in (*_public(name, hidden, record), *_written(name, hidden, record, text, includes))
    ]
    if sum(len(hidden.reveal().encode("utf-8")) for hidden in fetched.values()) > TOTAL_BYTES:
        problems.append(f"the secrets are more than {TOTAL_BYTES} bytes together")
    if problems:
        raise ParameterError(problems, hint="use a secret that stands nowhere else, and small ones")


def _public(name: str, hidden: Hidden, record: PlanRecord) -> Iterator[str]:
    """The public values that make the secret no secret (2)."""
    masks = Masks({name: hidden.reveal()})
    for value in record.values:
        texts = _texts(value)
        if hidden.reveal() in texts:
            yield f"{name}: the secret is the value of {value.name}, which everybody can read"
        elif any(masks.first_in(each) is not None for each in texts):
            yield f"{name}: the secret stands in the value of {value.name}, which everybody can read"


def _written(name: str, hidden: Hidden, record: PlanRecord, text: str, includes: Tree) -> Iterator[str]:
    """Where else it is written down (2)."""
    masks = Masks({name: hidden.reveal()})
    if masks.first_in(text) is not None:
        yield f"{name}: the secret stands in the runbook's text, which everybody can read"
    for file in includes.files:
        if masks.first_in_bytes(file.data) is not None:
            yield f"{name}: the secret stands in the included file {file.path}, which everybody can read"
    if masks.first_in(record.expired_reason or "") is not None:
        yield f"{name}: the secret stands in the reason that was typed, which everybody can read"


def _texts(value: PlannedValue) -> set[str]:
    """A public value as it is written, and every text and number in it as it would be printed."""
    if value.literal is None:
        return set()
    found: set[str] = {value.literal}
    pending: list[object] = [evaluate(value.literal)]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            pending += [*each, *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            pending += each
        elif each is not None and not isinstance(each, bool):
            found.add(str(each))
    return found


def unmasked(fetched: Mapping[str, Hidden]) -> tuple[str, ...]:
    """The names of the secrets that are too short to be masked."""
    return tuple(sorted(name for name, hidden in fetched.items() if len(hidden.reveal()) < SHORTEST))


def by_source(record: PlanRecord) -> dict[str, str]:
    """What `secret("…")` of the declaration stands for, place to name; a secret that was given from elsewhere
    is not there."""
    return {
        value.source: value.name
        for value in record.values
        if value.origin == DEFAULT and value.source is not None
    }
