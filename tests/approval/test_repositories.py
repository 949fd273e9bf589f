"""Attacks on where the policy is read from: each a real repository, turned by a folder's `attack.sh`.

Every folder begins with the same `ops/`, in a repository whose branch `main` asks for one approval below
`runbooks/`. `case.toml` says where trust is set to come from, whether the runbook was approved, where
somebody stands and what they name, and the environment they have; the folder's name is the answer in `prod`.
`$WEAK/.runbook` holds a policy that asks for nothing, `$TRUST` what the machine trusts.
"""

import os
import shutil
import subprocess
from pathlib import Path
from string import Template

import msgspec
import pytest

from runbook.decoding import decode_toml
from runbook.verbs.verify import Asked, verify
from runbook.workspace import find
from tests.keys import Key
from tests.verbs import desk as desks

CASES = sorted((Path(__file__).parents[1] / "attacks/repositories").iterdir())
_RULE = '\n[[rules]]\npaths = ["{paths}"]\nenvironments = ["prod"]\napprovals = {approvals}\n'


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    trust: str
    approved: bool = False
    folder: str = "ops"
    name: str = "runbooks/restart.py"
    env: dict[str, str] = {}


def prepare(base: Path, home: Path, key: Key, *, approved: bool) -> None:
    """The repository `mono/` with its workspace `ops/`, the weak policy and the machine's folder."""
    around = desks.surroundings(base / "mono/ops", home, dict(os.environ))
    desk = desks.make(base / "mono/ops", around, key)
    policy = desk.root / ".runbook/policy.toml"
    head = policy.read_text().partition("[[rules]]")[0]
    policy.write_text(head + _RULE.format(paths="**", approvals=0))
    shutil.copytree(desk.root / ".runbook", base / "weak/.runbook")
    policy.write_text(policy.read_text() + _RULE.format(paths="runbooks/**", approvals=1))
    if approved:
        desk.approve(key)
    shutil.copytree(desk.root / ".runbook", base / "trust")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=base / "mono", check=True)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_policy_is_the_one_that_was_chosen(folder: Path, tmp_path: Path, home: Path, alice: Key) -> None:
    case = decode_toml((folder / "case.toml").read_bytes(), Case, name=folder.name)
    prepare(tmp_path, home, alice, approved=case.approved)
    places = {"WEAK": str(tmp_path / "weak"), "TRUST": str(tmp_path / "trust")}
    script = ["sh", str(folder / "attack.sh")]
    subprocess.run(script, cwd=tmp_path / "mono", env={**os.environ, **places}, check=True)
    env = {name: Template(value).substitute(places) for name, value in case.env.items()}
    here = tmp_path / "mono" / case.folder
    around = msgspec.structs.replace(
        desks.surroundings(here, home, {**os.environ, **env}), machine_config=tmp_path / "machine.toml"
    )
    around.machine_config.write_text(f'trust = "{Template(case.trust).substitute(places)}"\n')

    asked = Asked(names=(case.name,), environments=("prod",))
    (verdict,) = verify(find(here, around), asked, around=around, now=desks.NOW).runbooks

    assert verdict.answer == ("permitted" if folder.name.startswith("accept-") else "refused")
    assert verdict.pinned or verdict.trust == "unreadable"
