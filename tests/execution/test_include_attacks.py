"""One way to cheat with included files per folder of tests/attacks/includes; its name is the verdict.

Each folder is a workspace with `runbook.py`, whose header has the digest of the files of `accept-control`.
"""

import tomllib
from pathlib import Path

import pytest

from runbook.approval.decision import Request, decide
from runbook.approval.trusted import Trust
from runbook.execution import brought
from runbook.system import clock
from runbook.workspace import Workspace, resolve
from tests.verbs.desk import surroundings

FOLDER = Path(__file__).parents[1] / "attacks" / "includes"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_the_verdict_is_that_of_the_folders_name(name: str, home: Path) -> None:
    folder = FOLDER / name
    case = tomllib.loads((folder / "case.toml").read_text())
    around = surroundings(folder, home, {"PATH": "/usr/bin:/bin"})
    data = (folder / "runbook.py").read_bytes()
    workspace = Workspace(root=folder, loose=True, settings=resolve(None, around))
    tree = brought.from_workspace(data, workspace=workspace, env=around.env)
    verdict = decide(Request(data=data, path="runbook.py", includes=tree), Trust.none(), now=clock.now())

    assert [reason.code for reason in verdict.reasons] == case["reasons"]
    assert verdict.permitted == name.startswith("accept-")
    assert all(reason.line == 6 and reason.hint for reason in verdict.reasons)


def test_a_decision_without_a_look_at_the_files_is_a_refusal() -> None:
    """Whoever forgets to look must not thereby permit."""
    data = (FOLDER / "accept-control/runbook.py").read_bytes()
    verdict = decide(Request(data=data, path="runbook.py"), Trust.none(), now=clock.now())

    assert [reason.message for reason in verdict.reasons] == ["nobody has looked at the included files"]
