"""Included files: which ones `includes:` names, what they may be, and the one digest of their tree. Pure.

Paths are relative to the workspace, since that is where `make` and `kubectl apply -f k8s/` are called.
Whoever has the files (a folder, git's objects, an execution) lists and reads them; here it is judged:

1. a named file, all of a named folder, or what `*`, `?` and `**` match; each must match something;
2. wildcards and folders never bring hidden names, compiled Python or evidence; nothing at all brings `.git`;
3. regular files only: a link could lead anywhere tomorrow;
4. names of printable ASCII, no two that differ in case only;
5. at most so many files and bytes;
6. text without the characters that a runbook may not hold either, Python within a runbook's columns;
7. what is no text can't be read by a reviewer: it must be named by its exact path.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from runbook.canonical import digest, framed, hex_digest
from runbook.errors import FormatError
from runbook.text.characters import name, refused_at, refused_in
from runbook.text.lines import CODE_COLUMNS
from runbook.text.reasons import Reason, reason
from runbook.text.runbook import Includes

MOST_FILES = 1000
FILE_LIMIT_BYTES = 8 << 20
TREE_LIMIT_BYTES = 32 << 20
MOST_LISTED = 50_000
"""How many files a listing may have: a wildcard over more is a slip of the pen."""

_TAG = b"runbook includes v1"
_COMPILED = (".pyc", ".pyo")
_NAME = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]*[!-\[\]-~])?")  # printable ASCII without the backslash
_WIDE = re.compile(r"\S[ \t]{41,}\S")
_MOST_REASONS = 20


class Listed(msgspec.Struct, frozen=True):
    """One name that is there. `kind` "other": a device, a socket, a submodule."""

    path: str
    kind: Literal["file", "link", "other"]


class Included(msgspec.Struct, frozen=True, kw_only=True):
    """One included file: its path below the workspace, whether its owner may execute it, its bytes."""

    path: str
    executable: bool
    data: bytes

    @property
    def sha256(self) -> str:
        return hex_digest(self.data)

    @property
    def is_text(self) -> bool:
        return _text(self.data) is not None


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """The included files, sorted by path, and every reason why they can't be. `differs`: what is known of how
    they differ from those of the header's digest."""

    files: tuple[Included, ...]
    reasons: tuple[Reason, ...] = ()
    differs: str = ""

    @property
    def digest(self) -> str:
        return tree_digest((each.path, each.executable, each.sha256) for each in self.files)

    def file(self, path: str) -> Included | None:
        return next((each for each in self.files if each.path == path), None)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One path that two trees have differently; None: not there."""

    path: str
    before: Included | None
    after: Included | None

    @property
    def words(self) -> str:
        if self.before is None:
            return f"{self.path} is new"
        if self.after is None:
            return f"{self.path} is gone"
        if self.before.data == self.after.data:
            return f"{self.path} is {'' if self.after.executable else 'not '}executable now"
        return f"{self.path} has changed"


def tree_digest(files: Iterable[tuple[str, bool, str]]) -> str:
    """`sha256:` of a tree: path, executable bit and sha256 (hex) of each file, sorted by path, each part
    behind its length."""
    parts = [_TAG]
    for path, executable, sha256 in sorted(files):
        parts += [path.encode(), b"executable" if executable else b"plain", sha256.encode("ascii")]
    return digest(framed(parts))


def changes(before: Tree, after: Tree) -> tuple[Change, ...]:
    """What differs between two trees, by path."""
    paths = sorted({each.path for each in (*before.files, *after.files)})
    both = ((path, before.file(path), after.file(path)) for path in paths)
    return tuple(Change(path=path, before=old, after=new) for path, old, new in both if old != new)


def problems(named: Includes, tree: Tree) -> tuple[Reason, ...]:
    """Why these files may not come along: what is wrong with them, or that they are not those of the digest.

    A header without a digest is not normal form, which the reader says; it can't be approved.
    """
    if tree.reasons or named.digest in (None, tree.digest):
        return tree.reasons
    differs = f": {tree.differs}" if tree.differs else ""
    found = f"the included files are not those of the header's digest{differs}"
    hint = "put them back, or run `runbook fmt --includes`: then new approvals are needed"
    return (reason("includes.digest", named.line or None, found, hint),)


def starts(includes: Includes) -> tuple[str, ...]:
    """Where to look: of each path the part before the first wildcard; empty for the workspace itself."""
    found: list[str] = []
    for path in includes.paths:
        parts = path.split("/")
        plain = next((at for at, part in enumerate(parts) if _is_wild(part)), len(parts))
        found.append("/".join(parts[:plain]))
    return tuple(dict.fromkeys(found))


def gather(
    includes: Includes,
    listed: Sequence[Listed],
    read: Callable[[str], tuple[bytes, bool]],
    *,
    apart: Sequence[str] = (),
) -> Tree:
    """The tree that `includes` names among `listed`. `read` gives bytes and executable bit of a file; `apart`
    are folders whose files never count (the executions')."""
    judge = _Judge(includes, apart)
    files: list[Included] = []
    size = 0
    for path in judge.chosen(listed):
        try:
            data, executable = read(path)
        except FormatError as error:  # far too large, or a link by now
            judge.refuse("includes.kind", f"{path}: {error.message}", error.hint or "name another file")
            continue
        size += len(data)
        if size > TREE_LIMIT_BYTES:
            found = f"the files have more than {TREE_LIMIT_BYTES >> 20} MiB together"
            judge.refuse("includes.size", found, "name fewer, or let a step fetch what is large")
            break
        file = Included(path=path, executable=executable, data=data)
        judge.look_at(file)
        files.append(file)
    return Tree(files=tuple(files), reasons=tuple(judge.reasons[:_MOST_REASONS]))


def is_apart(path: str, apart: Sequence[str]) -> bool:
    """Whether no wildcard and no folder brings `path` along (2): hidden, compiled, or below one of `apart`.
    Whoever lists files need not go there."""
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))
    return hidden or path.endswith(_COMPILED) or _is_below(path, apart)


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _is_wild(part: str) -> bool:
    return "*" in part or "?" in part


