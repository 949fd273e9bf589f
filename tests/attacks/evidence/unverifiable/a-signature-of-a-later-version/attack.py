from pathlib import Path
Path("finish.sig").write_text("-----BEGIN SSH SIGNATURE-----\n")
