"""How we say no: every error the program raises on purpose, drawn at the top.

    RunbookError                 message, subject, line, hint; class attribute `code`
    ├── InputError               you can mend it: your file, flag or name          exit 2
    │   ├── UsageError           flags that do not go together
    │   ├── ConfigError          runbook.toml or a configuration file
    │   ├── FormatError          a file that is not what it should be
    │   ├── NotFoundError        a name nobody knows; the closest known one is offered
    │   ├── ParameterError       all problems with the values given, at once
    │   └── ExistsError          something is there that is never overwritten
    ├── RefusedError             somebody must grant it                            exit 3
    │   ├── TextRefused          the text could hide or change what runs
    │   ├── NotPermitted         the policy's answer to this runbook is no
    │   ├── TrustError           policy, signers or revocations cannot be believed
    │   ├── SignerError          this key may not sign this
    │   └── SignatureRefused     a key or a signature that the profile does not accept, or that does not fit
    ├── DamagedError             what we kept is not what we wrote                 exit 5
    │   ├── EvidenceDamaged      an execution folder
    │   └── StoreDamaged         the object store or the state of pairs
    ├── UnavailableError         something outside did not answer                  exit 6
    │   ├── CommandFailed        a program we called: its words, code and both streams
    │   ├── ToolMissing          a program that is not installed
    │   ├── StorageError         a disk that is full, read-only or not ours
    │   ├── KernelError          the kernel did not start or does not answer
    │   ├── LockBusy             another process holds it
    │   └── ChangedMeanwhile     a file was saved by somebody else while we were about to replace it
    └── DeclinedError            a person said no, or stopped it                   exit 7

Anything else that escapes is a bug (exit 70). Findings and failed steps are results, not errors.
Errors do not know how they are shown: exit codes stand in one table in `cli/main.py`.
"""

from collections.abc import Sequence
from typing import ClassVar


class RunbookError(Exception):
    """Something a person can understand and act on.

    `message` says what is wrong, `subject` where (a path, step or name), `line` the 1-based line in
    it, `hint` what to do next. `code` is short and stable, for scripts and `docs/reference/errors.md`.
    """

    code: ClassVar[str] = "error"

    def __init__(
        self, message: str, *, subject: str | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.subject = subject
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        place = "" if self.subject is None else f"{self.subject}:"
        if self.line is not None:
            place += f"{self.line}:"
        return f"{place} {self.message}" if place else self.message


class InputError(RunbookError):
    code = "input"


class UsageError(InputError):
    code = "usage"


class ConfigError(InputError):
    code = "config"


class FormatError(InputError):
    code = "format"


class NotFoundError(InputError):
    code = "not-found"


class ParameterError(InputError):
    """Every problem with the values that were given, in `problems`."""

    code = "parameters"

    def __init__(
        self, problems: Sequence[str], *, subject: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__("; ".join(problems), subject=subject, hint=hint)
        self.problems = tuple(problems)


class ExistsError(InputError):
    code = "exists"


class RefusedError(RunbookError):
    code = "refused"


class TextRefused(RefusedError):
    """The strict reader said no. `reasons` holds `runbook.text.reasons.Reason` values."""

    code = "text-refused"

    def __init__(
        self,
        message: str,
        *,
        reasons: Sequence[object],
        subject: str | None = None,
        line: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, subject=subject, line=line, hint=hint)
        self.reasons = tuple(reasons)


class NotPermitted(RefusedError):
    """The policy said no. `verdict` holds the `runbook.approval.verdict.Verdict`."""

    code = "not-permitted"

    def __init__(
        self, message: str, *, verdict: object, subject: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.verdict = verdict


class TrustError(RefusedError):
    code = "trust"


class SignerError(RefusedError):
    code = "signer"


class SignatureRefused(RefusedError):
    """A key or a signature outside the profile, or over other bytes. `problem` is stable, for verdicts."""

    code = "signature"

    def __init__(self, message: str, *, problem: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problem = problem


class DamagedError(RunbookError):
    code = "damaged"


class EvidenceDamaged(DamagedError):
    code = "evidence-damaged"


class StoreDamaged(DamagedError):
    code = "store-damaged"


class UnavailableError(RunbookError):
    code = "unavailable"


class CommandFailed(UnavailableError):
    """A program we called ended badly. Holds `argv`, `returncode`, `stdout` and `stderr` (bytes)."""

    code = "command-failed"

    def __init__(
        self, argv: Sequence[str], returncode: int, stdout: bytes, stderr: bytes, *, hint: str | None = None
    ) -> None:
        words = (stderr or stdout).decode("utf-8", "backslashreplace").strip()
        message = f"{argv[0]} ended with {returncode}" + (f": {words}" if words else "")
        super().__init__(message, hint=hint)
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr


class ToolMissing(UnavailableError):
    code = "tool-missing"


class StorageError(UnavailableError):
    code = "storage"


class KernelError(UnavailableError):
    code = "kernel"


class LockBusy(UnavailableError):
    code = "busy"


class ChangedMeanwhile(UnavailableError):
    code = "changed-meanwhile"


class DeclinedError(RunbookError):
    code = "declined"
