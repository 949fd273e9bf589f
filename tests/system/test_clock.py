"""The clock: stamps are UTC and aware wherever the machine stands, durations only grow."""

import os
import subprocess
import sys
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from runbook.system import clock

ASK = "from runbook.system import clock; n = clock.now(); print(n.utcoffset(), n.timestamp())"


def test_now_is_utc_and_aware() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "UTC"])
def test_the_machine_s_time_zone_does_not_matter(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    done = subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True)
    offset, stamp = done.stdout.split()

    assert offset == "0:00:00"
    assert abs(clock.now().timestamp() - float(stamp)) < 60


def test_the_monotonic_clock_never_goes_back() -> None:
    readings = [clock.monotonic_ns() for _ in range(1000)]

    assert readings == sorted(readings)


def test_a_process_that_starts_now_starts_on_the_scale_of_the_boot_clock() -> None:
    """Field 22 of /proc/PID/stat (proc(5)) counts ticks from the boot."""
    before = clock.since_boot_seconds()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        path = Path(f"/proc/{child.pid}/stat")
        if not path.exists():
            pytest.skip("no /proc on this system: processes are stamped with wall time")
        started = int(path.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        child.communicate()

    assert before - 0.05 <= started <= clock.since_boot_seconds() + 0.05


def test_sleep_waits_at_least_as_long_as_said() -> None:
    before = clock.monotonic_ns()
    clock.sleep(0.02)

    assert clock.monotonic_ns() - before >= 20_000_000
