"""The question and the answer: what somebody wants to run, and what the policy says to it. Pure values.

A verdict is an answer to be shown, kept and compared. It lets nothing run: that takes a `Permission`.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

from runbook.approval.policy import Requirements
from runbook.instants import stamp
from runbook.text.includes import Tree
from runbook.text.runbook import Entry, Runbook

SCRATCH: Final = "scratch"
Answer = Literal["permitted", "needs-reason", "refused"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to run, and where.

    `data` are the file's exact bytes and `path` its place below the workspace, with `/`. `values` is the
    `sha256:` digest of the exact values, None when none are known. `machine_environments` None: not limited.
    `entries` are approvals that stand beside the text: those of a plan's exact values. `includes` are the
    files that the header's `includes:` names, as they are there; None when nobody has looked.
    """

    data: bytes
    path: str
    environment: str = SCRATCH
    unattended: bool = False
    values: str | None = None
    machine_environments: tuple[str, ...] | None = None
    entries: tuple[Entry, ...] = ()
    includes: Tree | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One approval that counts. `approval` is its id, the sha256 of its statement."""

    principal: str
    approval: str
    fingerprint: str
    environments: tuple[str, ...]
    allows: Literal["interactive", "unattended"]
    parameters: str | None
    issued: datetime
    expires: datetime


class NotCounted(msgspec.Struct, frozen=True, kw_only=True):
    """One approval that does not count, and the first reason why."""

    principal: str
    code: str
    message: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for the answer. `line` is a line of the runbook."""

    code: str
    message: str
    line: int | None = None
    hint: str | None = None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """So many more people are needed, `of` says out of whom; `could` are those who could approve today."""

    count: int
    of: str
    could: tuple[str, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `decide` says. `reasons` is empty when the answer is a plain yes.

    `answer` "needs-reason": everything fits but for expiry, and the policy lets a person run it who types
    why. `approved` is False where no approval was needed: such a run is titled NOT APPROVED.
    """

    path: str
    text: str | None  # sha256:, None when the text was refused
    environment: str
    unattended: bool
    answer: Answer
    approved: bool
    trust: str
    pinned: bool
    counted: tuple[Counted, ...]
    not_counted: tuple[NotCounted, ...]
    reasons: tuple[Why, ...]
    missing: tuple[Missing, ...]
    requirements: Requirements | None  # None when it was refused before any rule was looked at
    runbook: Runbook | None

    @property
    def permitted(self) -> bool:
        """Whether it may run as it stands, nothing added."""
        return self.answer == "permitted"

    def plain(self) -> dict[str, object]:
        """What `verify --json` prints of it (DESIGN §9): a text that needs a reason is not permitted
        there.
        """
        return {
            "path": self.path,
            "text": self.text,
            "environment": self.environment,
            "verdict": "permitted" if self.permitted else "refused",
            "approved": self.approved,
            "trust": self.trust,
            "counted": [
                {
                    "principal": one.principal,
                    "approval": one.approval,
                    "fingerprint": one.fingerprint,
                    "environments": list(one.environments),
                    "allows": one.allows,
                    "parameters": one.parameters or "declared",
                    "issued": stamp(one.issued),
                    "expires": stamp(one.expires),
                }
                for one in self.counted
            ],
            "not_counted": [
                {"principal": one.principal, "code": one.code, "message": one.message}
                for one in self.not_counted
            ],
            "reasons": [{"code": one.code, "message": one.message, "line": one.line} for one in self.reasons],
            "missing": [{"count": one.count, "of": one.of, "could": list(one.could)} for one in self.missing],
        }
