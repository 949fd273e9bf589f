"""The header: strict YAML front matter with closed lists of keys (DESIGN §4.1, §4.2). Pure.

Three root keys: `runbook:` is written by people, `approvals:` by `review` (see `text/entries`), `jupyter:` by
jupytext and in one spelling. Whatever jupytext would understand otherwise than this reader is refused.
"""

import re
from collections.abc import Sequence

from runbook.text.entries import OPENING, find_block, is_environment_name, parse_block
from runbook.text.fences import Content, Place, locate, uncommented
from runbook.text.jupyter_section import section_reasons
from runbook.text.passing import forbidden
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Entry, Header, Includes
from runbook.text.strict_yaml import Misread, Node, read_mapping

LIMIT_BYTES = 64 * 1024
ROOT_KEYS = ("runbook", "approvals", "jupyter")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_TEXT = 2000
_MAX_LIST = 100


def read_header(lines: Sequence[str]) -> tuple[Header, Place, list[Reason]]:
    """The header of a text given as its lines, where it stands, and every reason against it. Never raises.

    The values mean nothing when one of the reasons refuses.
    """
    place, reasons = locate(lines)
    if place.opening is None or place.closing is None:
        return Header(), place, reasons
    first = place.opening + 1
    inside = lines[first : place.closing]
    if sum(len(line.encode("utf-8", "replace")) + 1 for line in inside) > LIMIT_BYTES:
        found = f"the header has more than {LIMIT_BYTES} bytes"
        reasons.append(reason("header.size", first, found, "move what is not needed out of it"))
        return Header(), place, reasons
    for index, line in enumerate(inside, first):
        if line != "#" and not line.startswith("# "):
            found = "a header line that does not start with `# `"
            reasons.append(reason("header.spelling", index + 1, found, "write a blank after the `#`"))
    approvals, content = _approvals(lines, place, reasons)
    fields = _fields(content, reasons)
    header = Header(approvals=approvals, **fields)  # type: ignore[arg-type]  # by key
    return header, place, reasons


def _approvals(
    lines: Sequence[str], place: Place, reasons: list[Reason]
) -> tuple[tuple[Entry, ...], Content]:
    """The entries, and the header's lines without their block."""
    opening, closing = place.opening or 0, place.closing or 0
    entries: tuple[Entry, ...] = ()
    numbers = tuple(range(opening + 1, closing))
    block = find_block(lines, opening, closing)
    start = None
    if block is not None:
        start, end = block
        entries, problems = parse_block(lines[start:end], first_line=start + 1)
        reasons.extend(problems)
        if end < closing and not (lines[end].startswith("# ") and lines[end][2:3].strip()):
            # An empty line here would let YAML go on with the signature's text below it.
            found = "behind the approvals stands neither a root key nor the fence"
            reasons.append(reason("header.approvals", end + 1, found, "delete the line"))
        numbers = (*range(opening + 1, start), *range(end, closing))
    inside = tuple(uncommented(lines[number]) for number in numbers)
    return entries, Content(lines=inside, numbers=numbers, opening=opening, cut=start)


def _fields(content: Content, reasons: list[Reason]) -> dict[str, object]:
    try:
        root = read_mapping(content.lines, loose=("approvals", "jupyter"))
    except Misread as problem:
        hint = "write it as plain keys and values; docs/reference/header.md shows what is allowed"
        reasons.append(reason("header.yaml", content.number(problem.line), problem.message, hint))
        return {}
    _root(root, content, reasons)
    found: dict[str, object] = {}
    if "runbook" in root:
        found.update(_Fields(root["runbook"], content, reasons).read())
    found.update(section_reasons(root, content, reasons))
    return found


def _root(root: dict[str, Node], content: Content, reasons: list[Reason]) -> None:
    """The root keys: which, spelled how, in which order; and no other line at the left edge."""
    at = {node.key_line for node in root.values()}
    for index, line in enumerate(content.lines):
        if line[:1] in ("", " ", "#") or index in at or line == "-" or line.startswith("- "):
            continue
        found = "a line at the left edge that is no root key"
        reasons.append(reason("header.yaml", content.number(index), found, "indent it"))
    for key, node in root.items():
        number = content.number(node.key_line)
        if key == "approvals":
            found = "the approvals are not in their one spelling, or stand twice"
            hint = f"the block begins with `{OPENING}` and is written by `runbook review`"
            reasons.append(reason("header.approvals", number, found, hint))
        elif key not in ROOT_KEYS:
            found = f"the root key {key!r} means nothing here; jupytext keeps it as a cell of the notebook"
            hint = "put what belongs to the runbook under `runbook:`, or delete it"
            reasons.append(reason("header.root", number, found, hint))
        elif not node.plain:
            found = f"the root key {key!r} is quoted: jupytext would not know it"
            reasons.append(reason("header.reading", number, found, "write it without quotes"))
    _order(root, content, reasons)


