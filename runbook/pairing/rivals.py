"""Rivals: other programs that pair the same files. Looks for jupytext's settings; changes nothing."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from runbook.errors import RunbookError
from runbook.pairing.pingpong import jupytext_formats
from runbook.system import files

_NAMES = ("jupytext.toml", ".jupytext.toml", "jupytext.yml", ".jupytext.yml", ".jupytext", "pyproject.toml")
_FORMATS = re.compile(
    r"^\s*(?:default_jupytext_)?formats\b[^\n]*ipynb|^\s*\[(?:tool\.jupytext\.)?formats\]", re.MULTILINE
)
_LIMIT_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16


def jupytext_config(root: Path, folders: Sequence[str]) -> str | None:
    """The path of a configuration of jupytext's that pairs files, at `root` or one of `folders`."""
    for folder in dict.fromkeys([root, *map(Path, folders)]):
        for name in _NAMES:
            text = _text(folder / name, _LIMIT_BYTES)
            if text and _FORMATS.search(text) and (name != "pyproject.toml" or "[tool.jupytext" in text):
                return (folder / name).relative_to(root).as_posix()
    return None


def jupytext_header(path: Path) -> str | None:
    """The `formats` in a text's header that pair it with a notebook; None without them."""
    return jupytext_formats(_text(path, _HEADER_BYTES) or "")


def _text(path: Path, limit_bytes: int) -> str | None:
    try:
        head = next(files.chunks(Path(os.path.realpath(path)), chunk_bytes=limit_bytes), b"")
        return head.decode("utf-8", "replace")
    except RunbookError:  # a FIFO too: opening one would wait for its writer
        return None
