"""The examples are what they say: approved, in normal form, and doing their work on this machine for real."""

import dataclasses
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runbook.text.reader import read
from tests import resign
from tests.keys import Key

ROOT = Path(__file__).parents[2]
EXAMPLES = resign.examples(ROOT)
UNATTENDED = [name for name in EXAMPLES if "checklist" not in name]
CHECKLIST = "runbooks/release_checklist.py"
PROGRAM = [sys.executable, "-m", "runbook"]


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A copy of this repository's workspace. Approvals name workspace and path, so that they hold in it."""

    root: Path

    def call(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.root,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run(self, name: str, *words: str, code: int = 0) -> dict[str, Any]:
        """Run it unattended in prod; what the program says of it, with the execution's folder in `folder`."""
        said = self.call("run", name, "--env", "prod", "--unattended", "--json", *words, code=code)
        found: dict[str, Any] = json.loads(said.rstrip().rpartition("\n")[2])
        found["folder"] = self.root / found["execution"]
        return found

    def at_terminal(self, name: str, *words: str) -> "pexpect.spawn[str]":
        return pexpect.spawn(
            PROGRAM[0],
            [*PROGRAM[1:], "run", name, "--env", "prod", *words],
            cwd=str(self.root),
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 300),
        )


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Afterwards no process may be left that began in it: an example cleans up behind itself."""
    root = tmp_path / "workspace"
    root.mkdir()
    shutil.copy(ROOT / "runbook.toml", root)
    shutil.copytree(ROOT / ".runbook", root / ".runbook")
    shutil.copytree(ROOT / "runbooks", root / "runbooks")
    yield Workspace(root)
    assert left_behind(root) == []


def left_behind(root: Path) -> list[str]:
    """The processes that work in `root`, once those that are about to end have had the time to."""
    found: list[str] = []
    for _ in range(100):
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(root):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        if not found:
            break
        time.sleep(0.1)
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["state"] for step in found["steps"]}


def audit(found: dict[str, Any]) -> str:
    text: str = (found["folder"] / "audit.md").read_text()
    return text


def certificate(*, days: int, begins: int = -1) -> bytes:
    """A self-signed certificate that expires in `days` from now, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{days}.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=min(begins, days - 1)))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_in_normal_form(name: str) -> None:
    reading = read((ROOT / name).read_bytes())

    assert reading.reasons == ()
    assert reading.runbook is not None
    header = reading.runbook.header
    assert header.title
    assert header.description
    assert header.owner == resign.PRINCIPAL
    assert header.environments == ("prod", "scratch", "staging")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_names_its_steps_and_gives_each_a_limit(name: str) -> None:
    runbook = read((ROOT / name).read_bytes()).runbook
    assert runbook is not None
    for step in runbook.steps:
        if step.kind == "prose" or step.has("parameters"):
            continue
        assert dict(step.cell.options).get("name"), f"line {step.cell.line}: no name"
        assert step.kind == "manual" or step.timeout_seconds, f"line {step.cell.line}: no timeout"
    for parameter in runbook.parameters:
        assert parameter.help, f"{parameter.name} has no help"
        assert parameter.default_source is not None, f"{parameter.name} has to be given"


def test_lint_finds_nothing_in_the_examples(workspace: Workspace) -> None:
    workspace.call("lint", *EXAMPLES)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_every_example_is_approved_here(workspace: Workspace, environment: str) -> None:
    said = json.loads(workspace.call("verify", *EXAMPLES, "--env", environment, "--json"))

    verdicts = {one["path"]: one["verdict"] for one in said["runbooks"]}
    assert verdicts == dict.fromkeys(EXAMPLES, "permitted"), "run `make resign` after an edit"
    assert {one["counted"][0]["principal"] for one in said["runbooks"]} == {resign.PRINCIPAL}


