"""Texts for tests and benchmarks: the parts of a runbook put together, and a long one with many cells."""

from collections.abc import Iterable

from runbook.text.jupyter_section import normal_section

RUNBOOK = """# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
"""
JUPYTER = "".join(f"# {line}\n" for line in normal_section())
HEADER = f"# ---\n{RUNBOOK}{JUPYTER}# ---\n"

_PROSE = """# %% [markdown]
# ## Host number {n}
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.
"""
_CODE = """# %% Restart host {n} name="host-{n}" tags=["danger"] timeout=60
host = hosts[{n}]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{{host}}/health", check=False).code == 0:
        break
"""


def text_of(*cells: str, header: str = HEADER) -> str:
    """A runbook text in normal form: the header, then the cells, one empty line between them."""
    return "\n".join([header, *(cell.rstrip("\n") + "\n" for cell in cells)]) if header else _joined(cells)


def _joined(cells: Iterable[str]) -> str:
    return "\n".join(cell.rstrip("\n") + "\n" for cell in cells)


def long_text(cell_count: int = 100) -> str:
    """A runbook in normal form with `cell_count` cells, half prose and half code, as people write them."""
    cells = [(_PROSE if n % 2 == 0 else _CODE).format(n=n) for n in range(cell_count)]
    return text_of(*cells)
