"""Code cells: what may stand in them, where code ends and text begins, and which lines are magics. Pure.

Where strings and comments are is told by a small scanner of ours: Python's own tokens changed with 3.12
(f-strings), and a verdict must not change with the Python that reads. Only `cell.syntax` depends on it.

IPython rewrites a cell before it runs it. Three rules keep that from showing a reader something else:
1. What parses as Python is not rewritten: no Python statement begins with `%`, `!` or `?`, assigns `!x`, or
   ends in `?`. So magics are looked for with our scanner, and what is left without them must parse.
2. IPython cuts `>>> `, `...: ` and `In [1]: ` off lines, inside strings too: such lines are refused.
3. jupytext takes a `#` off a comment like `## +`: refused as well.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from symtable import symtable

import msgspec

from runbook.text.reasons import Reason, reason

MAX_BLANKS = 40
_WIDE = " " * (MAX_BLANKS + 1)
_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

_ODD = re.compile(r"[^\x00-\x7f]+|\t")  # quotes are ASCII: a run is all code, all string or all comment
_WIDE_GAP = re.compile(rf"(?<=[^ \n]) {{{MAX_BLANKS + 1},}}(?=[^ \n])")
_ESCAPED_MARKER = re.compile(r"^(?:# ?){2,}\+", re.MULTILINE)
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.{3,}:|(?:\[nav\] |\[ins\] | )?In \[\d+\]: )", re.MULTILINE)
_ELLIPSIS = re.compile(r"\.\.\.(?: |$)")

_TOKEN = re.compile(
    r"(?P<word>\w+)|(?P<quote>\"\"\"|'''|\"|')|(?P<comment>\#[^\n]*)|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<line>\n)|\\\n|[^\w\"'#()\[\]{}\n\\]+|\\"
)
_CLOSING = {
    '"""': re.compile(r'[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""', re.DOTALL),
    "'''": re.compile(r"[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''", re.DOTALL),
    '"': re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*"', re.DOTALL),
    "'": re.compile(r"[^'\\\n]*(?:\\.[^'\\\n]*)*'", re.DOTALL),
}
_PREFIXES = frozenset({"r", "b", "u", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"})
# The parts of an f-string of which it is certain, in every Python, where the code in braces ends: no braces,
# backslashes or comments inside the code, and only quotes that close again.
_CODE = r"(?:[^{}\"'#\\]|'[^\"'{}\\\n]*'|\"[^\"'{}\\\n]*\")*"
_F_PART = re.compile(rf"(?P<text>(?:[^{{}}]|\{{\{{|\}}\}})+)|\{{{_CODE}(?:\{{{_CODE}\}}{_CODE})*\}}")

_CELL_MAGIC = re.compile(r"\s*%%")
_MAGIC = re.compile(
    r"[ \t]*(?:[%!?][^\n]*"
    r"|%{0,2}[A-Za-z_*][\w.*]*(?:\[[^\n\]]*\])?\?\??[ \t]*(?=\n|\Z)"
    r"|[A-Za-z_][\w.\[\]'\", ]*=[ \t]*(?:%[A-Za-z_]|!)[^\n]*)"
)


class Part(msgspec.Struct, frozen=True):
    """A stretch of a cell that is not plain code: `string`, `comment`, `magic`, or `unsure` up to the end."""

    kind: str
    start: int
    end: int


def parts(source: str) -> list[Part]:
    """Strings, comments and magic lines of a code cell, in order; what lies between them is code.

    The text of an f-string is `string`, the code in its braces is code. Never raises: a string without an end
    is code.
    """
    return list(_parts(source))


def _parts(source: str) -> Iterator[Part]:
    at, depth, fresh = 0, 0, True
    while at < len(source):
        if fresh and depth == 0:
            magic = _magic_at(source, at)
            if magic is not None:
                yield Part("magic", at, magic)
                at = magic
                continue
        token = _TOKEN.match(source, at)
        if token is None:  # every character begins one of the alternatives
            raise AssertionError(f"no token at {at}")
        fresh = False
        kind = token.lastgroup
        if kind == "quote":
            closing = _CLOSING[token[0]].match(source, token.end())
            if closing is None:
                at += 1
                continue
            yield from _string(source, at, token.end(), closing.end())
            at = closing.end()
            continue
        if kind == "comment":
            yield Part("comment", at, token.end())
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "line":
            fresh = True
        at = token.end()


def _magic_at(source: str, start: int) -> int | None:
    """The end of the magic that begins on this line; a line that ends in a backslash goes on below it."""
    magic = _MAGIC.match(source, start)
    if magic is None:
        return None
    end = magic.end()
    while source[end - 1 : end] == "\\" and source[end : end + 1] == "\n":
        following = source.find("\n", end + 1)
        end = len(source) if following < 0 else following
    return end


def _string(source: str, quote: int, inside: int, end: int) -> Iterator[Part]:
    word = quote
    while word > 0 and (source[word - 1].isalnum() or source[word - 1] == "_"):
        word -= 1
    prefix = source[word:quote].lower()
    if prefix not in _PREFIXES or not {"f", "t"} & set(prefix):
        yield Part("string", quote, end)
        return
    at, last = inside, end - (inside - quote)
    yield Part("string", quote, inside)
    while at < last:
        part = _F_PART.match(source, at, last)
        if part is None:
            yield Part("unsure", at, len(source))
            return
        if part["text"] is not None:
            yield Part("string", at, part.end())
        at = part.end()
    yield Part("string", last, end)


def examine(source: str, line: int) -> tuple[tuple[int, ...], tuple[Reason, ...]]:
    """The magic lines of a code cell (file lines) and every reason against it. Never raises.

    `line` is the file line of the source's first line. The caller keeps Python's warnings away.
    """
    plain = source.isascii() and "\t" not in source and _WIDE not in source
    if plain and not _needs_a_look(source) and _is_quickly_parsed(source):
        return (), ()
    tree: ast.Module | str | None = _parse(source)
    reasons: list[Reason] = []
    start = _CELL_MAGIC.match(source)
    if start:
        # The rest of the cell is text for the magic; which language it is in, nobody here knows.
        found = [Part("magic", start.end() - 2, len(source))]
        tree = None
    else:
        found = parts(source)
        if not isinstance(tree, ast.Module):
            tree = _parse(without_magics(source, found))
    if not plain:
        reasons += _unseen(source, found, line)
    if isinstance(tree, str):
        message, _, offset = tree.rpartition("@")
        where = line + max(int(offset), 1) - 1
        hint = "correct it; a line for the shell or IPython begins with `!` or `%`, without a `#`"
        reasons.append(reason("cell.syntax", where, f"the code does not parse: {message}", hint))
    elif tree is not None:
        reasons += _exits(tree, source, line)
    reasons += _rewritten(source, line)
    starts = (part.start for part in found if part.kind == "magic")
    return tuple(number for number, _ in _numbered(source, starts, line)), tuple(reasons)


def _numbered(source: str, places: Iterable[int], line: int) -> Iterator[tuple[int, int]]:
    """The file line of each of these rising offsets, and the offset; counted once through."""
    counted = 0
    for at in places:
        line, counted = line + source.count("\n", counted, at), at
        yield line, at


def _needs_a_look(source: str) -> bool:
    return any(word in source for word in ("exit", "quit", "#+", "# +", ">>>", "...", "In ["))


def _is_quickly_parsed(source: str) -> bool:
    """Whether Python parses it, by a way that makes no tree, which costs more than the parsing. A no is not
    the last word: this way also says it of some code that does parse, and never why."""
    try:
        symtable(source, "<step>", "exec")
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return False
    return True


def _parse(source: str) -> ast.Module | str:
    """The syntax tree, or what is wrong as `message@line`."""
    try:
        tree: ast.Module = compile(source, "<step>", "exec", _FLAGS, dont_inherit=True)
        return tree
    except SyntaxError as error:
        return f"{error.msg}@{error.lineno or 1}"
    except (RecursionError, MemoryError):
        return "it is nested too deeply@1"
    except ValueError as error:  # null bytes, surrogates: refused as characters too
        return f"{error}@1"


def without_magics(source: str, found: Iterable[Part]) -> str:
    """The Python of the cell: `pass` in the place of each magic of its `parts`; lines stay where they are."""
    pieces, at = [], 0
    for part in found:
        if part.kind == "magic":
            text = source[part.start : part.end]
            indent = text[: len(text) - len(text.lstrip(" \t"))]
            pieces += [source[at : part.start], indent, "pass", "\n" * text.count("\n")]
            at = part.end
    return "".join([*pieces, source[at:]])


def _unseen(source: str, found: list[Part], line: int) -> list[Reason]:
    """Characters outside ASCII in code, tabs outside strings, blanks that push code off the screen."""
    kinds = bytearray(len(source))  # 0 code, 1 comment, 2 string
    unsure = None
    for part in found:
        if part.kind == "unsure":
            # From here on nobody can tell code from text for every Python: all counts as code.
            unsure = part.start
            break
        if part.kind != "magic":
            kinds[part.start : part.end] = bytes([2 if part.kind == "string" else 1]) * (
                part.end - part.start
            )
    reasons = []
    odd = {match.start(): match[0] for match in _ODD.finditer(source)}
    for number, at in _numbered(source, odd, line):
        if odd[at] == "\t":
            if kinds[at] != 2:
                reasons.append(reason("cell.tabs", number, "a tab outside a string", "write blanks"))
        elif kinds[at] == 0:
            found_at = f"{odd[at][:8]!a} (U+{ord(odd[at][0]):04X}) stands in code, where only ASCII may"
            if unsure is not None and at >= unsure:
                found_at += "; an f-string before it is nested so that its end depends on the Python version"
            hint = "write it in a string or a comment, or in plain letters"
            reasons.append(reason("cell.character", number, found_at, hint))
    gaps = {gap.start(): len(gap[0]) for gap in _WIDE_GAP.finditer(source)}
    for number, at in _numbered(source, gaps, line):
        if kinds[at] == 0:
            message = f"{gaps[at]} blanks in a row: what follows may be out of sight"
            reasons.append(reason("cell.blanks", number, message, f"use at most {MAX_BLANKS}"))
    return reasons


def _exits(tree: ast.Module, source: str, line: int) -> list[Reason]:
    if "exit" not in source and "quit" not in source:
        return []
    reasons = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called: ast.expr | None = node.func
        else:
            called = node.value if isinstance(node, ast.Expr) else None
        if isinstance(called, ast.Name) and called.id in ("exit", "quit"):
            found = f"`{called.id}` does not stop a run: the next step would start"
            number = line + called.lineno - 1
            hint = "use `sys.exit(message)`, or raise an exception"
            reasons.append(reason("cell.exit", number, found, hint))
    return reasons


def _rewritten(source: str, line: int) -> list[Reason]:
    """What IPython or jupytext would take off a line before the cell runs."""
    reasons = []
    escaped = (match.start() for match in _ESCAPED_MARKER.finditer(source))
    for number, _ in _numbered(source, escaped, line):
        found = "a comment that begins with `#`s and `+`: jupytext takes a `#` off it"
        reasons.append(reason("cell.marker", number, found, "begin it with a word"))
    prompts = {match.start() for match in _PROMPT.finditer(source)}
    head = len(source) - len(source.lstrip("\n \t"))
    second = source.find("\n", head) + 1
    if second and _ELLIPSIS.match(source[second:].split("\n", 1)[0]):
        prompts.add(second)
    for number, _ in _numbered(source, sorted(prompts), line):
        found = "a line that begins like a prompt, which IPython cuts off, inside strings too"
        reasons.append(reason("cell.prompt", number, found, "write the code without prompts"))
    return reasons