def test_one_changed_byte_is_no_longer_approved(workspace: Workspace) -> None:
    path = workspace.root / "runbooks" / "disk_space.py"
    path.write_text(path.read_text().replace("= 90  #", "= 99  #"))

    workspace.call("verify", "runbooks/disk_space.py", "--env", "prod", code=1)
    workspace.call("run", "runbooks/disk_space.py", "--env", "prod", "--unattended", code=3)
    assert not list((workspace.root / "executions").rglob("journal.jsonl"))


def test_an_edited_example_is_signed_anew(
    workspace: Workspace, alice: Key, bob: Key, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `make resign` does it: the new key takes the place of the last one, other people's keys stay."""
    signers = workspace.root / resign.SIGNERS
    colleague = f'carol@example.com namespaces="{resign.NAMESPACE}" {" ".join(bob.words)}'
    signers.write_text(signers.read_text() + colleague + "\n")
    path = workspace.root / "runbooks" / "disk_space.py"
    path.write_text(path.read_text().replace("= 90  #", "= 95  #"))
    resign.enrol(workspace.root, alice.public.read_text())
    resign.sign(workspace.root, alice.path)

    said = json.loads(workspace.call("verify", *EXAMPLES, "--env", "prod", "--json"))
    assert {one["verdict"] for one in said["runbooks"]} == {"permitted"}
    assert "runbooks/release_checklist.py: approved, interactive" in capsys.readouterr().out
    lines = [line for line in signers.read_text().split("\n") if line and not line.startswith("#")]
    assert lines == [colleague, f'{resign.PRINCIPAL} namespaces="{resign.NAMESPACE}" {" ".join(alice.words)}']


@pytest.mark.parametrize("name", UNATTENDED)
def test_an_example_runs_unattended_to_its_end(workspace: Workspace, name: str) -> None:
    words = ["-p", f"folder={workspace.root}"] if "disk" in name else []
    found = workspace.run(name, *words)

    assert found["outcome"] == "succeeded"
    runbook = read((ROOT / name).read_bytes()).runbook
    assert runbook is not None
    undoing = {step.name for step in runbook.steps if step.undoes}
    assert {step for step, state in states(found).items() if state == "skipped"} == undoing
    assert {state for step, state in states(found).items() if step not in undoing} == {"succeeded"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_dry_run_changes_nothing(workspace: Workspace, name: str) -> None:
    plain = set(workspace.root.glob("*"))
    if name in UNATTENDED:
        found = workspace.run(name, "--dry-run")
        assert found["outcome"] == "succeeded"
        assert "backup.db" not in {path.name for path in (found["folder"] / "work").iterdir()}
    else:
        workspace.call("run", name, "--env", "prod", "--unattended", "--dry-run", code=3)
    assert {path.name for path in set(workspace.root.glob("*")) - plain} <= {"executions"}


def test_a_disk_above_the_threshold_fails_and_names_the_largest_folder(workspace: Workspace) -> None:
    large = workspace.root / "data" / "large"
    large.mkdir(parents=True)
    (large / "file").write_bytes(b"x" * 3_000_000)
    (workspace.root / "data" / "small").mkdir()
    found = workspace.run("disk_space", "-p", "folder=data", "-p", "most_percent=1", code=4)

    assert found["outcome"] == "failed"
    assert states(found)["threshold"] == "failed"
    assert f"1 % is allowed: begin with {large}" in audit(found)
    assert f"2.9M\t{large}" in audit(found)


def test_a_database_that_is_written_to_is_backed_up_and_restored(workspace: Workspace) -> None:
    """The odd ones too: quoted names, blobs, text that is no UTF-8, tables without rows; and in WAL mode."""
    path = workspace.root / "shop.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(
        'CREATE TABLE "odd ""name" (a, b BLOB); CREATE TABLE empty (x);'
        "CREATE TABLE plain (n INTEGER) STRICT; CREATE VIEW seen AS SELECT n FROM plain;"
    )
    database.execute('INSERT INTO "odd ""name" VALUES (?, ?)', (1.5, b"\x00\xff"))
    database.execute('INSERT INTO "odd ""name" VALUES (CAST(x\'ff\' AS TEXT), NULL)')
    database.executemany("INSERT INTO plain VALUES (?)", [(number,) for number in range(5000)])
    database.commit()
    try:
        found = workspace.run("sqlite_backup", "-p", "database=shop.db", "-p", "destination=kept.db")
    finally:
        database.close()

    assert found["outcome"] == "succeeded"
    assert f"{workspace.root}/kept.db holds what {path} holds: 3 tables, 5002 rows" in audit(found)
    kept = sqlite3.connect(workspace.root / "kept.db")
    assert kept.execute("SELECT count(*), sum(n) FROM seen").fetchone() == (5000, 12_497_500)
    kept.close()


def system(root: Path) -> Path:
    """A folder that keeps the rules of the permissions example, when root makes it."""
    etc = root / "image" / "etc"
    etc.mkdir(parents=True)
    for name, mode in (("passwd", 0o644), ("shadow", 0o640)):
        (etc / name).write_text("")
        (etc / name).chmod(mode)
    for folder in (etc, etc.parent):
        folder.chmod(0o755)
    return etc.parent


def test_permissions_of_system_files_are_held_against_the_included_list(workspace: Workspace) -> None:
    top = system(workspace.root)
    (top / "etc/shadow").chmod(0o664)
    (top / "etc/passwd").chmod(0o646)
    found = workspace.run("permissions", "-p", f"top={top}", code=4)

    assert states(found)["check"] == "failed"
    assert f"{top}/etc/shadow: has g+w" in audit(found)
    assert f"{top}/etc/shadow: has o+r" in audit(found)
    assert f"{top}/etc/passwd: has o+w" in audit(found)
    assert f"{top}/etc/passwd: has g+w" not in audit(found)
    assert "looked at 4, absent 7, rules broken " in audit(found)
    kept = found["folder"] / "includes" / "runbooks" / "permissions"
    assert sorted(path.name for path in kept.iterdir()) == ["check.sh", "rules.txt"]


@pytest.mark.skipif(os.getuid() != 0, reason="the rules want root's files, which only root can make")
def test_files_that_keep_the_rules_pass(workspace: Workspace) -> None:
    found = workspace.run("permissions", "-p", f"top={system(workspace.root)}")

    assert found["outcome"] == "succeeded"
    assert "looked at 4, absent 7, rules broken 0" in audit(found)


def test_a_folder_without_any_of_the_files_is_no_success(workspace: Workspace) -> None:
    found = workspace.run("permissions", "-p", f"top={workspace.root / 'nowhere'}", code=4)

    assert states(found)["check"] == "failed"
    assert "rules broken 0" in audit(found)
    assert "none of the files is there" in audit(found)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("root g+w etc/passwd\n", "is no rule: owner, permissions, one absolute path"),
        ("root g+w /etc/passwd extra\n", "is no rule: owner, permissions, one absolute path"),
        ("root g+w", "is no rule: owner, permissions, one absolute path"),
        ("nobody-of-that-name g+w /etc\n", "nobody-of-that-name"),
    ],
    ids=["relative", "more words", "cut off", "unknown owner"],
)
def test_a_rule_that_cannot_be_read_is_never_passed_over(tmp_path: Path, rules: str, words: str) -> None:
    path = tmp_path / "rules.txt"
    path.write_text(rules)
    script = ROOT / "runbooks/permissions/check.sh"
    done = subprocess.run(["sh", script, path, system(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize("name", ["check.sh", "rules.txt"])
def test_one_changed_byte_of_an_included_file_is_no_longer_approved(workspace: Workspace, name: str) -> None:
    path = workspace.root / "runbooks" / "permissions" / name
    path.write_text(path.read_text().replace("g+w", "u+s").replace("broken=0", "broken=-1"))

    workspace.call("verify", "permissions", "--env", "prod", code=1)
    workspace.call("run", "permissions", "--env", "prod", "--unattended", code=3)
    assert not list((workspace.root / "executions").rglob("journal.jsonl"))


def test_a_backup_is_never_overwritten(workspace: Workspace) -> None:
    older = workspace.root / "kept.db"
    older.write_bytes(b"an older backup")
    found = workspace.run("sqlite_backup", "-p", "destination=kept.db", code=4)

    assert states(found)["backup"] == "failed"
    assert "is there already: name another destination" in audit(found)
    assert older.read_bytes() == b"an older backup"


def test_a_damaged_database_is_not_backed_up(workspace: Workspace) -> None:
    path = workspace.root / "bad.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (a)")
    database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,) for _ in range(500)])
    database.commit()
    database.close()
    data = bytearray(path.read_bytes())
    data[8192:12288] = bytes(4096)
    path.write_bytes(data)
    found = workspace.run("sqlite_backup", "-p", "database=bad.db", code=4)

    assert states(found)["before"] == "failed"
    assert "is damaged, a backup of it would be too" in audit(found)
    assert states(found)["backup"] == "pending"


