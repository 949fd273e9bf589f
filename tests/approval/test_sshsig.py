"""The profile of signatures: each row is something that OpenSSH or another library lets through."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.approval import sshsig
from runbook.approval.keys import _D, _SMALL_ORDER_Y, LIMIT_BYTES, parse_key, require_signature
from runbook.approval.statement import NAMESPACE
from runbook.approval.wire import Wire, string
from runbook.errors import SignatureRefused
from tests.approval.forge import (
    ED25519_L,
    ED25519_P,
    Blob,
    EdKey,
    base64_of,
    ecdsa_parts,
    ed_blob,
    forge_for_exponent_one,
    mpint,
    rsa_blob,
    rsa_parts,
    to_sign,
)

MESSAGE = b"runbook approval v1\n"
KEY = EdKey()


def refused(text: str, message: bytes = MESSAGE) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        sshsig.verify(text, message, namespace=NAMESPACE)
    return caught.value


def good(**changes: object) -> str:
    inner = KEY.inner(to_sign(MESSAGE))
    return Blob(key=KEY.blob, inner=inner, **changes).encoded()  # type: ignore[arg-type] # named fields


def test_a_good_signature_names_the_key_that_made_it() -> None:
    evidence = sshsig.verify(KEY.sign(MESSAGE), MESSAGE, namespace=NAMESPACE)

    assert evidence.key.blob == KEY.blob
    assert evidence.fingerprint.startswith("SHA256:")
    assert evidence.namespace == NAMESPACE


def test_other_bytes_do_not_fit() -> None:
    error = refused(KEY.sign(MESSAGE), MESSAGE + b" ")

    assert error.problem == "signature.invalid"
    assert error.message == "the signature does not fit the signed bytes and the key in it"


def test_a_signature_for_git_is_no_approval() -> None:
    error = refused(KEY.sign(MESSAGE, namespace="git"))

    assert error.problem == "signature.namespace"
    assert error.message == "the signature was made for 'git', not for 'approval.v1@signed-runbook'"


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256", "sha384"])
def test_a_weaker_or_other_hash_is_refused_although_the_signature_fits(digest: str) -> None:
    inner = KEY.inner(to_sign(MESSAGE, digest=digest))
    error = refused(Blob(key=KEY.blob, inner=inner, digest=digest.encode()).encoded())

    assert error.problem == "signature.hash"
    assert error.message == f"the signature was made over {digest!r}; sha512 is accepted"
    assert error.hint == "sign with `ssh-keygen -Y sign` and without -O hashalg"


@pytest.mark.parametrize(
    ("text", "problem", "words"),
    [
        (good(reserved=b"x"), "signature.reserved", "the signature's reserved field is not empty"),
        (good(tail=b"\0"), "signature.form", "the signature has 1 extra bytes at its end"),
        (good(version=0), "signature.version", "the signature has version 0; 1 is accepted"),
        (good(version=2), "signature.version", "the signature has version 2; 1 is accepted"),
        (good(namespace=b""), "signature.namespace", "the signature has no namespace"),
        (good(magic=b"SSHSIX"), "signature.form", "this is not an SSH signature"),
        (good(digest=b"sha\n512"), "signature.form", "a name that is not printable ASCII"),
        (good()[:-4], "signature.form", "the signature ends too early"),
    ],
)
def test_a_blob_out_of_shape_is_refused_by_name(text: str, problem: str, words: str) -> None:
    error = refused(text)

    assert error.problem == problem
    assert words in error.message


def test_a_reserved_field_that_was_signed_too_is_refused_all_the_same() -> None:
    inner = KEY.inner(to_sign(MESSAGE, reserved=b"x"))

    assert refused(Blob(key=KEY.blob, inner=inner, reserved=b"x").encoded()).problem == "signature.reserved"


@pytest.mark.parametrize(
    "respell",
    [
        lambda text: text[:40] + " " + text[40:],
        lambda text: text[:40] + "\n" + text[40:],
        lambda text: text + "\n",
        lambda text: text.rstrip("=") if text.endswith("=") else text + "====",
        lambda text: text.replace("/", "_") + "-",
        lambda text: "",
        lambda text: text[:-1] + "é",
    ],
)
def test_base64_has_one_spelling(respell: Callable[[str], str]) -> None:
    assert refused(respell(KEY.sign(MESSAGE))).problem == "signature.base64"


def test_base64_with_stray_bits_behind_its_last_byte_is_refused() -> None:
    text = "U1NIU0lHAA=="
    assert base64.b64decode("U1NIU0lHAB==") == base64.b64decode(text)

    error = refused("U1NIU0lHAB==")

    assert (error.problem, error.message) == ("signature.base64", "the signature's base64 has stray bits")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda armor: armor + "more\n",
        lambda armor: "note\n" + armor,
        lambda armor: armor.replace("\n", "\r\n"),
        lambda armor: armor.rstrip("\n"),
        lambda armor: "\n".join(line[:60] + "\n" + line[60:] for line in armor.split("\n")),
        lambda armor: armor.replace("\n", "", 3),
        lambda armor: "",
    ],
)
def test_nothing_stands_around_or_between_the_armor(wrap: Callable[[str], str]) -> None:
    armor = sshsig.armored(KEY.sign(MESSAGE))
    assert sshsig.unarmored(armor) == KEY.sign(MESSAGE)  # Ed25519 signs the same bytes the same way

    with pytest.raises(SignatureRefused) as caught:
        sshsig.unarmored(wrap(armor))

    assert caught.value.problem == "signature.armor"


def test_a_signature_above_the_limit_is_not_even_decoded() -> None:
    assert "larger than" in refused("A" * 40_000).message
    with pytest.raises(SignatureRefused, match="larger than"):
        sshsig.parse(b"SSHSIG" + bytes(20_000))


def test_a_key_or_an_armor_above_the_limit_is_refused() -> None:
    with pytest.raises(SignatureRefused, match=f"the key is larger than {LIMIT_BYTES} bytes"):
        parse_key(bytes(LIMIT_BYTES + 1))
    with pytest.raises(SignatureRefused, match="larger than"):
        sshsig.unarmored(sshsig.armored("A" * 40_000))


# -- Ed25519


def edwards_points() -> list[bytes]:
    """The encodings of all eight points of small order, derived here from the curve and not from a list."""
    p = ED25519_P
    root = pow(2, (p - 1) // 4, p)  # a square root of -1
    ys = {0, 1, p - 1}
    # Of order 8 are the points that doubled give y = 0, so x² + y² = 0 (a = -1: y² - x² = 1 + d x² y²).
    # With x² = -y²: 2 y² = 1 - d y⁴, a quadratic in y².
    inverse = pow(_D, -1, p)
    for sign in (1, -1):
        inside = (1 + _D) % p
        square_root = pow(inside, (p + 3) // 8, p)
        if square_root * square_root % p != inside:
            square_root = square_root * root % p
        if square_root * square_root % p != inside:
            continue
        y_squared = (-1 + sign * square_root) * inverse % p
        y = pow(y_squared, (p + 3) // 8, p)
        if y * y % p != y_squared:
            y = y * root % p
        if y * y % p == y_squared:
            ys |= {y, p - y}
    return [(y | flip << 255).to_bytes(32, "little") for y in ys for flip in (0, 1)]


def test_the_list_of_small_order_points_is_the_curve_s_own() -> None:
    assert {int.from_bytes(point, "little") & (2**255 - 1) for point in edwards_points()} == _SMALL_ORDER_Y


@pytest.mark.parametrize("point", edwards_points(), ids=lambda point: point.hex()[:8])
def test_a_small_order_key_is_refused_wherever_it_is_read(point: bytes) -> None:
    """With the identity as key, S = 0 and R = identity fit every message in OpenSSH and in cryptography."""
    identity = (1).to_bytes(32, "little")
    inner = string(b"ssh-ed25519") + string(identity + bytes(32))

    error = refused(Blob(key=ed_blob(point), inner=inner).encoded())

    assert error.problem == "key.weak"
    assert error.message == "the Ed25519 key is a point of small order: anybody could sign with it"
    with pytest.raises(SignatureRefused):
        parse_key(ed_blob(point))


@pytest.mark.parametrize("y", [ED25519_P, ED25519_P + 1, 2**255 - 1])
def test_an_ed25519_key_with_another_spelling_is_refused(y: int) -> None:
    with pytest.raises(SignatureRefused, match="one form"):
        parse_key(ed_blob(y.to_bytes(32, "little")))


def test_an_ed25519_key_off_the_curve_is_refused() -> None:
    off = next(y for y in range(2, 100) if not _is_on_curve(y))

    with pytest.raises(SignatureRefused, match="not a point of the curve"):
        parse_key(ed_blob(off.to_bytes(32, "little")))


def _is_on_curve(y: int) -> bool:
    p = ED25519_P
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, p) % p
    return pow(x_squared, (p - 1) // 2, p) in (0, 1)


def test_an_s_above_the_group_s_order_is_refused() -> None:
    raw = KEY.private.sign(to_sign(MESSAGE))
    larger = (int.from_bytes(raw[32:], "little") + ED25519_L).to_bytes(32, "little")
    inner = string(b"ssh-ed25519") + string(raw[:32] + larger)

    error = refused(Blob(key=KEY.blob, inner=inner).encoded())

    assert error.message == "the signature's S is not below the group's order"


def test_bytes_behind_the_inner_signature_are_refused() -> None:
    """Like the reserved field they are covered by nothing."""
    inner = KEY.inner(to_sign(MESSAGE))

    for spoiled in (inner + b"\0", inner[:-1] + b"", string(b"ssh-ed25519")):
        assert refused(Blob(key=KEY.blob, inner=spoiled).encoded()).problem == "signature.form"


def test_an_armor_around_anything_but_base64_is_refused() -> None:
    with pytest.raises(SignatureRefused) as caught:
        sshsig.unarmored(sshsig.armored("!!!!"))

    assert caught.value.problem == "signature.base64"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_ed25519_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SignatureRefused, match="an Ed25519 key has 32 bytes"):
        parse_key(ed_blob(bytes(length)))


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_an_ed25519_signature_of_another_length_is_refused(length: int) -> None:
    inner = string(b"ssh-ed25519") + string(bytes(length))

    assert refused(Blob(key=KEY.blob, inner=inner).encoded()).message == "an Ed25519 signature has 64 bytes"


# -- ECDSA


def ecdsa(key: bytes, r: bytes, s: bytes, tail: bytes = b"") -> str:
    return Blob(key=key, inner=string(b"ecdsa-sha2-nistp256") + string(r + s + tail)).encoded()


def test_ecdsa_numbers_are_minimal_positive_and_in_range() -> None:
    key, r, s = ecdsa_parts(MESSAGE)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    sshsig.verify(ecdsa(key, mpint(r), mpint(s)), MESSAGE, namespace=NAMESPACE)

    padded = string(b"\0\0" + s.to_bytes(32, "big"))
    for r_bytes, s_bytes, tail, words in (
        (mpint(r), padded, b"", "leading zeros"),
        (mpint(r), string(b"\x80" + bytes(31)), b"", "not above zero"),
        (mpint(0), mpint(s), b"", "not above zero"),
        (string(b"\0"), mpint(s), b"", "not above zero"),
        (mpint(r), mpint(order + s), b"", "out of range"),
        (mpint(order + r), mpint(s), b"", "out of range"),
        (mpint(r), mpint(s), b"\0", "extra bytes"),
        (mpint(r), b"", b"", "ends too early"),
    ):
        assert words in refused(ecdsa(key, r_bytes, s_bytes, tail)).message


def test_an_ecdsa_key_is_an_uncompressed_point_of_the_curve_it_names() -> None:
    key, _, _ = ecdsa_parts(MESSAGE)
    point = key[-65:]
    kind = string(b"ecdsa-sha2-nistp256")
    for blob, words in (
        (kind + string(b"nistp384") + string(point), "another curve"),
        (kind + string(b"nistp256") + string(b"\2" + point[1:33]), "not an uncompressed point"),
        (kind + string(b"nistp256") + string(b"\0"), "not an uncompressed point"),
        (kind + string(b"nistp256") + string(bytes([6 + point[64] % 2]) + point[1:]), "not an uncompressed"),
        (kind + string(b"nistp256") + string(point[:-1]), "not an uncompressed point"),
        (kind + string(b"nistp256") + string(b"\4" + bytes(64)), "not a point of its curve"),
        (key + b"\0", "extra bytes"),
    ):
        with pytest.raises(SignatureRefused, match=words):
            parse_key(blob)


# -- RSA


def test_rsa_signatures_are_sha512_and_as_long_as_the_key() -> None:
    key, raw = rsa_parts(MESSAGE)
    sshsig.verify(
        Blob(key=key, inner=string(b"rsa-sha2-512") + string(raw)).encoded(), MESSAGE, namespace=NAMESPACE
    )
    for kind, bare, words in (
        (b"ssh-rsa", raw, "must not make signatures of kind 'ssh-rsa'"),
        (b"rsa-sha2-256", raw, "must not make signatures of kind 'rsa-sha2-256'"),
        (b"rsa-sha2-512", b"\0" + raw, "not as long"),
        (b"rsa-sha2-512", bytes(len(raw)), "does not fit"),
    ):
        assert words in refused(Blob(key=key, inner=string(kind) + string(bare)).encoded()).message


def test_an_rsa_key_with_exponent_one_lets_anybody_sign_and_is_refused() -> None:
    modulus = 2**3071 + 12345
    forged = forge_for_exponent_one(MESSAGE, modulus)

    error = refused(Blob(key=rsa_blob(1, modulus), inner=string(b"rsa-sha2-512") + string(forged)).encoded())

    assert error.problem == "key.weak"


@pytest.mark.parametrize("exponent", [1, 3, 17, 65536, 65538, 2**33 + 1])
def test_an_rsa_exponent_must_be_sound(exponent: int) -> None:
    with pytest.raises(SignatureRefused, match="exponent or modulus is not sound"):
        parse_key(rsa_blob(exponent, 2**3071 + 1))


def test_an_even_rsa_modulus_is_no_key() -> None:
    with pytest.raises(SignatureRefused, match="exponent or modulus is not sound"):
        parse_key(rsa_blob(65537, 2**3071 + 2))


@pytest.mark.parametrize("bits", [1024, 2048, 3071, 16385])
def test_an_rsa_key_outside_the_sizes_is_refused(bits: int) -> None:
    with pytest.raises(SignatureRefused, match=f"has {bits} bits; 3072 to 16384 are accepted"):
        parse_key(rsa_blob(65537, 2 ** (bits - 1) + 1))


# -- kinds that do not count


@pytest.mark.parametrize(
    ("kind", "problem", "words"),
    [
        ("ssh-ed25519-cert-v01@openssh.com", "key.certificate", "is a certificate"),
        ("ecdsa-sha2-nistp256-cert-v01@openssh.com", "key.certificate", "is a certificate"),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "key.webauthn", "made by a browser"),
        ("ssh-mldsa44-ed25519@openssh.com", "key.hybrid", "a hybrid with ML-DSA"),
        ("ecdsa-sha2-nistp521", "key.curve", "on the curve P-521"),
        ("ssh-dss", "key.dsa", "is DSA"),
        ("ssh-frobnicate", "key.kind", "are not accepted"),
    ],
)
def test_a_kind_of_key_that_is_not_read_is_named(kind: str, problem: str, words: str) -> None:
    blob = string(kind.encode()) + string(bytes(32))

    error = refused(Blob(key=blob, inner=string(kind.encode()) + string(bytes(64))).encoded())

    assert error.problem == problem
    assert words in error.message
    assert error.hint == "use an Ed25519 key: ssh-keygen -t ed25519"


def fido_key() -> bytes:
    raw = KEY.blob[-32:]
    return string(b"sk-ssh-ed25519@openssh.com") + string(raw) + string(b"ssh:")


@pytest.mark.parametrize(("flags", "words"), [(0, "without a touch"), (1, "with a touch")])
def test_a_fido_signature_is_read_and_does_not_count_yet(flags: int, words: str) -> None:
    inner = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(64)) + bytes([flags]) + bytes(4)

    error = refused(Blob(key=fido_key(), inner=inner).encoded())

    assert error.problem == "signature.fido"
    assert words in error.message
    assert parse_key(fido_key()).application == "ssh:"


def test_both_kinds_of_fido_keys_can_be_read_and_verify_nothing() -> None:
    point = ecdsa_parts(b"")[0][-65:]
    kind = string(b"sk-ecdsa-sha2-nistp256@openssh.com")
    key = parse_key(kind + string(b"nistp256") + string(point) + string(b"ssh:work"))

    assert (key.is_fido, key.application) == (True, "ssh:work")
    with pytest.raises(SignatureRefused, match="are not accepted"):
        require_signature(key, b"", b"")


def test_a_fido_signature_out_of_shape_is_refused() -> None:
    inner = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(64)) + b"\1" + bytes(5)

    assert "extra bytes" in refused(Blob(key=fido_key(), inner=inner).encoded()).message


def test_a_browser_s_signature_by_a_plain_fido_key_is_refused() -> None:
    inner = string(b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com") + string(bytes(64))

    assert refused(Blob(key=fido_key(), inner=inner).encoded()).problem == "key.webauthn"


def test_a_key_cannot_carry_another_kind_s_signature() -> None:
    inner = string(b"ecdsa-sha2-nistp256") + string(bytes(64))

    error = refused(Blob(key=KEY.blob, inner=inner).encoded())

    assert error.message == "a ssh-ed25519 key must not make signatures of kind 'ecdsa-sha2-nistp256'"


# -- anything at all


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_our_refusal(data: bytes) -> None:
    for blob in (data, b"SSHSIG\0\0\0\1" + data):
        with pytest.raises(SignatureRefused):
            sshsig.parse(blob)


@settings(max_examples=150)
@given(st.data())
def test_a_signature_with_bytes_changed_is_refused_or_was_not_changed(data: st.DataObject) -> None:
    blob = bytearray(base64.b64decode(KEY.sign(MESSAGE)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] = data.draw(st.integers(0, 255))
    text = base64_of(bytes(blob))

    if text == KEY.sign(MESSAGE):
        return
    refused(text)


@given(st.text(max_size=120))
def test_no_text_passes_for_a_signature(text: str) -> None:
    refused(text)
    with pytest.raises(SignatureRefused):
        sshsig.unarmored(text)


@given(st.integers(1, 2**300))
def test_minimal_numbers_read_back(number: int) -> None:
    wire = Wire(mpint(number), "key")

    assert wire.positive() == number
    wire.end()


@given(st.binary(min_size=1, max_size=600).map(base64_of))
def test_armor_gives_back_what_was_armored(text: str) -> None:
    armor = sshsig.armored(text)

    assert sshsig.unarmored(armor) == text
    assert max(len(line) for line in armor.split("\n")) <= 70
