import os
from pathlib import Path
here = Path.cwd()
os.rename(here, here.parent / here.name.replace("7f3a9c", "7f3a9d"))
