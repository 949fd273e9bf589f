"""What of an SSH agent's protocol gets through: logging in, and nothing that could be anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval.keys import fingerprint
from runbook.approval.sshsig import signed_bytes
from runbook.errors import RefusedError
from runbook.execution.agent_requests import Asked, judge

SESSION = b"\x07" * 32


def s(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def key_of(kind: bytes) -> bytes:
    return s(kind) + s(b"\x01" * 32)


ED25519 = key_of(b"ssh-ed25519")
RSA = key_of(b"ssh-rsa")
RSA_CERTIFIED = key_of(b"ssh-rsa-cert-v01@openssh.com")


def login(
    key: bytes = ED25519,
    *,
    session: bytes = SESSION,
    kind: int = 50,
    user: bytes = b"deploy",
    service: bytes = b"ssh-connection",
    method: bytes = b"publickey",
    signed: int = 1,
    algorithm: bytes = b"ssh-ed25519",
    offered: bytes | None = None,
    behind: bytes = b"",
) -> bytes:
    """The data of RFC 4252 §7, field by field."""
    return (
        s(session)
        + bytes([kind])
        + s(user)
        + s(service)
        + s(method)
        + bytes([signed])
        + s(algorithm)
        + s(key if offered is None else offered)
        + behind
    )


def sign(data: bytes, key: bytes = ED25519, flags: int = 0) -> bytes:
    return bytes([13]) + s(key) + s(data) + flags.to_bytes(4, "big")


def refusal(message: bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        judge(message)
    return refused.value.message


def test_1_the_keys_may_be_listed() -> None:
    assert judge(bytes([11])) == Asked(what="list")
    assert "extra bytes" in refusal(bytes([11, 0]))


def test_2_a_connection_may_be_bound_to_a_session_and_no_other_extension_passes() -> None:
    bound = bytes([27]) + s(b"session-bind@openssh.com") + s(ED25519) + s(SESSION) + s(b"signature") + b"\0"
    assert judge(bound) == Asked(what="bind")
    assert "extra bytes" in refusal(bound + b"\0")
    assert "ends too early" in refusal(bound[:-1])
    for name in (b"query", b"restrict-destination-v00@openssh.com", b"session-bind@openssh.com2", b"\xff"):
        assert "the extension" in refusal(bytes([27]) + s(name))


def test_3_a_login_may_be_signed() -> None:
    assert judge(sign(login())) == Asked(what="sign", key=fingerprint(ED25519), user="deploy")
    bound = login(method=b"publickey-hostbound-v00@openssh.com", behind=s(b"the host's key"))
    assert judge(sign(bound)).user == "deploy"


@pytest.mark.parametrize(
    ("key", "algorithm", "flags"),
    [
        (ED25519, b"ssh-ed25519", 0),
        (RSA, b"rsa-sha2-256", 2),
        (RSA, b"rsa-sha2-512", 4),
        (RSA_CERTIFIED, b"rsa-sha2-512-cert-v01@openssh.com", 4),
        (key_of(b"ecdsa-sha2-nistp256"), b"ecdsa-sha2-nistp256", 0),
        (key_of(b"sk-ssh-ed25519@openssh.com"), b"sk-ssh-ed25519@openssh.com", 0),
        (key_of(b"ssh-ed25519-cert-v01@openssh.com"), b"ssh-ed25519-cert-v01@openssh.com", 0),
    ],
)
def test_3_each_kind_of_key_with_its_own_algorithm(key: bytes, algorithm: bytes, flags: int) -> None:
    assert judge(sign(login(key, algorithm=algorithm), key, flags)).what == "sign"


@pytest.mark.parametrize(
    "message",
    [
        sign(login(session=b"")),
        sign(login(session=b"x" * 19)),
        sign(login(session=b"x" * 65)),
        sign(login(kind=51)),
        sign(login(kind=5)),
        sign(login(user=b"")),
        sign(login(user=b"x" * 300)),
        sign(login(service=b"ssh-userauth")),
        sign(login(service=b"")),
        sign(login(method=b"hostbased")),
        sign(login(method=b"password")),
        sign(login(method=b"publickey-hostbound-v00@openssh.com")),
        sign(login(signed=0)),
        sign(login(signed=2)),
        sign(login(algorithm=b"ssh-rsa")),
        sign(login(algorithm=b"ssh-ed25519\0")),
        sign(login(offered=RSA)),
        sign(login(behind=b"\0")),
        sign(login(behind=s(b"host key"))),
        sign(login()[:-1]),
        sign(login(), RSA),
        sign(login(), flags=2),
        sign(login(RSA, algorithm=b"ssh-rsa"), RSA, 0),
        sign(login(RSA, algorithm=b"rsa-sha2-256"), RSA, 4),
        sign(login(RSA, algorithm=b"rsa-sha2-512"), RSA, 0),
        sign(login(RSA, algorithm=b"rsa-sha2-512-cert-v01@openssh.com"), RSA, 4),
        sign(b""),
        sign(b"anything else"),
        sign(b"\0" * 100),
    ],
)
def test_3_nothing_that_is_no_login_is_signed(message: bytes) -> None:
    assert refusal(message) == "only logging in may be signed, and this data is no request to log in"


def test_4_no_approval_no_commit_and_no_file_is_signed() -> None:
    for namespace in ("approval.v1@signed-runbook", "git", "file"):
        words = refusal(sign(signed_bytes(b"anything", namespace)))
        assert words == "signing files, commits or approvals (SSHSIG) is not for steps"
    assert "SSHSIG" in refusal(sign(b"SSHSIG" + login())), "whatever comes behind"


@pytest.mark.parametrize("kind", [0, 1, 3, 9, 17, 18, 19, 20, 21, 22, 23, 25, 26, 28, 240, 255])
def test_no_other_request_passes(kind: int) -> None:
    assert refusal(bytes([kind]) + s(b"x")).endswith("is not for steps")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_judged_and_never_break_it(message: bytes) -> None:
    try:
        asked = judge(message)
    except RefusedError:
        return
    assert message == bytes([11]) or asked.what == "bind"


@given(st.binary(max_size=120))
def test_arbitrary_data_is_never_signed(data: bytes) -> None:
    assert refusal(sign(data))


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_login_with_one_other_byte_is_a_login_of_somebody_or_none(at: int, change: int) -> None:
    """Whatever is altered, what passes has the shape of a login with this very key."""
    data = bytearray(login())
    data[at % len(data)] ^= change
    try:
        asked = judge(sign(bytes(data)))
    except RefusedError:
        return
    assert asked.key == fingerprint(ED25519)
    assert bytes(data).endswith(s(b"publickey") + b"\1" + s(b"ssh-ed25519") + s(ED25519))


def test_a_users_name_is_told_in_plain_characters() -> None:
    assert judge(sign(login(user=b"r\x1b[31m\xff"))).user == "r\\x1b[31m\\ufffd"
