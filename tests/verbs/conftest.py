"""The desk, as fixtures."""

import os
from pathlib import Path

import pytest

from runbook.workspace import Surroundings
from tests.keys import Key
from tests.verbs.desk import Desk, make, surroundings


@pytest.fixture
def around(tmp_path: Path, home: Path) -> Surroundings:
    """Started in the folder where the workspace will be."""
    return surroundings(tmp_path / "ws", home, dict(os.environ))


@pytest.fixture
def desk(tmp_path: Path, around: Surroundings, alice: Key, bob: Key) -> Desk:
    """A workspace of one person's kind (`solo`), in which alice and bob may sign."""
    return make(tmp_path / "ws", around, alice, bob)


@pytest.fixture
def team(tmp_path: Path, around: Surroundings, alice: Key, bob: Key) -> Desk:
    """A workspace of the `team` kind: staging needs one approval, prod two."""
    return make(tmp_path / "ws", around, alice, bob, profile="team")
