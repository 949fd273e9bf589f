import json
from pathlib import Path
from forger import change, reseal, sha256
data = json.dumps({"words": "a good day"}, separators=(",", ":")).encode()
Path("blobs", sha256(data)).write_bytes(data)
change("note", lambda line: line.update(blob=sha256(data), size=len(data)))
reseal()
