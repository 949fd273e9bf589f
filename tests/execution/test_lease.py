"""The lease: who supervises, where it listens, and a private folder that is really private."""

import os
import socket
from pathlib import Path

import pytest

from runbook.errors import LockBusy, NotFoundError, StorageError, UnavailableError
from runbook.evidence.folder import ExecutionFolder
from runbook.execution import lease
from runbook.execution.lease import Lease
from runbook.execution.session import attach


@pytest.fixture
def folder(tmp_path: Path) -> ExecutionFolder:
    path = tmp_path / "20261121T001205Z-web-restart-7f3a9c"
    path.mkdir()
    return ExecutionFolder(path)


def test_the_lease_is_read_while_it_is_held_and_not_afterwards(folder: ExecutionFolder) -> None:
    told = Lease(supervisor=os.getpid(), socket="/run/x/s", kernel=12, kernel_folder="/run/x/k")
    with lease.hold(folder) as held:
        held.write(Lease(supervisor=os.getpid(), socket="/run/a/much/longer/name/than/the/next/one/s"))
        held.write(told)
        assert lease.read(folder) == told
    with pytest.raises(NotFoundError, match="nobody runs this execution now"):
        lease.read(folder)


def test_two_cannot_hold_it(folder: ExecutionFolder) -> None:
    with (
        lease.hold(folder),
        pytest.raises(LockBusy, match="another supervisor runs this execution") as busy,
        lease.hold(folder),
    ):
        pass
    assert busy.value.hint == "`runbook status` shows it"


def test_rubbish_in_the_lock_file_is_nobody(folder: ExecutionFolder) -> None:
    with lease.hold(folder):
        folder.lock.write_bytes(b'{"supervisor": "me"')
        with pytest.raises(NotFoundError):
            lease.read(folder)


def test_an_impostor_on_the_socket_is_not_talked_to(folder: ExecutionFolder, home: Path) -> None:
    """What a step puts in the place of the supervisor's socket is another process than holds the lease."""
    path = home / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as impostor, lease.hold(folder) as held:
        impostor.bind(str(path))
        impostor.listen()
        held.write(Lease(supervisor=os.getppid(), socket=str(path)))
        with pytest.raises(UnavailableError, match="another process listens on this run's socket"):
            attach(folder.path, who="alice@here")


def test_the_private_folder_is_made_for_this_user_alone(home: Path) -> None:
    made = lease.private_folder(os.environ)

    assert made == home / "run/runbook"
    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("runtime", ["", "relative/run", "/no/such/folder", "/" + "x" * 60])
def test_without_a_short_runtime_folder_there_is_one_in_tmp(runtime: str) -> None:
    made = lease.private_folder({"XDG_RUNTIME_DIR": runtime})

    assert made == Path(f"/tmp/runbook-{os.getuid()}")
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_enter_is_refused(home: Path) -> None:
    (home / "run/runbook").mkdir(mode=0o755)
    (home / "run/runbook").chmod(0o755)
    with pytest.raises(StorageError, match="is not a folder of this user alone") as refused:
        lease.private_folder(os.environ)
    assert refused.value.hint == "remove it, or set its mode to 700"


def test_a_link_in_its_place_is_refused(home: Path, tmp_path: Path) -> None:
    (home / "run/runbook").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="is not a folder of this user alone"):
        lease.private_folder(os.environ)


def test_each_execution_has_its_own_short_place(home: Path) -> None:
    one = lease.run_folder(os.environ, Path("/a/executions/2026-11/x"))
    other = lease.run_folder(os.environ, Path("/b/executions/2026-11/x"))

    assert one != other
    assert one == lease.run_folder(os.environ, Path("/a/executions/2026-11/x"))
    assert len(os.fsencode(one)) < 75
