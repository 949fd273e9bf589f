"""Terminal, `run`, supervisor, kernel and child are killed at random moments, and at every named moment; then
the run is taken up or sealed.

Afterwards nothing that was published is missing, no step that was completed ran twice, no state is untrue.
A handful of seeds runs with every test; `make soak` runs the rest.
"""

import itertools
import os
import random
import time

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch, lease
from tests.execution.staging import PATIENCE_SECONDS, Stage, is_running, until
from tests.stories.lives import TEXT, VICTIMS, Life, Moment, journal_says, spool_holds

EVERY_TIME = 2
SOAK = 200 if os.environ.get("RUNBOOK_SOAK") else 0

# In the order in which they come. The last ones are short: what is struck may be over by then, which is fine.
MOMENTS: dict[str, Moment] = {
    "the start is recorded": lambda folder: folder.start.exists(),
    "the journal is opened": journal_says("opened"),
    "the kernel has answered": journal_says("kernel-started"),
    "a step is begun": journal_says("step-started", "one"),
    "a step prints": spool_holds("two 5"),
    "a child runs": spool_holds("begun"),
    "a step has ended": journal_says("step-ended", "child"),
    "the last word is said": journal_says("sealed"),
    "the record is written": lambda folder: folder.record.exists(),
    "the audit is written": lambda folder: folder.audit.exists(),
    "the seal is written": lambda folder: folder.finish.exists(),
}
MOMENTS_SOAK = list(itertools.product(MOMENTS, VICTIMS, range(SOAK // 40)))


@pytest.mark.parametrize("seed", range(EVERY_TIME * len(VICTIMS)))
def test_whatever_is_killed_nothing_is_lost_and_nothing_untrue(stage: Stage, seed: int) -> None:
    at_random(stage, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK * len(VICTIMS)))
def test_the_same_for_a_long_time(stage: Stage, seed: int) -> None:
    at_random(stage, seed)


def at_random(stage: Stage, seed: int) -> None:
    """One life: begin, strike at a random moment, take up or seal, look."""
    chance = random.Random(seed)
    life = Life(stage, VICTIMS[seed % len(VICTIMS)])
    with life.begun():
        time.sleep(chance.uniform(0, 1.8))
        life.strike()
        time.sleep(chance.uniform(0, 0.4))
        life.end(chance)


@pytest.mark.parametrize("victim", ["supervisor", "both"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_nor_at_any_named_moment(stage: Stage, moment: str, victim: str) -> None:
    at_the_moment(stage, moment, victim, random.Random(f"{moment} {victim}"))


@pytest.mark.parametrize("moment", ["a step prints", "a child runs"])
@pytest.mark.parametrize("victim", ["kernel", "child", "run", "hung up"])
def test_nor_when_something_else_dies_in_a_step(stage: Stage, moment: str, victim: str) -> None:
    at_the_moment(stage, moment, victim, random.Random(f"{moment} {victim}"))


@pytest.mark.soak
@pytest.mark.parametrize(("moment", "victim", "seed"), MOMENTS_SOAK)
def test_the_same_at_every_moment_for_a_long_time(stage: Stage, moment: str, victim: str, seed: int) -> None:
    at_the_moment(stage, moment, victim, random.Random(f"{moment} {victim} {seed}"))


def at_the_moment(stage: Stage, moment: str, victim: str, chance: random.Random) -> None:
    """One life: begin, strike as soon as the moment has come, take up or seal at once, look."""
    has_come = MOMENTS[moment]
    life = Life(stage, victim)
    with life.begun():
        until(lambda: life.folder is not None)
        folder = life.folder
        assert folder is not None
        limit = time.monotonic() + PATIENCE_SECONDS
        while not (has_come(folder) or folder.is_sealed()):
            assert time.monotonic() < limit, "the moment never came"
            time.sleep(0.0005)
        life.strike()
        if victim in ("supervisor", "both"):
            until(lambda: not folder.is_alive())
        life.end(chance)


def test_a_seed_that_kills_leaves_no_process_behind(stage: Stage) -> None:
    execution = stage.plan(TEXT)
    folder = ExecutionFolder(execution)
    with stage.start(execution, linger_seconds=20):
        until(lambda: b'"step":"two"' in folder.journal.read_bytes())
        kernel = stage.kill_supervisor(execution)
    launch.seal(execution, workspace=stage.workspace, around=stage.around)
    assert kernel is not None
    until(lambda: not is_running(kernel))
    assert not lease.run_folder(os.environ, execution).exists()
