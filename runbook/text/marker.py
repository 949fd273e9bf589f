"""Markers: the line that begins a cell, with its title, kind and options (DESIGN §4.2). Pure.

Options are read from the left. jupytext reads them from the right, by trying where JSON or a Python literal
begins; wherever that could give something else, both ways are gone and compared.
"""

import ast
import json
import re
from collections.abc import Callable
from typing import Literal

import msgspec

from runbook.text.characters import name as named
from runbook.text.characters import refused_in
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Option

Kind = Literal["code", "markdown", "raw"]

# jupytext's two expressions for a marker line, blanks and tabs being all that can stand for its `\s` here.
_STARTS = re.compile(r"[ \t]*#[ \t]*%%(?:%*[ \t].*|[ \t]*)")
_STARTS_ELSEWHERE = re.compile(r"[ \t]*#[ \t]*(?:<codecell>|In\[[0-9 ]*\]:?)[ \t]*")
_MAX_LINE = 2000
_MAX_EQUALS = 40

_KEY = re.compile(r"[a-zA-Z0-9_.@/-]+")
_WORD = re.compile(r"[a-zA-Z_.]+[a-zA-Z0-9_.]*")
_KINDS: tuple[tuple[str, Kind], ...] = (("[markdown]", "markdown"), ("[raw]", "raw"), ("[md]", "markdown"))
_TAG = re.compile(r"[a-z0-9][a-z0-9._:/-]*")

OPTIONS = ("name", "tags", "timeout", "retries", "when", "undoes", "checks")
_REFUSED = {
    "active": "it turns code into comments, or comments into code",
    "language": "it turns comments into code of another language",
    "run_control": "it turns comments into code",
    "cell_type": "it makes prose of code, or code of prose",
}
_REFUSED_TAGS = {
    "skip-execution": "notebook clients skip such a cell silently",
    "raises-exception": "notebook clients go on when such a cell fails",
}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


class Marker(msgspec.Struct, frozen=True):
    """What a marker line says. Values of options that mean nothing here are kept as JSON text."""

    kind: Kind
    title: str
    options: tuple[tuple[str, Option], ...]


def is_marker(line: str) -> bool:
    """Whether a cell begins here: for jupytext and for us, at column 1."""
    return line.startswith(("# %%", "#%%")) and _STARTS.fullmatch(line) is not None


def is_marker_elsewhere(line: str) -> bool:
    """Whether jupytext would begin a cell at a line that is no marker for us: refused wherever it stands."""
    if "%%" in line:
        return not is_marker(line) and _STARTS.fullmatch(line) is not None
    return ("In[" in line or "<codecell>" in line) and _STARTS_ELSEWHERE.fullmatch(line) is not None


def read_marker(line: str, number: int) -> tuple[Marker, tuple[Reason, ...]]:
    """The marker on this line (1-based `number`), and every reason against it. Never raises."""
    plain = _plain(line)
    return (plain, ()) if plain is not None else thorough(line, number)


def thorough(line: str, number: int) -> tuple[Marker, tuple[Reason, ...]]:
    """The same, without the quick answer for plain lines."""
    reading = _Reading(number, plain=line.isascii() and "\\" not in line)
    rest = line[line.index("%%") + 2 :].strip(" \t")
    if len(line) > _MAX_LINE or line.count("=") > _MAX_EQUALS:
        # Reading from the right takes a try for each `=`.
        reading.add("cell.option", "the marker is too long to be read", "shorten it")
        return _BARE, tuple(reading.reasons)
    title, options = reading.split(rest)
    kind, title = reading.kind(title)
    if title.startswith("%"):
        title = title.lstrip("%").strip()
    checked = reading.checked(options)
    normal = ["# %%", *([title] if title else []), *([] if kind == "code" else [f"[{kind}]"])]
    normal += [f"{key}={_spelled(value)}" for key, value in options]
    if " ".join(normal) != line.rstrip(" \t") and not reading.refused:
        found = "the marker is not in its one spelling"
        reading.add("cell.spelling", found, f"write {' '.join(normal)!a}, or run `runbook fmt`")
    return Marker(kind, title, checked), tuple(reading.reasons)


_BARE = Marker("code", "", ())
_PROSE = Marker("markdown", "", ())

# Most markers of most texts: words, and options whose values hold nothing that could be read twice.
_PLAIN = re.compile(
    r"# %%(?: ([A-Za-z](?:[A-Za-z0-9 ,:;?!()'-]*[A-Za-z0-9?!)])?))?( \[markdown\]| \[raw\])?"
    r"((?: [a-z]+=(?:\"[a-z0-9-]+\"|[1-9][0-9]{0,8}|\[\"[a-z0-9-]+\"(?:, \"[a-z0-9-]+\")*\]))*)"
)
_PLAIN_OPTION = re.compile(r" ([a-z]+)=(?:\"([^\"]+)\"|([0-9]+)|\[\"([^\]]+)\"\])")
_PLAIN_KINDS: dict[str | None, Kind] = {None: "code", " [markdown]": "markdown", " [raw]": "raw"}


