# Nobody checks it, and without a seal nothing else lists it: it must not look as if it had been checked.
from pathlib import Path
Path("finish.txt").unlink()
Path("start.sig").write_text("-----BEGIN SSH SIGNATURE-----\n")
