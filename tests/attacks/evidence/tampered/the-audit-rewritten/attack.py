from pathlib import Path
from forger import reseal
audit = Path("audit.md")
audit.write_text(audit.read_text().replace("alice", "mallory"))
reseal()