def _plain(line: str) -> Marker | None:
    """The marker on a line that is plain enough; None for those that `_Reading` has to look at. The answers
    are the same (a test compares them), this one is quick."""
    if line == "# %%":
        return _BARE
    if line == "# %% [markdown]":
        return _PROSE
    match = _PLAIN.fullmatch(line)
    if match is None:
        return None
    options: dict[str, Option] = {}
    for key, text, number, tags in _PLAIN_OPTION.findall(match[3]):
        value: str | int | list[str] = text or (int(number) if number else tags.split('", "'))
        if key in options or key not in OPTIONS or not _FITS[key](value):
            return None
        if isinstance(value, list):
            if len(set(value)) != len(value) or any(
                tag in _REFUSED_TAGS or tag[0] == "-" or tag.startswith("active-") for tag in value
            ):
                return None
            options[key] = tuple(value)
        else:
            options[key] = value
    return Marker(_PLAIN_KINDS[match[2]], match[1] or "", tuple(options.items()))


class _Reading:
    def __init__(self, number: int, *, plain: bool) -> None:
        self.number = number
        self.plain = plain  # no escapes, no characters but ASCII: nothing can be hidden in a value
        self.reasons: list[Reason] = []
        self.refused = False

    def add(self, code: str, message: str, hint: str) -> None:
        found = reason(code, self.number, message, hint)
        self.reasons.append(found)
        self.refused = self.refused or found.degree == "refused"

    def split(self, rest: str) -> tuple[str, list[tuple[str, object]]]:
        """Title (with the kind still in it) and options, where jupytext parts them."""
        equals, brace = rest.find("="), rest.find("{")
        if brace >= 0 and (equals < 0 or brace < equals):
            return rest[:brace].strip(), self._json(rest[brace:])
        if equals < 0:
            words, key = rest.split(" "), ""
        else:
            *words, key = rest[:equals].rstrip(" ").split(" ")
        while words and (not words[-1] or words[-1].startswith(".")):
            if words.pop():
                found = "a title that ends in a word with a dot in front: jupytext takes it for an option"
                self.add("cell.title", found, "put another word behind it")
        title = " ".join(words)
        if equals < 0:
            return title, []
        text = rest[len(title) :].strip()
        options = _from_the_left(text)
        if options is None:
            options = _from_the_right(text)
        elif any("=" in str(value) for _, value in options) and _from_the_right(text) != options:
            options = None
        if options is None and title and key not in OPTIONS:
            found = f"the title contains `{ascii(key)[1:-1]}=`: jupytext takes what follows for options"
            self.add("cell.title", found, "leave the `=` out, or put blanks around it into words")
            return title, []
        if options is None:
            found = "the options can't be read, or not by every program in the same way"
            self.add("cell.option", found, 'write them as name="text" number=1 tags=["one", "two"]')
            return title, []
        return title, options

    def _json(self, text: str) -> list[tuple[str, object]]:
        try:
            value, end = _JSON.raw_decode(text)
        except (ValueError, RecursionError):
            value, end = None, 0
        if not isinstance(value, dict) or text[end:].strip(" \t"):
            found = "the title contains `{`: jupytext takes what follows for options"
            self.add("cell.title", found, "leave the brace out")
            return []
        return list(value.items())

    def kind(self, title: str) -> tuple[Kind, str]:
        """The kind that stands in the title, and the title without it."""
        places = [(word, kind) for word, kind in _KINDS if word in title]
        if not places:
            return "code", title
        word, kind = places[0]
        if len(places) > 1 or title.count(word) > 1:
            self.add("cell.marker", "the marker names more than one kind of cell", "leave one")
            return kind, ""
        if title == word:
            return kind, ""
        if title.endswith(f" {word}"):
            return kind, title.removesuffix(word).strip()
        if title.startswith(f"{word} "):
            return kind, title.removeprefix(word).strip()
        found = f"`{word}` in the middle of a title makes prose of the cell"
        self.add("cell.marker", found, "put it behind the title, or take it out")
        return kind, ""

    def checked(self, options: list[tuple[str, object]]) -> tuple[tuple[str, Option], ...]:
        found: list[tuple[str, Option]] = []
        keys = [key for key, _ in options]
        for key, value in options:
            shown = ascii(key)[1:-1]  # a key in JSON may hold anything
            if keys.count(key) > 1:
                self.add("cell.option", f"the option `{shown}` stands twice", "leave one")
            elif key in _REFUSED:
                self.add("cell.option", f"the option `{shown}` is refused: {_REFUSED[key]}", "delete it")
            elif key in _NOTEBOOKS and not _NOTEBOOKS[key](value):
                self.add("cell.option", f"no notebook may hold this value of `{shown}`", "delete it")
            elif key not in _FITS:
                found.append((key, json.dumps(value)))
                self.add(
                    "cell.other-option",
                    f"the option `{shown}` means nothing here",
                    f"delete it; known are {', '.join(OPTIONS)}",
                )
            elif not _FITS[key](value):
                wanted = _WANTED.get(key, "a text in ASCII")
                self.add("cell.option", f"`{shown}` is not {wanted}", f"make `{shown}` {wanted}")
            elif isinstance(value, list):
                self._tags(value)
                found.append((key, tuple(value)))
            elif isinstance(value, str | int):
                found.append((key, value))
            if not self.plain:
                self._characters(key, value)
        return tuple(found)

    def _tags(self, tags: list[str]) -> None:
        for tag in tags:
            why = _REFUSED_TAGS.get(tag)
            if tag.startswith("active-"):
                why = _REFUSED["active"]
            if "," in tag:
                why = "no notebook may hold a tag with a comma"
            if why:
                self.add("cell.option", f"the tag {tag!a} is refused: {why}", "delete it")
            elif not _TAG.fullmatch(tag):
                found = f"the tag {tag!a} is not in lower-case letters, digits and - _ . : /"
                self.add("step.tag-spelling", found, "rename it")
        if len(set(tags)) != len(tags):
            self.add("cell.option", "a tag stands twice, which no notebook may hold", "leave one")

    def _characters(self, key: str, value: object) -> None:
        bad = refused_in(json.dumps([key, value], ensure_ascii=False))
        if bad:
            found = f"the option `{ascii(key)[1:-1]}` holds {named(min(bad))}, written as an escape"
            self.add("cell.option", found, "delete it")


