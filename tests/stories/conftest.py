"""The stage for runs, as a fixture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.staging import Stage, staged


@pytest.fixture
def stage(tmp_path: Path, home: Path) -> Iterator[Stage]:
    with staged(tmp_path / "ws", home) as made:
        yield made