def test_certificates_are_listed_by_what_expires_first(workspace: Workspace) -> None:
    folder = workspace.root / "tls"
    folder.mkdir()
    (folder / "chain.pem").write_bytes(certificate(days=200) + certificate(days=100))
    (folder / "soon.crt").write_bytes(certificate(days=12))
    (folder / "notes.txt").write_text("not looked at")
    found = workspace.run("certificates", "-p", 'files=["tls"]', code=4)

    assert states(found)["threshold"] == "failed"
    assert "soon.crt: expires on" in audit(found)
    assert "1 of 3 within 30 days" in audit(found)
    assert workspace.run("certificates", "-p", 'files=["tls"]', "-p", "days=10")["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (certificate(days=-3), "has expired on"),
        (certificate(days=90, begins=5), "valid only from"),
        (b"-----BEGIN PRIVATE KEY-----\n", "holds no certificate"),
        (b"garbage", "cannot be vouched for"),
    ],
    ids=["expired", "not yet valid", "a key", "garbage"],
)
def test_a_certificate_that_does_not_hold_today_fails(workspace: Workspace, data: bytes, words: str) -> None:
    (workspace.root / "x.pem").write_bytes(data)
    found = workspace.run("certificates", "-p", 'files=["x.pem"]', "-p", "days=0", code=4)

    assert states(found)["threshold"] == "failed"
    assert words in audit(found)


