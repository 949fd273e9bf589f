# Question and answer before the dangerous step taken out together: as if it had never asked.
from forger import journal, render_and_seal, write_journal
write_journal([line for line in journal() if line.get("question") != 3])
render_and_seal()
