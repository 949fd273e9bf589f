from pathlib import Path
for name in ("finish.txt", "record.ipynb", "audit.md", "journal.jsonl", "start.txt"):
    Path(name).unlink()
