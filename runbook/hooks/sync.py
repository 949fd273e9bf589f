"""The hook `runbook-sync`: no commit of a pair that says two things, and none that forgets an edit.

Reads the index, in one process for all files. Never stages, never writes, and never asks for a notebook that
is not in git: most are ignored.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from runbook.hooks.finding import Found, Tell, say
from runbook.hooks.staged_pairs import Home, contents_of, pairs_in, staged_files
from runbook.pairing.flow import is_alike
from runbook.pairing.notebooks import Notebook
from runbook.pairing.observe import parse_notebook
from runbook.pairing.places import Pair
from runbook.pairing.session import Options, Session
from runbook.pairing.sync import sync_in_session
from runbook.pairing.texts import Text, Unreadable, read_text
from runbook.system import clock
from runbook.verbs.sync import place_of
from runbook.workspace import Surroundings

_FORGOTTEN = frozenset({"to-text", "merged", "made-text"})


def main(argv: Sequence[str], around: Surroundings, tell: Tell) -> int:
    """`argv`: files, from the current folder; none: whatever is staged. Returns 0 or 1.

    Raises FormatError outside a git work tree, CommandFailed, ToolMissing.
    """
    return say(findings(argv, around), tell)


def findings(argv: Sequence[str], around: Surroundings) -> list[Found]:
    found = staged_files(argv, (".py", ".ipynb"), around)
    pairs = {home.prefix: pairs_in(home) for home in found.homes}
    names = {
        prefix: [name for pair in inside for name in (pair.name, pair.notebook_name)]
        for prefix, inside in pairs.items()
    }
    staged = contents_of(found, names, around)
    return [
        each
        for home in found.homes
        for each in (
            *_staged(home, pairs[home.prefix], staged),
            *_forgotten(home, pairs[home.prefix], around),
        )
    ]


def _staged(home: Home, pairs: Sequence[Pair], staged: Mapping[str, bytes]) -> Iterator[Found]:
    """Both sides as they will be committed."""
    for pair in pairs:
        text, notebook = home.prefix + pair.name, home.prefix + pair.notebook_name
        if text not in staged:
            continue
        words = _problem(text, staged[text], notebook, staged.get(notebook))
        if words is not None:
            both = shlex.join([text, *([notebook] if notebook in staged else [])])
            yield Found(path=text, message=words, mend=f"`{_sync(home, pair)} && git add {both}`")


def _problem(text: str, data: bytes, notebook: str, other: bytes | None) -> str | None:
    read = read_text(data)
    if isinstance(read, Unreadable):
        return f"as staged, it cannot be paired: {read.problem.message}" if _may_be_one(data) else None
    if other is None:
        return None
    parsed = parse_notebook(other)
    if isinstance(parsed, Unreadable):
        return f"{notebook}, as staged, cannot be paired: {parsed.problem.message}"
    return None if _agree(read, parsed) else f"as staged, it and {notebook} say two things"


def _agree(text: Text, notebook: Notebook) -> bool:
    return is_alike(text, notebook)


def _may_be_one(data: bytes) -> bool:
    """Whether a text that cannot be read could be a runbook at all: any other module is none of ours."""
    return b"# %%" in data or data.startswith(b"# ---")


def _forgotten(home: Home, pairs: Sequence[Pair], around: Surroundings) -> Iterator[Found]:
    """Edits of a notebook that never reached the text: the commit would leave them out."""
    place = place_of(home.workspace, around)
    if not place.state.is_dir():
        return
    session = Session(place, now=clock.now(), options=Options(check=True, patience_seconds=0.0))
    wanted = [pair for pair in pairs if pair.name in session.state.records]
    others = session.state.records.keys() - {pair.name for pair in wanted}
    for report in sync_in_session(session, wanted, without=others):
        path = home.prefix + report.name
        pair = Pair(name=report.name, notebook_name=report.notebook)
        if report.action == "conflict":
            mend = f"`runbook resolve {shlex.quote(path)} --take text|notebook|both`"
            yield Found(path=path, message="both sides were changed, and nobody decided yet", mend=mend)
        elif report.action in _FORGOTTEN:
            words = f"{home.prefix}{report.notebook} holds edits that are not in the text"
            mend = f"`{_sync(home, pair)} && git add {shlex.quote(path)}`"
            yield Found(path=path, message=words, mend=mend)


def _sync(home: Home, pair: Pair) -> str:
    folder = f"-C {shlex.quote(home.prefix.rstrip('/'))} " if home.prefix else ""
    return f"runbook {folder}sync {shlex.quote(pair.name)}"
