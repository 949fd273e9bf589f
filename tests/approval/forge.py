"""Makes signatures that ssh-keygen would not make: each field can be put out of shape by name."""

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runbook.approval.statement import NAMESPACE
from runbook.approval.wire import string

ED25519_P = 2**255 - 19
ED25519_L = 2**252 + 27742317777372353535851937790883648493


def mpint(number: int) -> bytes:
    """A number above or equal to zero in SSH's minimal form, behind its length."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True)
class Blob:
    """A signature's outer form (PROTOCOL.sshsig), every field free."""

    key: bytes
    inner: bytes
    magic: bytes = b"SSHSIG"
    version: int = 1
    namespace: bytes = NAMESPACE.encode()
    reserved: bytes = b""
    digest: bytes = b"sha512"
    tail: bytes = b""

    def encoded(self) -> str:
        return base64_of(
            self.magic
            + self.version.to_bytes(4, "big")
            + string(self.key)
            + string(self.namespace)
            + string(self.reserved)
            + string(self.digest)
            + string(self.inner)
            + self.tail
        )


def to_sign(
    message: bytes,
    *,
    namespace: bytes = NAMESPACE.encode(),
    reserved: bytes = b"",
    digest: str = "sha512",
) -> bytes:
    """What a key signs, with any hash."""
    hashed = hashlib.new(digest, message, usedforsecurity=False).digest()
    return b"SSHSIG" + string(namespace) + string(reserved) + string(digest.encode()) + string(hashed)


@dataclass(frozen=True)
class EdKey:
    """An Ed25519 key held in memory."""

    private: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    @property
    def blob(self) -> bytes:
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return ed_blob(raw)

    @property
    def words(self) -> str:
        return f"ssh-ed25519 {base64_of(self.blob)}"

    def inner(self, signed: bytes) -> bytes:
        return string(b"ssh-ed25519") + string(self.private.sign(signed))

    def sign(self, message: bytes, *, namespace: str = NAMESPACE) -> str:
        """A good signature, fast: for tests that need a thousand of them."""
        name = namespace.encode()
        signed = to_sign(message, namespace=name)
        return Blob(key=self.blob, inner=self.inner(signed), namespace=name).encoded()


def ed_blob(point: bytes) -> bytes:
    return string(b"ssh-ed25519") + string(point)


def ecdsa_parts(message: bytes) -> tuple[bytes, int, int]:
    """A P-256 key's blob, and r and s of its good signature over `message`."""
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    r, s = utils.decode_dss_signature(private.sign(to_sign(message), ec.ECDSA(hashes.SHA256())))
    return string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(point), r, s


def rsa_parts(message: bytes, *, bits: int = 3072, exponent: int = 65537) -> tuple[bytes, bytes]:
    """An RSA key's blob and its bare sha512 signature over `message`."""
    private = rsa.generate_private_key(public_exponent=exponent, key_size=bits)
    numbers = private.public_key().public_numbers()
    raw = private.sign(to_sign(message), padding.PKCS1v15(), hashes.SHA512())
    return rsa_blob(numbers.e, numbers.n), raw


def rsa_blob(exponent: int, modulus: int) -> bytes:
    return string(b"ssh-rsa") + mpint(exponent) + mpint(modulus)


def forge_for_exponent_one(message: bytes, modulus: int) -> bytes:
    """With e = 1 the padded digest is its own signature: anybody can write it down."""
    prefix = bytes.fromhex("3051300d060960864801650304020305000440")
    digest = hashlib.sha512(to_sign(message)).digest()
    length = (modulus.bit_length() + 7) // 8
    tail = prefix + digest
    return b"\0\1" + b"\xff" * (length - len(tail) - 3) + b"\0" + tail
