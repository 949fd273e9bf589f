"""Public keys: which kinds may sign, read from SSH's blobs (RFC 4253 §6.6, RFC 5656, RFC 8709, PROTOCOL.u2f).

Pure, and with `sshsig` the only module that meets `cryptography`. Narrower than OpenSSH on purpose: keys
with which anybody can make a signature (small-order Ed25519 points, RSA with e = 1) are refused when they
are enrolled and again when a signature is verified. FIDO keys can be enrolled; they do not count yet.
"""

import base64
import functools
import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from runbook.approval.wire import Wire
from runbook.errors import SignatureRefused

ED25519: Final = "ssh-ed25519"
ECDSA: Final = {"ecdsa-sha2-nistp256": "nistp256", "ecdsa-sha2-nistp384": "nistp384"}
RSA: Final = "ssh-rsa"
FIDO: Final = frozenset({"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"})
SIGNATURE_KIND: Final = {ED25519: ED25519, RSA: "rsa-sha2-512"} | {kind: kind for kind in ECDSA}
"""Which kind of signature each kind of key makes: exactly one, so that a signature has no choice to abuse."""

LIMIT_BYTES: Final = 8192
_RSA_BITS: Final = (3072, 16384)  # below: too weak; above: OpenSSH reads none either
_RSA_EXPONENT_LEAST: Final = 65537
_CURVES: Final[dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int]]] = {
    # SEC 2: the curve, the hash that RFC 5656 §6.2.1 sets beside it, the group's order.
    "nistp256": (
        ec.SECP256R1(),
        hashes.SHA256(),
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    "nistp384": (
        ec.SECP384R1(),
        hashes.SHA384(),
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
}

# RFC 8032 §5.1: the field, the curve's constant and the group's order.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_L: Final = 2**252 + 27742317777372353535851937790883648493
# The y of all eight points whose order divides 8; each verifies signatures that nobody made.
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
    }
)


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key inside the profile. `fingerprint` is `SHA256:…` as `ssh-keygen -l` prints it.

    `material` is what is behind the kind: the raw point of an elliptic curve, empty for RSA.
    """

    kind: str
    blob: bytes
    fingerprint: str
    material: bytes
    modulus: int
    exponent: int
    application: str | None

    @property
    def is_rsa(self) -> bool:
        return self.kind == RSA

    @property
    def is_fido(self) -> bool:
        return self.kind in FIDO

    @property
    def words(self) -> str:
        """The kind and the base64 blob, the way `.pub` files write them."""
        return f"{self.kind} {base64.b64encode(self.blob).decode('ascii')}"


def fingerprint(blob: bytes) -> str:
    """`SHA256:` and unpadded base64, as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


@functools.lru_cache(maxsize=1024)  # a pure function; a verifier meets the same few keys thousands of times
def parse_key(blob: bytes) -> PublicKey:
    """Read one public key's blob. Raises SignatureRefused for everything outside the profile."""
    if len(blob) > LIMIT_BYTES:
        raise SignatureRefused(f"the key is larger than {LIMIT_BYTES} bytes", problem="key.form")
    wire = Wire(blob, "key")
    kind = wire.name()
    material, modulus, exponent, application = b"", 0, 0, None
    if kind in (ED25519, "sk-ssh-ed25519@openssh.com"):
        material = wire.string()
        _check_ed25519(material)
    elif kind in ECDSA:
        material = _point(wire, ECDSA[kind])
    elif kind == "sk-ecdsa-sha2-nistp256@openssh.com":
        material = _point(wire, "nistp256")
    elif kind == RSA:
        exponent, modulus = wire.positive(), wire.positive()
        _check_rsa(exponent, modulus)
    else:
        raise _unsupported(kind)
    if kind in FIDO:
        application = wire.name()
    wire.end()
    return PublicKey(
        kind=kind,
        blob=blob,
        fingerprint=fingerprint(blob),
        material=material,
        modulus=modulus,
        exponent=exponent,
        application=application,
    )


def require_signature(key: PublicKey, signature: bytes, message: bytes) -> None:
    """Check a bare signature by `key` over `message`; silent when it fits.

    `signature` is what follows the kind in SSH's signature blob. Raises SignatureRefused otherwise.
    """
    try:
        if key.kind == ED25519:
            _verify_ed25519(key, signature, message)
        elif key.kind in ECDSA:
            _verify_ecdsa(key, signature, message)
        elif key.kind == RSA:
            _verify_rsa(key, signature, message)
        else:
            raise _unsupported(key.kind)
    except InvalidSignature as error:
        raise SignatureRefused(
            "the signature does not fit the signed bytes and the key in it", problem="signature.invalid"
        ) from error


