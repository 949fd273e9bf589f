"""The decision: may this text run here? Eight numbered steps, any doubt refuses (DESIGN §5.3).

Pure: no clock, no files. Everything it says no to is a `Verdict` with reasons, never an exception. It is also
the only place where a `Permission` is made, and nothing runs without one: a permission can't be written down
or copied, so every process that runs something has decided by itself.

What is outside: whether jupytext agrees with the strict reader (asked where a text is signed, and for runs
that nobody approved), reading the included files, and what a plan can't do yet (secrets).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, NoReturn

from runbook.approval import limits
from runbook.approval.counting import EXPIRED, Asked, Authentic, authenticate, can_approve, misfits
from runbook.approval.policy import Quota, Requirements
from runbook.approval.trusted import Trust
from runbook.approval.verdict import SCRATCH, Answer, Counted, Missing, NotCounted, Request, Verdict, Why
from runbook.errors import NotPermitted, TrustError, UsageError
from runbook.text import reader
from runbook.text.runbook import Runbook, Step

__all__ = [
    "SCRATCH",
    "Counted",
    "Missing",
    "NotCounted",
    "Permission",
    "Request",
    "Verdict",
    "Why",
    "decide",
    "require_permission",
    "require_recovery",
]

_LONGEST_REASON: Final = 500


def decide(request: Request, trust: Trust | TrustError, *, now: datetime) -> Verdict:
    """Answer one request. Never raises for a refusal; `trust` may be the refusal that loading it ended in.

    The steps: 1 file and characters, 2 header, 3 cells, 4 trust files whole, 5 the rules for this path and
    environment, the machine's and the text's own, 6 each entry authentic, 7 each entry fits, 8 enough people.
    """
    bench = _Bench(request, trust, now)
    for step in STEPS:
        if not step(bench):
            break
    return bench.verdict()


class _Bench:
    """What is known so far, while the steps go on. `reasons` are the reasons to refuse."""

    def __init__(self, request: Request, trust: Trust | TrustError, now: datetime) -> None:
        self.request = request
        self.trust = trust
        self.now = now
        self.runbook: Runbook | None = None
        self.requirements: Requirements | None = None
        self.reasons: list[Why] = []
        self.authentic: list[Authentic] = []
        self.counted: list[Authentic] = []
        self.expired: list[Authentic] = []
        self.not_counted: list[NotCounted] = []
        self.missing: tuple[Missing, ...] = ()
        self.finished = False
        self.needs_reason = False

    def refuse(self, code: str, message: str, *, line: int | None = None, hint: str | None = None) -> None:
        self.reasons.append(Why(code=code, message=message, line=line, hint=hint))

    def verdict(self) -> Verdict:
        trust = self.trust
        # Only the last step ends in a yes; whatever stopped the others is a no, with or without a reason.
        answer: Answer = "refused"
        if self.finished and not self.reasons:
            answer = "permitted"
        elif self.finished and self.needs_reason and {why.code for why in self.reasons} == {EXPIRED}:
            answer = "needs-reason"
        return Verdict(
            path=self.request.path,
            text=None if self.runbook is None else self.runbook.text,
            environment=self.request.environment,
            unattended=self.request.unattended,
            answer=answer,
            approved=answer != "refused" and self.requirements is not None and self.requirements.asks,
            trust="unreadable" if isinstance(trust, TrustError) else trust.described,
            pinned=not isinstance(trust, TrustError) and trust.pinned,
            counted=tuple(one.counted() for one in self.counted),
            not_counted=tuple(self.not_counted),
            reasons=tuple(self.reasons),
            missing=self.missing,
            requirements=self.requirements,
            runbook=self.runbook,
        )


def _read(bench: _Bench) -> bool:
    """1 file and characters, 2 header, 3 cells: the strict reader's own steps, in its order."""
    reading = reader.read(bench.request.data)
    bench.runbook = reading.runbook
    for reason in reading.refusals:
        bench.refuse(reason.code, reason.message, line=reason.line, hint=reason.hint)
    return bench.runbook is not None


def _believe(bench: _Bench) -> bool:
    """4 trust files whole."""
    if isinstance(bench.trust, TrustError):
        bench.refuse("trust", str(bench.trust), hint=bench.trust.hint)
        return False
    return True


