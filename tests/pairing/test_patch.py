"""Patching: 1000 hand-styled texts, and not one byte changes outside the edited cells."""

import random
from pathlib import Path

import pytest

from runbook.pairing.cells import Cell
from runbook.pairing.patch import fresh_text, patched
from runbook.pairing.texts import Text, read_text
from tests.pairing.builders import TEXT, TEXT_CELLS, TEXT_HEADERS, Bench


def _read(data: bytes) -> Text:
    found = read_text(data)
    assert isinstance(found, Text)
    return found


def _with(text: Text, index: int, source: str) -> list[tuple[Cell, int | None]]:
    import msgspec

    return [
        (msgspec.structs.replace(each.cell, source=source) if i == index else each.cell, i)
        for i, each in enumerate(text.cells)
    ]


def _edited(chance: random.Random, source: str) -> str:
    lines = source.split("\n")
    at = chance.randrange(len(lines) + 1)
    if chance.random() < 0.5 and source:
        lines[min(at, len(lines) - 1)] += " edited"
    else:
        lines.insert(at, "edited = 1")
    return "\n".join(lines).strip("\n")


def test_1000_hand_styled_texts_keep_every_byte_outside_the_edited_cell() -> None:
    chance = random.Random(1)
    for number in range(1000):
        parts = [chance.choice(sorted(TEXT_CELLS.values())) for _ in range(chance.randint(1, 6))]
        head = chance.choice(sorted(TEXT_HEADERS.values()))
        body = "".join(
            part + ("" if part.endswith("\n") else "\n") + chance.choice(["", "\n", "\n\n"]) for part in parts
        )
        data = (head + body).encode()
        if chance.random() < 0.2:
            data = data.rstrip(b"\n")
        if chance.random() < 0.2:
            data = data.replace(b"\n", b"\r\n")
        if chance.random() < 0.1:
            data = b"\xef\xbb\xbf" + data
        text = _read(data)
        index = chance.randrange(len(text.cells))
        source = _edited(chance, text.cells[index].cell.source)
        result = patched(text, _with(text, index, source), None)
        after = _read(result)

        wanted = [each.cell.source for each in text.cells]
        wanted[index] = source
        assert [each.cell.source for each in after.cells] == wanted, (number, data, result)
        assert (after.bom, after.header) == (text.bom, text.header)
        cell = text.cells[index]
        front = len(
            "".join(a + b for a, b in zip(text.lines[: cell.start], text.ends, strict=False)).encode()
        )
        behind = "".join(
            a + b for a, b in zip(text.lines[cell.stop :], text.ends[cell.stop :], strict=True)
        ).encode()
        shift = 3 if text.bom else 0
        assert result[: front + shift] == data[: front + shift], (number, data, result)
        if cell.style != "docstring":
            assert result.endswith(behind), (number, data, result)


def test_nothing_changes_when_nothing_changed() -> None:
    for head in TEXT_HEADERS.values():
        for cell in TEXT_CELLS.values():
            data = (head + cell).encode()
            text = _read(data)
            assert patched(text, [(each.cell, i) for i, each in enumerate(text.cells)], None) == data


def test_only_the_changed_line_of_a_cell_is_written_anew() -> None:
    text = _read(b"# %% [markdown]\n#tight\n# words\n\n#  more\n")
    cells = _with(text, 0, "tight\nother words\n\n more")

    assert patched(text, cells, None) == b"# %% [markdown]\n#tight\n# other words\n\n#  more\n"


def test_new_lines_take_the_file_s_line_end() -> None:
    text = _read(b"# %%\r\nx = 1\r\n")

    assert patched(text, _with(text, 0, "x = 1\ny = 2"), None) == b"# %%\r\nx = 1\r\ny = 2\r\n"


@pytest.mark.parametrize(
    ("before", "order", "after"),
    [
        ("# %%\na\n\n# %%\nb\n\n# %%\nc\n", [2, 0, 1], "# %%\nc\n\n# %%\na\n\n# %%\nb\n"),
        ("# %%\na\n\n# %%\nb\n\n# %%\nc\n", [0, 2], "# %%\na\n\n# %%\nc\n"),
        ("# %%\na\n\n# %%\nb\n\n# %%\nc\n", [0, 1], "# %%\na\n\n# %%\nb\n"),
        ("# %%\na\n\n# %%\nb", [1, 0], "# %%\nb\n\n# %%\na"),
        ("# %%\na\n", [0, None], "# %%\na\n\n# %% [markdown]\n# new\n"),
        ("# %%\na\n", [None, 0], "# %% [markdown]\n# new\n\n# %%\na\n"),
        ("a\n\n# %%\nb\n", [1, 0], "# %%\nb\n\n# %%\na\n"),
        ("a\n", [None, 0], "# %% [markdown]\n# new\n\n# %%\na\n"),
        ("", [None], "# %% [markdown]\n# new\n"),
        ("# %%\na\n", [], ""),
    ],
)
def test_cells_move_come_and_go(before: str, order: list[int | None], after: str) -> None:
    text = _read(before.encode())
    new = Cell(kind="markdown", source="new")
    cells = [(new, None) if i is None else (text.cells[i].cell, i) for i in order]

    assert patched(text, cells, None).decode() == after


def test_the_front_matter_is_patched_line_by_line() -> None:
    text = _read(TEXT.encode())
    root = ("runbook:", "  title: Other", "  owner: sre@example.com", "extra: 1")
    result = patched(text, [(each.cell, i) for i, each in enumerate(text.cells)], root).decode()

    assert result == TEXT.replace("title: Restart", "title: Other").replace(
        "# jupyter:\n", "# extra: 1\n# jupyter:\n"
    )


def test_a_title_that_no_marker_can_say_is_refused() -> None:
    text = _read(b"# %%\nx\n")
    cell = Cell(kind="code", meta=(("title", '"a = b"'),), source="x")

    with pytest.raises(ValueError, match="a title or option that a marker cannot say"):
        patched(text, [(cell, 0)], None)


def test_a_docstring_stays_one_until_it_cannot() -> None:
    text = _read(b'# %% [markdown]\n"""\nwords\n"""\n\n# %%\n1\n')

    assert b'"""\nother words\n"""\n' in patched(text, _with(text, 0, "other words"), None)
    assert b'# %% [markdown]\n# a """ b\n\n# %%' in patched(text, _with(text, 0, 'a """ b'), None)


def test_a_fresh_text_reads_back(tmp_path: Path) -> None:
    cells = [Cell(kind="markdown", source="# Title"), Cell(kind="code", source="x = 1")]

    assert fresh_text((), cells) == b"# %% [markdown]\n# # Title\n\n# %%\nx = 1\n"
    assert fresh_text(("---", "a: 1", "---"), []) == b"# ---\n# a: 1\n# ---\n\n"


@pytest.mark.parametrize("style", TEXT_CELLS)
@pytest.mark.parametrize("head", TEXT_HEADERS)
def test_an_edit_in_jupyter_leaves_a_hand_written_text_alone(head: str, style: str, tmp_path: Path) -> None:
    """Through files: pair it, edit the last cell in the notebook, and compare bytes."""
    text = TEXT_HEADERS[head] + TEXT_CELLS[style].rstrip("\n") + "\n\n# %%\nlast = 1\n"
    bench = Bench(tmp_path, text)
    assert bench.sync().action == "made-notebook"
    assert bench.sync().action == "unchanged"
    bench.change(lambda cells: cells[-1].update(source=["last = 2"]))

    assert bench.sync().action == "to-text"
    assert bench.text.read_text() == text.replace("last = 1", "last = 2")
    assert bench.sync().action == "unchanged"
