"""Strict YAML: the part of YAML 1.1 and 1.2 that has one meaning, read from PyYAML's events. Pure.

PyYAML's own loader lets the last of two equal keys win, reads `no` as false and `010` as eight, merges,
shares and tags. Here are texts, whole numbers, `true`, `false`, lists and mappings; all else is refused. The
events come from libyaml where PyYAML was built with it (seven times faster), else from Python; both give the
same verdict.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec
import yaml

from runbook.text.characters import name, refused_in

MAX_DEPTH = 10
EVERYWHERE = "*"
"""In `loose`: plain scalars with several meanings are kept under every root key."""

_TRUE_FALSE = {"true": True, "false": False}
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
# What some YAML reader takes for something else than text: YAML 1.1's truths and nothings, its numbers with
# octals, underscores and sexagesimals, dates, the merge and the default key.
_OTHER = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|=|<<)?"
    r"|[-+]?\.(?i:inf|nan)"
    r"|[-+]?\.?[0-9][-+0-9a-fA-FoOxXeE_.,:TtZz ]*"
)

_GLUED = re.compile(r"(?:^ *|[:?-] +)[|>][-+0-9]*#")


class Misread(ValueError):
    """The text is not in that part of YAML; `line` counts from 0."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Loose(msgspec.Struct, frozen=True):
    """A plain scalar that readers understand differently (`no`, `3.8`, `2026-11-21`), as it is written."""

    text: str