def _apply_rules(bench: _Bench) -> bool:
    """5 the rules for this path and environment, the machine's, and what the text says of itself and of the
    files that it brings along."""
    trust, request, runbook = bench.trust, bench.request, bench.runbook
    assert isinstance(trust, Trust)
    assert runbook is not None
    bench.reasons += limits.of_the_environment(request, runbook)
    bench.reasons += limits.of_the_includes(request, runbook)
    bench.reasons += limits.of_the_path(request, trust)
    requirements = limits.requirements_of(request, trust)
    if isinstance(requirements, Why):
        bench.reasons.append(requirements)
        return False
    bench.requirements = requirements
    bench.reasons += limits.of_the_text(request, runbook, requirements)
    return True


def _authenticate(bench: _Bench) -> bool:
    """6 each entry: grammar, known key, profile, signature over its own statement."""
    assert isinstance(bench.trust, Trust)
    assert bench.runbook is not None
    workspace = bench.trust.workspace
    if workspace is None:  # without a policy nobody is enrolled, and nothing was asked for
        return True
    for entry in (*bench.runbook.header.approvals, *bench.request.entries):
        found = authenticate(entry, trust=bench.trust, workspace=workspace, path=bench.request.path)
        if isinstance(found, Authentic):
            bench.authentic.append(found)
        else:
            bench.not_counted.append(found)
    return True


def _fit(bench: _Bench) -> bool:
    """7 text, environment, parameters, kind of execution, times, key and withdrawal of each authentic
    entry.
    """
    assert isinstance(bench.trust, Trust)
    assert bench.runbook is not None
    assert bench.requirements is not None
    asked = Asked(
        text=bench.runbook.text,
        environment=bench.request.environment,
        unattended=bench.request.unattended,
        values=bench.request.values,
        requirements=bench.requirements,
        now=bench.now,
    )
    for found in bench.authentic:
        problems = misfits(found, asked, bench.trust)
        if not problems:
            bench.counted.append(found)
            continue
        bench.not_counted.append(problems[0])
        if all(problem.code == EXPIRED for problem in problems):
            bench.expired.append(found)
    return True


def _count_people(bench: _Bench) -> bool:
    """8 enough distinct people, every required group. People are counted, never keys or entries."""
    assert bench.requirements is not None
    here = {one.signer.principal for one in bench.counted}
    bench.missing = _missing(bench, here)
    bench.finished = True
    if not bench.missing:
        return True
    late = here | {one.signer.principal for one in bench.expired}
    if bench.requirements.expired_with_reason and not bench.request.unattended and not _missing(bench, late):
        bench.needs_reason = True
        bench.refuse(
            EXPIRED,
            "the text is unchanged, but its approval has expired",
            hint="ask for a new approval, or run it with a reason, which is recorded",
        )
        return True
    for each in bench.missing:
        who = f": {', '.join(each.could)} could" if each.could else ""
        count = "one more approval" if each.count == 1 else f"{each.count} more approvals"
        bench.refuse(
            "approval.missing",
            f"needs {count} by {each.of}{who}",
            hint=_way_to_approve(bench),
        )
    return True


def _way_to_approve(bench: _Bench) -> str:
    assert bench.requirements is not None
    path, environment = bench.request.path, bench.request.environment
    if bench.requirements.exact_parameters:  # an approval of whatever the declarations accept never counts
        return f"`runbook plan {path} --env {environment}` with its values proposes them, to be approved"
    allow = " --allow unattended" if bench.request.unattended else ""
    return f"`runbook review {path} --env {environment}{allow}`"


def _missing(bench: _Bench, here: set[str]) -> tuple[Missing, ...]:
    assert bench.requirements is not None
    found = []
    for quota in bench.requirements.quotas:
        lacking = quota.count - len(here if quota.people is None else here & quota.people)
        if lacking > 0:
            found.append(Missing(count=lacking, of=quota.words, could=_could(bench, quota, here)))
    return tuple(dict.fromkeys(found))  # two rules that ask alike are met by the same people


def _could(bench: _Bench, quota: Quota, here: set[str]) -> tuple[str, ...]:
    assert isinstance(bench.trust, Trust)
    assert bench.requirements is not None
    rsa = bench.requirements.rsa
    able = {
        signer.principal
        for signer in bench.trust.signers
        if can_approve(signer, trust=bench.trust, rsa=rsa, now=bench.now)
    }
    return tuple(sorted((able if quota.people is None else able & quota.people) - here))


