"""What a step may ask of the operator's SSH agent: read strictly, judged by its shape. Pure.

The protocol is that of draft-miller-ssh-agent and OpenSSH's PROTOCOL.agent: a length, a number that names the
kind, the content. A step may log in to hosts and nothing else, so what gets through is listed, and everything
else is refused:

1. listing the keys;
2. binding the connection to a session (`session-bind@openssh.com`): with it the agent can refuse more than we
   do, for keys that it holds for certain hosts only;
3. signing, when the data is the request of a user to be let in (RFC 4252 §7), or its form that is bound to
   the host's key: every field in its place, nothing behind the last one, the key of the request in the data,
   and an algorithm and flags of that key's kind;
4. never SSHSIG data, which is what approvals, commits and files are signed with. The shape in 3 excludes it
   already; that it is said twice is on purpose.
"""

from typing import Final

import msgspec

from runbook.approval.keys import fingerprint
from runbook.approval.sshsig import MAGIC
from runbook.approval.wire import Wire
from runbook.errors import RefusedError, SignatureRefused

LIMIT_BYTES: Final = 256 << 10
"""A message above this is no message: OpenSSH's own limit (AGENT_MAX_LEN)."""

FAILURE: Final = 5
REQUEST_IDENTITIES: Final = 11
IDENTITIES_ANSWER: Final = 12
SIGN_REQUEST: Final = 13
SIGN_RESPONSE: Final = 14
EXTENSION: Final = 27
REFUSED: Final = bytes([FAILURE])

_SESSION_BIND = b"session-bind@openssh.com"
_USERAUTH_REQUEST = 50
_METHODS = {b"publickey": False, b"publickey-hostbound-v00@openssh.com": True}  # with the host's key behind?
_SESSION_BYTES = range(20, 65)  # what the hashes of SSH's key exchanges give, SHA-1 to SHA-512
_MOST_USER = 256
_MOST_SHOWN = 80
_RSA = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
"""RFC 8332's algorithms of an RSA key, and the flag that asks the agent for each. `ssh-rsa` is SHA-1."""
_CERTIFIED = "-cert-v01@openssh.com"
_NAMES = {
    1: "an old protocol's request",
    17: "adding a key",
    18: "removing a key",
    19: "removing all keys",
    20: "adding a card",
    21: "removing a card",
    22: "locking the agent",
    23: "unlocking the agent",
    25: "adding a key",
    26: "adding a card",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be passed on. `user` and `key` (its fingerprint) only for a signature."""

    what: str  # "list", "bind", "sign"
    key: str = ""
    user: str = ""


def judge(message: bytes) -> Asked:
    """What a message (without its length) asks for. Raises RefusedError for what no step may ask."""
    try:
        wire = Wire(message, "request")
        kind = wire.byte()
        if kind == REQUEST_IDENTITIES:  # 1
            wire.end()
            return Asked(what="list")
        if kind == EXTENSION:
            return _extension(wire)
        if kind == SIGN_REQUEST:
            key, data, flags = wire.string(), wire.string(), wire.number()
            wire.end()
            return _signature(key, data, flags)
    except SignatureRefused as error:
        raise RefusedError(f"not a request as agents know it: {error.message}") from error
    raise RefusedError(f"{_NAMES.get(kind, f'request {kind}')} is not for steps")


def _extension(wire: Wire) -> Asked:
    """2: host key, session, signature of the host over it, whether it is forwarded on."""
    name = wire.string()
    if name != _SESSION_BIND:
        shown = ascii(name.decode("utf-8", "replace"))[:_MOST_SHOWN]
        raise RefusedError(f"the extension {shown} is not for steps")
    for _ in range(3):
        wire.string()
    wire.byte()
    wire.end()
    return Asked(what="bind")


def _signature(key: bytes, data: bytes, flags: int) -> Asked:
    """3 and 4."""
    if data.startswith(MAGIC):  # 4
        raise RefusedError("signing files, commits or approvals (SSHSIG) is not for steps")
    try:
        user = _user_of(data, key, flags)
    except SignatureRefused as error:
        raise RefusedError("only logging in may be signed, and this data is no request to log in") from error
    return Asked(what="sign", key=fingerprint(key), user=user)


def _user_of(data: bytes, key: bytes, flags: int) -> str:
    """The user's name in a request to log in (RFC 4252 §7). Raises SignatureRefused for anything else."""
    wire = Wire(data, "data")
    session = wire.string()
    kind = wire.byte()
    user = wire.string()
    service, method = wire.string(), wire.string()
    is_signed = wire.byte()
    algorithm, offered = wire.name(), wire.string()
    if method not in _METHODS:
        raise wire.refuse("names another method")
    if _METHODS[method]:
        wire.string()  # the host's key: which one is between the server and the agent
    wire.end()
    if len(session) not in _SESSION_BYTES or kind != _USERAUTH_REQUEST or is_signed != 1:
        raise wire.refuse("is of another kind")
    if service != b"ssh-connection" or not user or len(user) > _MOST_USER:
        raise wire.refuse("is for another service")
    if offered != key or not _fits(algorithm, _kind_of(key), flags):
        raise wire.refuse("is about another key")
    return ascii(user.decode("utf-8", "replace"))[1:-1]


def _kind_of(key: bytes) -> str:
    return Wire(key, "key").name()


def _fits(algorithm: str, kind: str, flags: int) -> bool:
    """Whether this algorithm is one of that key's kind, and the flags ask for it."""
    plain, bare = kind.removesuffix(_CERTIFIED), algorithm.removesuffix(_CERTIFIED)
    if plain == "ssh-rsa":
        return _RSA.get(bare) == flags and (plain == kind) == (bare == algorithm)
    return algorithm == kind and flags == 0
