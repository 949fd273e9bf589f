"""Sources of values: `-p name=value`, `--params FILE` and the environment, each as a list of `Given`.

Pure: bytes and the mapping of variables are passed in. Converts nothing to a declared type (`values` does);
of a file it keeps what the format says, and refuses what YAML 1.1 and 1.2 read differently.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from runbook.decoding import decode_json, decode_toml
from runbook.errors import FormatError, ParameterError
from runbook.text.runbook import Parameter
from runbook.text.spellings import shown
from runbook.text.values import Given

COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
PREFIX = "RUNBOOK_PARAM_"
MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 20

_NULL = re.compile(r"|~|null")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
# What one YAML reader (1.1, 1.2, JSON) takes for a boolean, a number or nothing, and another for text.
_AMBIGUOUS = re.compile(
    r"(?i:y|yes|n|no|on|off|true|false|null|<<|=)"
    r"|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?0[xob][0-9a-fA-F_]+"
    r"|[-+]?\.(?i:inf|nan)"
)


def from_arguments(arguments: Sequence[str]) -> tuple[Given, ...]:
    """The values of `-p name=value`. Raises ParameterError naming every argument without `=`."""
    wrong = [shown(argument) for argument in arguments if "=" not in argument]
    if wrong:
        raise ParameterError(
            [f"{each} is not NAME=VALUE" for each in wrong], hint="for example: -p host=web1"
        )
    pairs = (argument.split("=", 1) for argument in arguments)
    return tuple(Given(name=name, raw=raw, origin=COMMAND_LINE) for name, raw in pairs)


def from_environment(parameters: Sequence[Parameter], variables: Mapping[str, str]) -> tuple[Given, ...]:
    """The values of `RUNBOOK_PARAM_NAME`, where NAME is the parameter's name in capitals.

    A variable with that prefix that is no parameter's stays in the list under its own name, so that `resolve`
    refuses it: it is a typing mistake, or meant for another runbook. Raises ParameterError when two
    parameters differ in capitals only, since one variable would set both.
    """
    names: dict[str, list[str]] = {}
    for parameter in parameters:
        names.setdefault(parameter.name.upper(), []).append(parameter.name)
    given: list[Given] = []
    problems: list[str] = []
    for variable in sorted(variables):
        capitals = variable.removeprefix(PREFIX)
        if capitals == variable:
            continue
        meant = names.get(capitals, [capitals.lower()])
        if len(meant) > 1:
            problems.append(f"{variable} could be any of {', '.join(meant)}")
        given.append(Given(name=meant[0], raw=variables[variable], origin=ENVIRONMENT))
    if problems:
        raise ParameterError(problems, hint="give these with -p")
    return tuple(given)


def from_file(data: bytes, *, name: str) -> tuple[Given, ...]:
    """The values of a file, its format told by the name: `.yaml`, `.yml`, `.toml` or `.json`.

    Raises FormatError (ConfigError for TOML) with the line: not that format, not a table of names, a key
    twice, an anchor, tag, merge or second document, a scalar that YAML readers do not agree on.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".toml":
        plain: object = decode_toml(data, object, name=name, limit_bytes=MAX_FILE_BYTES)
    elif suffix == ".json":
        plain = decode_json(data, object, name=name, limit_bytes=MAX_FILE_BYTES)
    elif suffix in (".yaml", ".yml"):
        plain = _yaml(data, name)
    else:
        raise FormatError(
            "the name does not say which format this is", subject=name, hint="use .yaml, .toml, .json"
        )
    if not isinstance(plain, dict):
        raise FormatError("not a table of parameter names and their values", subject=name)
    return tuple(
        Given(name=str(key), raw=value, origin=f"file {PurePosixPath(name).name}", form="plain")
        for key, value in plain.items()
    )


def _yaml(data: bytes, name: str) -> object:
    import yaml  # loaded only by runs that are given a YAML file

    if len(data) > MAX_FILE_BYTES:
        raise FormatError(f"larger than {MAX_FILE_BYTES} bytes", subject=name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise FormatError(f"not UTF-8 (byte {problem.start})", subject=name) from problem
    try:
        return _Yaml(yaml.parse(text, Loader=yaml.SafeLoader), name).document()
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        words = getattr(problem, "problem", None) or "a character that YAML does not allow"
        raise FormatError(
            f"not YAML: {words}", subject=name, line=mark.line + 1 if mark else None
        ) from problem


class _Yaml:
    """Builds values from PyYAML's events, so that nothing of its own guessing (YAML 1.1) takes part."""

    def __init__(self, events: Iterator[object], name: str) -> None:
        self.events = events
        self.name = name
        self.line = 1

    def document(self) -> object:
        self._next("StreamStart")
        if self._next("DocumentStart", "StreamEnd")[0] == "StreamEnd":
            return {}
        value = self._value(self._next(), 0)
        self._next("DocumentEnd")
        if self._next()[0] != "StreamEnd":
            raise self._wrong("a second document")
        return value

    def _wrong(self, what: str) -> FormatError:
        return FormatError(f"{what} in YAML", subject=self.name, line=self.line, hint="write it plainly")

    def _next(self, *wanted: str) -> tuple[str, object]:
        event = next(self.events)
        kind = type(event).__name__.removesuffix("Event")
        mark = getattr(event, "start_mark", None)
        self.line = mark.line + 1 if mark else self.line
        if kind == "Alias" or getattr(event, "anchor", None) is not None:
            raise self._wrong("an anchor or alias")
        if getattr(event, "tag", None) is not None:
            raise self._wrong("a tag")
        if wanted and kind not in wanted:
            raise self._wrong(f"{kind} out of place")
        return kind, event

    def _value(self, item: tuple[str, object], depth: int) -> object:
        kind, event = item
        if depth > MAX_DEPTH:
            raise self._wrong(f"more than {MAX_DEPTH} levels")
        if kind == "Scalar":
            return self._scalar(event)
        if kind == "SequenceStart":
            return list(self._items(depth))
        found: dict[object, object] = {}
        while (item := self._next())[0] != "MappingEnd":
            key = self._scalar(item[1]) if item[0] == "Scalar" else None
            if type(key) is not str:
                raise self._wrong("a key that is not text")
            if key in found:
                raise self._wrong(f"the key {shown(key)} twice")
            found[key] = self._value(self._next(), depth + 1)
        return found

    def _items(self, depth: int) -> Iterator[object]:
        while (item := self._next())[0] != "SequenceEnd":
            yield self._value(item, depth + 1)

    def _scalar(self, event: object) -> object:
        text = getattr(event, "value", "")
        assert isinstance(text, str)
        if getattr(event, "style", None) is not None:
            return text  # quoted, literal or folded: text in every reading
        if _NULL.fullmatch(text):
            return None
        if text in ("true", "false"):
            return text == "true"
        if _WHOLE.fullmatch(text) and len(text) <= 1000:
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _AMBIGUOUS.fullmatch(text):
            raise self._wrong(
                f"{shown(text)}, which not every reader takes for the same; quote it, or spell it out"
            )
        return text
