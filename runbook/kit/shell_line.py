"""Shell lines with placeholders: `fill("ls -l {folder} | wc -l", {"folder": path})`. Pure.

A value becomes exactly one word of the line, whatever is in it (a list becomes several), because it is
quoted for it. That holds only where the shell reads plain words, so a placeholder elsewhere is refused:
inside quotes, backticks, `${…}`, `$((…))`, comments, behind a backslash, in a line with a here-document.
What is *not* prevented: a command that reads its argument as code again (`eval`, `sh -c`, `ssh host`,
`awk`), and a value that begins with `-` and is taken for an option.

The grammar is that of POSIX.1-2017, Shell Command Language, 2.2 (quoting) and 2.3 (tokens).
"""

import os
import re
import shlex
from collections.abc import Mapping

from runbook.kit.declarations import Secret

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SYNTAX = frozenset(" \t\n|&;<>()$`\\\"'*?[]#~=%{}!")
_DUPLICATION = re.compile(r"[<>]&[ \t\\\n]*[^ \t\n|&;<>()]*")
_WORD_ENDS = frozenset(" \t\n|&;<>()")


def is_line(text: str) -> bool:
    """Whether one piece of text is a shell line rather than the name of a program: it holds a blank or a
    character that means something to the shell."""
    return any(character in _SYNTAX for character in text)


def fill(line: str, values: Mapping[str, object], *, reserved: frozenset[str] = frozenset()) -> str:
    """The line with every `{name}` replaced by its value, quoted; `{{name}}` gives a literal `{name}`.

    Raises TypeError for a name without value, a value without name, or a value that is not one word or a
    list of words; ValueError for a placeholder where quoting would not hold, or with a `reserved` name.
    """
    wanted: set[str] = set()
    pieces: list[str] = []
    last = 0
    places = _places(line)
    for match in _PLACEHOLDER.finditer(line):
        literal, name = match.groups()
        start, end = match.span()
        if name is not None and start > 0 and line[start - 1] == "$":
            continue  # ${NAME} is the shell's own
        pieces.append(line[last:start])
        last = end
        if name is None:
            pieces.append(f"{{{literal}}}")
            continue
        wanted.add(name)
        if places[start]:
            raise ValueError(
                f"the placeholder {{{name}}} stands {places[start]}, where no quoting protects it; make it a"
                " word of its own, or give the command as a list of words"
            )
        if name in reserved:
            raise ValueError(f"{{{name}}} is the name of an option of sh: call the placeholder otherwise")
        if name not in values:
            raise TypeError(
                f"no value for {{{name}}}: give {name}=…, or write {{{{{name}}}}} for a literal {{{name}}}"
            )
        is_alone = _ends_word(line, start - 1) and _ends_word(line, end)
        pieces.append(_quoted(name, values[name], is_alone=is_alone))
    unused = sorted(set(values) - wanted)
    if unused:
        raise TypeError(f"no placeholder {{{unused[0]}}} in the line: {line}")
    return "".join([*pieces, line[last:]])


def word(value: object) -> str:
    """One word of a command: text, a path, a number or a secret. Raises TypeError, ValueError (a NUL
    character)."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool) or not isinstance(value, str | os.PathLike | int | float):
        raise TypeError(f"{value!r} is not a word of a command: give text, a path or a number")
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character, which no command can be given")
    return text


def _quoted(name: str, value: object, *, is_alone: bool) -> str:
    if not isinstance(value, list | tuple):
        return shlex.quote(word(value))
    if not is_alone:
        raise TypeError(f"{{{name}}} is a list, so it must stand alone between blanks")
    return " ".join(shlex.quote(word(each)) for each in value)


def _ends_word(line: str, at: int) -> bool:
    return at < 0 or at >= len(line) or line[at] in _WORD_ENDS


def _places(line: str) -> list[str]:
    """For each position, where it stands if that is not among plain words: "inside quotes", …"""
    if "<<" in line:
        return ["in a line with a here-document"] * (len(line) + 1)
    if "\\\n#" in line:  # whether this begins a comment depends on what the line goes on from
        return ["in a line that goes on with #"] * (len(line) + 1)
    places = [""] * (len(line) + 1)
    at = 0
    while at < len(line):
        end, where = _region(line, at)
        if where:
            places[at:end] = [where] * (end - at)
        at = end
    _mark_subscripts(line, places)
    for match in _DUPLICATION.finditer(line):  # bash expands the word behind it twice
        is_plain = not any(each in match[0] for each in "'\"\\`$")
        end = match.end() if is_plain else len(line)
        places[match.start() : end] = ["behind >& or <&"] * (end - match.start())
    return places


def _mark_subscripts(line: str, places: list[str]) -> None:
    """`a[…]` and `[[ … ]]`: some shells evaluate what is inside as arithmetic, and code in it."""
    for at, character in enumerate(line):
        if character == "[" and not _ends_word(line, at - 1):
            end = _find_end(line, at, "]")
            places[at:end] = ["inside […]"] * (end - at)


def _region(line: str, at: int) -> tuple[int, str]:
    """The end of the region that begins at `at`, and what it is called; one plain character otherwise.

    Where quotes can nest, or shells differ, the region goes on to the end of the line.
    """
    character, rest = line[at], len(line)
    if character == "\\":
        return min(at + 2, rest), "behind a backslash"
    if character == "'":
        return _find_end(line, at + 1, "'"), "inside quotes"
    if character == '"':
        end = _unescaped_end(line, at + 1, '"')
        nests = any(opening in line[at:end] for opening in ("$(", "${", "$[", "`"))
        return (rest if nests else end), "inside quotes, or behind quotes that hold code"
    if character == "`":
        return _unescaped_end(line, at + 1, "`"), "inside backticks"
    if line.startswith(("$((", "((", "$["), at):
        return rest, "in arithmetic, or behind it"
    if line.startswith("$'", at):
        return rest, "behind $', which shells read differently"
    if line.startswith("${", at):
        end = _find_end(line, at, "}")
        nests = any(each in line[at + 2 : end] for each in "'\"\\`$")
        return (rest if nests else end), "inside ${…}"
    if character == "#" and _ends_word(line, at - 1):
        return _find_end(line, at, "\n"), "in a comment"
    return at + 1, ""


def _find_end(line: str, start: int, closing: str) -> int:
    found = line.find(closing, start)
    return len(line) if found < 0 else found + 1


def _unescaped_end(line: str, start: int, closing: str) -> int:
    at = start
    while at < len(line) and line[at] != closing:
        at += 2 if line[at] == "\\" else 1
    return min(at + 1, len(line))
