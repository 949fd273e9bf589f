"""Every folder of tests/attacks/approvals ends as its name says, for the reason it names."""

from pathlib import Path

import msgspec
import pytest

from runbook.approval.decision import Request, Verdict, decide
from runbook.approval.trusted import Trust, assemble
from runbook.decoding import decode_toml
from runbook.errors import TrustError
from runbook.instants import parse_stamp
from tests.approval.attack_cases import cases
from tests.approval.attack_folders import FOLDER

FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir())


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    what: str
    path: str
    environment: str
    now: str
    reasons: list[str]
    not_counted: list[str]
    unattended: bool = False
    values: str | None = None
    machine_environments: tuple[str, ...] | None = None


def trust_in(folder: Path) -> Trust | TrustError:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    try:
        return assemble(files, described="test", pinned=True)
    except TrustError as error:
        return error


def decided(folder: Path) -> tuple[Case, Verdict]:
    case = decode_toml((folder / "case.toml").read_bytes(), Case, name="case.toml")
    request = Request(
        data=(folder / "runbook.py").read_bytes(),
        path=case.path,
        environment=case.environment,
        unattended=case.unattended,
        values=case.values,
        machine_environments=case.machine_environments,
    )
    return case, decide(request, trust_in(folder / "trust"), now=parse_stamp(case.now))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_verdict_is_the_folder_s_name(folder: Path) -> None:
    case, verdict = decided(folder)

    assert verdict.permitted == folder.name.startswith("accept-"), case.what
    assert folder.name.startswith(("accept-", "refuse-"))
    assert [why.code for why in verdict.reasons] == case.reasons
    assert [each.code for each in verdict.not_counted] == case.not_counted


def test_the_folders_are_those_that_the_generator_writes() -> None:
    assert {folder.name for folder in FOLDERS} == {case.name for case in cases()}


def test_no_private_key_is_among_the_folders() -> None:
    for path in FOLDER.rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()
