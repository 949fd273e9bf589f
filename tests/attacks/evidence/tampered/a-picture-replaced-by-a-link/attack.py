import os
from pathlib import Path
picture = next(Path("blobs").iterdir())
os.rename(picture, "/tmp/" + picture.name + str(os.getpid()))
picture.symlink_to("/tmp/" + picture.name + str(os.getpid()))
