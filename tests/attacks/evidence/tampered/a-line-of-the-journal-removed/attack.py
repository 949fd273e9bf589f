from pathlib import Path
lines = Path("journal.jsonl").read_bytes().splitlines(keepends=True)
Path("journal.jsonl").write_bytes(b"".join(lines[:5] + lines[6:]))
