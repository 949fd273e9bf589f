from pathlib import Path
finish = Path("finish.txt")
lines = finish.read_text().splitlines(keepends=True)
finish.write_text("".join("# ended: 2026-11-21T00:12:05Z\n" if line.startswith("# ended") else line for line in lines))
