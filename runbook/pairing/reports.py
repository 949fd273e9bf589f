"""What a sync says: one report per pair. Pure data, frozen; nothing here prints or decides an exit code."""

from typing import Literal

import msgspec

Action = Literal[
    "unchanged",  # both sides say what they said before
    "recorded",  # in step already, or only outputs changed: nothing was written but our own memory
    "made-notebook",  # the notebook was missing
    "made-text",  # the text was missing and the notebook held edits that nobody had synced
    "to-notebook",  # the text's edit flowed into the notebook
    "to-text",  # the notebook's edit flowed into the text
    "merged",  # both had changed; both now say both edits
    "renamed",  # the other side followed a rename
    "conflict",  # disputed cells stay as they are on both sides; all else was merged
    "orphan",  # a deleted or renamed side that nothing was done about
    "refused",  # something that cannot be carried; both files untouched
    "quarantined",  # half-written, damaged, suddenly tiny or full of conflict markers; both files untouched
    "blocked",  # the disk, a permission or another writer; tried again next time
]

SETTLED: frozenset[Action] = frozenset(
    {"unchanged", "recorded", "made-notebook", "made-text", "to-notebook", "to-text", "merged", "renamed"}
)
"""The actions after which both sides agree."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why something was not carried: a stable `code`, which cell or line, what to do."""

    code: str
    message: str
    cell: int | None = None  # 1-based, the header not counted
    line: int | None = None  # 1-based line of the text
    hint: str | None = None


class PairReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one pair. Paths are relative to the workspace's root.

    `cells` counts the cells that were written on either side, `outputs_kept` and `outputs_dropped` the
    cells of the notebook whose outputs stayed, or went because their source changed. `stale` names the
    people whose approvals no longer fit the text after this sync. `taken_back` is the version of the text
    whose newest edit the notebook took back. `conflict` is the conflict copy's path.
    """

    name: str
    notebook: str
    action: Action
    message: str
    problems: tuple[Problem, ...] = ()
    cells: int = 0
    outputs_kept: int = 0
    outputs_dropped: int = 0
    stale: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    taken_back: int | None = None
    conflict: str | None = None
    wrote_text: bool = False
    wrote_notebook: bool = False

    @property
    def is_settled(self) -> bool:
        return self.action in SETTLED
