from pathlib import Path
Path("notes.md").write_text("All went well, signed, the management")