SERVICE = """
import http.server, signal, sys
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@dataclasses.dataclass(frozen=True)
class Service:
    """A service of somebody's own, started by them, with its pid file."""

    root: Path
    port: int
    temper: str

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", SERVICE, str(self.port), self.temper]

    @property
    def words(self) -> list[str]:
        values = {
            "command": json.dumps(self.command),
            "health": f"http://127.0.0.1:{self.port}/",
            "pid_file": str(self.root / "service.pid"),
            "wait_seconds": "2",
        }
        return [word for name, value in values.items() for word in ("-p", f"{name}={value}")]

    @property
    def pid(self) -> int:
        return int((self.root / "service.pid").read_text())


@pytest.fixture
def service(workspace: Workspace, request: pytest.FixtureRequest) -> Iterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Service(workspace.root, port, getattr(request, "param", "good"))
    child = subprocess.Popen(made.command, cwd=workspace.root, stderr=subprocess.DEVNULL)
    (workspace.root / "service.pid").write_text(str(child.pid))
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield made
    for pid in {made.pid, child.pid}:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
    child.wait()


def test_a_service_of_one_s_own_is_restarted_and_stays(workspace: Workspace, service: Service) -> None:
    old = service.pid
    found = workspace.run("restart_service", *service.words)

    assert found["outcome"] == "succeeded"
    assert service.pid != old
    assert psutil.Process(service.pid).cmdline() == service.command


