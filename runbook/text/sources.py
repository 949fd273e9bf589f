"""Sources of values: `-p name=value`, `--params FILE` and the environment, each as a list of `Given`.

Pure: bytes and the mapping of variables are passed in. Converts nothing to a declared type (`values` does);
of a file it keeps what the format says, and refuses what YAML 1.1 and 1.2 read differently.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from runbook.decoding import decode_json, decode_toml
from runbook.errors import FormatError, ParameterError
from runbook.text.runbook import Parameter
from runbook.text.spellings import shown
from runbook.text.strict_yaml import EVERYWHERE, Loose, Misread, Node, read_mapping
from runbook.text.values import Given

COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
PREFIX = "RUNBOOK_PARAM_"
MAX_FILE_BYTES = 256 * 1024

_NULL = re.compile(r"|~|null")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
# What one YAML reader (1.1, 1.2, JSON) takes for a boolean, a number or nothing, and another for text.
_DISPUTED = re.compile(
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
    if len(data) > MAX_FILE_BYTES:
        raise FormatError(f"larger than {MAX_FILE_BYTES} bytes", subject=name)
    try:
        lines = data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as problem:
        raise FormatError(f"not UTF-8 (byte {problem.start})", subject=name) from problem
    try:
        return {key: _plain(node) for key, node in read_mapping(lines, loose=(EVERYWHERE,)).items()}
    except Misread as problem:
        hint = "write it plainly; a text that could be something else stands in quotes"
        raise FormatError(
            f"YAML: {problem.message}", subject=name, line=problem.line + 1, hint=hint
        ) from problem


def _plain(node: Node) -> object:
    value = node.value
    if isinstance(value, Loose):
        return _loose(value.text, node.line)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _loose(text: str, line: int) -> object:
    """A plain scalar that YAML readers may dispute: what all of them agree on, or Misread."""
    if _NULL.fullmatch(text):
        return None
    if _WHOLE.fullmatch(text) and len(text) <= 1000:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _DISPUTED.fullmatch(text):
        raise Misread(line, f"{shown(text)} means different things to different readers: quote it")
    return text
