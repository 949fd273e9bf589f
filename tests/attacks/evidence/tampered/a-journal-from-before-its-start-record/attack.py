# Steps that had run before anybody was asked: the start record was made afterwards.
from forger import journal, render_and_seal, write_journal
from pathlib import Path
start = Path("start.txt").read_text()
Path("start.txt").write_text(start.replace("monotonic: 1000000000", "monotonic: 900000000000"))
write_journal(journal())
render_and_seal()
