"""Pages of the reference that are made from the program itself: `python -m tests.pages` writes them anew."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

from runbook import errors
from runbook.cli.main import EXIT_CODES, main
from runbook.cli.verbs_table import VERBS
from runbook.text.lint import CODES as LINT_CODES
from runbook.text.reasons import CODES

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"


def command_line_page() -> str:
    """`cli.md`: what `--help` says, of the program and of each verb."""
    parts = ["# The command line\n\nMade from the program: `python -m tests.pages`.\n", _help()]
    for name in VERBS:
        parts.append(f"## {name}\n\n{_help(name)}")
    return "\n".join(parts)


def _help(*words: str) -> str:
    with redirect_stdout(io.StringIO()) as out:
        main([*words, "--help"])
    return f"```text\n{out.getvalue().rstrip()}\n```\n"


def errors_page() -> str:
    """`errors.md`: every error, whose it is to mend, and its exit code."""
    rows = ["# Errors and exit codes\n\nMade from the program: `python -m tests.pages`.\n"]
    rows.append((main_table()) + "\n")
    rows.append(
        '`--json` prints an error as `{"schema": 1, "error": {code, message, subject, line, hint}}`.\n'
    )
    rows.append("| code | exit | what it means |\n|---|---|---|")
    rows += [f"| `{kind.code}` | {_exit(kind)} | {_meaning(kind)} |" for kind in _leaves(errors.RunbookError)]
    return "\n".join(rows) + "\n"


def main_table() -> str:
    """The exit codes, as the docstring of `cli/main.py` has them."""
    import runbook.cli.main as module

    found = re.search(r"^\| exit.*?(?=\n\n|\Z)", module.__doc__ or "", re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0].rstrip()


def _leaves(kind: type[errors.RunbookError]) -> list[type[errors.RunbookError]]:
    inner = kind.__subclasses__()
    return [leaf for each in inner for leaf in [each, *_leaves(each)]]


def _exit(kind: type[errors.RunbookError]) -> int:
    return next(EXIT_CODES[base] for base in kind.__mro__ if base in EXIT_CODES)


def _meaning(kind: type[errors.RunbookError]) -> str:
    drawn = re.search(rf"─ {kind.__name__} +(.+?)(?: {{2,}}exit \d)?$", errors.__doc__ or "", re.MULTILINE)
    assert drawn is not None, f"{kind.__name__} is not in the drawing"
    return drawn[1].strip()


def reasons_page() -> str:
    """`reasons.md`: why a text is refused or not in normal form, and what lint finds."""
    rows = ["# Reasons and findings\n\nMade from the program: `python -m tests.pages`.\n"]
    rows.append(
        "*refused* could hide or change what runs: it holds everywhere. *not-normal* runs in `scratch`, is "
        "mended by `runbook fmt`, and can't be approved.\n"
    )
    rows.append("| code | degree | what it means |\n|---|---|---|")
    rows += [f"| `{code}` | {row.degree.value} | {row.meaning} |" for code, row in CODES.items()]
    rows.append("\nFindings of `runbook lint` beside these:\n\n| code | what it means |\n|---|---|")
    rows += [f"| `{code}` | {row.meaning} |" for code, row in LINT_CODES.items() if code not in CODES]
    return "\n".join(rows) + "\n"


PAGES = {"cli.md": command_line_page, "errors.md": errors_page, "reasons.md": reasons_page}


def write() -> None:
    """Write every page into `docs/reference`."""
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    import os

    os.environ["COLUMNS"] = "100"
    write()
