"""Policy: which approvals a runbook needs, per path and environment (DESIGN §5.2).

Pure. Rules add up. Each rule that matches must be satisfied as it stands, and of every other value the
strictest wins: so a rule more can ask for more, never for less. A value that a rule leaves out is fixed by
that rule alone (see `Rule`), never taken from another one: "no opinion" would let a new rule loosen an old
one. No rule that matches, an unknown key, group or value refuses.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

import msgspec

from runbook.approval.statement import WORKSPACE, is_principal
from runbook.decoding import decode_toml
from runbook.errors import ConfigError, TrustError
from runbook.instants import parse_duration
from runbook.text.entries import is_environment_name

LIMIT_BYTES: Final = 1 << 18
_MOST_APPROVALS: Final = 32  # a header holds no more
_GROUP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PATTERN_PART: Final = re.compile(r"\*\*|[^*?\[\]{}!\\]*(?:\*[^*?\[\]{}!\\]+)*\*?")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[rules]]` table, as written.

    Left out: `approvals` 0, `from` anybody who is enrolled, `parameters` declared, `expired` refuse,
    `confirm_by` nobody: who drives the run answers for `confirm` and `danger` steps.
    `deviations` and `magics` left out: refused where the rule asks for an approval, else allowed.
    """

    paths: tuple[str, ...]
    environments: tuple[str, ...]
    approvals: int = 0
    groups: tuple[str, ...] | None = msgspec.field(default=None, name="from")
    require_each: tuple[str, ...] = ()
    parameters: Literal["declared", "exact"] = "declared"
    expired: Literal["refuse", "reason"] = "refuse"
    deviations: Literal["refuse", "allow"] | None = None
    magics: bool | None = None
    confirm_by: str | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks for any approval at all."""
        return self.approvals > 0 or bool(self.require_each)


class _Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_age: str | None = None


class _Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rsa: bool = False


class _PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1]
    workspace: str
    groups: dict[str, tuple[str, ...]] = {}
    environments: dict[str, _Environment] = {}
    keys: _Keys = _Keys()
    rules: tuple[Rule, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """`policy.toml`, checked. `max_age` holds the longest life of an approval, where one is set."""

    workspace: str
    groups: Mapping[str, tuple[str, ...]]
    max_age: Mapping[str, timedelta]
    rsa: bool
    rules: tuple[Rule, ...]


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """So many different people, out of these. `people` None: anybody who is enrolled. `words` say it."""

    count: int
    people: frozenset[str] | None
    words: str


class Requirements(msgspec.Struct, frozen=True, kw_only=True):
    """What the matching rules ask for together; every quota must be met."""

    quotas: tuple[Quota, ...]
    exact_parameters: bool
    expired_with_reason: bool
    deviations: bool
    magics: bool
    max_age: timedelta | None
    rsa: bool
    rules: tuple[int, ...]  # the numbers, from 1, of the rules that matched
    confirm_by: tuple[Quota, ...] = ()  # who must sign for each `confirm` and `danger` step, of every group

    @property
    def asks(self) -> bool:
        """Whether any approval is needed."""
        return bool(self.quotas)


UNPOLICED: Final = Requirements(
    quotas=(),
    exact_parameters=False,
    expired_with_reason=False,
    deviations=True,
    magics=True,
    max_age=None,
    rsa=False,
    rules=(),
)
"""What holds in `scratch` in a folder without `.runbook/`: nothing is asked, nothing is approved."""


def parse_policy(data: bytes, *, name: str = "policy.toml") -> Policy:
    """Read the policy whole. Raises TrustError naming file, line and key of the first thing wrong."""
    try:
        written = decode_toml(data, _PolicyFile, name=name, limit_bytes=LIMIT_BYTES)
    except ConfigError as error:
        raise TrustError(error.message, subject=name, line=error.line, hint=error.hint) from error
    problem = _problem(written)
    if problem:
        raise TrustError(problem, subject=name, hint="see docs/reference/policy.md")
    return Policy(
        workspace=written.workspace,
        groups=written.groups,
        max_age={
            environment: parse_duration(said.max_age)
            for environment, said in written.environments.items()
            if said.max_age is not None
        },
        rsa=written.keys.rsa,
        rules=written.rules,
    )


def applicable(policy: Policy, path: str, environment: str) -> Requirements | None:
    """What all rules that match ask for together; None when no rule matches, which refuses."""
    matched = [
        (number, rule)
        for number, rule in enumerate(policy.rules, start=1)
        if environment in rule.environments and any(matches(pattern, path) for pattern in rule.paths)
    ]
    if not matched:
        return None
    rules = [rule for _, rule in matched]
    return Requirements(
        quotas=tuple(quota for rule in rules for quota in _quotas(rule, policy.groups)),
        exact_parameters=any(rule.parameters == "exact" for rule in rules),
        expired_with_reason=all(rule.expired == "reason" for rule in rules),
        deviations=all(
            (rule.deviations or ("refuse" if rule.asks else "allow")) == "allow" for rule in rules
        ),
        magics=all(not rule.asks if rule.magics is None else rule.magics for rule in rules),
        max_age=policy.max_age.get(environment),
        rsa=policy.rsa,
        rules=tuple(number for number, _ in matched),
        confirm_by=tuple(
            Quota(count=1, people=frozenset(policy.groups[name]), words=name)
            for name in dict.fromkeys(rule.confirm_by for rule in rules)
            if name is not None
        ),
    )


def spoken(life: timedelta) -> str:
    """A length of time for messages: `90 days`, `4 hours`."""
    hours = life / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"


def matches(pattern: str, path: str) -> bool:
    """Whether a rule's pattern names this path.

    Both are cut at `/` and compared part by part, whole parts only. `*` stands for any run of characters
    inside one part, `**` for any number of whole parts (none too, but at the end at least one). ASCII letters
    are compared without case: on a disk that does so, `runbooks/DB/x.py` must not slip past `runbooks/db/**`.
    """
    return _matches(_lower(pattern).split("/"), _lower(path).split("/"))


def _lower(text: str) -> str:
    return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text)


def _matches(pattern: list[str], path: list[str]) -> bool:
    # `reached` holds how many parts of the path the pattern so far can have used up: linear, no backtracking.
    reached = {0}
    for place, part in enumerate(pattern):
        if part == "**":
            least = min(reached) + (1 if place == len(pattern) - 1 else 0)
            reached = set(range(least, len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and _part_matches(part, path[at])}
        if not reached:
            return False
    return len(path) in reached


def _part_matches(pattern: str, part: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return part == first
    *middle, last = rest
    if len(part) < len(first) + len(last) or not part.startswith(first) or not part.endswith(last):
        return False
    at, end = len(first), len(part) - len(last)
    for piece in middle:
        found = part.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _quotas(rule: Rule, groups: Mapping[str, tuple[str, ...]]) -> list[Quota]:
    quotas = []
    if rule.approvals:
        people = (
            None if rule.groups is None else frozenset(who for name in rule.groups for who in groups[name])
        )
        of = "anybody who is enrolled" if rule.groups is None else " or ".join(rule.groups)
        quotas.append(Quota(count=rule.approvals, people=people, words=of))
    quotas += [Quota(count=1, people=frozenset(groups[name]), words=name) for name in rule.require_each]
    return quotas


def _problem(written: _PolicyFile) -> str | None:
    if not WORKSPACE.fullmatch(written.workspace):
        return f"workspace {written.workspace[:80]!r} is not urn:uuid: and a lower-case UUID"
    for name, people in written.groups.items():
        if not _GROUP.fullmatch(name):
            return f"the group {name[:80]!r} is not letters, digits and _ . -"
        strangers = [who for who in people if not is_principal(who)]
        if strangers or not people:
            return f"the group {name} names {strangers[0]!r}" if strangers else f"the group {name} is empty"
    for name, said in written.environments.items():
        if not is_environment_name(name):
            return f"the environment {name[:80]!r} is not small letters, digits and dashes"
        if said.max_age is not None:
            try:
                parse_duration(said.max_age)
            except ValueError as error:
                return f"environments.{name}.max_age: {error}"
    for number, rule in enumerate(written.rules, start=1):
        problem = _rule_problem(rule, written.groups)
        if problem:
            return f"rule {number}: {problem}"
    return None


def _rule_problem(rule: Rule, groups: Mapping[str, tuple[str, ...]]) -> str | None:
    if not rule.paths or not rule.environments:
        return "it names no paths or no environments, so it can never match"
    for pattern in rule.paths:
        parts = pattern.split("/")
        if any(part in ("", ".", "..") or not _PATTERN_PART.fullmatch(part) for part in parts):
            return f"the path {pattern!r} is not names, * and ** between single slashes"
    wrong = [name for name in rule.environments if not is_environment_name(name)]
    if wrong:
        return f"the environment {wrong[0]!r} is not small letters, digits and dashes"
    if not 0 <= rule.approvals <= _MOST_APPROVALS:
        return f"approvals must be between 0 and {_MOST_APPROVALS}"
    if rule.groups == ():
        return "from names nobody; leave it out to let everybody who is enrolled approve"
    confirming = () if rule.confirm_by is None else (rule.confirm_by,)
    named = (*(rule.groups or ()), *rule.require_each, *confirming)
    unknown = [name for name in named if name not in groups]
    if unknown:
        return f"there is no group {unknown[0]!r}"
    people = {who for name in rule.groups or () for who in groups[name]}
    if rule.groups is not None and len(people) < rule.approvals:
        return f"it asks for {rule.approvals} approvals from {len(people)} people"
    return None