STEPS: tuple[Callable[[_Bench], bool], ...] = (
    _read,  # 1, 2, 3
    _believe,  # 4
    _apply_rules,  # 5
    _authenticate,  # 6
    _fit,  # 7
    _count_people,  # 8
)
"""The decision, in order. Each takes the bench and says whether the next one makes sense."""


_ONLY_HERE: Final = object()

Scope = Literal["everything", "recovery"]
_RECOVERY_TAGS: Final = ("read-only", "setup", "parameters", "injected-parameters")
_LAPSED: Final = frozenset({EXPIRED, "approval.missing"})


class Permission:
    """Leave to run one text, once decided, in this process. Only `require_permission` makes one.

    It can't be built, copied, pickled or changed elsewhere: a permission that travelled would be a decision
    that nobody made.
    """

    __slots__ = ("reason", "request", "runbook", "scope", "verdict")

    request: Request
    verdict: Verdict
    runbook: Runbook
    reason: str | None
    scope: Scope

    def __init__(
        self,
        only_here: object,
        request: Request,
        verdict: Verdict,
        reason: str | None,
        scope: Scope = "everything",
    ) -> None:
        if only_here is not _ONLY_HERE or verdict.runbook is None or verdict.answer == "refused":
            raise TypeError("a Permission is made by approval.decision.require_permission only")
        for name, value in (
            ("request", request),
            ("verdict", verdict),
            ("runbook", verdict.runbook),
            ("reason", reason),
            ("scope", scope),
        ):
            object.__setattr__(self, name, value)

    @property
    def deviations(self) -> bool:
        """Whether a step may be edited during the run."""
        return self.verdict.requirements is not None and self.verdict.requirements.deviations

    def looks_or_undoes(self, step: Step) -> bool:
        """Whether this step may run under any scope: what looks, what undoes, and what a new kernel needs
        first (declarations and `setup`, which are safe to run again). All else changes something."""
        looks = step.checks is not None or any(step.has(tag) for tag in _RECOVERY_TAGS)
        return step.undoes is not None or looks

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Permission cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Permission cannot be changed")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("a Permission cannot be extended")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Permission cannot be written down: decide again where it is needed")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Permission cannot be copied: decide again where it is needed")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a Permission cannot be copied: decide again where it is needed")


def require_permission(
    request: Request, trust: Trust | TrustError, *, now: datetime, reason: str | None = None
) -> Permission:
    """Decide, and return leave to run. `reason` is what a person typed to run an expired approval.

    Raises NotPermitted, which holds the verdict, and UsageError for a reason that says nothing.
    """
    verdict = decide(request, trust, now=now)
    if verdict.permitted:
        return Permission(_ONLY_HERE, request, verdict, None)
    if verdict.answer == "needs-reason" and reason is not None:
        return Permission(_ONLY_HERE, request, verdict, _checked_reason(reason))
    first = verdict.reasons[0]
    place = f"{request.path}:{first.line}" if first.line else request.path
    raise NotPermitted(first.message, verdict=verdict, subject=place, hint=first.hint)


def require_recovery(
    request: Request,
    then: Trust,
    trust: Trust | TrustError,
    *,
    began: datetime,
    now: datetime,
    reason: str | None = None,
) -> Permission:
    """Leave to go on with what was begun at `began`, when the trust files were `then`.

    1 It was permitted when it began. 2 What is permitted now as well may go on as a whole. 3 What is refused
    now for anything but its approvals (lapsed, withdrawn, revoked, too few) is refused. 4 Else undoing and
    looking are left, and nothing more: an approval that lapses must not keep anybody from cleaning up.

    Raises NotPermitted and UsageError, as `require_permission`. The caller vouches that `then` are the files
    that the evidence names, and that this request is the one that was begun.
    """
    begun = require_permission(request, then, now=began, reason=reason)  # 1
    verdict = decide(request, trust, now=now)
    if verdict.permitted or (verdict.answer == "needs-reason" and reason is not None):  # 2
        return begun
    if any(why.code not in _LAPSED for why in verdict.reasons):  # 3
        return require_permission(request, trust, now=now)
    return Permission(_ONLY_HERE, request, begun.verdict, begun.reason, "recovery")  # 4


def _checked_reason(reason: str) -> str:
    words = reason.strip()
    if not words or len(words) > _LONGEST_REASON or any(ord(each) < 32 or ord(each) == 127 for each in words):
        raise UsageError(
            f"a reason is one line of 1 to {_LONGEST_REASON} characters",
            hint="say why this must run although its approval has expired",
        )
    return words
