# One folder that makes `verify --all` fall over would hide all the others.
from pathlib import Path
Path("supervisor.lock").unlink(missing_ok=True)
Path("supervisor.lock").symlink_to("supervisor.lock")
