"""The `jupyter:` section: the part of the header that jupytext reads. Pure.

In normal form it is exactly the lines that `normal_section` gives. Other keys of jupytext's are carried in
`scratch`; refused are those that make jupytext read other cells than this reader, and every way to write the
section that jupytext would not recognise, or recognise elsewhere.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from runbook.text.fences import Content
from runbook.text.reasons import Reason, reason
from runbook.text.strict_yaml import Node, Value

_JUPYTER = re.compile(r"jupyter\s*:\s*")
_FORMATS = re.compile(r"[A-Za-z0-9_./-]+(?::[a-z]+)?(?:,[A-Za-z0-9_./-]+(?::[a-z]+)?)*")
_FILTER = "-jupytext.text_representation.jupytext_version"
# jupytext splits or compares these as text.
_TEXTS = (
    "formats",
    "cell_markers",
    "custom_cell_magics",
    "custom_language_magics",
    "notebook_metadata_filter",
    "root_level_metadata_filter",
    "cell_metadata_filter",
)


def _is_text(value: Value) -> bool:
    return isinstance(value, str)


def _has_texts(*keys: str) -> Callable[[Value], bool]:
    return lambda value: (
        isinstance(value, dict) and all(key in value and _is_text(value[key].value) for key in keys)
    )


# The format of notebooks demands these, and jupytext fails on what breaks it.
_NOTEBOOKS: dict[str, Callable[[Value], bool]] = {
    "kernelspec": _has_texts("name", "display_name"),
    "language_info": lambda value: (
        _has_texts("name")(value)
        and isinstance(value, dict)
        and all(
            key not in value or _is_text(value[key].value)
            for key in ("file_extension", "mimetype", "pygments_lexer")
        )
        and ("codemirror_mode" not in value or isinstance(value["codemirror_mode"].value, str | dict))
    ),
    "title": _is_text,
    "authors": lambda value: isinstance(value, tuple),
    "orig_nbformat": lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
}


def normal_section(formats: str | None = None) -> tuple[str, ...]:
    """The section in normal form, without `# ` and line ends. `comment_magics: false` keeps comments comments
    in jupytext too; the filter keeps jupytext from writing its version into a text that was signed."""
    return (
        "jupyter:",
        "  jupytext:",
        "    comment_magics: false",
        *([] if formats is None else [f"    formats: {formats}"]),
        f"    notebook_metadata_filter: {_FILTER}",
        "    text_representation:",
        "      extension: .py",
        "      format_name: percent",
        "      format_version: '1.3'",
        "  kernelspec:",
        "    display_name: Python 3",
        "    language: python",
        "    name: python3",
    )


def is_formats(text: str) -> bool:
    """Whether `text` can stand behind `formats:` in the normal form (like `ipynb,py:percent`)."""
    return _FORMATS.fullmatch(text) is not None and len(text) <= 200


def section_reasons(root: Mapping[str, Node], content: Content, reasons: list[Reason]) -> dict[str, object]:
    """What the section says (kernel, language, formats), every reason against it appended to `reasons`.

    `root` are all root keys of the header.
    """
    section = root.get("jupyter")
    if section is None:
        found = "the header has no `jupyter:` section, which keeps comments comments in jupytext"
        reasons.append(
            reason("header.jupytext", content.opening + 1, found, "run `runbook fmt`, which writes it")
        )
        return {}
    start = section.key_line
    line = content.number(start)
    later = [node.key_line for node in root.values() if node.key_line > start]
    end = min(later, default=len(content.lines))
    if _as_jupytext(content.lines) != [i for i in range(start, end) if content.lines[i]]:
        found = "jupytext would not take the same lines for its section as YAML does"
        hint = "write `jupyter:` alone on its line, and no comment at the left edge below it"
        reasons.append(reason("header.reading", line, found, hint))
    values = _values(section, line, reasons)
    formats = values.get("formats")
    wanted = normal_section(formats if isinstance(formats, str) and is_formats(formats) else None)
    if content.lines[start:end] != wanted:
        found = "the `jupyter:` section is not in normal form"
        reasons.append(reason("header.jupytext", line, found, "run `runbook fmt`, which writes it"))
    return values


def _as_jupytext(content: Sequence[str]) -> list[int]:
    """The lines that jupytext takes for its section, empty ones left out."""
    inside, found = False, []
    for index, line in enumerate(content):
        if _JUPYTER.fullmatch(line):
            inside = True
        elif line and not line[0].isspace():
            inside = False
        if inside and line:
            found.append(index)
    return found


def _values(section: Node, line: int, reasons: list[Reason]) -> dict[str, object]:
    def refuse(message: str, hint: str) -> None:
        reasons.append(reason("header.reading", line, message, hint))

    def mapping(node: Node | None, key: str) -> dict[str, Node]:
        if node is None:
            return {}
        if isinstance(node.value, dict):
            return node.value
        refuse(f"`{key}` is not a mapping: jupytext can't read it", "run `runbook fmt`, or delete it")
        return {}

    top = mapping(section, "jupyter")
    jupytext = mapping(top.get("jupytext"), "jupytext")
    shape = mapping(jupytext.get("text_representation"), "text_representation")
    kernel = mapping(top.get("kernelspec"), "kernelspec")
    for key, node, allowed in (
        ("extension", shape.get("extension"), (".py",)),
        ("format_name", shape.get("format_name"), ("percent", "hydrogen")),
        ("main_language", jupytext.get("main_language"), ("python",)),
        ("language", kernel.get("language"), ("python",)),
        ("root_level_metadata_as_raw_cell", jupytext.get("root_level_metadata_as_raw_cell"), (True,)),
    ):
        if node is not None and node.value not in allowed:
            refuse(f"`{key}` makes jupytext read other cells", f"delete it, or write {allowed[0]}")
    for key in _TEXTS:
        if key in jupytext and not isinstance(jupytext[key].value, str):
            refuse(f"`{key}` is not a text: jupytext can't read it", "delete it")
    for key, fits in _NOTEBOOKS.items():
        if key in top and not fits(top[key].value):
            refuse(f"no notebook may hold this value of `{key}`", "delete it, or run `runbook fmt`")
    found: dict[str, object] = {}
    if "name" in kernel and isinstance(kernel["name"].value, str):
        found["kernel"] = kernel["name"].value
    if "formats" in jupytext and isinstance(jupytext["formats"].value, str):
        found["formats"] = jupytext["formats"].value
    return found