@pytest.mark.parametrize("service", ["stubborn"], indirect=True)
def test_a_service_that_does_not_stop_is_left_alone(workspace: Workspace, service: Service) -> None:
    found = workspace.run("restart_service", *service.words, code=4)

    assert states(found)["restart"] == "failed"
    assert f"stopping process {service.pid} took more than 2 seconds" in audit(found)
    assert psutil.Process(service.pid).status() != psutil.STATUS_ZOMBIE


def test_the_practice_service_ends_with_its_run(workspace: Workspace) -> None:
    """Even when the kernel is killed: the fixture finds nothing left."""
    words = ["run", "restart_service", "--env", "prod", "--unattended", "--to", "before", "--json"]
    workspace.call(*words, code=2)  # a selection is not for unattended runs
    child = workspace.at_terminal("restart_service")
    child.expect_exact("  > ")
    child.sendline("g")
    child.expect_exact("Type its name")
    child.expect_exact("  > ")
    (pid_file,) = workspace.root.glob("executions/*/*/work/practice.pid")
    practice = psutil.Process(int(pid_file.read_text()))
    kernel = practice.parent()
    assert kernel is not None
    kernel.send_signal(signal.SIGKILL)
    child.expect_exact("the kernel is gone")
    child.sendline("q")
    child.expect(pexpect.EOF, timeout=60)
    child.close()

    assert child.exitstatus == 7
    assert left_behind(workspace.root) == []


def test_a_restart_is_undone_at_the_terminal(workspace: Workspace) -> None:
    child = workspace.at_terminal("restart_service")
    child.expect_exact("  > ")
    child.sendline("g")
    child.expect_exact("Type its name")
    child.expect_exact("  > ")
    child.sendline("restart")
    child.expect_exact('"version": "2"')
    child.expect_exact("ok after succeeded")
    child.expect_exact("  > ")
    child.sendline("u")
    child.expect_exact('"version": "1"')
    child.expect_exact("ok put-back succeeded")
    child.expect_exact("  > ")
    child.sendline("g")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0


def test_the_checklist_wants_a_person(workspace: Workspace) -> None:
    workspace.call("run", CHECKLIST, "--env", "prod", "--unattended", code=3)
    workspace.call("run", CHECKLIST, "--env", "prod", code=2)
    assert not list((workspace.root / "executions").rglob("journal.jsonl"))


def test_a_release_goes_through_its_checklist(workspace: Workspace) -> None:
    child = workspace.at_terminal(CHECKLIST)
    child.expect_exact("  > ")
    child.sendline("g")
    for step, answer in (
        ("freeze", "d told #dev, quiet since noon"),
        ("second-reader", "d read by bob"),
        ("tag", "g"),
        ("push", "push"),
        ("tell", "d mail is out"),
    ):
        child.expect(rf"\? [^\n]*{step}")
        child.expect_exact("  > ")
        child.sendline(answer)
        if step == "push":
            child.expect_exact("origin has v1.1.0 at ")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    (folder,) = (workspace.root / "executions").glob("*/2*")
    assert "told #dev, quiet since noon" in (folder / "audit.md").read_text()
    tags = subprocess.run(
        ["git", "tag"], cwd=folder / "work" / "drill-remote.git", capture_output=True, check=True
    )
    assert tags.stdout == b"v1.0.0\nv1.1.0\n"


def test_a_declined_step_stops_the_release(workspace: Workspace) -> None:
    child = workspace.at_terminal(CHECKLIST)
    child.expect_exact("  > ")
    child.sendline("g")
    child.expect(r"\? [^\n]*freeze")
    child.expect_exact("  > ")
    child.sendline("x somebody is merging a fix")
    child.expect_exact("  > ")
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()

    (folder,) = (workspace.root / "executions").glob("*/2*")
    assert "somebody is merging a fix" in (folder / "audit.md").read_text()
    tags = subprocess.run(
        ["git", "tag"], cwd=folder / "work" / "drill-remote.git", capture_output=True, check=True
    )
    assert tags.stdout == b"v1.0.0\n"
