from pathlib import Path
from forger import reseal
next(Path("blobs").iterdir()).write_bytes(b"\x89PNG\r\n\x1a\nanother chart")
reseal()
