"""Writes tests/attacks/approvals: one way to cheat per folder, the expected verdict in the folder's name.

Run `python -m tests.approval.attack_folders` after a change of format. Keys are made anew each time and
thrown away; the folders hold public halves and signatures only. Whoever wants to try another implementation
needs nothing but the folders: `case.toml` says what is asked, `runbook.py` and `trust/` are the exact bytes.
"""

import json
import shutil
from pathlib import Path

from runbook.instants import stamp
from tests.approval.attack_cases import Case, cases
from tests.approval.made import NOW, PATH, trust_files

FOLDER = Path(__file__).parents[1] / "attacks" / "approvals"


def write(case: Case) -> None:
    folder = FOLDER / case.name
    asked = {"path": PATH, "environment": "prod", "now": stamp(NOW), **case.asked}
    lines = [f"what = {json.dumps(case.what)}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in asked.items()]
    lines += [f"reasons = {json.dumps(case.codes)}", f"not_counted = {json.dumps(case.uncounted)}", ""]
    folder.mkdir(parents=True)
    (folder / "case.toml").write_text("\n".join(lines))
    (folder / "runbook.py").write_bytes(case.data)
    for name, data in {**trust_files(), **case.trust}.items():
        path = folder / "trust" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main() -> None:
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    for case in cases():
        write(case)


if __name__ == "__main__":
    main()
