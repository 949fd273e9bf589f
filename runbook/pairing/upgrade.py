"""Notebooks of nbformat 1 to 3, upgraded in memory. The only module of the room that imports nbformat: that
costs up to a second, and is loaded only when such a notebook is met.
"""

import nbformat

from runbook.pairing.reports import Problem


def upgraded(data: bytes) -> bytes | Problem:
    """The same notebook as nbformat 4. The file itself is not touched."""
    try:
        notebook = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        return bytes(nbformat.writes(notebook).encode("utf-8")) + b"\n"
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever its parsers meet
        return Problem(
            code="notebook.format",
            message=f"an old notebook that nbformat cannot upgrade: {error}",
            hint="open it in Jupyter and save it once",
        )
