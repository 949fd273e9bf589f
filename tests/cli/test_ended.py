"""The last lines of a run."""

from pathlib import Path

import pytest

from runbook.cli import describe
from runbook.execution.session import Result


@pytest.mark.parametrize("sealed", [True, False])
def test_only_the_audit_of_a_sealed_run_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sealed: bool
) -> None:
    """What lies in the folder of a run without a seal may be a step's."""
    (tmp_path / "audit.md").write_text("all is well\n")
    result = Result(execution=tmp_path, outcome="unknown", steps=(), sealed=sealed)

    describe.ended(result, "executions/x")

    said = capsys.readouterr().out
    assert ("audit:  executions/x/audit.md" in said) == sealed
    assert ("it is not sealed: `runbook resume" in said) != sealed
