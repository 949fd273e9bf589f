"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    "jupytext",
    "nbclient",
    "papermill",
    "ipykernel",
    "jupyter_client",
    "typer",
    "cryptography",
    "msgspec",
)


def facts() -> list[str]:
    """A few lines for people: processor, memory, load, versions."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} missing")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory()}, load {load}",
        f"{platform.platform()}, Python {platform.python_version()}",
        ", ".join(versions),
    ]


def busy() -> str | None:
    """A warning when others use this machine: several processes of ours then wait more than one of a peer."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    return (
        f"the machine is busy (load {load:.1f} on {cores} cores): measure again" if load > cores / 2 else None
    )


def _processor() -> str:
    return _line(Path("/proc/cpuinfo"), "model name") or platform.machine()


def _memory() -> str:
    total = _line(Path("/proc/meminfo"), "MemTotal")
    return f"{int(total.split()[0]) / 1024**2:.0f} GiB" if total else "unknown memory"


def _line(path: Path, key: str) -> str:
    if not path.exists():
        return ""
    for line in path.read_text().split("\n"):
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return ""
