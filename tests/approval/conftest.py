"""What every test of approvals can ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """The environment of somebody without an agent."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
