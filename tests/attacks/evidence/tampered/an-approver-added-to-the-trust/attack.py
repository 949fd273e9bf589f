from pathlib import Path
from forger import reseal
signers = Path("trust/allowed_signers")
signers.write_text(signers.read_text() + "mallory@example.com ssh-ed25519 AAAA\n")
reseal()
