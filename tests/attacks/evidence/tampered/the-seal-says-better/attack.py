from pathlib import Path
finish = Path("finish.txt")
finish.write_text(finish.read_text().replace("# step: health succeeded 750", "# step: health succeeded 75"))