def _spelled(value: object) -> str:
    """A value as jupytext writes it: JSON in ASCII."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and not {'"', "\\"} & set(value):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled, value))}]"
    return json.dumps(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_tags(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_true_or_false(value: object) -> bool:
    return isinstance(value, bool)


def _is_mapping_of(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and all(type(inner) is kind for inner in value.values())


_FITS: dict[str, Callable[[object], bool]] = dict.fromkeys(OPTIONS, _is_text)
_FITS |= {"timeout": _is_number, "retries": _is_number, "tags": _is_tags}
_WANTED = {
    "timeout": "a whole number of seconds",
    "retries": "a whole number",
    "tags": "a list of texts in ASCII",
}
_NOTEBOOKS: dict[str, Callable[[object], bool]] = {
    "collapsed": _is_true_or_false,
    "scrolled": lambda value: isinstance(value, bool) or value == "auto",
    "jupyter": _is_mapping_of(bool),
    "execution": _is_mapping_of(str),
    "format": lambda value: isinstance(value, str),
}
"""Options that mean nothing here, and of which the format of notebooks allows but one kind of value."""


def _from_the_left(text: str) -> list[tuple[str, object]] | None:
    """`key=JSON key=JSON …`, or None where it is not that."""
    found: list[tuple[str, object]] = []
    at = 0
    while at < len(text):
        key = _KEY.match(text, at)
        if key is None or not text.startswith("=", key.end()):
            return None
        try:
            value, at = _JSON.raw_decode(text, key.end() + 1)
        except (ValueError, RecursionError):
            return None
        if at < len(text) and text[at] != " ":
            return None
        while text.startswith(" ", at):
            at += 1
        found.append((key[0], value))
    return found


def _from_the_right(text: str) -> list[tuple[str, object]] | None:
    """The options as jupytext finds them: at the last `=` behind which a JSON value or Python literal stands,
    then again in what is before it. None where it finds a word without a value, a value that no notebook can
    hold, or nothing."""
    found: list[tuple[str, object]] = []
    text = text.strip()
    while text:
        if _WORD.fullmatch(text[text.rfind(" ") + 1 :]):
            return None
        equals = text.rfind("=")
        while equals >= 0:
            before = text[:equals].rstrip(" ")
            space = before.rfind(" ")
            key = before[space + 1 :]
            value = _literal(text[equals + 1 :].strip()) if _KEY.fullmatch(key) else _NONE
            if value is not _NONE:
                break
            equals = text.rfind("=", None, equals)
        if equals < 0 or not _is_json(value):
            return None
        found.insert(0, (key, value))
        text = text[:space].strip() if space > 0 else ""
    return found


_NONE = object()


def _literal(text: str) -> object:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return _NONE


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
