"""What somebody can do who knows the formats and can write the folder. Standard library only, runs in the folder."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

Line = dict[str, object]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def journal() -> list[Line]:
    return [json.loads(line) for line in Path("journal.jsonl").read_bytes().splitlines()]


def write_journal(lines: list[Line]) -> None:
    """Write the events with a chain that holds."""
    previous = sha256(Path("start.txt").read_bytes())
    written = []
    for number, line in enumerate(lines):
        line |= {"seq": number, "prev": previous}
        data = json.dumps(line, sort_keys=True, separators=(",", ":")).encode()
        previous = sha256(data)
        written.append(data + b"\n")
    Path("journal.jsonl").write_bytes(b"".join(written))


def change(kind: str, how: Callable[[Line], object]) -> None:
    """Change every event of a kind, and mend the chain."""
    lines = journal()
    for line in lines:
        if line["kind"] == kind:
            how(line)
    write_journal(lines)


def begin_anew(how: Callable[[Line], object], trust: dict[str, bytes] | None = None) -> None:
    """Change the plan and the trust files, and write start record and journal to fit them."""
    from datetime import UTC, datetime

    from runbook.canonical import digest
    from runbook.evidence import start
    from runbook.evidence.plan_file import parse_plan

    for name, data in (trust or {}).items():
        Path("trust", name).write_bytes(data)
    plan = json.loads(Path("plan.json").read_bytes())
    how(plan)
    data = json.dumps(plan, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    Path("plan.json").write_bytes(data)
    began = start.start_of(
        parse_plan(data),
        plan_digest=digest(data),
        trust=[(path.name, digest(path.read_bytes())) for path in Path("trust").iterdir()],
        now=datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC),
        monotonic=1_000_000_000,
    )
    Path("start.txt").write_bytes(start.emit(began))
    change("opened", lambda line: line.update(plan=digest(data)))


def reseal() -> None:
    """Write the seal anew over what lies there now: its digests, and the end of the journal."""
    header = [line for line in Path("finish.txt").read_text().splitlines() if line.startswith("#")]
    data = Path("journal.jsonl").read_bytes().splitlines()
    for place, line in enumerate(header):
        if line.startswith("# journal: "):
            header[place] = f"# journal: {len(data)} sha256:{sha256(data[-1])}"
        if line.startswith("# start: "):
            header[place] = f"# start: sha256:{sha256(Path('start.txt').read_bytes())}"
    names = sorted(
        os.path.relpath(os.path.join(folder, name))
        for folder, _, names in os.walk(".")
        for name in names
        if name not in ("finish.txt", "finish.sig")
    )
    manifest = [f"{sha256(Path(name).read_bytes())}  {name}" for name in names]
    Path("finish.txt").write_text("\n".join([*header, *manifest]) + "\n")


def render_and_seal() -> None:
    """Let the program itself derive record, audit and seal from the journal that lies there."""
    from datetime import UTC, datetime

    from runbook.evidence.derive import conclude
    from runbook.evidence.folder import ExecutionFolder

    for name in ("record.ipynb", "audit.md", "finish.txt"):
        Path(name).unlink()
    conclude(ExecutionFolder(Path.cwd()), now=datetime(2026, 11, 21, 0, 12, 5, tzinfo=UTC))
