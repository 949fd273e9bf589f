import os
from pathlib import Path
here = Path.cwd()
os.rename(here, here.parent / here.name.replace("003a9c", "003a9d"))