Value = str | int | bool | Loose | tuple["Node", ...] | dict[str, "Node"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value and the line (from 0) it begins on; for a mapping's value `key_line` is its key's line."""

    value: Value
    line: int
    key_line: int
    plain: bool  # for a key: written without quotes


class Parser(Protocol):
    """What is used of PyYAML's loaders: made from a text, it gives events until there are none."""

    def __init__(self, stream: str) -> None: ...

    def get_event(self) -> yaml.Event | None: ...

    def dispose(self) -> None: ...


def default_loader() -> type[Parser]:
    """libyaml's reader if PyYAML has it, else the one in Python."""
    loader: type[Parser] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return loader


def read_mapping(
    lines: Sequence[str], *, loose: Sequence[str] = (), loader: type[Parser] | None = None
) -> dict[str, Node]:
    """The root mapping of the YAML in `lines`. Raises Misread with the first thing that is wrong.

    Under the root keys `loose` plain scalars with several meanings are kept as Loose instead of refused;
    EVERYWHERE among them stands for all.
    """
    for index, line in enumerate(lines):
        # Two places where libyaml reads what PyYAML's own parser refuses.
        if "\t" in line:
            raise Misread(index, "a tab: write blanks")
        if _GLUED.search(line):
            raise Misread(index, "a `#` right behind `|` or `>`: put a blank before it")
    text = "\n".join(lines) + "\n"
    bad = refused_in(text)
    if bad:
        index = next(index for index, line in enumerate(lines) if not bad.isdisjoint(line))
        raise Misread(index, f"the text holds {name(min(bad))}")
    made: list[Parser] = []
    try:
        made.append((loader or default_loader())(text))
        return _Reader(_events(made[0]), lines, loose).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or "not YAML"
        raise Misread(min(mark.line, len(lines) - 1) if mark else 0, f"not YAML: {message}") from error
    finally:
        for parser in made:
            parser.dispose()


def _events(parser: Parser) -> Iterator[yaml.Event]:
    while True:
        event = parser.get_event()
        if event is None:
            return
        yield event


def _line(event: yaml.Event) -> int:
    return event.start_mark.line if event.start_mark is not None else 0


def _last_line(event: yaml.Event) -> int:
    return event.end_mark.line if event.end_mark is not None else 0


class _Reader:
    def __init__(self, events: Iterable[yaml.Event], lines: Sequence[str], loose: Sequence[str]) -> None:
        self.events = iter(events)
        self.lines = lines
        self.loose = loose
        self.is_loose = False
        self.is_flow = False

    def document(self) -> dict[str, Node]:
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return {}
        if not isinstance(event, yaml.DocumentStartEvent) or event.explicit or event.version or event.tags:
            raise Misread(_line(event), "a document mark or a directive")
        root = next(self.events)
        if not isinstance(root, yaml.MappingStartEvent) or root.flow_style:
            raise Misread(_line(root), "not a mapping of keys, one on each line")
        self._require_bare(root)
        value = self._mapping(depth=1)
        end = next(self.events)
        if not isinstance(end, yaml.DocumentEndEvent) or end.explicit:
            raise Misread(_line(end), "an end of document")
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            raise Misread(_line(end), "a second document")
        return value

    def _require_bare(self, event: yaml.Event) -> None:
        if getattr(event, "anchor", None) is not None:
            raise Misread(_line(event), "an anchor or an alias: write the value out where it belongs")
        if getattr(event, "tag", None) is not None:
            raise Misread(_line(event), "a tag: only texts, numbers, true, false, lists and mappings")

    def _node(self, event: yaml.Event, depth: int, key_line: int) -> Node:
        self._require_bare(event)
        line = _line(event)
        value: Value
        if isinstance(event, yaml.ScalarEvent):
            return Node(value=self._scalar(event), line=line, key_line=key_line, plain=not event.style)
        if depth >= MAX_DEPTH:
            raise Misread(line, f"more than {MAX_DEPTH} levels")
        if not isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            raise Misread(line, "something that is no value")
        outer, self.is_flow = self.is_flow, self.is_flow or bool(event.flow_style)
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(depth + 1)
        else:
            value = tuple(self._sequence(depth + 1))
        self.is_flow = outer
        return Node(value=value, line=line, key_line=key_line, plain=False)

    def _sequence(self, depth: int) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth, _line(event))

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self._require_bare(event)
            key_line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise Misread(key_line, "a key that is not text")
            strict, self.is_loose = self.is_loose, False
            key = self._scalar(event)
            self.is_loose = strict
            if not isinstance(key, str):
                raise Misread(key_line, f"the key {event.value!r} is not text: quote it")
            if self.is_flow and not self._is_parted(event):
                raise Misread(key_line, f"no blank behind the colon of {key!r}")  # PyYAML alone would read it
            if key in found:
                raise Misread(key_line, f"the key {key!r} stands twice")
            if depth == 1:
                self.is_loose = key in self.loose or EVERYWHERE in self.loose
            value = self._node(next(self.events), depth, key_line)
            found[key] = msgspec.structs.replace(value, plain=not event.style)
        return found

    def _is_parted(self, key: yaml.Event) -> bool:
        """Whether a key between brackets is followed by `: `."""
        mark = key.end_mark
        rest = (
            self.lines[mark.line][mark.column :].lstrip(" ") if mark and mark.line < len(self.lines) else ""
        )
        return rest == ":" or rest.startswith(": ")

    def _scalar(self, event: yaml.ScalarEvent) -> str | int | bool | Loose:
        line, last, text = _line(event), _last_line(event), str(event.value)
        block = event.style in ("|", ">")
        if last > line and not block:
            for inner in self.lines[line + 1 : last + 1]:
                if inner[:1] not in ("", " "):
                    raise Misread(line, "a text that goes on at the beginning of a line: indent it")
        bad = refused_in(text) | (set(text) & ({"\t"} if block else {"\t", "\n"}))
        if bad:
            # An escape such as "\u202e" would smuggle in what the file's own characters may not be.
            raise Misread(line, f"the text holds {name(min(bad))}")
        if event.style:
            return text
        if self.is_flow and "?" in text:
            raise Misread(line, "a `?` between brackets: quote the text")  # libyaml alone would read it
        return self._plain(text, line)

    def _plain(self, text: str, line: int) -> str | int | bool | Loose:
        if text in _TRUE_FALSE:
            return _TRUE_FALSE[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if not _OTHER.fullmatch(text):
            return text
        if self.is_loose:
            return Loose(text)
        if not text:
            raise Misread(line, "a key without a value")
        raise Misread(line, f"{text!r} means different things to different readers of YAML: quote it")
