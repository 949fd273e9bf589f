"""Who descends from whom: what keeps a step from answering its own question. An edge.

A process that daemonises is handed to init and loses its ancestors, unless somebody above it is a subreaper
(prctl(2), PR_SET_CHILD_SUBREAPER). The supervisor is one, so whatever a step starts, however it detaches,
keeps the supervisor among its ancestors for as long as the supervisor lives. macOS has no subreapers: there
only the mark in a process's environment is left, which a step can take off.
"""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Collection
from pathlib import Path

import msgspec

from runbook.errors import NotFoundError, RefusedError
from runbook.system import processes

_PR_SET_CHILD_SUBREAPER = 36
_DEPTH_LIMIT = 1000
_IS_LINUX = sys.platform.startswith("linux")
# macOS, <sys/un.h>: socket level and options; LOCAL_PEERCRED fills a struct xucred (version, uid, …).
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID, _XUCRED_BYTES = 0, 1, 2, 76


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """The process at the other end of a Unix socket, as the operating system names it."""

    pid: int
    uid: int


def become_subreaper() -> bool:
    """Keep orphans among our descendants as ours. Returns False where the system has no such thing."""
    if not _IS_LINUX:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return bool(library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def reap_orphans(*, but: frozenset[int]) -> None:
    """Collect ended orphans that became ours, so that none stays as a zombie; `but` are waited for elsewhere.

    Linux only; elsewhere orphans are init's.
    """
    if not _IS_LINUX:
        return
    mine = os.getpid()
    for entry in Path("/proc").iterdir():
        pid = int(entry.name) if entry.name.isdigit() else 0
        if pid and pid not in but:
            with contextlib.suppress(NotFoundError, ChildProcessError):
                if _parent(pid) == mine:
                    os.waitpid(pid, os.WNOHANG)


def peer_of(connection: socket.socket) -> Peer:
    """Who connected (unix(7), SO_PEERCRED): what was true at that moment."""
    if _IS_LINUX:
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", data)
        return Peer(pid=pid, uid=uid)
    (pid,) = struct.unpack("i", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
    _, uid = struct.unpack_from("2I", credentials)
    return Peer(pid=pid, uid=uid)


def require_stranger(peer: Peer, *, to: int, marks: Collection[str] = ()) -> None:
    """Raise RefusedError unless `peer` is the same user's and has nothing to do with the steps of a run.

    1 Another user is refused. 2 Process `to` (the supervisor) and all its descendants are refused: the kernel
    is one of them. 3 A process whose ancestors can't be told is refused: its number may be another's by now.
    4 A process that carries the mark (`NAME=value`) of one of the run's kernels in its environment is
    refused: this holds also where ancestors get lost, for processes that kept their environment.
    """
    if peer.uid != os.getuid():
        raise RefusedError("only the user who runs it may talk to this run")
    try:
        line = (peer.pid, *ancestors(peer.pid))
        marked = bool(marks) and _IS_LINUX and not _environment(peer.pid).isdisjoint(map(str.encode, marks))
    except NotFoundError as error:
        raise RefusedError("the process that connected is gone") from error
    if to in line or marked:
        raise RefusedError("a step, and what it started, can't talk to the run that it belongs to")


def ancestors(pid: int) -> tuple[int, ...]:
    """The parent of `pid`, its parent, and so on. Raises NotFoundError when one of them is gone meanwhile."""
    found: list[int] = []
    while pid > 1 and len(found) < _DEPTH_LIMIT:
        pid = _parent(pid)
        found.append(pid)
    return tuple(found)


def _parent(pid: int) -> int:
    if _IS_LINUX:
        data = _proc(pid, "stat")
        # proc(5): the second field is a name that may hold blanks and brackets; the fourth is the parent.
        return int(data[data.rindex(b")") + 2 :].split(b" ", 2)[1])
    said = processes.run(["/bin/ps", "-o", "ppid=", "-p", str(pid)]).stdout.strip()
    if not said:
        raise NotFoundError("no such process", subject=str(pid))
    return int(said)


def _environment(pid: int) -> frozenset[bytes]:
    return frozenset(_proc(pid, "environ").split(b"\0"))


def _proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError) as error:
        raise NotFoundError("no such process", subject=str(pid)) from error
