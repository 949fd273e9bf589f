from pathlib import Path
from forger import reseal, sha256
plan, start = Path("plan.json"), Path("start.txt")
old = sha256(plan.read_bytes())
plan.write_text(plan.read_text().replace('"operator":"alice"', '"operator":"mallory"'))
text = start.read_text().replace("operator: alice", "operator: mallory")
start.write_text(text.replace(old, sha256(plan.read_bytes())))
reseal()
