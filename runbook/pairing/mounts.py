"""Which file systems tell of changes: those of this machine do, those of others may not. Pure."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

_DEAF = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|drvfs|virtiofs|vboxsf|prl_fs|vmhgfs|afs|ncpfs|lustre|ceph|glusterfs|gpfs"
    r"|fuse(\..+)?"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def is_deaf(kind: str) -> bool:
    """Whether a file system of this type keeps changes made elsewhere to itself (pairs.md §4.3)."""
    return _DEAF.fullmatch(kind) is not None


def kind_at(mountinfo: str, path: str) -> str | None:
    """The type of the file system at `path` (absolute, links resolved), by /proc/self/mountinfo: proc(5).

    The longest mount point that holds the path counts; of two at one place the later, which hides the other.
    """
    wanted = PurePosixPath(path)
    best: tuple[int, str] | None = None
    for point, kind in _mounts(mountinfo):
        if wanted.is_relative_to(point):
            depth = len(PurePosixPath(point).parts)
            if best is None or depth >= best[0]:
                best = (depth, kind)
    return None if best is None else best[1]


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    for line in mountinfo.split("\n"):
        front, _, back = line.partition(" - ")
        fields = front.split(" ")
        if len(fields) > 4 and back:
            yield _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]), back.split(" ")[0]
