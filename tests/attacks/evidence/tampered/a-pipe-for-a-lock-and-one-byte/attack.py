import os
from pathlib import Path
Path("supervisor.lock").unlink(missing_ok=True)
os.mkfifo("supervisor.lock")
data = Path("runbook.py").read_bytes()
Path("runbook.py").write_bytes(data + b"\n")
