from pathlib import Path
data = Path("journal.jsonl").read_bytes()
Path("journal.jsonl").write_bytes(data.replace(b"restarted", b"restartex"))
