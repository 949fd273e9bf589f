"""`sync`: bring pairs in step, once; and how the verbs of pairs find a pair by what a person types."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runbook.errors import NotFoundError
from runbook.pairing.places import BESIDE, Pair, Place, find_pairs, is_ignored, pair_of, place
from runbook.pairing.reports import PairReport
from runbook.pairing.rivals import jupytext_header
from runbook.pairing.session import Options
from runbook.pairing.state import State
from runbook.pairing.sync import sync_all, sync_named
from runbook.store.folder import nobody
from runbook.store.store import open_store
from runbook.system import files
from runbook.verbs import names
from runbook.workspace import Surroundings, Workspace


def place_of(workspace: Workspace, around: Surroundings) -> Place:
    """The workspace's root, state and store; makes nothing."""
    return place(workspace.root, env=around.env)


def pairs_of(workspace: Workspace) -> tuple[Pair, ...]:
    """Every text below the runbook folders; in a folder without `runbook.toml` its own texts alone."""
    if not workspace.loose:
        settings = workspace.settings
        return find_pairs(workspace.root, folders=settings.runbooks, template=settings.pairs)
    with files.storage_errors(workspace.root):
        found = sorted(
            entry.name
            for entry in workspace.root.iterdir()
            if entry.suffix == ".py" and not is_ignored(entry.name) and entry.is_file()
        )
    return tuple(pair_of(workspace.root, name, template=BESIDE) for name in found)


def pair_named(
    workspace: Workspace, name: str, *, around: Surroundings, tell: Callable[[str], None] = nobody
) -> Pair:
    """The pair that `name` means: its text or notebook, which need not be there, a slug, a unique part.
    `tell` hears of what had to be mended to know.

    Raises NotFoundError with the closest names.
    """
    template = workspace.settings.pairs
    place = place_of(workspace, around)
    if name.endswith(".ipynb"):
        return _by_notebook(workspace, name, known_names(place, tell=tell), around)
    try:
        return pair_of(workspace.root, names.find_runbook(workspace, name, cwd=around.cwd), template=template)
    except NotFoundError:
        known = known_names(place, tell=tell)
        gone = [each for each in known if names.slug(each) == names.slug(_below(workspace, name, around))]
        gone = gone or [each for each in known if name in each]
        if len(gone) != 1:
            raise
        return pair_of(workspace.root, gone[0], template=template)


def known_names(place: Place, *, tell: Callable[[str], None] = nobody) -> tuple[str, ...]:
    """The texts that pairs were made of once, those that are gone included."""
    found = set(State(place.state).records) if place.state.is_dir() else set()
    if place.store.is_dir():
        found |= set(open_store(place.store, tell=tell).names())
    return tuple(sorted(found))


def _below(workspace: Workspace, name: str, around: Surroundings) -> str:
    """`name` as a path below the workspace, where it is one."""
    try:
        return (around.cwd / name).relative_to(workspace.root).as_posix()
    except ValueError:
        return name


def _by_notebook(workspace: Workspace, name: str, texts: Sequence[str], around: Surroundings) -> Pair:
    wanted = {_below(workspace, name, around), Path(name).as_posix()}
    known = {pair.name: pair for pair in pairs_of(workspace)}
    for each in texts:
        known.setdefault(each, pair_of(workspace.root, each, template=workspace.settings.pairs))
    for pair in known.values():
        if pair.notebook_name in wanted:
            return pair
    raise NotFoundError(
        "no text is paired with this notebook",
        subject=name,
        hint=f"make one: `runbook convert {name} {name.removesuffix('.ipynb')}.py`",
    )


def sync(
    workspace: Workspace, wanted: Sequence[str], *, options: Options, around: Surroundings, now: datetime
) -> tuple[PairReport, ...]:
    """Bring these pairs in step (none named: all). One that cannot be does not stop the rest."""
    place = place_of(workspace, around)
    if wanted:
        pairs = dict.fromkeys(pair_named(workspace, name, around=around) for name in wanted)
        reports = sync_named(place, tuple(pairs), pairs_of(workspace), now=now, options=options)
    else:
        reports = sync_all(place, pairs_of(workspace), now=now, options=options)
    return tuple(_with_rival(workspace, report) for report in reports)


def _with_rival(workspace: Workspace, report: PairReport) -> PairReport:
    """Says of a pair that was touched that jupytext pairs it too."""
    formats = None if report.action == "unchanged" else jupytext_header(workspace.root / report.name)
    if formats is None:
        return report
    words = f"jupytext pairs it too (`formats: {formats}` in its header), and goes by time stamps"
    return msgspec.structs.replace(report, notes=(*report.notes, words))
