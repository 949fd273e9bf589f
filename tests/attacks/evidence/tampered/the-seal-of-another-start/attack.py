from pathlib import Path
finish = Path("finish.txt")
finish.write_text(finish.read_text().replace("# started: 2026-11-21T00:12:05Z", "# started: 2026-11-20T00:12:05Z"))
