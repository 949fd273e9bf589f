from pathlib import Path
from forger import reseal
Path("blobs", "0" * 64).write_bytes(b"not what its name says")
reseal()
