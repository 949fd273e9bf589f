from pathlib import Path
Path("finish.txt").unlink()
