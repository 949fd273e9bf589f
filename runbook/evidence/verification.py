"""Verification: whether an execution's folder is what its run left behind. An edge; changes nothing.

The verdict is the worst that was found:
- TAMPERED: something is not what it was when it was written; the finding names file and line.
- UNVERIFIABLE: something that is needed can't be read, or is of another version.
- INCOMPLETE: the run never came to a seal; everything that is there checks.
- UNSIGNED: everything checks, but nobody signed the seal: whoever can write the folder can have made it all.
- VALID needs a signature and is not given yet.

In this order, each step on its own, so that one lie does not hide the next:
1 the plan reads, and is this folder's; 2 the start record reads, and tells of the beginning that plan and
name tell of (`begun`); 3 the text is the planned one: digests, values, every step as the plan tells it; the
included files are the planned ones, and those of the header's digest; 4 the kept trust files are those of the
start record, and by them the run was permitted when it began, on the approvals that the plan counts
(`permitted`); 5 the journal's chain holds; 6 its events tell one story that can be true (`examination`), with
nothing taken out (`continuity`), no step run without the yes that it waits for (`consent`), in times that its
clocks allow (`durations`), each confirmation in it was signed by somebody who might (`confirmations`), and
steps were edited only where the kept policy allows it (`deviations`); 7 the seal reads, and says what journal
and start say; 8 every file is in the manifest with its digest, no other is there, and each is one that a run
writes; 9 record and audit are what the renderer
makes of the rest.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from runbook.canonical import digest, hex_digest
from runbook.errors import EvidenceDamaged, RunbookError, UnavailableError
from runbook.evidence import begun, given, permitted, proposal, seal, start
from runbook.evidence.account import RENDERER, Account, Teller
from runbook.evidence.blobs import Blobs
from runbook.evidence.confirmations import Confirmations
from runbook.evidence.consent import Consent
from runbook.evidence.continuity import Continuity
from runbook.evidence.derive import Told, finished_steps, render, strangers
from runbook.evidence.deviations import deviations_of, recheck
from runbook.evidence.durations import Durations
from runbook.evidence.events import Event
from runbook.evidence.examination import EXAMINED, Examiner
from runbook.evidence.folder import ExecutionFolder, evidence_names
from runbook.evidence.included import read_kept
from runbook.evidence.journal import JournalReader, damage, whole_payload
from runbook.evidence.plan import PlanRecord
from runbook.evidence.plan_file import PLAN_LIMIT_BYTES, parse_plan, read_evidence
from runbook.evidence.planned_text import (
    TEXT_LIMIT_BYTES,
    planned_sources,
    read_text,
    require_steps,
    require_values,
)
from runbook.evidence.referred import Referred
from runbook.instants import stamp
from runbook.text.includes import Tree
from runbook.text.runbook import Runbook

VerdictWord = Literal["VALID", "VALID-UNANCHORED", "UNSIGNED", "INCOMPLETE", "UNVERIFIABLE", "TAMPERED"]
_RANK: tuple[VerdictWord, ...] = ("UNSIGNED", "INCOMPLETE", "UNVERIFIABLE", "TAMPERED")
_START_LIMIT_BYTES = 1 << 20
_TRUST_LIMIT_BYTES = 1 << 20
_DERIVED = frozenset({"record.ipynb", "audit.md"})
_DERIVED_LIMIT_BYTES = 1 << 30


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `code` is stable; `file` is below the execution's folder, `line` from 1."""

    code: str
    message: str
    file: str | None = None
    line: int | None = None


class ExecutionVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the check of one execution came to. `outcome`: what its evidence says the run came to."""

    id: str
    verdict: VerdictWord
    outcome: str | None
    findings: tuple[Finding, ...]


def verify_execution(folder: ExecutionFolder) -> ExecutionVerdict:
    """Check one execution's folder. Raises nothing for what is wrong in it: that is a finding."""
    check = _Check(folder)
    check.run()
    return ExecutionVerdict(
        id=folder.id,
        verdict=_RANK[max(check.rank, 0)],
        outcome=check.outcome,
        findings=tuple(check.findings),
    )


