"""What happens when the program itself is wrong: a report file, its name, exit 70. No traceback on screen."""

import platform
import tempfile
import traceback
from collections.abc import Sequence

from runbook import __version__
from runbook.cli import show


def report(error: BaseException, argv: Sequence[str]) -> None:
    """Write a report into the temporary folder and say where it is. Values of `-p` are left out."""
    shown = [word.partition("=")[0] + "=…" if "=" in word else word for word in argv]
    lines = [
        f"runbook {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"words: {shown!r}",
        "",
        *traceback.format_exception(error),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="runbook-bug-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write("\n".join(lines))
            where = file.name
    except OSError as problem:
        where = f"nowhere ({problem.strerror})"
    show.warn(f"error: a bug in runbook: {type(error).__name__}")
    show.warn(f"  report: {where}")
    show.warn("  next: send the report to whoever keeps runbook on this machine")
