"""A desk to work at: a workspace as `init` makes it, two people who may sign, and a fixed time of day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from runbook import workspace as workspaces
from runbook.text.runbook import Entry
from runbook.verbs import init
from runbook.verbs.names import open_runbook
from runbook.verbs.review import Wish, carry_out, prepare
from runbook.verbs.templates import runbook_text
from runbook.workspace import Surroundings, Workspace
from tests.keys import Key

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NAME = "restart"
PATH = "runbooks/restart.py"


def surroundings(cwd: Path, home: Path, env: Mapping[str, str]) -> Surroundings:
    return Surroundings(
        cwd=cwd,
        env=env,
        machine_config=home / "no-machine.toml",
        user_config=home / ".config/runbook/config.toml",
        state_folder=home / ".local/state/runbook",
        login="alice",
        host="here",
    )


@dataclass(frozen=True)
class Desk:
    """One workspace with the runbook `restart` in it, made from the template `change`."""

    root: Path
    around: Surroundings

    @property
    def workspace(self) -> Workspace:
        return workspaces.find(self.root, self.around)

    @property
    def file(self) -> Path:
        return self.root / PATH

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        return target

    def edit(self, old: str, new: str) -> None:
        """Change the runbook's text as an editor would."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def approve(
        self, key: Key, *environments: str, now: datetime = NOW, life: timedelta | None = None
    ) -> Entry:
        """Review and sign the runbook, for unattended runs too."""
        wish = Wish(environments=environments or ("prod",), allows="unattended", life=life, key=str(key.path))
        review = prepare(self.workspace, NAME, wish, around=self.around, now=now)
        return carry_out(self.workspace, review, around=self.around, terminal=False)

    def approvals(self) -> list[tuple[str, tuple[str, ...]]]:
        """Who approved it, and for where, as the header says it now."""
        runbook = open_runbook(self.workspace, NAME, cwd=self.root).reading.runbook
        assert runbook is not None
        return [(entry.principal, entry.environments) for entry in runbook.header.approvals]

    def with_env(self, **env: str) -> Surroundings:
        return msgspec.structs.replace(self.around, env={**self.around.env, **env})


def make(root: Path, around: Surroundings, *people: Key, profile: str = "solo") -> Desk:
    enrolled = tuple(
        init.Person(principal=key.principal, public_key=key.public.read_bytes()) for key in people
    )
    init.carry_out(root, init.plan(root, profile=profile, people=enrolled))
    desk = Desk(root, around)
    desk.write(PATH, runbook_text("Restart the web tier", owner="alice@example.com", template="change"))
    return desk
