"""The marker line of a cell: `# %% Title [markdown] key=value`, read as jupytext reads it. Pure.

Reading says when a line is `odd`: a spelling that this module does not vouch for, and that jupytext must
confirm before anything is written. Writing makes the normal form only.
"""

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from runbook.pairing.cells import Cell, Kind, meta_of, plain_of

MARKER = re.compile(r"\s*#\s*%%(%*)\s(.*)")
_PLAIN_MARKER = re.compile(r"# %%(?: .*)?")
_BARE_MARKER = re.compile(r"\s*#\s*(?:%%|<codecell>|In\[[0-9 ]*\]:?)\s*")
_KEY = re.compile(r"[a-zA-Z0-9_.@/-]+")
_DOTTED = re.compile(r"\.[a-zA-Z0-9_.]*")
_NEXT = re.compile(r"\s+(?P<key>[a-zA-Z0-9_.@/-]+)\s*=")
_KINDS: tuple[tuple[str, Kind], ...] = (("markdown", "markdown"), ("raw", "raw"), ("md", "markdown"))
_DECODER = json.JSONDecoder()

# These change what a notebook runs or shows as source, behind the reader's back (DESIGN §4.2).
_HIDING = frozenset(
    {"active", "language", "run_control", "magic_args", "cell_type", "incorrectly_encoded_metadata"}
)


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """One marker line, read. `odd` and `refused` are words for people, or None."""

    kind: Kind
    plain: Mapping[str, object]
    odd: str | None = None
    refused: str | None = None


def is_marker(line: str) -> bool:
    """Whether jupytext begins a cell at this line (outside strings and fences)."""
    return bool(MARKER.fullmatch(line) or _BARE_MARKER.fullmatch(line))


def could_mark(line: str) -> bool:
    """A quick look: False for nearly every line that `is_marker` would deny."""
    return "%%" in line or "<codecell>" in line or "In[" in line


@lru_cache(maxsize=1024)
def read_marker(line: str) -> Marker:
    """Read a line that `is_marker`. Most are read several times in one sync, and many texts share them."""
    if not MARKER.fullmatch(line):
        odd = None if line == "# %%" else "a marker that is not `# %%`"
        return Marker(kind="code", plain={}, odd=odd)
    odd = None if _PLAIN_MARKER.fullmatch(line) else "a marker that is not `# %%`"
    title, plain, strange = _split(line[line.index("%%") + 2 :].strip())
    kind: Kind = "code"
    for word, meant in _KINDS:
        if f"[{word}]" in title:
            title = title.replace(f"[{word}]", "").strip()
            kind = meant
            if word == "md":
                plain["region_name"] = word
            break
    depth = len(title) - len(title.lstrip("%"))
    if depth:
        plain["cell_depth"] = depth
        title = title[depth:].strip()
    if title:
        plain["title"] = title
    return Marker(kind=kind, plain=plain, odd=odd, refused=strange or _hidden(plain))


def _hidden(plain: Mapping[str, object]) -> str | None:
    for key in plain:
        if key in _HIDING:
            return f"the option {key!r} changes what a notebook runs"
    tags = plain.get("tags")
    for tag in tags if isinstance(tags, list) else []:
        if isinstance(tag, str) and tag.startswith("active-"):
            return f"the tag {tag!r} changes what a notebook runs"
    return None


def hiding_tag(tags: object) -> str | None:
    """The first tag with which jupytext would turn a code cell into an inactive one."""
    return _hidden({"tags": tags})


def _split(text: str) -> tuple[str, dict[str, object], str | None]:
    """(title, options, why this module cannot read them)."""
    brace, equal = text.find("{"), text.find("=")
    if brace >= 0 and (equal < 0 or brace < equal):
        return _json_options(text, brace)
    before = (text if equal < 0 else text[:equal]).rstrip()
    key_start = len(before) if equal < 0 else len(before) - len(before.split(" ")[-1])
    words = before[:key_start].rstrip().split(" ")
    dotted: dict[str, object] = {}
    while words and (not words[-1] or words[-1].startswith(".")):  # jupytext takes `.word` for an option
        word = words.pop()
        if word:
            dotted[word] = None
    strange = None if all(_DOTTED.fullmatch(word) for word in dotted) else "a word that begins with a dot"
    plain, wrong = _options(text[key_start:])
    return " ".join(words), {**dotted, **plain}, strange or wrong


def _json_options(text: str, brace: int) -> tuple[str, dict[str, object], str | None]:
    try:
        found = json.loads(text[brace:])
    except ValueError:
        return text[:brace].strip(), {}, "options that are not JSON"
    if not isinstance(found, dict):
        return text[:brace].strip(), {}, "options that are not JSON"
    return text[:brace].strip(), found, None


def _options(text: str) -> tuple[dict[str, object], str | None]:
    """`key=value key=value`, from left to right; JSON values, or Python literals."""
    plain: dict[str, object] = {}
    position = 0
    while position < len(text):
        key = _KEY.match(text, position)
        if key is None or key.end() >= len(text) or text[key.end()] != "=":
            return plain, "options that are not key=value"
        try:
            value, end = _DECODER.raw_decode(text, key.end() + 1)
        except ValueError:
            following = _NEXT.search(text, key.end() + 1)
            end = following.start() if following else len(text)
            try:
                value = ast.literal_eval(text[key.end() + 1 : end].strip())
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return plain, f"the value of the option {key[0]!r} can't be read"
        if key[0] in plain:
            return plain, f"the option {key[0]!r} twice"
        plain[key[0]] = value
        if end < len(text) and text[end] != " ":
            return plain, "options that are not apart"
        position = end
        while position < len(text) and text[position] == " ":
            position += 1
    return plain, None


def write_marker(cell: Cell) -> str:
    """The marker line of `cell` in normal form. Raises ValueError, in words, for what a marker cannot say."""
    plain = plain_of(cell.meta)
    words = ["# %%"]
    depth = plain.pop("cell_depth", None)
    if isinstance(depth, int) and not isinstance(depth, bool):
        words[0] += "%" * depth
    title = plain.pop("title", None)
    region = plain.pop("region_name", None)
    if title is not None:
        if not isinstance(title, str) or not title:
            raise ValueError("a title that is not text")
        words.append(title)
    if cell.kind != "code":
        words.append("[md]" if region == "md" else f"[{cell.kind}]")
    words.extend(_written(key, plain[key]) for key in sorted(plain, key=_place))
    line = " ".join(words)
    again = read_marker(line) if is_marker(line) and "\n" not in line else None
    if again is None or again.odd or again.kind != cell.kind or meta_of(again.plain) != cell.meta:
        raise ValueError(f"a title or option that a marker cannot say: {line[:80]!r}")
    if again.refused:
        raise ValueError(again.refused)
    return line


_ORDER = ("name", "tags", "timeout", "retries", "when", "undoes", "checks")


def _place(key: str) -> tuple[int, str]:
    return (-1 if key.startswith(".") else _ORDER.index(key) if key in _ORDER else len(_ORDER), key)


def _written(key: str, value: object) -> str:
    if value is None and _DOTTED.fullmatch(key):
        return key
    return f"{key}={json.dumps(value, ensure_ascii=False, allow_nan=False)}"
