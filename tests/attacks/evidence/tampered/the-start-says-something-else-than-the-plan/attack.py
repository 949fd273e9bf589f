from pathlib import Path
from forger import journal, reseal, write_journal
lines = journal()
start = Path("start.txt")
start.write_text(start.read_text().replace("host: runner1", "host: runner2"))
write_journal(lines)
reseal()
