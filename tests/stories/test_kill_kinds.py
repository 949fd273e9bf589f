"""What `test_kill_anything` asks of a plain run, asked of runs with secrets, with the operator's SSH agent,
with a second person, with a step that is never done in its time, and of one that undoes another.

One life of most runs with every test; `make soak` runs the rest.
"""

import os
import random
from pathlib import Path

import pytest

from tests.execution.staging import Stage
from tests.keys import Key
from tests.stories.kinds import KINDS, kind_of
from tests.stories.lives import MOMENTS, Life, Moment, at_random, at_the_moment, journal_says, spool_holds

SOAK = 100 if os.environ.get("RUNBOOK_SOAK") else 0
# What every test does: the supervisor dies at the moment that the kind is there for.
FIRST = {
    "secrets": "a step prints",
    "agent": "a step is begun",
    "second person": "they have confirmed",
    "undo": "it is undone",
}
MORE: dict[str, dict[str, Moment]] = {
    "secrets": {},
    "agent": {
        "the agent is asked": journal_says("agent"),
        "it is about to be": journal_says("step-started", "asks"),
    },
    "second person": {
        "a second person is wanted": journal_says("question", "fix"),
        "they have confirmed": journal_says("confirmed"),
        "what they confirmed runs": spool_holds("fix 3"),
    },
    "time limit": {
        "the step is begun": journal_says("step-started", "slow"),
        "it is at work": spool_holds("slow 20"),
        "its time is nearly up": spool_holds("slow 40"),
        "it is ended": journal_says("step-ended", "slow"),
    },
    "undo": {
        "something is undone": spool_holds("unthree 5"),
        "it is undone": journal_says("step-ended", "unthree"),
    },
}


@pytest.mark.parametrize("kind", FIRST)
def test_whatever_is_killed_in_it_what_was_promised_of_it_holds(
    stage: Stage, home: Path, alice: Key, bob: Key, kind: str
) -> None:
    with kind_of(kind, home, alice, bob) as made:
        has_come = (MORE[kind] | MOMENTS)[FIRST[kind]]
        at_the_moment(Life(stage, "supervisor", made), has_come, random.Random(kind))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK))
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_for_a_long_time(
    stage: Stage, home: Path, alice: Key, bob: Key, kind: str, seed: int
) -> None:
    live(stage, home, (alice, bob), kind, seed)


def live(stage: Stage, home: Path, people: tuple[Key, Key], kind: str, seed: int) -> None:
    """One life of this kind: at a random moment, or at a named one."""
    chance = random.Random(f"{kind} {seed}")
    moments = MORE[kind] | MOMENTS
    with kind_of(kind, home, *people) as made:
        life = Life(stage, chance.choice(KINDS[kind]), made)
        if chance.random() < 0.4:
            at_random(life, chance)
        else:
            at_the_moment(life, moments[chance.choice([*MORE[kind], *moments])], chance)
