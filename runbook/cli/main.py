"""The program: the only place that turns errors into exit codes, and the only one that catches everything.

| exit | means |
|---|---|
| 0 | done |
| 1 | findings, or a verdict that is not valid |
| 2 | wrong usage or input |
| 3 | refused |
| 4 | a step failed, or its outcome is unknown |
| 5 | evidence or store damaged |
| 6 | something outside did not answer |
| 7 | declined or stopped by a person |
| 70 | a bug; a report file is named |
| 130 | interrupted |
| 141 | whoever read the output went away |
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Literal, NoReturn, TextIO

import typer

from runbook.cli.verbs_table import Verbs
from runbook.errors import (
    DamagedError,
    DeclinedError,
    InputError,
    RefusedError,
    RunbookError,
    UnavailableError,
)

EXIT_CODES: dict[type[RunbookError], int] = {
    InputError: 2,
    RefusedError: 3,
    DamagedError: 5,
    UnavailableError: 6,
    DeclinedError: 7,
}
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141

app = typer.Typer(
    cls=Verbs,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from runbook import __version__

        typer.echo(f"runbook {__version__}")
        raise typer.Exit


def _enter(folder: str | None) -> None:
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise InputError(
                f"cannot go there: {error.strerror}", subject=folder, hint="-C takes a folder that is there"
            ) from error


@app.callback(invoke_without_command=False)
def root(
    folder: Annotated[
        str | None, typer.Option("-C", metavar="DIR", help="Work as if started in DIR.", callback=_enter)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Operational procedures as plain text: reviewed, signed, executed, proven."""


def exit_code(error: RunbookError) -> int:
    """By class order, so that a new leaf is never missed."""
    for kind in type(error).__mro__:
        if kind in EXIT_CODES:
            return EXIT_CODES[kind]
    return EXIT_BUG


def main(argv: Sequence[str]) -> int:
    """Run the program with these words and return its exit code. Prints; never raises."""
    _speak_utf8()
    output, errors = sys.stdout, sys.stderr
    try:
        app(args=list(argv), prog_name="runbook")
    except SystemExit as ended:
        if sys.stdout is not output:  # how typer ends when the reader went away: with 1, a finding here
            sys.stdout, sys.stderr = output, errors
            return _output_lost(BrokenPipeError())
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except RunbookError as error:
        return _refused(error, argv)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place that catches a bug
        if isinstance(error, OSError) and _is_output(error):
            return _output_lost(error)
        refused = _of_a_disk(error)
        if refused is not None:
            return _refused(refused, argv)
        from runbook.cli import bugs

        bugs.report(error, argv)
        return EXIT_BUG
    return 0


def _refused(error: RunbookError, argv: Sequence[str]) -> int:
    from runbook.cli import show

    with contextlib.suppress(OSError):  # nobody can be told; the code says it
        show.error(error, json="--json" in argv)
    return exit_code(error)


def _of_a_disk(error: Exception) -> RunbookError | None:
    """What a disk says that does not answer, is full or shut, wherever a look at a file met it: no bug."""
    from runbook.system import files

    if not isinstance(error, OSError) or error.errno not in files.HINTS:
        return None
    if not isinstance(error.filename, str | bytes):
        return None
    try:
        with files.storage_errors(os.fsdecode(error.filename)):
            raise error
    except RunbookError as refused:
        return refused


def _speak_utf8() -> None:
    """Messages hold names from files; a terminal that cannot show them must not stop the program, and
    neither does a caller that closed our input or output."""
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    """In the place of a stream that is closed, for those whom we start, too: a file that we or they open
    would take its number, and be read or written in its stead."""
    number = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    os.set_inheritable(number, True)
    return os.fdopen(number, mode, encoding="utf-8")


_OUTPUT_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _is_output(error: OSError) -> bool:
    """Whether writing to standard output failed: what fails with a file has its name."""
    return error.errno in _OUTPUT_ERRORS and error.filename is None


def _output_lost(error: OSError) -> int:
    """What was to be said can't be: end without a traceback. A reader that went away (`| head`) knows."""
    # Python flushes once more at its end, and would complain on its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return EXIT_NO_READER
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}\n")
    return EXIT_CODES[UnavailableError]


def _hear_ctrl_c() -> None:
    """Started by a script in the background, or behind `trap '' INT`, we are told to ignore Ctrl-C. Whoever
    sits at our terminal and presses it means us all the same."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and sys.stdin is not None and sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def entry() -> NoReturn:
    """The console script."""
    _hear_ctrl_c()
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _output_lost(error)
    try:
        sys.stderr.flush()
    except OSError:  # nobody can be told; Python must not try again, and end with a code of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    sys.exit(code)