class _Check:
    """One verification on its way; each step leaves what the later ones need, or None."""

    def __init__(self, folder: ExecutionFolder) -> None:
        self.folder = folder
        self.findings: list[Finding] = []
        self.rank = -1
        self.outcome: str | None = None
        self.plan: PlanRecord | None = None
        self.plan_digest = ""
        self.start: start.Start | None = None
        self.runbook: Runbook | None = None
        self.sources: tuple[str, ...] | None = None
        self.includes: Tree | None = None
        self.account: Account | None = None
        self.finish: seal.Finish | None = None

    def run(self) -> None:
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("plan", self._plan),  # 1
            ("start", self._start),  # 2
            ("text", self._text),  # 3
            ("includes", self._includes),
            ("trust", self._trust),  # 4
            ("approvals", self._permitted),
            ("journal", self._journal),  # 5 and 6
            ("deviations", self._deviations),
            ("signature", self._signature),
            ("seal", self._seal),  # 7
            ("manifest", self._manifest),  # 8
            ("derived", self._derived),  # 9
        )
        if proposal.is_proposed(self.folder) and not self.folder.start.exists():
            self._find("INCOMPLETE", "run", "it is proposed, and waits for approvals of its values")
            return
        if not self.folder.start.exists() and not self.folder.is_sealed():
            self._find("INCOMPLETE", "run", "it was planned and never started")
            steps = (steps[0], *steps[2:4])
        for code, step in steps:
            with self._guarded(code):
                step()

    @contextmanager
    def _guarded(self, code: str) -> Iterator[None]:
        try:
            with damage():
                yield
        except EvidenceDamaged as error:
            self._find("TAMPERED", code, error.message, file=error.subject, line=error.line)
        except UnavailableError as error:
            self._find("UNVERIFIABLE", code, error.message, file=error.subject, line=error.line)
        except RunbookError as error:
            self._find("TAMPERED", code, error.message, file=error.subject, line=error.line)

    def _find(
        self,
        verdict: VerdictWord,
        code: str,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        self.rank = max(self.rank, _RANK.index(verdict))
        self.findings.append(Finding(code=code, message=message, file=file, line=line))

    def _plan(self) -> None:
        data = read_evidence(self.folder, "plan.json", limit_bytes=PLAN_LIMIT_BYTES)
        self.plan_digest = digest(data)
        plan = parse_plan(data)
        if plan.id != self.folder.id:
            raise EvidenceDamaged(f"it is the plan of {plan.id}", subject="plan.json")
        self.plan = plan
        proposed = None if plan.proposal is None else proposal.read_kept(self.folder, plan.proposal)
        for file, words in begun.recheck_plan(plan, proposed):
            self._find("TAMPERED", "plan", words, file=file)

    def _start(self) -> None:
        data = read_evidence(self.folder, "start.txt", limit_bytes=_START_LIMIT_BYTES)
        said = start.parse(data)
        self.start = said
        if self.plan_digest and said.plan != self.plan_digest:
            raise EvidenceDamaged("it was started on another plan.json", subject="start.txt")
        if self.plan is None:
            return
        for words in begun.recheck_start(self.plan, said, plan_digest=self.plan_digest):
            self._find("TAMPERED", "start", words, file="start.txt")

    def _text(self) -> None:
        if self.plan is None:
            return
        runbook = read_text(self.folder)
        self.runbook = runbook
        if runbook.text != self.plan.text:
            raise EvidenceDamaged(
                f"its digest is {runbook.text}, the plan's {self.plan.text}", subject="runbook.py"
            )
        if runbook.steps_digest != self.plan.steps_digest:
            raise EvidenceDamaged("its steps are not those of the plan's digest", subject="runbook.py")
        values = require_values(runbook, self.plan)
        self.sources = planned_sources(self.folder, self.plan)
        require_steps(runbook, self.plan, values)

    def _includes(self) -> None:
        if self.plan is None:
            return
        tree = read_kept(self.folder, self.plan.includes)
        self.includes = tree
        named = None if self.runbook is None else self.runbook.header.includes
        if self.runbook is None or (named is None and not tree.files):
            return
        if named is None or (named.digest is not None and named.digest != tree.digest):
            raise EvidenceDamaged(
                "the files that came along are not those of the text's digest", subject="includes"
            )

    def _trust(self) -> None:
        if self.start is None:
            return
        said = {f"trust/{name}": found for name, found in self.start.trust}
        found = {
            name: f"sha256:{seal.digest_of(self.folder, name)}"
            for name in seal.names_below(self.folder, "trust")
        }
        for name in sorted(said | found):
            if said.get(name) != found.get(name):
                self._find("TAMPERED", "trust", "is not what the start record says", file=name)

    def _permitted(self) -> None:
        if self.plan is None or self.start is None or self.runbook is None or self.includes is None:
            return
        names = tuple(name for name, _ in self.start.trust)
        trust = given.trust_of(self.folder, names, described=self.plan.trust)
        found = given.read_all(self.folder)
        for file, words in given.recheck(found, self.plan, trust):
            self._find("TAMPERED", "approvals", words, file=file)
        data = read_evidence(self.folder, "runbook.py", limit_bytes=TEXT_LIMIT_BYTES)
        entries = tuple(one.entry for one in found)
        asked = permitted.asked(self.plan, data, entries=entries, includes=self.includes)
        began = self.start.started
        for words in permitted.recheck(self.plan, self.runbook, asked, trust=trust, began=began):
            self._find("TAMPERED", "approvals", words, file="plan.json")

    def _kept_trust(self) -> dict[str, bytes]:
        return {
            name.removeprefix("trust/"): read_evidence(self.folder, name, limit_bytes=_TRUST_LIMIT_BYTES)
            for name in seal.names_below(self.folder, "trust")
        }

    def _journal(self) -> None:
        if self.plan is None:
            return
        if not self.folder.journal.exists() and not self.folder.is_sealed():
            self._find("INCOMPLETE", "journal", "it ended before its first event")
            return
        reader = JournalReader(self.folder)
        blobs = Blobs(self.folder.blobs)
        teller, referred = Teller(self.plan, blobs), Referred(blobs)
        examiner = Examiner(self.plan, plan_digest=self.plan_digest)
        start = read_evidence(self.folder, "start.txt", limit_bytes=_START_LIMIT_BYTES)
        confirmations = Confirmations(self.plan, start=hex_digest(start), trust=self._kept_trust)
        durations = Durations(None if self.start is None else self.start.monotonic)
        continuity = Continuity(self.plan, plan_digest=self.plan_digest)
        consent = Consent(self.plan)
        alive = self.folder.is_alive()
        for event in reader:
            teller.feed(event)
            whole = _whole(event, blobs)
            examiner.feed(whole)
            continuity.feed(whole)
            consent.feed(event)
            confirmations.feed(event)
            durations.feed(event)
            referred.feed(event)
        for problem in referred.damaged:
            self._find("TAMPERED", "journal", problem.message, file=problem.subject)
        account = teller.account(alive=alive, head=reader.head, length=reader.length, torn=len(reader.torn))
        examiner.finish(account.standing)
        continuity.finish()
        told = (examiner, continuity, consent, confirmations, durations)
        for line, words in (problem for each in told for problem in each.problems):
            self._find("TAMPERED", "events", words, file="journal.jsonl", line=line)
        self.account = account
        self.outcome = account.standing.outcome
        if self.folder.is_sealed():
            return
        if reader.torn:
            self._find(
                "INCOMPLETE", "journal", "the last line was cut", file="journal.jsonl", line=reader.length + 1
            )
        self._find("INCOMPLETE", "run", "a supervisor is at work" if alive else "it ended without a seal")

    def _deviations(self) -> None:
        if self.plan is None or self.start is None or self.runbook is None:
            return
        if self.account is None or self.sources is None:
            return
        found = deviations_of(self.account, self.sources)
        if not found:
            return
        names = tuple(name for name, _ in self.start.trust)
        trust = given.trust_of(self.folder, names, described=self.plan.trust)
        for step, words in recheck(found, self.runbook, self.plan, trust):
            self._find("TAMPERED", "deviations", f"{step} {words}", file="journal.jsonl")

    def _signature(self) -> None:
        for path in (self.folder.start_signature, self.folder.finish_signature):
            if os.path.lexists(path):  # also a link to nowhere
                words = "is a signature, which this version neither writes nor can check"
                self._find("UNVERIFIABLE", "signature", words, file=path.name)

    def _seal(self) -> None:
        if not self.folder.is_sealed():
            return
        finish = seal.read(self.folder)
        self.finish = finish
        if finish.id != self.folder.id:
            raise EvidenceDamaged(f"it is the seal of {finish.id}", subject="finish.txt", line=2)
        found = hex_digest(read_evidence(self.folder, "start.txt", limit_bytes=_START_LIMIT_BYTES))
        if self.start is not None and finish.started != self.start.started:
            raise EvidenceDamaged("its start is not that of start.txt", subject="finish.txt", line=6)
        if finish.start != found:
            raise EvidenceDamaged("start.txt is not the one that was sealed", subject="finish.txt", line=3)
        account = self.account
        if account is None:
            return
        if (finish.journal_length, finish.journal_head) != (account.length, account.head):
            raise EvidenceDamaged(
                f"{finish.journal_length} lines were sealed; the journal has {account.length} or another end",
                subject="finish.txt",
                line=4,
            )
        if account.standing.sealed is None:
            raise EvidenceDamaged("the journal was sealed without its last word", subject="finish.txt")
        if finish.outcome != account.standing.outcome:
            raise EvidenceDamaged(
                f"it says {finish.outcome}, the journal {account.standing.outcome}",
                subject="finish.txt",
                line=5,
            )
        if account.last is not None and stamp(finish.ended) < f"{account.last[:19]}Z":
            raise EvidenceDamaged("it was sealed before the journal's end", subject="finish.txt", line=7)
        if finish.steps != finished_steps(account):
            raise EvidenceDamaged("its steps are not those of the journal", subject="finish.txt")

    def _manifest(self) -> None:
        if self.finish is None:
            return
        said, found = dict(self.finish.manifest), dict(seal.manifest(self.folder))
        for name in sorted(said | found):
            if name not in found:
                self._find("TAMPERED", "manifest", "is missing", file=name)
            elif name not in said:
                self._find("TAMPERED", "manifest", "was not there when it was sealed", file=name)
            elif said[name] != found[name]:
                self._find("TAMPERED", "manifest", "is not what was sealed", file=name)
        if self.plan is None or self.start is None:
            return
        told = {finding.file for finding in self.findings} | {self.folder.start_signature.name}
        for name, words in strangers(found, self.start, self.plan):
            if name not in told:
                self._find("TAMPERED", "manifest", words, file=name)

    def _derived(self) -> None:
        if self.account is None or self.sources is None:
            return
        renderer = RENDERER if self.finish is None else self.finish.renderer
        if renderer > RENDERER:
            self._find("UNVERIFIABLE", "derived", f"made by renderer {renderer}, a later one")
            return
        wanted = _DERIVED
        if self.finish is None:  # they need not be there without a seal; but what is there is read by people
            wanted &= frozenset(evidence_names(self.folder))
        if not wanted:
            return
        made = render(Told(account=self.account, sources=self.sources), self.folder)
        for name, due in (("record.ipynb", made.record), ("audit.md", made.audit)):
            if name not in wanted:
                continue
            found = read_evidence(self.folder, name, limit_bytes=_DERIVED_LIMIT_BYTES)
            if found != due and renderer < RENDERER:
                # Whoever makes the seal anew can name an old renderer, and write what people read by hand.
                words = f"made by renderer {renderer}, and not compared: read what `runbook audit` says"
                self._find("UNVERIFIABLE", "derived", words, file=name)
            elif found != due:
                line = _first_difference(found, due)
                self._find("TAMPERED", "derived", "is not what the journal gives", file=name, line=line)


def _whole(event: Event, blobs: Blobs) -> Event:
    """The event with what was moved to a blob, where the examination asks what the kernel said."""
    if event.kind != "message" or "blob" not in event.payload or event.text("type") not in EXAMINED:
        return event
    return msgspec.structs.replace(event, payload=whole_payload(event, blobs))


def _first_difference(one: bytes, other: bytes) -> int:
    lines = zip(one.split(b"\n"), other.split(b"\n"), strict=False)
    return next((number for number, (a, b) in enumerate(lines, 1) if a != b), 1)