def _verify_ed25519(key: PublicKey, signature: bytes, message: bytes) -> None:
    if len(signature) != 64:
        raise SignatureRefused("an Ed25519 signature has 64 bytes", problem="signature.form")
    if int.from_bytes(signature[32:], "little") >= _L:  # RFC 8032 §5.1.7: else every signature has twins
        raise SignatureRefused("the signature's S is not below the group's order", problem="signature.form")
    ed25519.Ed25519PublicKey.from_public_bytes(key.material).verify(signature, message)


def _verify_ecdsa(key: PublicKey, signature: bytes, message: bytes) -> None:
    curve, digest, order = _CURVES[ECDSA[key.kind]]
    wire = Wire(signature, "signature")
    r, s = wire.positive(), wire.positive()
    wire.end()
    if r >= order or s >= order:
        raise SignatureRefused("the signature's numbers are out of range", problem="signature.form")
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve, key.material)
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(digest))


def _verify_rsa(key: PublicKey, signature: bytes, message: bytes) -> None:
    if len(signature) != (key.modulus.bit_length() + 7) // 8:
        raise SignatureRefused("the signature is not as long as its RSA key", problem="signature.form")
    public = rsa.RSAPublicNumbers(key.exponent, key.modulus).public_key()
    public.verify(signature, message, padding.PKCS1v15(), hashes.SHA512())


def _check_ed25519(material: bytes) -> None:
    if len(material) != 32:
        raise SignatureRefused("an Ed25519 key has 32 bytes", problem="key.form")
    y = int.from_bytes(material, "little") & ((1 << 255) - 1)
    if y >= _P:
        raise SignatureRefused("the Ed25519 key is not written in its one form (y ≥ p)", problem="key.weak")
    if y in _SMALL_ORDER_Y:
        raise SignatureRefused(
            "the Ed25519 key is a point of small order: anybody could sign with it", problem="key.weak"
        )
    numerator, denominator = (y * y - 1) % _P, (_D * y * y + 1) % _P
    if pow(numerator * denominator, (_P - 1) // 2, _P) != 1:  # Euler: x² must be a square
        raise SignatureRefused("the Ed25519 key is not a point of the curve", problem="key.weak")


def _point(wire: Wire, name: str) -> bytes:
    if wire.name() != name:
        raise SignatureRefused("the ECDSA key names another curve than its kind does", problem="key.form")
    curve, _, _ = _CURVES[name]
    point = wire.string()
    if len(point) != 1 + 2 * ((curve.key_size + 7) // 8) or point[0] != 4:
        raise SignatureRefused("the ECDSA key is not an uncompressed point", problem="key.form")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError as error:
        raise SignatureRefused("the ECDSA key is not a point of its curve", problem="key.weak") from error
    return point


def _check_rsa(exponent: int, modulus: int) -> None:
    least, most = _RSA_BITS
    if not least <= modulus.bit_length() <= most:
        raise SignatureRefused(
            f"the RSA key has {modulus.bit_length()} bits; {least} to {most} are accepted",
            problem="key.weak",
            hint="an Ed25519 key is smaller and stronger: `ssh-keygen -t ed25519`",
        )
    if not (_RSA_EXPONENT_LEAST <= exponent < 1 << 32) or exponent % 2 == 0 or modulus % 2 == 0:
        raise SignatureRefused(
            f"the RSA key's exponent or modulus is not sound (e must be odd and at least "
            f"{_RSA_EXPONENT_LEAST})",
            problem="key.weak",
        )


_REFUSED_KINDS: Final = (
    ("-cert-v", "key.certificate", "is a certificate; enrol the person's own key"),
    ("webauthn-", "key.webauthn", "is made by a browser (WebAuthn), whose signatures cover other bytes"),
    ("mldsa", "key.hybrid", "is a hybrid with ML-DSA, which is not read yet"),
    ("ecdsa-sha2-nistp521", "key.curve", "is on the curve P-521; P-256 and P-384 are accepted"),
    ("ssh-dss", "key.dsa", "is DSA, which is too weak"),
)


def _unsupported(kind: str) -> SignatureRefused:
    shown = kind[:60]
    hint = "use an Ed25519 key: ssh-keygen -t ed25519"
    for part, problem, words in _REFUSED_KINDS:
        if part in kind:
            return SignatureRefused(f"a key of kind {shown} {words}", problem=problem, hint=hint)
    return SignatureRefused(f"keys of kind {shown!r} are not accepted", problem="key.kind", hint=hint)
