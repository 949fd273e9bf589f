"""A text's `jupyter:` section as notebook metadata. The only module of the room that reads YAML; it is loaded
only when a notebook is made or that section changed.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import yaml

from runbook.pairing.reports import Problem

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def metadata_of(jupyter: Sequence[str], *, line: int) -> dict[str, Any] | Problem:
    """The metadata that the section's lines say; a problem (at `line`) when it is not a plain mapping."""
    if not jupyter:
        return {}
    hint = "mend the header; `runbook lint` says more"
    try:
        whole = yaml.load("\n".join(jupyter), Loader=_LOADER)  # noqa: S506 - the C form of the safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Problem(code="header.yaml", line=line, message=f"not YAML: {error}", hint=hint)
    found = whole.get("jupyter") if isinstance(whole, dict) else None
    if not isinstance(found, dict) or not _is_json(found):
        words = (
            "the section `jupyter:` holds what a notebook's metadata cannot (a date, a key that is not text)"
        )
        return Problem(code="header.jupyter", line=line, message=words, hint=hint)
    return found


def updated(current: dict[str, Any], before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """A notebook's metadata after its text's section changed; what the notebook has of its own stays."""
    merged = {key: value for key, value in current.items() if key not in before or key in now}
    for key, value in now.items():
        if key not in current or before.get(key) != value:
            merged[key] = value
    return _openable(merged)


def _openable(metadata: dict[str, Any]) -> dict[str, Any]:
    """With a name to show for the kernel: nbformat demands one, and people leave it out."""
    kernel = metadata.get("kernelspec")
    if isinstance(kernel, dict) and "display_name" not in kernel and "name" in kernel:
        return {**metadata, "kernelspec": {"display_name": str(kernel["name"]), **kernel}}
    return metadata


def first(now: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a notebook that is made: Jupyter opens it without asking for a kernel."""
    return _openable({"kernelspec": dict(_KERNEL), **now})


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_json(inner) for inner in value)
    return not isinstance(value, date | bytes | set | tuple)