def _order(root: dict[str, Node], content: Content, reasons: list[Reason]) -> None:
    places = [(content.number(node.key_line), key) for key, node in root.items() if key in ROOT_KEYS]
    if content.cut is not None:
        places.append((content.cut + 1, "approvals"))
    places.sort()
    found_keys = [key for _, key in places]
    if found_keys != [key for key in ROOT_KEYS if key in found_keys]:
        found = "the root keys are not in the order runbook, approvals, jupyter"
        reasons.append(reason("header.order", places[0][0], found, "run `runbook fmt`"))


class _Fields:
    """Reads the values under `runbook:`, each by its key; every problem becomes a reason."""

    def __init__(self, section: Node, content: Content, reasons: list[Reason]) -> None:
        self.section = section
        self.content = content
        self.reasons = reasons

    def read(self) -> dict[str, object]:
        if not isinstance(self.section.value, dict):
            self._wrong(self.section.key_line, "runbook", "a mapping of keys like title and owner")
            return {}
        kinds = {
            "title": self._line,
            "description": self._text,
            "owner": self._line,
            "environments": self._environments,
            "env": self._variables,
            "agent": self._flag,
            "includes": self._includes,
        }
        found: dict[str, object] = {}
        for key, node in self.section.value.items():
            if key not in kinds or not node.plain:
                message = f"`{key}` is not a key of `runbook:`" + ("" if node.plain else " (it is quoted)")
                self._add("header.key", node.key_line, message, f"known are {', '.join(kinds)}")
            else:
                found[key] = kinds[key](key, node)
        return found

    def _add(self, code: str, line: int, message: str, hint: str) -> None:
        self.reasons.append(reason(code, self.content.number(line), message, hint))

    def _wrong(self, line: int, key: str, wanted: str) -> None:
        self._add("header.value", line, f"`{key}` is not {wanted}", f"make `{key}` {wanted}")

    def _text(self, key: str, node: Node) -> str | None:
        value = node.value
        if isinstance(value, str) and value.strip() and len(value) <= _MAX_TEXT:
            return value.rstrip("\n")
        self._wrong(node.key_line, key, f"a text of at most {_MAX_TEXT} characters")
        return None

    def _line(self, key: str, node: Node) -> str | None:
        value = self._text(key, node)
        if value is not None and "\n" in value:
            self._wrong(node.key_line, key, "a text in one line")
        return value

    def _flag(self, key: str, node: Node) -> bool:
        if isinstance(node.value, bool):
            return node.value
        self._wrong(node.key_line, key, "true or false")
        return False

    def _list(self, key: str, node: Node, wanted: str) -> tuple[str, ...]:
        items = node.value if isinstance(node.value, tuple) else ()
        words = tuple(item.value for item in items if isinstance(item.value, str))
        if not 0 < len(items) <= _MAX_LIST or len(words) != len(items) or len(set(words)) != len(words):
            self._wrong(node.key_line, key, f"a list of {wanted}, each once")
            return ()
        return words

    def _environments(self, key: str, node: Node) -> tuple[str, ...]:
        words = self._list(key, node, "names like staging")
        if not all(map(is_environment_name, words)):
            self._wrong(node.key_line, key, "a list of names in lower case like staging")
        return words

    def _variables(self, key: str, node: Node) -> tuple[str, ...]:
        words = self._list(key, node, "names of variables like WEB_REGION")
        if not all(map(_VARIABLE.fullmatch, words)):
            self._wrong(node.key_line, key, "a list of names of variables like WEB_REGION")
        for word in words:
            why = forbidden(word)
            if why is not None:
                self._add(
                    "header.env", node.key_line, f"{word} never passes to steps: {why}", f"take {word} out"
                )
        return words

    def _includes(self, key: str, node: Node) -> Includes | None:
        wanted = "a mapping with `paths: [...]` and `digest: sha256:...`"
        if not isinstance(node.value, dict) or not set(node.value) <= {"paths", "digest"}:
            self._wrong(node.key_line, key, wanted)
            return None
        if "paths" not in node.value:
            self._wrong(node.key_line, key, wanted)
            return None
        paths = self._list("paths", node.value["paths"], "paths")
        if not all(map(_is_include, paths)):
            self._wrong(node.key_line, "paths", "a list of paths below the workspace")
            return None
        value = node.value["digest"].value if "digest" in node.value else None
        if value is not None and not (isinstance(value, str) and _DIGEST.fullmatch(value)):
            self._wrong(node.key_line, "digest", "sha256: and 64 digits")
            return None
        at = node.value["paths"].key_line
        if value is None:
            found = "`includes` has no digest of the files that it names"
            self._add("header.includes", at, found, "run `runbook fmt --includes`")
        line = self.content.number(at)
        return Includes(paths=paths, digest=value if isinstance(value, str) else None, line=line)


def _is_include(path: str) -> bool:
    """A relative path or glob that names nothing outside the folder, whatever reads it."""
    parts = path.split("/")
    return (
        path.isascii()
        and not path.startswith(("-", "~"))
        and not set(path) & set("\\:")
        and all(part and part not in (".", "..") for part in parts)
    )
