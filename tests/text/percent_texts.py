"""Percent texts for the tests that compare readers: hand-written ones, and a strategy that makes more."""

from hypothesis import strategies as st

from runbook.text.jupyter_section import normal_section

HEADER = "\n".join(
    ["# ---", "# runbook:", "#   title: T", *(f"# {line}" for line in normal_section()), "# ---"]
)

_CODE = [
    "x = 1",
    "def f(a):\n    return a\n\n\nprint(f(1))",
    "def f(a):\n    return a",
    "class C:\n    pass",
    "@d\ndef g():\n    pass",
    "async def h():\n    pass",
    "# rm victim",
    "# !touch pwned",
    "# %run x.py",
    "# %%bash",
    "%matplotlib inline",
    "!ls -l",
    "%%bash\nls\n# rm x",
    "x = !ls",
    "x?",
    "s = '''a\n\n# not a marker\nb'''",
    's = """a "quoted" b"""\nt = \'it\\\'s\'',
    "# comment\n\n# more",
    "if x:\n    y = 1\n\n    z = 2",
    "x = 'é ü 漢'",
    "f(\n    1,\n)",
    "",
    "# +",
    "# -",
    "#!x",
    "\nx = 1",
    "x = 1\n\n\n\ny = 2",
    "    # indented",
]
_PROSE = [
    "Words.",
    "# Heading\n\nMore.",
    "```\ncode\n```",
    "```python\nx = 1\n# comment\n```",
    "- a\n- b\n\n  c",
    "⚠️ careful",
    "",
    "| a | b |\n|---|---|",
    "<b>html</b>",
    "    indented",
    'It\'s "quoted"',
    "#! not a shebang",
    "text with `# %%` inside",
]
_TITLES = ["", "Restart", "Is it well?", "A title, with (marks)", "50 % more", "Größe"]
_OPTIONS = [
    "",
    ' name="one"',
    ' tags=["read-only"]',
    ' tags=["danger", "x-y"] timeout=60',
    ' name="two" when="a == 1"',
    " custom=1",
    ' note="a b"',
    ' meta={"k": [1, null]}',
    ' {"a": 1}',
]


@st.composite
def percent_texts(draw: st.DrawFn, *, normal: bool = False) -> str:
    """A percent text: often readable, sometimes refused; with `normal`, what the normal form may hold."""
    pieces = [HEADER] if normal or draw(st.booleans()) else []
    names = 0
    for _ in range(draw(st.integers(0 if not normal else 1, 5))):
        kind = draw(st.sampled_from(["", "", " [markdown]", " [raw]"]))
        title = draw(st.sampled_from(_TITLES))
        options = draw(st.sampled_from(_OPTIONS[:5] if normal else _OPTIONS))
        if 'name="' in options:
            names += 1
            options = options.replace('one"', f'one-{names}"').replace('two"', f'two-{names}"')
        if kind or normal:
            options = options.replace(" timeout=60", "").replace(' when="a == 1"', "")
        marker = "# %%" + (f" {title}" if title else "") + kind + options
        if not normal and draw(st.integers(0, 15)) == 0:
            marker = draw(st.sampled_from(["#%%", "# %% ", " # %%", "# %%%% sub", "# %% [md]", "# In[1]:"]))
        if kind:
            source = draw(st.sampled_from(_PROSE))
            lines = [f"# {line}" if line else "#" for line in source.split("\n")] if source else []
        else:
            source = draw(st.sampled_from(_CODE))
            lines = source.split("\n") if source else []
        pieces.append("\n".join([marker, *lines]))
        pieces += [""] * draw(st.integers(0, 3 if normal else 4))
    text = "\n".join(pieces).rstrip("\n") + "\n"
    if not normal and draw(st.integers(0, 7)) == 0:
        text = draw(st.sampled_from(["x = 0\n", "\n", "# a comment\n", "#!/usr/bin/python\n"])) + text
    return text
