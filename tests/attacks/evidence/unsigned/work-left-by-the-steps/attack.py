from pathlib import Path
Path("work").mkdir()
Path("work/result.csv").write_text("1,2")
