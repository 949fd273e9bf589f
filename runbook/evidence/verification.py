"""Verification: whether an execution's folder is what its run left behind. An edge; changes nothing.

The verdict is the worst that was found:
- TAMPERED: something is not what it was when it was written; the finding names file and line.
- UNVERIFIABLE: something that is needed can't be read here.
- INCOMPLETE: the run never came to a seal; everything that is there checks.
- UNSIGNED: everything checks, but nobody signed the seal: whoever can write the folder can have made it all.
- VALID needs a signature and is not given yet.
"""

from typing import Literal

import msgspec

from runbook.evidence.folder import ExecutionFolder

VerdictWord = Literal["VALID", "VALID-UNANCHORED", "UNSIGNED", "INCOMPLETE", "UNVERIFIABLE", "TAMPERED"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `code` is stable; `file` is below the execution's folder."""

    code: str
    message: str
    file: str | None = None
    line: int | None = None


class ExecutionVerdict(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    verdict: VerdictWord
    outcome: str | None  # what the evidence says the run came to
    findings: tuple[Finding, ...]


def verify_execution(folder: ExecutionFolder) -> ExecutionVerdict:
    """Check one execution's folder. Raises nothing for what is wrong in it: that is a finding."""
    raise NotImplementedError
