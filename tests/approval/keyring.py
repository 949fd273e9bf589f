"""What the tests of signing share: keys chosen and copied, and one thing to sign."""

from pathlib import Path

from runbook.approval.signing import SigningKey, sign
from tests.keys import Key

STATEMENT = b"runbook approval v1\nnot: a real one\n"


def key_at(path: Path) -> SigningKey:
    return SigningKey(origin="--key", path=path)


def signed(key: SigningKey, env: dict[str, str]) -> str:
    return sign(STATEMENT, key, env=env, terminal=False)


def copied(key: Key, folder: Path, *, with_public: bool = False) -> Path:
    path = folder / "key"
    path.write_bytes(key.path.read_bytes())
    path.chmod(0o600)
    if with_public:
        (folder / "key.pub").write_bytes(key.public.read_bytes())
    return path
