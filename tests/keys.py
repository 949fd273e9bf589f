"""Real SSH keys, made by the real ssh-keygen, thrown away with the test's folder."""

import enum
import subprocess
from dataclasses import dataclass
from pathlib import Path


class KeyKind(enum.Enum):
    ED25519 = ("ed25519", None)
    ECDSA_P256 = ("ecdsa", 256)
    ECDSA_P384 = ("ecdsa", 384)
    ECDSA_P521 = ("ecdsa", 521)
    RSA_2048 = ("rsa", 2048)
    RSA_3072 = ("rsa", 3072)


@dataclass(frozen=True)
class Key:
    """A key pair on disk: `path` is the private file, `public` the `.pub` beside it."""

    principal: str
    path: Path

    @property
    def public(self) -> Path:
        return self.path.with_name(self.path.name + ".pub")

    @property
    def words(self) -> tuple[str, str]:
        """The key type and the base64 blob."""
        kind, blob, *_ = self.public.read_text().split()
        return kind, blob


def make_key(folder: Path, principal: str, kind: KeyKind, *, passphrase: str = "") -> Key:
    name, bits = kind.value
    path = folder / f"{principal.partition('@')[0]}-{kind.name.lower()}{'-locked' if passphrase else ''}"
    size = [] if bits is None else ["-b", str(bits)]
    argv = ["ssh-keygen", "-q", "-t", name, *size, "-N", passphrase, "-C", principal, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return Key(principal, path)
