import os
from pathlib import Path
kept = Path.cwd().parent.parent / "kept.txt"
os.rename("finish.txt", kept)
Path("finish.txt").symlink_to(kept)
