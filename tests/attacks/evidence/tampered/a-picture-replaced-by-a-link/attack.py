import os
from pathlib import Path
picture = next(Path("blobs").iterdir())
kept = Path.cwd().parent.parent / "kept"
os.rename(picture, kept)
picture.symlink_to(kept)
