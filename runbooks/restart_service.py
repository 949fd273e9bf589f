# ---
# runbook:
#   title: Restart a local HTTP service
#   description: Restarts one service by its pid file, with a health check before and after and a way back.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:614a19d4ff4d1d6f6f7342eed140841d7f9ad04e0e6eca7305b0b6ca13178146
#   issued: 2026-11-21T09:48:24Z
#   expires: 2036-11-18T09:48:24Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAvk+xAVcxjm2z0xWbyZ5z2oLsxFxw579lX9
#     oSFyyLHRgJHbr/KdB5coeNibMe4UhxhDT4B4hRwEVAnuUjuDMrCg==
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Restart a local HTTP service
# For a service on this machine that answers slowly, leaks memory, or needs to read its configuration again.
#
# It is stopped with SIGTERM by the pid in its pid file, started again with your command, and must answer 200 with
# a new pid. A service that does not stop in time is left alone: this never sends SIGKILL, that is your decision.
# If the new one does not answer, undo `restart`: the command line that ran before is started again.
#
# Give `command`, `health` and `pid_file` together for a service of yours. Without them a practice service is
# started on a free port of 127.0.0.1, restarted, and taken away again: a drill that touches nothing else.

# %% name="parameters" tags=["parameters"]
from pathlib import Path
from typing import Annotated

from runbook.kit import Bounds, Text

command: list[Text] = []  # what starts the service, word by word; empty: the practice service
health: str = ""  # the address that answers 200 when it is well
pid_file: Path | None = None  # the file that holds its process id
wait_seconds: Annotated[int, Bounds(ge=1, le=600)] = 15  # how long stopping and starting may take, each

# %% Tools name="tools" tags=["read-only", "setup"] timeout=60
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PRACTICE = """
import http.server, json, os, sys, threading, time

port, version, keeper = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"version": version, "pid": os.getpid()}).encode()
        self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end_with_keeper():
    # Whatever happens to the run that practises here, nothing of it stays behind.
    while os.path.exists(f"/proc/{keeper}"):
        time.sleep(0.2)
    os._exit(0)


threading.Thread(target=end_with_keeper, daemon=True).start()
http.server.HTTPServer(("127.0.0.1", port), Answers).serve_forever()
"""

# No proxy: the service is on this machine.
ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def running_pid():
    """The process that the pid file names, or None when there is no such process (a zombie is none)."""
    try:
        pid = int(process_file.read_text())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return None if state == "Z" else pid


def answer():
    """What the service says at its health address. Raises OSError when it is not well."""
    with ask(address, timeout=2) as reply:
        return reply.read(1000).decode("utf-8", "replace")


def wait_until(condition, what):
    limit = time.monotonic() + wait_seconds
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"{what} took more than {wait_seconds} seconds")
        time.sleep(0.1)


def is_well():
    if not address:
        return False
    try:
        answer()
    except OSError:
        return False
    return True


def stop():
    pid = running_pid()
    if pid is None:
        print("nothing is running")
        return
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: running_pid() is None, f"stopping process {pid}")
    print(f"process {pid} has ended")


def start(words):
    with open("service.log", "ab") as log:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    children.append(child)
    process_file.write_text(f"{child.pid}\n")
    print(f"process {child.pid} started")


children = []
if len({bool(command), bool(health), bool(pid_file)}) > 1:
    raise ValueError("command, health and pid_file belong together: give all three, or none")
new_command, address = command, health
process_file = pid_file or Path("practice.pid").absolute()

# %% The practice service, when no command is given name="practice" tags=["setup"] timeout=60
if not command:
    chosen = Path("practice.port")
    if not chosen.exists():
        with socket.create_server(("127.0.0.1", 0)) as free:
            chosen.write_text(str(free.getsockname()[1]))
    port = chosen.read_text()
    address = f"http://127.0.0.1:{port}/health"
    practice = [sys.executable, "-I", "-c", PRACTICE, port]
    new_command = [*practice, "2", str(os.getpid())]
    if running_pid() is None:
        start([*practice, "1", str(os.getpid())])
        wait_until(is_well, "starting the practice service")

# %% Is it answering now? name="before" tags=["read-only"] timeout=60
from runbook.kit import note

old_pid = running_pid()
old_command = []
if old_pid is not None:
    old_command = Path(f"/proc/{old_pid}/cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
if not address:
    note("a dry run starts no practice service: there is nothing to ask")
elif is_well():
    print(answer())
    note(f"process {old_pid} answers at {address}")
else:
    note(f"process {old_pid} does not answer at {address}: the restart begins with a service that is not well")

# %% Restart name="restart" tags=["danger"] timeout=1300
stop()
start(new_command)

# %% Is the new one answering? name="after" tags=["read-only"] timeout=700 checks="restart"
wait_until(is_well, "starting")
if running_pid() is None:
    raise RuntimeError(f"{address} answers, but not from the process that was started: see service.log")
if running_pid() == old_pid:
    raise RuntimeError(f"process {old_pid} is still the old one")
print(answer())

# %% Put the old one back name="put-back" timeout=1300 undoes="restart"
if not old_command:
    raise RuntimeError("nothing ran before the restart: there is nothing to put back")
stop()
start(old_command)
wait_until(is_well, "starting the old one")
print(answer())

# %% Take the practice service away name="tidy" timeout=700
if not command:
    stop()
    for child in children:
        child.wait(timeout=5)
else:
    print("a service of yours: it stays")
