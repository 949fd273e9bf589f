"""The start of the program, beside a typer program with two commands: whole processes."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Budget, Row, beside, process, program

PEER = """\
import typer

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def hello(name: str = "you") -> None:
    "Say hello."
    print(f"hello {name}")


@app.command()
def status() -> None:
    "Say how it is."
    print("well")


if __name__ == "__main__":
    app()
"""


def rows(runs: int) -> Iterator[Row]:
    many = max(runs * 2, 10)
    ours = program("runbook")
    with tempfile.TemporaryDirectory(prefix="runbook-bench-") as name:
        folder = Path(name)
        (folder / "peer.py").write_text(PEER)
        (folder / "runbook.toml").write_text("version = 1\n")
        peer = [sys.executable, "peer.py"]
        for word in ("--help", "status"):
            one, other = beside(
                lambda word=word: process([ours, word], folder=folder),  # type: ignore[misc]  # a default binds it
                lambda word=word: process([*peer, word], folder=folder),  # type: ignore[misc]  # a default binds it
                runs=many,
                warm_up=3,
            )
            yield Row(
                what=f"runbook {word}",
                ours_seconds=one,
                peer=f"two-command typer {word}",
                peer_seconds=other,
                budget=Budget(ratio=1.3),
                runs=many,
            )