def _plain(pattern: str) -> str:
    """The folders of a pattern before its first wildcard, with their `/`; all of one without wildcards."""
    if not _is_wild(pattern):
        return f"{pattern}/"
    head = re.split(r"[*?]", pattern)[0]
    return head[: head.rfind("/") + 1]


def _expression(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression: `**` is any folders (at the end: any files below), `*` and `?` stay
    within one name."""
    if not _is_wild(pattern):
        return re.compile(re.escape(pattern) + "/.+", re.DOTALL)
    pieces: list[str] = []
    *folders, last = pattern.split("/")
    for part in folders:
        pieces.append("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/")
    pieces.append(".+" if last == "**" else _part(last))
    return re.compile("".join(pieces), re.DOTALL)


def _part(part: str) -> str:
    return re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


class _Judge:
    """Chooses and looks, and keeps every reason against."""

    def __init__(self, includes: Includes, apart: Sequence[str]) -> None:
        self._includes = includes
        self._apart = apart
        self.reasons: list[Reason] = []

    def refuse(self, code: str, message: str, hint: str) -> None:
        self.reasons.append(reason(code, self._includes.line or None, message, hint))

    def chosen(self, listed: Sequence[Listed]) -> list[str]:
        """The paths of the files that count, sorted; none when there are too many."""
        if len(listed) > MOST_LISTED:
            found = f"there are more than {MOST_LISTED} files to look through"
            self.refuse("includes.size", found, "name the folder, not everything above it")
            return []
        known = {each.path: each for each in listed}
        picked: dict[str, Listed] = {}
        for pattern in self._includes.paths:  # 1
            matching = self._matching(pattern, known)
            if not matching:
                found = f"{pattern!r} names no file of the workspace"
                self.refuse("includes.missing", found, _FROM_WORKSPACE)
            picked.update(matching)
        paths = sorted(path for path, each in picked.items() if self._may(each))
        if len(paths) > MOST_FILES:  # 5
            found = f"these are {len(paths)} files; {MOST_FILES} are the limit"
            self.refuse("includes.size", found, "name fewer, or install them beside the interpreter")
            return []
        seen: dict[str, str] = {}
        for path in paths:  # 4
            other = seen.setdefault(path.lower(), path)
            if other != path:
                found = f"{other} and {path} are one file where case does not count"
                self.refuse("includes.name", found, "rename one of them")
        return paths

    def _matching(self, pattern: str, known: Mapping[str, Listed]) -> dict[str, Listed]:
        if pattern in known:
            return {pattern: known[pattern]}
        expression, plain = _expression(pattern), _plain(pattern)
        above = known.get(plain.removesuffix("/"))
        if above is not None:  # a link, or a file, where the pattern has a folder
            return {above.path: above}
        return {
            path: each
            for path, each in known.items()
            if expression.fullmatch(path)
            and not is_apart(path[len(plain) :], ())  # 2: what the pattern itself says was said on purpose
            and not _is_below(path, self._apart)
        }

    def _may(self, each: Listed) -> bool:
        """Whether this name may come along at all; a reason is kept when not."""
        path, parts = each.path, each.path.lower().split("/")
        shown = ascii(path)[1:-1]
        never = ".git" in parts or "__pycache__" in parts or path.endswith(_COMPILED)
        if never or _is_below(path, self._apart):  # 2
            found = f"{shown} is git's own, compiled code, or evidence"
            self.refuse("includes.place", found, "name the sources that are meant")
        elif each.kind != "file":  # 3
            found = f"{shown} is {'a link' if each.kind == 'link' else 'no regular file'}"
            self.refuse("includes.kind", found, "name the file itself; links are not followed")
        elif not all(map(_NAME.fullmatch, path.split("/"))):  # 4
            found = f"the name {shown} is not plain ASCII"
            self.refuse("includes.name", found, "rename the file")
        else:
            return True
        return False

    def look_at(self, file: Included) -> None:
        """What is in the file: text that can be read (6), or a binary that was named (7)."""
        text = _text(file.data)
        if len(file.data) > FILE_LIMIT_BYTES:  # 5
            found = f"{file.path} has {len(file.data)} bytes; {FILE_LIMIT_BYTES} are the limit"
            self.refuse("includes.size", found, "let a step fetch it, and compare its digest")
        elif text is None:
            if file.path not in self._includes.paths:  # 7
                found = f"{file.path} is no text: nobody can review it"
                self.refuse("includes.binary", found, "name it by its exact path if it must come along")
        else:
            problem = _problem_in(text, is_python=file.path.endswith(".py"))
            if problem is not None:  # 6
                line, words, hint = problem
                self.refuse("includes.text", f"{file.path}:{line}: {words}", hint)


_FROM_WORKSPACE = "paths start at the workspace's folder; wildcards bring no hidden names"


def _text(data: bytes) -> str | None:
    """The text, or None for what is none: not UTF-8, or with a zero byte in it."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _problem_in(text: str, *, is_python: bool) -> tuple[int, str, str] | None:
    """The first line of an included text that would not be let through in a runbook, with words and hint.

    Line ends are all LF or all CR LF, and stay as they are: the bytes are what comes along.
    """
    pairs = text.count("\r\n")
    if text.count("\r") != pairs or pairs not in (0, text.count("\n")):
        line = text.count("\n", 0, text.index("\r")) + 1
        return line, "line ends are mixed, or a carriage return stands alone", "use one kind of line end"
    bad = refused_in(text) - {"\r"}
    for number, line_text in enumerate(text.replace("\r\n", "\n").split("\n") if bad or is_python else (), 1):
        if bad and not bad.isdisjoint(line_text):
            for column, character in refused_at(line_text, prose=not is_python):
                return number, f"column {column} holds {name(character)}", "delete it"
        if is_python and len(line_text) > CODE_COLUMNS:
            return number, f"{len(line_text)} columns; in code {CODE_COLUMNS} are the limit", "break the line"
        if is_python and _WIDE.search(line_text):
            return number, "more than 40 blanks in a row push code out of sight", "delete them"
    return None
