"""The pages say what the program does: every code, the statement, the commands for an auditor, the policy."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from runbook.approval import sshsig
from runbook.approval.policy import applicable, parse_policy
from runbook.approval.statement import FIRST_LINE, statement_bytes, statement_of
from runbook.instants import parse_stamp
from tests.approval.made import BOB, GOOD, KEYS, PATH, WORKSPACE, approved, signer_lines

ROOT = Path(__file__).parents[2]
APPROVALS = (ROOT / "docs/reference/approvals.md").read_text(encoding="utf-8")
POLICY_PAGE = (ROOT / "docs/reference/policy.md").read_text(encoding="utf-8")
CODE = re.compile(r'"((?:approval|policy|environment|signature|key)\.[a-z-]+)"')


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_every_code_of_a_verdict_is_on_the_page_and_no_other() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "runbook/approval").glob("*.py"))
    )
    used = set(CODE.findall(source)) - {"policy.toml", "key.pub"} | {"key.form", "signature.form"}
    on_page = set(re.findall(r"`((?:approval|policy|environment|signature|key)\.[a-z-]+)`", APPROVALS))

    assert on_page == used


def test_the_statement_on_the_page_is_one() -> None:
    (text,) = [block for block in blocks(APPROVALS, "") if block.startswith(FIRST_LINE)]

    entry = msgspec.structs.replace(
        GOOD,
        text=f"sha256:{'0' * 64}",
        issued=parse_stamp("2026-11-21T00:07:07Z"),
        expires=parse_stamp("2027-02-19T00:07:07Z"),
    )
    statement = statement_bytes(statement_of(entry, workspace=WORKSPACE, path=PATH)).decode()

    assert text.replace("<64 hex digits>", "0" * 64) == statement


@pytest.fixture
def auditor(tmp_path: Path) -> Path:
    """A folder with what an auditor has: the runbook, the signers, and the statement typed by hand."""
    (tmp_path / ".runbook").mkdir()
    (tmp_path / ".runbook/allowed_signers").write_text(signer_lines(KEYS))
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(approved([GOOD]))
    statement = statement_bytes(statement_of(GOOD, workspace=WORKSPACE, path=PATH))
    (tmp_path / "statement.txt").write_bytes(statement)
    (tmp_path / "statement.sig").write_text(sshsig.armored(GOOD.signature))
    return tmp_path


def test_the_auditor_s_commands_work_as_written(auditor: Path) -> None:
    commands = blocks(APPROVALS, "sh")
    (verify,) = [block for block in commands if "-Y verify" in block]
    (sha,) = [block for block in commands if "sha256sum" in block]

    said = subprocess.run(verify, shell=True, cwd=auditor, capture_output=True, text=True, check=True)
    digest = subprocess.run(sha, shell=True, cwd=auditor, capture_output=True, text=True, check=True)

    assert f'Good "approval.v1@signed-runbook" signature for {BOB}' in said.stdout
    assert f"sha256:{digest.stdout.split()[0]}" == GOOD.text
    (auditor / "statement.txt").write_text((auditor / "statement.txt").read_text().replace("prod", "test"))
    assert subprocess.run(verify, shell=True, cwd=auditor, capture_output=True).returncode != 0


def test_the_policy_on_the_page_asks_for_what_the_page_says() -> None:
    (example,) = blocks(POLICY_PAGE, "toml")

    found = applicable(parse_policy(example.encode()), "runbooks/db/x.py", "prod")

    assert found is not None
    assert [(quota.count, quota.words) for quota in found.quotas] == [(2, "sre"), (1, "security")]
    assert found.expired_with_reason
