"""SSH signatures (OpenSSH's PROTOCOL.sshsig), in a profile narrower than OpenSSH's own.

Pure; with `keys` the only module that meets `cryptography`. Reads, armors and verifies; never signs. One
spelling each: version 1, empty reserved field, sha512, no byte behind the blob, canonical base64, one kind of
signature per kind of key. What `ssh-keygen -Y sign` makes by default is accepted, and what is accepted
`ssh-keygen -Y verify` accepts too. A signature can be spelled anew by whoever holds the key: never use its
bytes as an identity (an approval's is the sha256 of its statement).
"""

import base64
import hashlib
import re
from typing import Final

import msgspec

from runbook.approval.keys import FIDO, SIGNATURE_KIND, PublicKey, parse_key, require_signature
from runbook.approval.wire import Wire, string
from runbook.errors import SignatureRefused

MAGIC: Final = b"SSHSIG"
LIMIT_BYTES: Final = 16384
COLUMNS: Final = 70
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_END: Final = "-----END SSH SIGNATURE-----"
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature inside the profile, not yet verified."""

    key: PublicKey
    namespace: str
    kind: str
    raw: bytes


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that `key` signed bytes with this sha256 under `namespace`. Only `verify` makes it."""

    key: PublicKey
    namespace: str
    sha256: str

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint


def decode_base64(text: str) -> bytes:
    """Canonical base64 on one line (RFC 4648 §3.5: no blanks, padded, unused bits zero).

    Raises SignatureRefused for any other spelling, so that equal bytes are equal text.
    """
    if len(text) > LIMIT_BYTES * 4 // 3 + 4:
        raise SignatureRefused(f"the signature is larger than {LIMIT_BYTES} bytes", problem="signature.form")
    if not text or not _BASE64.fullmatch(text):
        raise SignatureRefused("the signature is not plain base64", problem="signature.base64")
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode("ascii") != text:
        raise SignatureRefused("the signature's base64 has stray bits", problem="signature.base64")
    return data


def armored(text: str) -> str:
    """The file that `ssh-keygen -Y verify -s` reads, from an entry's base64."""
    lines = [text[at : at + COLUMNS] for at in range(0, len(text), COLUMNS)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def unarmored(armor: str) -> str:
    """The base64 between the lines that `ssh-keygen -Y sign` writes, exactly as it writes them.

    Raises SignatureRefused when anything stands before, between or behind.
    """
    if len(armor) > 2 * LIMIT_BYTES:
        raise SignatureRefused(f"the signature is larger than {LIMIT_BYTES} bytes", problem="signature.form")
    text = "".join(armor.split("\n")[1:-2])
    if armor != armored(text):
        raise SignatureRefused(
            "this is not a signature the way `ssh-keygen -Y sign` writes it", problem="signature.armor"
        )
    decode_base64(text)
    return text


def parse(blob: bytes) -> Signature:
    """Read a signature's blob (PROTOCOL.sshsig §3). Raises SignatureRefused; verifies nothing."""
    if len(blob) > LIMIT_BYTES:
        raise SignatureRefused(f"the signature is larger than {LIMIT_BYTES} bytes", problem="signature.form")
    wire = Wire(blob, "signature")
    if wire.take(len(MAGIC)) != MAGIC:
        raise SignatureRefused("this is not an SSH signature", problem="signature.form")
    version = wire.number()
    if version != 1:  # OpenSSH 9.2 accepts 0 too
        raise SignatureRefused(
            f"the signature has version {version}; 1 is accepted", problem="signature.version"
        )
    key_blob = wire.string()
    namespace = wire.name()
    if not namespace:  # PROTOCOL.sshsig §3: must not be empty
        raise SignatureRefused("the signature has no namespace", problem="signature.namespace")
    if wire.string():  # outside the signed bytes: anybody could change it
        raise SignatureRefused("the signature's reserved field is not empty", problem="signature.reserved")
    digest = wire.name()
    if digest != "sha512":
        raise SignatureRefused(
            f"the signature was made over {digest[:20]!r}; sha512 is accepted",
            problem="signature.hash",
            hint="sign with `ssh-keygen -Y sign` and without -O hashalg",
        )
    inner = wire.string()
    wire.end()
    key = parse_key(key_blob)
    kind, raw = _inner(inner, key)
    return Signature(key=key, namespace=namespace, kind=kind, raw=raw)


def _inner(blob: bytes, key: PublicKey) -> tuple[str, bytes]:
    wire = Wire(blob, "signature")
    kind = wire.name()
    if kind.startswith("webauthn-"):
        raise SignatureRefused(
            "the signature was made by a browser (WebAuthn) and covers other bytes", problem="key.webauthn"
        )
    if kind != (key.kind if key.kind in FIDO else SIGNATURE_KIND[key.kind]):
        raise SignatureRefused(
            f"a {key.kind} key must not make signatures of kind {kind[:40]!r}", problem="signature.kind"
        )
    raw = wire.string()
    if key.is_fido:
        flags, _counter = wire.byte(), wire.number()
        wire.end()
        raise _fido(flags)
    wire.end()
    return kind, raw


def _fido(flags: int) -> SignatureRefused:
    touched = "with a touch" if flags & 1 else "without a touch"
    return SignatureRefused(
        f"the signature was made by a FIDO key ({touched}); these do not count yet",
        problem="signature.fido",
        hint="sign with an Ed25519 key for now",
    )


def signed_bytes(message: bytes, namespace: str) -> bytes:
    """What the key really signs (PROTOCOL.sshsig §2)."""
    digest = hashlib.sha512(message).digest()
    return MAGIC + string(namespace.encode("ascii")) + string(b"") + string(b"sha512") + string(digest)


def verify(text: str, message: bytes, *, namespace: str) -> Verified:
    """Check the signature `text` (canonical base64) over `message`, made for exactly this `namespace`.

    Says which key signed, not whether that key may: enrolment, dates and revocation are the decision's,
    and so is whether the policy accepts RSA. Raises SignatureRefused, whose `problem` is stable.
    """
    signature = parse(decode_base64(text))
    if signature.namespace != namespace:
        raise SignatureRefused(
            f"the signature was made for {signature.namespace[:60]!r}, not for {namespace!r}",
            problem="signature.namespace",
        )
    require_signature(signature.key, signature.raw, signed_bytes(message, namespace))
    return Verified(key=signature.key, namespace=namespace, sha256=hashlib.sha256(message).hexdigest())
