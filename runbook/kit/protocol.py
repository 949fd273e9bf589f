"""How the kit tells the supervisor something, and how the supervisor reads it.

A record travels as a display message with a private MIME type, so that it keeps its place among the outputs,
is spooled and journaled like them, and means nothing elsewhere: Jupyter shows its `text/plain`. Without
IPython in the process that text is printed. IPython is found, never imported.

A record is JSON: `version` (1), `what`, and the keys of its kind:

| what | when | keys |
|---|---|---|
| `sh-started` | a command was started | `id`, `argv`, `shell`, `cwd`, `pid`, `started`, `began` |
| `sh` | it ended, or was only shown in a dry run | `id`, `argv`, `shell`, `cwd`, `dry_run`, `began`, `ended`, `ms`, `code`, `timed_out`, `transport`, `interrupted`, `held`, `stdout`, `stderr` |
| `note` | the author's remark | `words` |
| `attach` | a file lies in the run's staging folder, named by its sha256 | `name`, `path`, `bytes`, `sha256` |
| `would-attach` | in a dry run, or outside a run | the same |

`argv` is the list of words, or one shell line when `shell` is true. `stdout` and `stderr` are `{"bytes",
"sha256", "head", "tail"}`: what the command wrote in full stands in the outputs around the record. Numbers are
integers (`ms`: milliseconds); `began` and `ended` are UTC, a claim of the machine; `started`
names the process together with `pid` (`child.started`). Words of `argv` above 8 KiB are cut. A reader ignores a record
of a version that it doesn't know, and says so.
"""  # noqa: E501 - a table

import json
import sys
from collections.abc import Mapping
from typing import Any

MIME = "application/vnd.runbook.kit+json"
VERSION = 1
LIMIT_BYTES = 256 * 1024


def tell(what: str, record: Mapping[str, Any], *, words: str) -> None:
    """Give one record to whoever runs us; `words`, if any, is what a person sees where nobody reads them."""
    publisher = _publisher()
    if publisher is not None:
        shown = {"text/plain": words} if words else {}
        publisher.publish({MIME: {"version": VERSION, "what": what, **record}, **shown})
    elif words:
        show(sys.stdout, f"{words}\n")
        sys.stdout.flush()


def show(stream: Any, text: str) -> None:
    """Write to a screen; what its encoding lacks appears as escapes. The record has it as it was."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))


def has_listener() -> bool:
    """Whether records go somewhere: False in a plain `python file.py`."""
    return _publisher() is not None


def read(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record in a display message's `data`, or None when there is none or we cannot believe it.

    A step can publish what it likes, so nothing here is proof: a record without text `what`, of another
    version, or too large is no record.
    """
    record = data.get(MIME)
    if not isinstance(record, dict) or record.get("version") != VERSION:
        return None
    if not isinstance(record.get("what"), str):
        return None
    try:
        size = len(json.dumps(record, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return None
    return dict(record) if size <= LIMIT_BYTES else None


def _publisher() -> Any:
    """IPython's display publisher when this process is an IPython or a kernel; None otherwise."""
    module = sys.modules.get("IPython.core.interactiveshell")
    shell_class = getattr(module, "InteractiveShell", None)
    if shell_class is None or not shell_class.initialized():
        return None
    return getattr(shell_class.instance(), "display_pub", None)
