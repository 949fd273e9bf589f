# Outside of the manifest, and there for nobody who asks whether it exists; filled in on somebody else's machine.
from pathlib import Path
Path("finish.sig").symlink_to("/nonexistent/finish.sig")
