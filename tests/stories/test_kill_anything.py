"""Terminal, `run`, supervisor, kernel and child are killed at random moments, and at every named moment; then
the run is taken up or sealed.

Afterwards nothing that was published is missing, no step that was completed ran twice, no state is untrue.
A handful of seeds runs with every test; `make soak` runs the rest.
"""

import itertools
import os
import random

import pytest

from runbook.evidence.folder import ExecutionFolder
from runbook.execution import launch, lease
from tests.execution.staging import Stage, is_running, until
from tests.stories.lives import MOMENTS, TEXT, VICTIMS, Life, at_random, at_the_moment

EVERY_TIME = 2
SOAK = 200 if os.environ.get("RUNBOOK_SOAK") else 0

MOMENTS_SOAK = list(itertools.product(MOMENTS, VICTIMS, range(SOAK // 40)))


@pytest.mark.parametrize("seed", range(EVERY_TIME * len(VICTIMS)))
def test_whatever_is_killed_nothing_is_lost_and_nothing_untrue(stage: Stage, seed: int) -> None:
    at_random(Life(stage, VICTIMS[seed % len(VICTIMS)]), random.Random(seed))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK * len(VICTIMS)))
def test_the_same_for_a_long_time(stage: Stage, seed: int) -> None:
    at_random(Life(stage, VICTIMS[seed % len(VICTIMS)]), random.Random(seed))


@pytest.mark.parametrize("victim", ["supervisor", "both"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_nor_at_any_named_moment(stage: Stage, moment: str, victim: str) -> None:
    at_the_moment(Life(stage, victim), MOMENTS[moment], random.Random(f"{moment} {victim}"))


@pytest.mark.parametrize("moment", ["a step prints", "a child runs"])
@pytest.mark.parametrize("victim", ["kernel", "child", "run", "hung up"])
def test_nor_when_something_else_dies_in_a_step(stage: Stage, moment: str, victim: str) -> None:
    at_the_moment(Life(stage, victim), MOMENTS[moment], random.Random(f"{moment} {victim}"))


@pytest.mark.soak
@pytest.mark.parametrize(("moment", "victim", "seed"), MOMENTS_SOAK)
def test_the_same_at_every_moment_for_a_long_time(stage: Stage, moment: str, victim: str, seed: int) -> None:
    at_the_moment(Life(stage, victim), MOMENTS[moment], random.Random(f"{moment} {victim} {seed}"))


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
