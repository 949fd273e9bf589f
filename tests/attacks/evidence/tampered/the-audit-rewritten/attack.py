from pathlib import Path
from forger import reseal
audit = Path("audit.md")
audit.write_text(audit.read_text().replace("bob@example.com", "mallory@example.com"))
reseal()
