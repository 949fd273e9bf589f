"""Limits: what policy, machine and text themselves say about a request (DESIGN §5.3, step 5). Pure."""

from collections.abc import Iterator

from runbook.approval import policy
from runbook.approval.policy import UNPOLICED, Requirements
from runbook.approval.statement import path_problem
from runbook.approval.trusted import Trust
from runbook.approval.verdict import SCRATCH, Request, Why
from runbook.text import includes
from runbook.text.entries import is_environment_name
from runbook.text.runbook import Runbook


def of_the_environment(request: Request, runbook: Runbook) -> Iterator[Why]:
    """Whether this machine, and the text itself, let it run in the environment."""
    wanted, named = request.environment, runbook.header.environments
    if not is_environment_name(wanted):
        yield Why(code="environment.name", message=f"{wanted[:80]!r} is not a name of an environment")
    allowed = request.machine_environments
    if allowed is not None and wanted not in allowed:
        yield Why(
            code="environment.machine",
            message=f"this machine runs only {', '.join(allowed) or 'nothing'}, not {wanted}",
            hint="its configuration file says so; say --env, or go to another machine",
        )
    if named and wanted not in named:
        # `scratch` too: else anything could be run without approval by calling the place scratch.
        yield Why(
            code="environment.text",
            message=f"the runbook is for {', '.join(named)}, not for {wanted}",
            hint=f"say --env {named[0]}, or name {wanted} in its header",
        )


def requirements_of(request: Request, trust: Trust) -> Requirements | Why:
    """What the rules for this path and environment ask for, or why there is no answer to that."""
    if trust.policy is None:
        if request.environment == SCRATCH:
            return UNPOLICED
        return Why(
            code="policy.none",
            message=f"there is no policy here, so only {SCRATCH} runs, not {request.environment}",
            hint="`runbook init` makes one",
        )
    found = policy.applicable(trust.policy, request.path, request.environment)
    return found or Why(
        code="policy.no-rule",
        message=f"no rule of the policy is about {request.path} in {request.environment}",
        hint="somebody must add one to policy.toml: what no rule is about never runs",
    )


def of_the_path(request: Request, trust: Trust) -> Iterator[Why]:
    """Whether the rules could be walked around by spelling the path in another way.

    Asked as soon as any rule of the environment asks for approvals, matching or not: `./db/x.py`, or a Kelvin
    sign for a K on a disk that folds case, must not slip past `db/**` into a rule that asks for nothing. Nor
    may a `runbook.toml` further down, or none: paths would begin there.
    """
    rules = () if trust.policy is None else trust.policy.rules
    if any(rule.asks and request.environment in rule.environments for rule in rules):
        if not trust.anchored:
            yield Why(
                code="policy.place",
                message="where the paths of this machine's policy begin is not certain: there is no "
                "runbook.toml here or above, or more than one",
                hint="work in the workspace's own folder, and take a second runbook.toml below it away",
            )
        problem = path_problem(request.path)
        if problem:
            yield Why(code="policy.path", message=problem)


def of_the_includes(request: Request, runbook: Runbook) -> Iterator[Why]:
    """Whether the included files are there, may be, and are those of the header's digest. A header without a
    digest is not normal form, so it can't be approved; where nothing must be, the files run as they are."""
    named, tree = runbook.header.includes, request.includes
    if named is None:
        return
    if tree is None:
        yield Why(code="includes.missing", message="nobody has looked at the included files", line=named.line)
        return
    for reason in includes.problems(named, tree):
        yield Why(code=reason.code, message=reason.message, line=reason.line, hint=reason.hint)


def of_the_text(request: Request, runbook: Runbook, requirements: Requirements) -> Iterator[Why]:
    """What the requirements do not let the text be: magics, and anything that has no single spelling."""
    if not requirements.magics:
        for step in runbook.steps:
            if step.uses_magics:
                yield Why(
                    code="policy.magics",
                    message=f"the step {step.name!r} runs magics or shell lines, which the policy refuses in "
                    f"{request.environment}",
                    line=step.cell.magics[0],
                    hint="write it in Python, with sh(…) of runbook.kit",
                )
    if not requirements.asks:
        return
    for note in runbook.notes:
        message = f"{note.message} (not in normal form)"
        yield Why(code=note.code, message=message, line=note.line, hint="run `runbook fmt`")
