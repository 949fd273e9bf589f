"""Steps that ran edited, in the evidence: what is believed, and what is called tampering."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from runbook.canonical import hex_digest
from runbook.evidence import derive
from runbook.evidence.verification import verify_execution
from tests.evidence.builders import BEGAN, CELLS, Told, plan_of

EDITED = "print('edited')"
POLICY = b"""\
version = 1
workspace = "urn:uuid:6f1e0c1e-1111-4222-8333-444455556666"
[[rules]]
paths = ["runbooks/**"]
environments = ["prod"]
deviations = "%s"
magics = false
"""


def findings(
    where: Path,
    *,
    policy: bytes | None = POLICY % b"allow",
    plan: Mapping[str, object] = {},
    answer: Mapping[str, object] | None = {},
    start: Mapping[str, object] = {},
    source: str = EDITED,
    state: str = "deviated",
) -> list[str]:
    """What verification finds in a sealed run whose step `health` ran `source`; each argument bends it."""
    trust = {} if policy is None else {"allowed_signers": b"", "policy.toml": policy, "revoked": b""}
    told = Told(where, CELLS, plan_of(CELLS, approved=False, counted=(), **plan), trust=trust)
    told.kernel()
    digest = hex_digest(source.encode())
    told.tell("question", question=1, step="health", asks="start", choices=["edit"], words="Run health?")
    if answer is not None:
        said = {"question": 1, "step": "health", "choice": "edit", "words": "because", "by": "alice"}
        told.tell("answer", **{**said, "how": "terminal", "source": digest, **answer})
    deviation = {"text": source, "words": "because", "by": "alice"}
    begun = {"step": "health", "index": 1, "attempt": 1, "message": "r", "source": digest, "by": "alice"}
    told.tell("step-started", **{**begun, "deviation": deviation, **start})
    told.hear("health", "execute_input", {"code": source, "execution_count": 1}, parent="r")
    told.end("health", state, parent="r", reply="ok", ms=250)
    told.tell("step-skipped", step="announce", reason="selection", words="")
    told.tell("step-skipped", step="restart", reason="selection", words="")
    told.tell("kernel-ended", returncode=0, signal=None, expected=True, number=1)
    told.seal("deviated", health="deviated", announce="skipped", restart="skipped")
    derive.conclude(told.folder, now=BEGAN)
    verdict = verify_execution(told.folder)
    assert verdict.verdict == ("TAMPERED" if verdict.findings else "UNSIGNED")
    return [finding.message for finding in verdict.findings]


def test_an_edit_that_policy_allows_and_a_person_explained_is_no_tampering(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


@pytest.mark.parametrize("policy", [POLICY % b"refuse", None])
def test_1_an_edit_where_the_kept_policy_refuses_is_tampering(tmp_path: Path, policy: bytes | None) -> None:
    assert findings(tmp_path, policy=policy)[-1] == (
        "health was edited, and the policy kept with the run refuses that"
    )


@pytest.mark.parametrize("source", ["print('a'", "1\n# %% other\n2", "print('\u202e')"])
def test_2_an_edit_that_the_reader_would_refuse_is_tampering(tmp_path: Path, source: str) -> None:
    (found,) = findings(tmp_path, source=source)
    assert found.startswith("health was edited to what could not run: ")


def test_3_an_edit_to_magics_that_policy_refuses_is_tampering(tmp_path: Path) -> None:
    assert findings(tmp_path, source="!ls") == [
        "health was edited to run magics, which the policy kept with the run refuses"
    ]


@pytest.mark.parametrize(
    "bent",
    [
        {"answer": None},
        {"answer": {"choice": "run"}},
        {"answer": {"how": "approval"}},
        {"answer": {"source": "0" * 64}},
        {"answer": {"words": "something else"}},
        {"answer": {"step": "restart"}},
    ],
)
def test_an_edit_that_nobody_asked_for_is_tampering(tmp_path: Path, bent: dict[str, object]) -> None:
    assert "nobody said that 'health' should run so" in findings(tmp_path, **bent)  # type: ignore[arg-type]


@pytest.mark.parametrize("plan", [{"kind": "unattended"}, {"dry_run": True}])
def test_an_edit_where_nobody_may_is_tampering(tmp_path: Path, plan: dict[str, object]) -> None:
    assert "'health' was edited where nobody may" in findings(tmp_path, plan=plan)


def test_a_text_that_is_not_what_ran_is_tampering(tmp_path: Path) -> None:
    told = {"text": "print('harmless')", "words": "because", "by": "alice"}
    assert "the text of the edited 'health' is not the source that ran" in findings(
        tmp_path, start={"deviation": told}
    )


def test_the_planned_source_is_no_edit(tmp_path: Path) -> None:
    assert "'health' is called edited, and ran as planned" in findings(tmp_path, source="print('fine')")


def test_an_edited_step_is_never_called_succeeded(tmp_path: Path) -> None:
    found = findings(tmp_path, state="succeeded")
    assert "'health' is called succeeded, and ran as edited" in found
