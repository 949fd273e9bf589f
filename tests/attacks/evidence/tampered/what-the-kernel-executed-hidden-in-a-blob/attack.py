import json
from pathlib import Path
from forger import journal, render_and_seal, sha256, write_journal
lines = journal()
place = next(number for number, line in enumerate(lines) if line["kind"] == "step-started")
data = json.dumps({"content": {"code": "rm()", "execution_count": 1}}, separators=(",", ":")).encode()
Path("blobs", sha256(data)).write_bytes(data)
told = {key: lines[place][key] for key in ("t", "m", "step")}
told |= {"kind": "message", "channel": "iopub", "type": "execute_input", "parent": lines[place]["message"]}
write_journal([*lines[: place + 1], {**told, "blob": sha256(data), "size": len(data)}, *lines[place + 1 :]])
render_and_seal()
