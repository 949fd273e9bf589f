"""Trusted: the trust files, read whole and checked together, as one value (DESIGN §5.2).

Pure: bytes come in, a `Trust` or a TrustError goes out; `trust` does the reading. The exact bytes stay in the
value, because an execution's evidence keeps them beside the verdict that was made from them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from runbook.approval.policy import Policy, parse_policy
from runbook.approval.signers import Signer, parse_revoked, parse_signers
from runbook.approval.withdrawal import FOLDER, Withdrawal, verify_withdrawals
from runbook.errors import TrustError

POLICY: Final = "policy.toml"
SIGNERS: Final = "allowed_signers"
REVOKED: Final = "revoked"
REQUIRED: Final = (POLICY, SIGNERS, REVOKED)
WITHDRAWN: Final = FOLDER


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision believes, and where that came from.

    `described` is what every verdict says of it: `worktree (UNPINNED)`, `ref:origin/main at <commit>`,
    `dir:/etc/runbook`, `none`. `pinned`: whether it was chosen outside the text's own working tree.
    `anchored`: whether it is certain which folder the paths of its rules begin in.
    `policy` is None in a folder without trust files only: there nothing but `scratch` runs.
    """

    policy: Policy | None
    signers: tuple[Signer, ...]
    revoked: frozenset[str]
    withdrawn: tuple[Withdrawal, ...]
    described: str
    pinned: bool
    files: tuple[tuple[str, bytes], ...]
    anchored: bool = True

    @staticmethod
    def none() -> "Trust":
        """The trust of a folder that has none: no policy, nobody enrolled."""
        return Trust(
            policy=None,
            signers=(),
            revoked=frozenset(),
            withdrawn=(),
            described="none",
            pinned=False,
            files=(),
        )

    @property
    def workspace(self) -> str | None:
        """The workspace's urn, from the policy."""
        return None if self.policy is None else self.policy.workspace

    def signer(self, blob: bytes) -> Signer | None:
        """Who is enrolled with the key of this blob."""
        return next((signer for signer in self.signers if signer.key.blob == blob), None)


def assemble(files: Mapping[str, bytes], *, described: str, pinned: bool) -> Trust:
    """A `Trust` of the files' bytes, by their names below `.runbook/`. Raises TrustError naming the file.

    All of them are checked before any is believed: a broken one refuses everything, since a line that cannot
    be read may be the one that revokes.
    """
    for name in REQUIRED:
        if name not in files:
            raise TrustError(
                "this trust file is missing",
                subject=name,
                hint="bring it back from git; `revoked` may be empty, but must exist",
            )
    policy = parse_policy(files[POLICY], name=POLICY)
    signers = parse_signers(files[SIGNERS], name=SIGNERS)
    revoked = parse_revoked(files[REVOKED], name=REVOKED)
    inside = f"{WITHDRAWN}/"
    withdrawn = verify_withdrawals(
        {name.removeprefix(inside): data for name, data in files.items() if name.startswith(inside)},
        workspace=policy.workspace,
        owners={signer.key: signer.principal for signer in signers},
    )
    return Trust(
        policy=policy,
        signers=signers,
        revoked=revoked,
        withdrawn=withdrawn,
        described=described,
        pinned=pinned,
        files=tuple(sorted(files.items())),
    )
