"""The strict part of allowed_signers: every reading that OpenSSH would widen refuses the file."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval.signers import (
    ENROLLED_FOR,
    enrolment_line,
    parse_public_key,
    parse_revoked,
    parse_signers,
)
from runbook.errors import SignerError, TrustError
from tests.approval.forge import EdKey, base64_of, ecdsa_parts, ed_blob, rsa_blob
from tests.approval.made import ALICE, BOB, KEYS, signer_lines

KEY = EdKey()
OTHER = EdKey()
NS = 'namespaces="approval.v1@signed-runbook"'


def refusal(text: str | bytes) -> TrustError:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(TrustError) as caught:
        parse_signers(data, name=".runbook/allowed_signers")
    return caught.value


def test_a_file_of_people_is_read_with_their_lines() -> None:
    text = f'# the team\n\n{BOB} {NS} {KEY.words}\n{ALICE} {NS},valid-before="20270101Z" {OTHER.words}\n'

    bob, alice = parse_signers(text.encode())

    assert (bob.principal, bob.line, bob.namespaces) == (BOB, 3, ("approval.v1@signed-runbook",))
    assert bob.fingerprint == bob.key.fingerprint
    assert (alice.valid_after, alice.valid_before) == (None, datetime(2027, 1, 1, tzinfo=UTC))


def test_one_person_may_have_several_keys() -> None:
    text = f"{BOB} {NS} {KEY.words}\n{BOB} {NS} {OTHER.words}\n"

    assert [signer.principal for signer in parse_signers(text.encode())] == [BOB, BOB]


def test_an_empty_file_enrols_nobody() -> None:
    assert parse_signers(b"") == parse_signers(b"# nobody yet\n") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"*@example.com {NS} {KEY.words}", "'*@example.com' is not one literal name like bob@example.com"),
        (f"{BOB},{ALICE} {NS} {KEY.words}", "is not one literal name"),
        (f"!{BOB} {NS} {KEY.words}", "is not one literal name"),
        (f'"{BOB}" {NS} {KEY.words}', "is not one literal name"),
        (f"BOB@EXAMPLE.COM {NS} {KEY.words}", "is not one literal name"),
        (f"bob {NS} {KEY.words}", "is not one literal name"),
        (f" {BOB} {NS} {KEY.words}", "is not one literal name"),
        (f"{BOB} {KEY.words}", 'the options are not written as namespaces="…"'),
        (f"{BOB} cert-authority,{NS} {KEY.words}", "the options are not written as"),
        (f"{BOB} {NS},cert-authority {KEY.words}", "the options are not written as"),
        (f"{BOB} namespaces=approval.v1@x {KEY.words}", "the options are not written as"),
        (f"{BOB} {NS}, {KEY.words}", "the options are not written as"),
        (f'{BOB} valid-before="20270101Z" {KEY.words}', "'' is not one literal namespace"),
        (f'{BOB} namespaces="" {KEY.words}', "'' is not one literal namespace"),
        (f'{BOB} namespaces="*" {KEY.words}', "'*' is not one literal namespace"),
        (f'{BOB} namespaces="approval.*" {KEY.words}', "'approval.*' is not one literal namespace"),
        (f'{BOB} namespaces="!git,x" {KEY.words}', "'!git' is not one literal namespace"),
        (f'{BOB} Namespaces="git" {KEY.words}', "the option 'Namespaces'"),
        (f"{BOB} {NS},{NS} {KEY.words}", "the option namespaces twice"),
        (f'{BOB} {NS},valid-befor="20270101Z" {KEY.words}', "the option 'valid-befor'"),
        (f'{BOB} {NS},valid-before="20270101" {KEY.words}', "'20270101' is not a time like 20261121Z"),
        (f'{BOB} {NS},valid-before="20270230Z" {KEY.words}', "'20270230Z' is not a time"),
        (f'{BOB} {NS},valid-before="2027-01-01Z" {KEY.words}', "is not a time"),
        (f'{BOB} {NS},valid-before="always" {KEY.words}', "is not a time"),
        (f"{BOB}  {NS} {KEY.words}", "the options are not written as"),
        (f"{BOB}\t{NS} {KEY.words}", "is not one literal name"),
        (f"{BOB} {NS}  {KEY.words}", "with one blank between them"),
        (f"{BOB} {NS} {KEY.words} bob's laptop", "nothing behind"),
        (f"{BOB} {NS} {KEY.words} ", "nothing behind"),
        (f"{BOB} {NS} ssh-rsa {KEY.words.split()[1]}", "the line says 'ssh-rsa', the key itself says ssh-ed"),
        (f"{BOB} {NS} ssh-ed25519 AAAA=A", "the key is not base64"),
        (f"{BOB} {NS} ssh-ed25519", "with one blank between them"),
        (f"{BOB} {NS} ssh-ed25519 {base64_of(KEY.blob + b'x')}", "the key has 1 extra bytes at its end"),
        (f"{BOB} {NS} ssh-ed25519 {base64_of(ed_blob(bytes(32)))}", "a point of small order"),
        (f"{BOB} {NS} ssh-rsa {base64_of(rsa_blob(1, 2**3071 + 1))}", "exponent or modulus is not sound"),
        (f"bob@éxample.com {NS} {KEY.words}", "letters beyond ASCII stand only in comments"),
        ("just words", "is not one literal name"),
        (f"{BOB} {NS} {KEY.words}\r", "the character U+000D"),
        (f"\ufeff{BOB} {NS} {KEY.words}", "the character U+FEFF"),
        ("# a comment that \u202e turns", "the character U+202E"),
        (f"# two lines\u2028{BOB} {NS} {KEY.words}", "the character U+2028"),
    ],
)
def test_any_other_line_refuses_the_whole_file_and_is_named(text: str, words: str) -> None:
    good = f"{ALICE} {NS} {OTHER.words}\n"

    error = refusal(f"{good}{text}\n")

    assert words in error.message
    assert (error.subject, error.line) == (".runbook/allowed_signers", 2)


def test_a_key_stands_once_so_that_no_second_line_widens_the_first() -> None:
    text = f'{BOB} {NS},valid-before="20200101Z" {KEY.words}\n{BOB} {NS} {KEY.words}\n'

    error = refusal(text)

    assert (
        error.message
        == f"the key {parse_signers(text.split(chr(10))[0].encode())[0].fingerprint} stands on line 1 already"
    )
    assert error.hint == "a key is enrolled once, for one person: take one of the lines away"
    assert error.line == 2


def test_one_key_under_two_names_is_refused() -> None:
    assert "already" in refusal(f"{BOB} {NS} {KEY.words}\n{ALICE} {NS} {KEY.words}\n").message


def test_base64_of_a_key_has_one_spelling() -> None:
    words = base64_of(ecdsa_parts(b"")[0])
    stray = words[:-2] + chr(ord(words[-2]) + 1) + "="
    assert words.endswith("=")
    assert base64.b64decode(stray) == base64.b64decode(words)

    error = refusal(f"{BOB} {NS} ecdsa-sha2-nistp256 {stray}\n")

    assert error.message == "the key's base64 is not in its one form"


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    error = refusal(b"# fine\n# \xff\n")

    assert (error.message, error.line) == ("not UTF-8", 2)


def test_a_file_above_the_limit_is_refused() -> None:
    assert "larger than" in refusal(b"#" * (1 << 21)).message


@given(st.text(max_size=200))
def test_no_text_ends_in_another_error(text: str) -> None:
    try:
        found = parse_signers(text.encode("utf-8", "surrogatepass"))
    except TrustError:
        return
    assert found == ()


def test_a_fido_key_can_be_enrolled() -> None:
    blob = b"\0\0\0\x1ask-ssh-ed25519@openssh.com" + KEY.blob[-36:] + b"\0\0\0\x04ssh:"
    line = f"{BOB} {NS} sk-ssh-ed25519@openssh.com {base64_of(blob)}\n"

    (signer,) = parse_signers(line.encode())

    assert signer.key.is_fido


# -- enrolling


def test_enrolment_reads_back_with_every_purpose() -> None:
    line = enrolment_line(BOB, f"{KEY.words} bob's laptop\n".encode())

    (signer,) = parse_signers(line.encode() + b"\n")

    assert (signer.principal, signer.key.blob, signer.namespaces) == (BOB, KEY.blob, ENROLLED_FOR)


def test_the_lines_of_the_tests_are_read() -> None:
    assert {signer.principal for signer in parse_signers(signer_lines().encode())} == set(KEYS)


@pytest.mark.parametrize(
    "name", ["bob", "*@example.com", "Bob@example.com", 'a@b" cert-authority', "a@b\nc@d"]
)
def test_a_name_that_is_none_is_not_enrolled(name: str) -> None:
    with pytest.raises(SignerError, match="is not a name like"):
        enrolment_line(name, KEY.words.encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not one line with a public key in it"),
        (b"ssh-ed25519", "not one line"),
        (b"ssh-ed25519 x\nssh-ed25519 y\n", "not one line"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "not base64"),
        (f"ssh-rsa {base64_of(rsa_blob(65537, 2**2047 + 1))}".encode(), "the RSA key has 2048 bits"),
    ],
)
def test_a_file_without_a_public_key_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(SignerError) as caught:
        parse_public_key(data, name="bob.pub")

    assert words in caught.value.message
    assert caught.value.subject == "bob.pub"
    assert caught.value.hint


# -- revoked


def test_fingerprints_are_read() -> None:
    print_of = parse_public_key(KEY.words.encode(), name="x").fingerprint

    assert parse_revoked(f"# lost laptop\n{print_of}\n".encode()) == {print_of}
    assert parse_revoked(b"") == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        "MD5:00:11:22",
        pytest.param(KEY.words, id="a whole key"),
        "SHA256:short",
        "SHA256:" + "A" * 43 + " # laptop",
        "SHA256:" + "A" * 44,
        "SHA256:" + "A" * 42 + "B",
        "sha256:" + "A" * 43,
        " SHA256:" + "A" * 43,
    ],
)
def test_a_line_that_is_no_fingerprint_refuses_the_file(line: str) -> None:
    with pytest.raises(TrustError) as caught:
        parse_revoked(f"# fine\n{line}\n".encode(), name=".runbook/revoked")

    assert "is not a fingerprint like SHA256:…" in caught.value.message
    assert (caught.value.subject, caught.value.line) == (".runbook/revoked", 2)
    assert caught.value.hint == "`ssh-keygen -l -f KEY.pub` prints it; one a line, nothing behind it"
