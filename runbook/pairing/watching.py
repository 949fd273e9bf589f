"""Watching pairs: from events and sweeps to syncs, and what is said of them. The loop of `runbook watch`.

The sweep is the truth and events are its haste: every so often, after lost events, a sleep or a clock that
was set, all pairs are looked at, whatever was told before. Says one thing per action and nothing twice.
Executes nothing. Raises nothing for the state of a pair: that is told.
"""

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from runbook.errors import RunbookError
from runbook.pairing.batching import Batching, Clocks, Timing, jump
from runbook.pairing.editors import has_open
from runbook.pairing.listening import Folders, Listening, Poll
from runbook.pairing.observe import look
from runbook.pairing.pingpong import PingPong, Round, likely_cause
from runbook.pairing.places import Pair, Place, pair_of
from runbook.pairing.reports import PairReport
from runbook.pairing.rivals import jupytext_config, jupytext_header
from runbook.pairing.session import Options, Session
from runbook.pairing.sync import is_nothing, sync_in, sync_in_session
from runbook.pairing.told import Told
from runbook.pairing.watcher import Event
from runbook.system import clock
from runbook.system.swap import Stamp
from runbook.system.turns import Wait

_MISSING_SECONDS = 2.0  # editors and git delete before they create
_DOUBT_SECONDS = 2.0
_STILL_SECONDS = 0.25  # two equal looks this far apart: nobody is writing (where no event vouches for it)
_YOUNG_SECONDS = 0.5
_LONGEST_BACK_OFF = 60.0
_REST_SECONDS = 60.0
_FOLDERS_SECONDS = 1.0
_AGAIN_SECONDS = 5.0
_MANY = 20


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is watched. `find` lists the texts; `git_folder` is the work tree's own, whose locks tell of a
    checkout."""

    place: Place
    find: Callable[[], Sequence[Pair]]
    template: str
    folders: Folders
    git_folder: Path | None = None
    poll: Poll = "auto"
    options: Options = Options(patience_seconds=0.3)
    timing: Timing = Timing()
    sweep_seconds: float = 60.0


class Watching:
    """See the module. One thread; `stop` may be called from a signal handler."""

    def __init__(self, scene: Scene, tell: Callable[[Told], None]) -> None:
        self.scene = scene
        self.listening = Listening(scene.place, scene.folders, poll=scene.poll, tell=tell)
        self.sweeps = 0
        self.pairs = 0
        self.unsettled: dict[str, PairReport] = {}
        self._say = tell
        wait = Wait(tell=lambda words: self._tell("waiting", words), is_over=lambda: self.is_stopping)
        options = msgspec.structs.replace(scene.options, tell=self._damaged, wait=wait)
        self._session = Session(scene.place, now=clock.now(), options=options)
        self._batching = Batching(scene.timing)
        self._pingpong = PingPong()
        self._by_path: dict[str, Pair] = {}
        self._by_name: dict[str, Pair] = {}
        self._is_wide = False
        self._unsure: dict[str, Stamp | None] = {}
        self._missing: dict[str, float] = {}
        self._doubted: dict[str, float] = {}
        self._back_off: dict[str, float] = {}
        self._told: dict[str, tuple[str, str]] = {}
        self._rivals: set[str] = set()
        self._next_sweep = 0.0
        self._folders_swept = float("-inf")
        self._postponed = 0
        self._clocks = _clocks()
        self.is_stopping = False

    # --- the loop

    def open(self) -> None:
        """Choose how to watch, and look at everything once. Raises UnavailableError with `--poll never`."""
        self.listening.open()
        config = jupytext_config(self.scene.place.root, self.scene.folders.all)
        if config is not None:
            words = f"{config} pairs files with jupytext, which goes by time stamps: let one of the two sync"
            self._tell("jupytext", words, hint="take its `formats` out, or stop this watch")
        self._sweep()

    def stop(self) -> None:
        self.is_stopping = True
        self.listening.watcher.wake()

    def look_again(self) -> None:
        """Look at everything with the next step."""
        self._next_sweep = 0.0

    def close(self) -> None:
        self.listening.watcher.close()

    def step(self, longest_seconds: float) -> None:
        """Wait for something to do, at most this long, and do it."""
        now = _seconds()
        times = [now + longest_seconds, self._next_sweep]
        wake_at = self._batching.wake_at()
        if wake_at is not None:
            times.append(wake_at)
        self._take(self.listening.watcher.wait(min(times) - now))
        if self.is_stopping:
            return
        self._judge_clocks()
        now = _seconds()
        if self._batching.waiting():
            self._ask_git(now)
        due = self._batching.due(now=now)
        if due:
            self._look_at(due, now)
        if _seconds() >= self._next_sweep and not self._batching.is_storm:
            self._sweep()

    def _judge_clocks(self) -> None:
        before, self._clocks = self._clocks, _clocks()
        words = jump(before, self._clocks)
        if words is not None:
            self._tell("clock", f"{words}; looking at everything")
            self._next_sweep = 0.0

    def _ask_git(self, now: float) -> None:
        """git's locks say that files are being switched; an unfinished merge or rebase, that they will be."""
        folder = self.scene.git_folder
        if folder is None:
            return
        if any(look(folder / name) for name in ("index.lock", "HEAD.lock")):
            self._batching.storm(now=now)
        elif any(look(folder / name) for name in ("rebase-merge", "rebase-apply", "MERGE_HEAD")):
            self._batching.storm(now=now, goes_on=False)

    # --- events

    def _take(self, events: Sequence[Event]) -> None:
        now = _seconds()
        for event in events:
            if event.kind == "lost":
                self._tell("lost", "the system lost events; looking at everything")
                self._batching.storm(now=now)
                self._next_sweep = now
            elif event.kind == "folder":
                self._batching.note(f"{event.path}/", now=now)
            elif event.kind != "wake":
                self._take_file(event, now)

    def _take_file(self, event: Event, now: float) -> None:
        pair = self._by_path.get(event.path) or self._new_pair(event.path)
        if pair is None:
            return
        if event.kind == "changed":
            self._unsure.setdefault(event.path, None)
        else:
            self._unsure.pop(event.path, None)
        self._is_wide = self._is_wide or event.kind == "gone"
        self._pingpong.is_stopped(pair.name, now=now, happened=True)
        self._batching.note(pair.name, now=now)

    def _new_pair(self, path: str) -> Pair | None:
        """The pair of a text that is seen for the first time; a notebook without a text is nobody's."""
        if not path.endswith(".py") or not self.scene.folders.holds(path):
            return None
        root = self.scene.place.root
        try:
            pair = pair_of(root, Path(path).relative_to(root).as_posix(), template=self.scene.template)
        except (ValueError, RunbookError):
            return None
        self._know(pair)
        self._is_wide = True  # it may be another one under a new name
        return pair

    def _know(self, pair: Pair) -> None:
        self._by_name[pair.name] = pair
        for name in (pair.name, pair.notebook_name):
            path = f"{self.scene.place.root}/{name}"
            self._by_path[path] = pair
            if os.path.islink(path):  # noqa: PTH114 - a link's events are its target's
                self._by_path[os.path.realpath(path)] = pair

    # --- looking

    def _look_at(self, due: Sequence[str], now: float) -> None:
        pairs = [self._by_name[name] for name in due if name in self._by_name]
        is_new = any(pair.name not in self._session.state.records for pair in pairs)
        ready = [pair for pair in pairs if self._is_ready(pair, now, may_be_renamed=is_new)]
        if any(name.endswith("/") for name in due):
            # Folders came or went: only a look at all of them tells what is there, and at once: an edit in a
            # renamed folder would else be met first. But not on and on, where a program keeps making folders.
            self._next_sweep = max(now, self._folders_swept + _FOLDERS_SECONDS)
            if self._next_sweep <= now:
                self._folders_swept = now
                return
        if not ready:
            return
        began = _seconds()
        self._session.now = clock.now()
        is_wide, self._is_wide = self._is_wide or len(ready) > _MANY, False
        try:
            if is_wide:
                reports = sync_in_session(self._session, ready, without=self._left_alone(now))
            else:
                found = [
                    sync_in(self._session, pair) for pair in ready if not is_nothing(self._session, pair)
                ]
                reports = [report for report in found if report is not None]
        except RunbookError as error:
            self._problem("sync", error)  # the state or the store cannot be written: tried again with a sweep
            self._next_sweep = now + _AGAIN_SECONDS
            return
        self._told.pop("sync", None)
        self._hear(reports, (_seconds() - began) / max(len(ready), 1))

    def _is_ready(self, pair: Pair, now: float, *, may_be_renamed: bool) -> bool:
        """Whether it may be looked at now; else it is held back for a moment."""
        if self._pingpong.is_stopped(pair.name, now=now, happened=False):
            self._batching.hold(pair.name, until=now + _REST_SECONDS)
            return False
        paths = [f"{self.scene.place.root}/{name}" for name in (pair.name, pair.notebook_name)]
        stamps = [look(Path(path)) for path in paths]
        for path, stamp in zip(paths, stamps, strict=True):
            if path in self._unsure:
                if self._unsure[path] != stamp:
                    self._unsure[path] = stamp
                    self._batching.hold(pair.name, until=now + _STILL_SECONDS)
                    return False
                del self._unsure[path]
        if None in stamps and pair.name in self._session.state.records and not may_be_renamed:
            since = self._missing.setdefault(pair.name, now)
            if now - since < _MISSING_SECONDS:
                self._batching.hold(pair.name, until=since + _MISSING_SECONDS)
                return False
        self._missing.pop(pair.name, None)
        return True

    def _left_alone(self, now: float) -> Collection[str]:
        stopped = self._pingpong.stopped
        resting = {name for name in stopped if self._pingpong.is_stopped(name, now=now, happened=False)}
        return resting | self._missing.keys()

    # --- the sweep

    def _sweep(self) -> None:
        """Look at everything. Watches first, then looks, so that nothing falls between the two."""
        began = _seconds()
        self._session.now = clock.now()
        try:
            self.listening.cover(self._by_path)
            pairs = self.scene.find()
            if self._is_somebody_writing(pairs):
                self._next_sweep = began + _YOUNG_SECONDS
                return
            reports = sync_in_session(self._session, pairs, without=self._left_alone(began))
        except RunbookError as error:
            self._problem("sweep", error)
            self._next_sweep = began + _AGAIN_SECONDS
            return
        self._told.pop("sweep", None)
        self.sweeps += 1
        self._number(pairs)
        self.listening.cover(self._by_path, again=False)
        spent = _seconds() - began
        self._hear(reports, spent / max(len(reports), 1))
        # Half a thousandth of a core, at most, where there is nothing to do.
        rest = 0.0 if any(report.action != "unchanged" for report in reports) else 2000 * spent
        self._next_sweep = _seconds() + min(max(self.scene.sweep_seconds, rest), 600.0)

    def _is_somebody_writing(self, pairs: Sequence[Pair]) -> bool:
        """A file this young may be half written, if its writer is in no hurry; but not for ever."""
        now_ns = self._session.now.timestamp() * 1e9
        root = self.scene.place.root
        for pair in pairs if self._postponed < 6 and self.sweeps else ():
            for name in (pair.name, pair.notebook_name):
                stamp = look(root / name)
                if stamp is not None and 0 <= now_ns - stamp.mtime_ns < _YOUNG_SECONDS * 1e9:
                    record = self._session.state.records.get(pair.name)
                    if record is None or stamp not in (record.text_stamp, record.notebook_stamp):
                        self._postponed += 1
                        return True
        self._postponed = 0
        return False

    def _number(self, pairs: Sequence[Pair]) -> None:
        records = self._session.state.records
        self._by_path, self._by_name = {}, {}
        for record in records.values():
            self._know(Pair(name=record.name, notebook_name=record.notebook_name))
        for pair in pairs:
            self._know(pair)
        self.pairs = sum(record.is_runbook for record in records.values())

    # --- saying

    def _hear(self, reports: Sequence[PairReport], seconds: float) -> None:
        now = _seconds()
        for report in reports:
            if report.is_settled:
                self._settled(report, seconds, now)
            else:
                self._not_settled(report, seconds, now)
        for report in [*self.unsettled.values()]:  # those that go by another name now
            if is_nothing(self._session, Pair(name=report.name, notebook_name=report.notebook)):
                self._forget(report.name)

    def _forget(self, name: str) -> None:
        """It is in step, or gone: nothing is left to say of it."""
        for known in (self._doubted, self._back_off, self._told, self.unsettled):
            known.pop(name, None)

    def _settled(self, report: PairReport, seconds: float, now: float) -> None:
        name = report.name
        was_told = name in self._told and name in self.unsettled
        self._forget(name)
        if report.action == "unchanged" or (report.action == "recorded" and not report.notes):
            if was_told and report.message == "in step":
                report = msgspec.structs.replace(report, message="in step again")
            if report.message != "in step":
                self._say(Told(code="pair", report=report, seconds=seconds))
            return
        self._say(Told(code="pair", report=self._with_editor(report), seconds=seconds))
        formats = self._mention_rival(name)
        if report.wrote_text or report.wrote_notebook:
            record = self._session.state.records.get(name)
            state = (record.text, record.notebook) if record else (None, None)
            sides = {"text": report.wrote_text, "notebook": report.wrote_notebook}
            wrote = frozenset(side for side, was in sides.items() if was)
            changed = frozenset(sides) if len(wrote) == 2 else frozenset(sides) - wrote
            if self._pingpong.wrote(name, Round(now, state, changed, wrote)):
                cause = likely_cause(formats=formats, config=jupytext_config(self.scene.place.root, []))
                words = f"{name}: another program keeps undoing what we write; left alone for a minute"
                self._tell("ping-pong", words, hint=f"probably {cause}: let only one of the two sync")

    def _with_editor(self, report: PairReport) -> PairReport:
        """Says of a text that was written who has it open: their window shows what it was before."""
        who = has_open(self.scene.place.root / report.name) if report.wrote_text else None
        if who is None:
            return report
        words = f"{who} has this text open: load it again there before you go on"
        return msgspec.structs.replace(report, notes=(*report.notes, words))

    def _mention_rival(self, name: str) -> str | None:
        formats = jupytext_header(self.scene.place.root / name)
        if formats is not None and name not in self._rivals:
            self._rivals.add(name)
            words = f"{name}: jupytext pairs it too (`formats: {formats}`), and goes by time stamps"
            self._tell(
                "jupytext", words, hint="take `formats` out of its header, or let only one of the two sync"
            )
        return formats

    def _not_settled(self, report: PairReport, seconds: float, now: float) -> None:
        name = report.name
        if report.action == "quarantined":
            since = self._doubted.setdefault(name, now)
            if now - since < _DOUBT_SECONDS:
                self._batching.hold(name, until=since + _DOUBT_SECONDS)
                return
        if report.action == "blocked":
            wait = min(self._back_off.get(name, 0.5) * 2, _LONGEST_BACK_OFF)
            self._back_off[name] = wait
            self._batching.hold(name, until=now + wait)
        self.unsettled[name] = report
        said = (report.action, report.message)
        if self._told.get(name) != said or report.wrote_text or report.wrote_notebook:
            self._told[name] = said
            self._say(Told(code="pair", report=report, seconds=seconds))

    def _problem(self, key: str, error: RunbookError) -> None:
        said = (key, str(error))
        if self._told.get(key) != said:
            self._told[key] = said
            self._tell("problem", str(error), hint=error.hint)

    def _damaged(self, words: str) -> None:
        if self._told.get(words) is None:
            self._told[words] = ("damaged", words)
            self._tell("damaged", words)

    def _tell(self, code: str, message: str, *, hint: str | None = None) -> None:
        self._say(Told(code=code, message=message, hint=hint))


def _clocks() -> Clocks:
    return Clocks(wall=clock.now().timestamp(), monotonic=_seconds(), boot=clock.since_boot_seconds())


def _seconds() -> float:
    return clock.monotonic_ns() / 1e9
