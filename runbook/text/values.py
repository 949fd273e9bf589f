"""Values: what was given, converted to what was declared. Never guessed, all problems at once (DESIGN §4.4).

Pure: files, environment and terminal are read by others, who say in `Given.origin` where a value is from.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from runbook.canonical import canonical_json, digest
from runbook.errors import ParameterError
from runbook.text.conversion import from_plain, from_text, require
from runbook.text.literals import NotLiteral, SecretCall, evaluate, literal
from runbook.text.runbook import Parameter
from runbook.text.secret import HOW, SecretSource, parse_source
from runbook.text.spellings import MAX_CHARACTERS, Unfit, shown
from runbook.text.types import parse

DEFAULT = "default"
MAX_PROBLEMS = 50
"""A file with ten thousand wrong names is one mistake; nobody reads more lines than these."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One value as somebody gave it.

    `form` says how `raw` is to be read: `text` (command line, environment, prompt: converted to the declared
    type), `plain` (decoded from YAML, TOML or JSON: keeps its type and must fit), `literal` (a Python
    literal of ours, read back from a plan). `origin` is for people: "command line", "file params.yaml",
    "environment", "prompt".
    """

    name: str
    raw: object
    origin: str
    form: Literal["text", "plain", "literal"] = "text"

    def __repr__(self) -> str:
        # What was given may be a secret: only the declaration knows, so it never shows by accident.
        return f"Given(name={shown(self.name)}, origin={self.origin!r}, form={self.form!r})"


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter and the value it runs with; `literal` is None for a secret, whose value shows nowhere.

    `value` of a secret is a `SecretSource`: where it is fetched from when the run begins.
    """

    name: str
    type_text: str
    value: object
    literal: str | None
    origin: str
    secret: bool = False


def resolve(parameters: Sequence[Parameter], given: Sequence[Given], *, base: Path) -> tuple[Value, ...]:
    """One value per parameter, in the order of the declarations; of two origins the later in `given` wins.

    A parameter whose default the text computes (`derived`) and that nobody gave has no value here. Relative
    `Path` values that were given become absolute against `base`; defaults stay as reviewed. Raises
    ParameterError with every problem: unknown, missing, twice from one origin, wrong type, out of bounds,
    characters nobody may pass.
    """
    if not base.is_absolute():
        raise ValueError(f"the folder that relative paths start from is not absolute: {base}")
    if any(giver.origin == DEFAULT for giver in given):
        # Such a value would pass for the reviewed default, and would not be injected.
        raise ValueError("nobody who gives a value is called 'default'")
    chosen, problems = _choose(parameters, given)
    values: list[Value] = []
    for parameter in parameters:
        try:
            giver = chosen.get(parameter.name)
            value = _default(parameter) if giver is None else _converted(parameter, giver, base)
        except Unfit as problem:
            problems.append(f"{parameter.name}: {problem}")
        else:
            values += [] if value is None else [value]
    if problems:
        more = len(problems) - MAX_PROBLEMS
        shortened = problems[:MAX_PROBLEMS] + ([f"and {more} more problems"] if more > 0 else [])
        raise ParameterError(shortened, hint=_hint(parameters))
    return tuple(values)


def _hint(parameters: Sequence[Parameter]) -> str:
    if not parameters:
        return "this runbook declares no parameters: they stand in a step tagged parameters"
    return "declared: " + ", ".join(
        f"{parameter.name}: {parameter.type_text}" if parameter.type_text else parameter.name
        for parameter in parameters[:MAX_PROBLEMS]
    )


def _choose(parameters: Sequence[Parameter], given: Sequence[Given]) -> tuple[dict[str, Given], list[str]]:
    """The giver of each name that is known, and what is wrong with the others."""
    known = [parameter.name for parameter in parameters]
    chosen: dict[str, Given] = {}
    problems: list[str] = []
    for giver in given:
        if giver.name not in known:
            # The distance to a name of ten megabytes takes minutes; nobody mistypes that far.
            close = difflib.get_close_matches(giver.name, known, 1) if len(giver.name) <= 100 else []
            offer = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"{shown(giver.name)} is not a parameter of this runbook ({giver.origin}){offer}")
        elif giver.name in chosen and chosen[giver.name].origin == giver.origin:
            problems.append(f"{giver.name}: given twice ({giver.origin})")
        else:
            chosen[giver.name] = giver
    return chosen, problems


def _default(parameter: Parameter) -> Value | None:
    if parameter.derived:
        return None
    if parameter.default_source is None:
        what = f"{parameter.type_text}, {parameter.help}" if parameter.help else parameter.type_text
        raise Unfit(f"is required and nobody gave it ({what})")
    try:
        value = evaluate(parameter.default_source)
    except NotLiteral as problem:
        raise Unfit(f"its default can't be read: {problem}") from problem
    if parameter.secret:
        source = parse_source(value) if isinstance(value, SecretCall) else None
        if source is None:
            raise Unfit(f"a secret's default is secret(…) with {HOW}")
        return _value(parameter, source, DEFAULT)
    return _value(parameter, value, DEFAULT)


def _converted(parameter: Parameter, giver: Given, base: Path) -> Value:
    if parameter.secret:
        return _value(parameter, _secret(giver, base), giver.origin)
    if not parameter.type_text:
        raise Unfit(f"declares no type, so no value can be given: write `{parameter.name}: TYPE = …`")
    kind = parse(parameter.type_text)
    try:
        if giver.form == "literal":
            value = evaluate(str(giver.raw))
            require(value, kind)
        elif giver.form == "plain":
            value = from_plain(giver.raw, kind, base=base)
        else:
            value = from_text(str(giver.raw), kind, base=base)
    except (Unfit, NotLiteral) as problem:
        raise Unfit(f"{problem} ({giver.origin})") from problem
    return _value(parameter, value, giver.origin)


def _secret(giver: Given, base: Path) -> SecretSource:
    """A secret is named by its place; `prompt` is one, too. What was given is never echoed."""
    if type(giver.raw) is not str or len(giver.raw) > MAX_CHARACTERS:
        raise Unfit(f"a secret is given as {HOW} ({giver.origin})")
    source = parse_source(giver.raw)
    if source is None:
        # Command lines, files and environments are seen by others; a secret in one is not secret any more.
        why = " (a shell keeps its history)" if giver.origin == "command line" else ""
        raise Unfit(f"a secret is never given itself{why}, only where it is: {HOW} ({giver.origin})")
    if source.kind == "file" and not source.name.startswith(("/", "~/")):
        return SecretSource("file", str(base / source.name))
    return source


def _value(parameter: Parameter, value: object, origin: str) -> Value:
    try:
        written = None if parameter.secret else literal(value)
    except TypeError as problem:
        raise Unfit(f"{problem} ({origin})") from problem
    return Value(
        name=parameter.name,
        type_text=parameter.type_text,
        value=value,
        literal=written,
        origin=origin,
        secret=parameter.secret,
    )


def values_digest(values: Sequence[Value]) -> str:
    """`sha256:` over names, types and exact values, whatever their order; of a secret only that it is one.

    Where a value is from does not count: the same values from a file or the command line are the same.
    """
    rows = [[value.name, value.type_text, value.literal, value.secret] for value in values]
    return digest(b"runbook values v1\n" + canonical_json(sorted(rows, key=lambda row: str(row[0]))))
