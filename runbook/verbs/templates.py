"""What `create` and `init` write: runbooks in normal form, ready to be filled in. Pure."""

import json
import re
import sys
import unicodedata

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ,.()'/+-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

_TAKEN = frozenset({"runbook", "ipykernel", "IPython"}) | sys.stdlib_module_names
_DEVICE = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")

_HEADER = """\
# ---
# runbook:
#   title: {title}
#   description: {description}
#   owner: {owner}
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

_STEPS = {
    "plain": """
# %% [markdown]
# # {heading}
# When to do this, and what must be true before.

# %% name="parameters" tags=["parameters"]
folder: str = "/tmp"  # the folder to look at

# %% Look name="look" tags=["read-only"] timeout=60
from runbook.kit import sh

sh("ls", "-la", folder)

# %% [markdown] name="tell" tags=["manual"]
# Tell the people who wait for it that it is done.
""",
    "change": """
# %% [markdown]
# # {heading}
# When to do this, what it changes, and how long it takes.

# %% name="parameters" tags=["parameters"]
target: str = "example"  # what is changed

# %% Is it well before? name="before" tags=["read-only"] timeout=60
from runbook.kit import sh

sh("echo", f"looking at {{target}}")

# %% Change it name="change" tags=["danger"] timeout=300
sh("echo", f"changing {{target}}")

# %% Did it take effect? name="after" tags=["read-only"] timeout=60 checks="change"
sh("echo", f"looking at {{target}} again")

# %% Put it back name="put-back" timeout=300 undoes="change"
sh("echo", f"putting {{target}} back")
""",
    "checklist": """
# %% [markdown]
# # {heading}
# Who does this, and when.

# %% [markdown] name="first" tags=["manual"]
# ## First
# What to do, and how to see that it is done.

# %% [markdown] name="second" tags=["manual"]
# ## Second
# What to do, and how to see that it is done.
""",
}

TEMPLATES = tuple(_STEPS)

EXAMPLE_TITLE = "Look at this machine"
EXAMPLE_SLUG = "look_at_this_machine"
_EXAMPLE = """
# %% [markdown]
# # Look at this machine
# The first runbook of this workspace: it only reads. Change it, or delete it.

# %% name="parameters" tags=["parameters"]
folder: str = "/"  # the folder whose disk is looked at

# %% How full is the disk? name="disk" tags=["read-only"] timeout=60
from runbook.kit import note, sh

sh("df", "-h", folder)

# %% What is the load? name="load" tags=["read-only"] timeout=60
sh("uptime")
note("seen")
"""


def scalar(text: str) -> str:
    """Spell one line of text as a YAML value that reads back as exactly that text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text == text.strip():
        return text
    return json.dumps(text, ensure_ascii=False)


def runbook_text(title: str, *, owner: str, template: str) -> str:
    """A new runbook with this title, from one of TEMPLATES."""
    header = _HEADER.format(
        title=scalar(title), description="What this does, in one sentence.", owner=scalar(owner)
    )
    return header + _STEPS[template].format(heading=title)


def example_text(owner: str) -> str:
    """The runbook that a new workspace starts with."""
    description = "Disk and load of the machine it runs on."
    return _HEADER.format(title=EXAMPLE_TITLE, description=description, owner=scalar(owner)) + _EXAMPLE


def slug_of(title: str) -> str | None:
    """The file name for a title: lower-case ASCII words joined by `_`; None when no letter is left.

    A name that something else answers to gets `_runbook` behind it: in plain Python a module of the same name
    hides Python's own or ours from every runbook beside it, and Windows keeps `con` for a device.
    """
    plain = unicodedata.normalize("NFKD", title.replace("ß", "ss"))
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    slug = "_".join(re.findall(r"[a-z0-9]+", letters.lower()))[:60].strip("_")
    if slug in _TAKEN or _DEVICE.fullmatch(slug):
        return f"{slug}_runbook"
    return slug or None
