"""Findings about code: what a reviewer should look at twice. Pure; the code is parsed, never run.

These are hints, not a guard: whoever wants to hide `eval` from a syntax tree can. What protects is that
nothing runs that nobody approved.
"""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from runbook.text.lint_imports import undeclared
from runbook.text.runbook import Parameter, Runbook, Step
from runbook.text.syntax import parts
from runbook.text.trees import tree_of


class Note(NamedTuple):
    """A code of `lint.CODES`, the file's line, and what was found there."""

    code: str
    line: int
    message: str


_DYNAMIC = frozenset({"exec", "eval", "compile", "__import__", "get_ipython", "runpy.run_path"})
_DYNAMIC |= {"os.system", "os.popen", "runpy.run_module", "importlib.import_module", "importlib.reload"}
_DYNAMIC_MODULES = ("importlib.", "subprocess.getoutput", "subprocess.getstatusoutput", "os.exec", "os.spawn")
# Every repetition has an end: a long text of beginnings would be looked through from each of them.
_FETCH = re.compile(
    r"\b(?:curl|wget)\b[^|;&\n]{0,1000}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?(?:sh|python3?|perl|ruby)\b"
)

# jupytext's defaults and IPython's automagic: a comment like these becomes a command in other tools.
_COMMANDS = re.compile(
    r"(?:# |#)*(?:cat|cd|cp|mv|rm|rmdir|mkdir|copy|ddir|echo|ls|ldir|ren)(?:$|\s$|\s[^=,])"
    r"|\s*(?:# |#)*%{1,3}[a-zA-Z]"
    r"|\s*(?:# ?)+\s*[?!]\s*[A-Za-z.~$\\/{}]"
    r"|(?:# |#)*\s*[A-Za-z_][A-Za-z_$0-9]*\s*=\s*(?:%{1,3}|!)[a-zA-Z]"
    r"|\s*(?:# )*\S*\?\s*$"
)
_SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:password|passwd|passphrase|secret|token|api_?key|private_?key)s?$")
_PLACEHOLDER = re.compile(
    r"(?i)|x+|\*+|\.+|<.*>|\$\{?\w+\}?|\{.*\}|env:.*|change[-_ ]?me|example|dummy|test|none"
)
_SECRETS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{22,}"), "a GitHub token"),
    (re.compile(r"\bglpat-[\w-]{20}"), "a GitLab token"),
    (re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"), "a Slack token"),
    (re.compile(r"\bAIza[\w-]{35}"), "a Google API key"),
    (re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"), "a Stripe key"),
    (re.compile(r"\beyJ[\w-]{10,400}\.eyJ[\w-]{10,2000}\.[\w-]"), "a signed web token"),
    (re.compile(r"://[^/\s:@{}$]+:[^/\s:@{}$]+@"), "a password in an address"),
)


def code_notes(runbook: Runbook, neighbours: Mapping[str, str]) -> Iterator[Note]:
    """Every note about the code cells and the parameters of one runbook."""
    code = [step for step in runbook.steps if step.cell.kind == "code"]
    trees = [(step, tree_of(step.cell.source)) for step in code]
    secrets = {parameter.name for parameter in runbook.parameters if parameter.secret}
    for step, tree in trees:
        yield from _comments(step)
        for node in ast.walk(tree) if tree else ():
            for check in _CHECKS:
                for code_, message in check(node):
                    yield Note(code_, step.cell.source_line + getattr(node, "lineno", 1) - 1, message)
            for name in _printed(node, secrets):
                line = step.cell.source_line + getattr(node, "lineno", 1) - 1
                yield Note("secret.printed", line, f"the secret {name} is printed")
            for name in _cut(node, secrets):
                line = step.cell.source_line + getattr(node, "lineno", 1) - 1
                yield Note("secret.piece", line, f"a piece of the secret {name} is cut off")
            for words in undeclared(node, neighbours):
                line = step.cell.source_line + getattr(node, "lineno", 1) - 1
                yield Note("import.neighbour", line, words)
    yield from _parameters(runbook, trees)


def _comments(step: Step) -> Iterator[Note]:
    source = step.cell.source
    goes_on = -1
    for part in parts(source):
        start = source.rfind("\n", 0, part.start) + 1
        if part.kind != "comment" or source[start : part.start].strip():
            continue
        text = source[start : part.end]
        if _COMMANDS.match(text) or start == goes_on:
            line = step.cell.source_line + source.count("\n", 0, start)
            yield Note("comment.command", line, f"the comment {text.strip()[:60]!a} is a command elsewhere")
            goes_on = part.end + 1 if text.endswith("\\") else -1


def _dotted(node: ast.expr) -> str:
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(words)])


def _dynamic(node: ast.AST) -> Iterator[tuple[str, str]]:
    if not isinstance(node, ast.Call):
        return
    name = _dotted(node.func)
    if name in _DYNAMIC or name.removeprefix("builtins.") in _DYNAMIC or name.startswith(_DYNAMIC_MODULES):
        yield "code.dynamic", f"{name}(…) runs what is not written here"
    elif any(
        keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for keyword in node.keywords
    ):
        yield "code.dynamic", f"{name or 'a call'}(…, shell=True) gives its text to a shell"


