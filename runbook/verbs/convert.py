"""`convert`: between `.py`, `.ipynb` and `.md`, through jupytext. Never overwrites, never executes."""

import json
from pathlib import Path

from runbook.errors import InputError
from runbook.system import files
from runbook.text import notebook
from runbook.text.lines import LIMIT_BYTES
from runbook.text.reader import require

NOTEBOOK_LIMIT_BYTES = 100 << 20
FORMS = (".py", ".ipynb", ".md")


def convert(source: Path, target: Path) -> None:
    """Write `target`, a new file, from `source`; the endings say what they are.

    Raises InputError for other endings, TextRefused, FormatError (not a notebook), ExistsError.
    """
    for path in (source, target):
        if path.suffix not in FORMS:
            raise InputError(
                f"the ending {path.suffix!r} does not say what it is" if path.suffix else "it has no ending",
                subject=str(path),
                hint=f"give paths that end in {', '.join(FORMS)}",
            )
    data = files.read(source, limit_bytes=NOTEBOOK_LIMIT_BYTES if source.suffix == ".ipynb" else LIMIT_BYTES)
    text = _text(data, source)
    if target.suffix == ".py":
        files.create(target, text.encode("utf-8"))
        return
    runbook = require(text.encode("utf-8"), name=source.name)
    if target.suffix == ".md":
        files.create(target, notebook.to_markdown(runbook).encode("utf-8"))
    else:
        made = json.dumps(notebook.to_notebook(runbook), indent=1, ensure_ascii=False) + "\n"
        files.create(target, made.encode("utf-8"))


def _text(data: bytes, source: Path) -> str:
    """The percent text of whatever came in."""
    if source.suffix == ".ipynb":
        return notebook.from_notebook(data, name=source.name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", subject=str(source)) from error
    return notebook.from_markdown(text, name=source.name) if source.suffix == ".md" else text
