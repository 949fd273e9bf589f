"""Failures: an error of ours on its way from one process to another, and back into an error. Pure.

What an error carries beside its words (a verdict, reasons) does not travel; whoever wants it decides again.
"""

import msgspec

from runbook import errors
from runbook.errors import RunbookError


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of an error, and the `code` of its class."""

    code: str
    message: str
    subject: str | None = None
    line: int | None = None
    hint: str | None = None


_PLAIN: dict[str, type[RunbookError]] = {
    kind.code: kind
    for kind in (
        errors.InputError,
        errors.UsageError,
        errors.ConfigError,
        errors.FormatError,
        errors.NotFoundError,
        errors.ExistsError,
        errors.RefusedError,
        errors.TrustError,
        errors.SignerError,
        errors.DamagedError,
        errors.EvidenceDamaged,
        errors.StoreDamaged,
        errors.UnavailableError,
        errors.ToolMissing,
        errors.StorageError,
        errors.KernelError,
        errors.LockBusy,
        errors.DeclinedError,
    )
}
# Those that hold more than words arrive as the kind above them, which has the same exit code.
_ABOVE: dict[str, type[RunbookError]] = {
    errors.ParameterError.code: errors.InputError,
    errors.TextRefused.code: errors.RefusedError,
    errors.NotPermitted.code: errors.RefusedError,
    errors.CommandFailed.code: errors.UnavailableError,
}


def failure_of(error: RunbookError) -> Failure:
    """The error's words."""
    return Failure(
        code=error.code, message=error.message, subject=error.subject, line=error.line, hint=error.hint
    )


def error_of(failure: Failure) -> RunbookError:
    """An error with these words, of the kind that its code names; RunbookError for a code nobody knows."""
    kind = _PLAIN.get(failure.code) or _ABOVE.get(failure.code) or RunbookError
    return kind(failure.message, subject=failure.subject, line=failure.line, hint=failure.hint)