def _texts(node: ast.AST) -> Iterator[tuple[str, str]]:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return
    if _FETCH.search(node.value):
        yield "code.fetch", "what is fetched from the network is run at once"
    for pattern, what in _SECRETS:
        if pattern.search(node.value):
            yield "secret.written", f"{what} stands in the text"
            return


def _named_secrets(node: ast.AST) -> Iterator[tuple[str, str]]:
    """`password = "…"`, `f(token="…")`, `{"api_key": "…"}`."""
    pairs: list[tuple[str, ast.expr | None]] = []
    if isinstance(node, ast.Assign):
        pairs = [(_dotted(target), node.value) for target in node.targets]
    elif isinstance(node, ast.AnnAssign):
        pairs = [(_dotted(node.target), node.value)]
    elif isinstance(node, ast.keyword):
        pairs = [(node.arg or "", node.value)]
    elif isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else "" for key in node.keys]
        pairs = [(str(key), value) for key, value in zip(keys, node.values, strict=True)]
    for name, value in pairs:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            known = any(pattern.search(value.value) for pattern, _ in _SECRETS)
            named = _SECRET_NAME.search(name.rpartition(".")[2])
            if named and not known and not _PLACEHOLDER.fullmatch(value.value):
                yield "secret.written", f"{name[:60]} is given a text that stands in the runbook"


_CHECKS: tuple[Callable[[ast.AST], Iterator[tuple[str, str]]], ...] = (_dynamic, _texts, _named_secrets)


def _printed(node: ast.AST, secrets: Collection[str]) -> Iterator[str]:
    if not isinstance(node, ast.Call) or _dotted(node.func) not in (
        "print",
        "display",
        "note",
        "repr",
        "str",
    ):
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id in secrets:
            yield inner.id


def _cut(node: ast.AST, secrets: Collection[str]) -> Iterator[str]:
    """The secret of `token.reveal()[:3]` and `token.reveal().split(…)`."""
    pieces = ("split", "rsplit", "partition", "rpartition")
    is_split = isinstance(node, ast.Attribute) and node.attr in pieces
    if not (is_split or isinstance(node, ast.Subscript)):
        return
    whole = node.value  # type: ignore[attr-defined] # both have one
    if isinstance(whole, ast.Call) and isinstance(whole.func, ast.Attribute) and whole.func.attr == "reveal":
        of = whole.func.value
        if isinstance(of, ast.Name) and of.id in secrets:
            yield of.id


def _parameters(runbook: Runbook, trees: list[tuple[Step, ast.Module | None]]) -> Iterator[Note]:
    declared = {parameter.name: parameter for parameter in runbook.parameters}
    used: set[str] = set()
    for step, tree in trees:
        used |= set(re.findall(r"\w+", step.when or ""))
        if tree is None or step.uses_magics:
            used |= set(re.findall(r"\w+", step.cell.source))
        own = step.has("parameters")
        for node in ast.walk(tree) if tree else ():
            if not isinstance(node, ast.Name) or node.id not in declared:
                continue
            if isinstance(node.ctx, ast.Load):
                used.add(node.id)
            elif not own and not step.has("injected-parameters"):
                line = step.cell.source_line + node.lineno - 1
                yield Note("parameter.overwritten", line, f"the parameter {node.id} is set again here")
    for step in runbook.steps:
        used |= set(re.findall(r"\w+", step.when or ""))
    for parameter in declared.values():
        yield from _parameter(parameter, used)


def _parameter(parameter: Parameter, used: Collection[str]) -> Iterator[Note]:
    if parameter.name not in used:
        yield Note("parameter.unused", parameter.line, f"the parameter {parameter.name} is never used")
    if parameter.name in _BUILTINS:
        yield Note(
            "parameter.shadows", parameter.line, f"{parameter.name} hides Python's own {parameter.name}"
        )


# Fixed here, so that a finding does not come and go with the Python that lints.
_BUILTINS = frozenset(
    {
        *(
            "abs",
            "all",
            "any",
            "ascii",
            "bin",
            "bool",
            "bytes",
            "callable",
            "chr",
            "compile",
            "delattr",
            "dict",
        ),
        *("dir", "display", "divmod", "enumerate", "eval", "exec", "filter", "float", "format", "frozenset"),
        *("getattr", "globals", "hasattr", "hash", "help", "hex", "id", "input", "int", "isinstance", "iter"),
        *("len", "list", "locals", "map", "max", "min", "next", "object", "open", "ord", "pow", "print"),
        *(
            "property",
            "range",
            "repr",
            "reversed",
            "round",
            "set",
            "setattr",
            "slice",
            "sorted",
            "str",
            "sum",
        ),
        *("super", "tuple", "type", "vars", "zip"),
    }
)
