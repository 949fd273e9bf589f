from pathlib import Path
from forger import reseal
text = Path("runbook.py")
text.write_text(text.read_text().replace("When it is slow.", "Whenever you like."))
reseal()
