from pathlib import Path
next(Path("blobs").iterdir()).unlink()
