"""Texts to measure with: runbooks in normal form of any number of cells."""

HEADER = """\
# ---
# runbook:
#   title: {title}
#   description: A text to measure with.
#   owner: bench@example.com
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
"""

PARAMETERS = """
# %% tags=["parameters"]
host: str = "web1"  # the host to look at
seconds: int = 30  # how long to wait
"""

PROSE = """
# %% [markdown]
# ## Part {number}
# What to look at here, why it matters, and what to do when it is not as it should be: read the line that
# names `host`, compare it with the one before, and stop when they differ.
"""

CODE = """
# %% Look at part {number} name="part-{number}" tags=["read-only"] timeout=60
# The numbers of one part, as a small table.
values = [number * {number} for number in range(10)]
for place, value in enumerate(values):
    if value > seconds:
        print(f"{{host}}: part {number}, place {{place}} has {{value}}")
"""

TRIVIAL = """
# %%
x = {number}
"""


def mixed(cells: int, *, title: str = "A text to measure with") -> bytes:
    """`cells` cells: parameters, then prose and code in turns, as people write them."""
    parts = [HEADER.format(title=title), PARAMETERS]
    parts += [(PROSE if number % 2 else CODE).format(number=number) for number in range(1, cells)]
    return "".join(parts).encode()


def trivial(steps: int) -> bytes:
    """`steps` code cells that do next to nothing: what is left is the cost of running cells."""
    return "".join(
        [HEADER.format(title="Trivial steps"), *(TRIVIAL.format(number=n) for n in range(steps))]
    ).encode()


TWO_STEPS = (
    HEADER.format(title="Two steps")
    + """
# %% One name="one"
total = sum(range(1000))
print(total)

# %% Two name="two"
print(total * 2)
"""
).encode()
