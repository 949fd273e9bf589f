"""Alignment and three-way merge: cells, lines, metadata, front matter. No clean merge drops a token."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.pairing.align import Side, align
from runbook.pairing.cells import Cell, Meta
from runbook.pairing.headers import Lines, merge_root, without_approvals
from runbook.pairing.lines import longest_run, matches, merge_lines, merge_text
from runbook.pairing.merge import Merged, MovedApart, NotebookSide, merge, merge_cell, merge_meta


def cells(*sources: str) -> tuple[Cell, ...]:
    return tuple(Cell(kind="code", source=source) for source in sources)


def notebook(*sources: str, ids: tuple[str | None, ...] | None = None) -> NotebookSide:
    found = cells(*sources)
    return NotebookSide(cells=found, metas=({},) * len(found), ids=ids or (None,) * len(found))


def merged(base: tuple[str, ...], text: tuple[str, ...], nb: tuple[str, ...]) -> tuple[Merged, ...]:
    found = merge(Side(cells=cells(*base)), cells(*text), notebook(*nb))
    assert not isinstance(found, MovedApart)
    return found


def said(found: tuple[Merged, ...]) -> list[str]:
    assert not any(slot.disputed for slot in found), found
    assert [slot.text for slot in found] == [slot.notebook for slot in found]
    return [slot.text.source for slot in found if slot.text is not None]


BASE = ("a = 1", "b = 2\nb2 = 2\nb3 = 2\nb4 = 2", "c = 3")


@pytest.mark.parametrize(
    ("text", "nb", "result"),
    [
        (BASE, BASE, BASE),
        (("a = 9", *BASE[1:]), BASE, ("a = 9", *BASE[1:])),
        (BASE, ("a = 9", *BASE[1:]), ("a = 9", *BASE[1:])),
        (("a = 9", *BASE[1:]), (*BASE[:2], "c = 9"), ("a = 9", BASE[1], "c = 9")),
        (("a = 9", *BASE[1:]), ("a = 9", *BASE[1:]), ("a = 9", *BASE[1:])),
        ((BASE[0], BASE[2]), BASE, (BASE[0], BASE[2])),
        (BASE, (BASE[0], BASE[2]), (BASE[0], BASE[2])),
        ((BASE[0], BASE[2]), (BASE[0], BASE[2]), (BASE[0], BASE[2])),
        (("new = 1", *BASE), BASE, ("new = 1", *BASE)),
        ((*BASE, "new = 1"), ("other = 1", *BASE), ("other = 1", *BASE, "new = 1")),
        (("t = 1", *BASE), ("n = 1", *BASE), ("t = 1", "n = 1", *BASE)),
        ((*BASE, "same = 1"), (*BASE, "same = 1"), (*BASE, "same = 1")),
        ((BASE[2], BASE[0], BASE[1]), BASE, (BASE[2], BASE[0], BASE[1])),
        (BASE, (BASE[2], BASE[0], BASE[1]), (BASE[2], BASE[0], BASE[1])),
        ((BASE[2], *BASE[:2]), (BASE[2], *BASE[:2]), (BASE[2], *BASE[:2])),
        ((BASE[2], *BASE[:2]), ("a = 9", *BASE[1:]), (BASE[2], "a = 9", BASE[1])),
        (
            (BASE[0], "x = 0\n" + BASE[1], BASE[2]),
            (BASE[0], BASE[1] + "\ny = 0", BASE[2]),
            (BASE[0], "x = 0\n" + BASE[1] + "\ny = 0", BASE[2]),
        ),
        (("a = 1", "a = 1", *BASE[1:]), BASE, ("a = 1", "a = 1", *BASE[1:])),
        ((), BASE, ()),
    ],
)
def test_both_sides_changes_come_together(
    text: tuple[str, ...], nb: tuple[str, ...], result: tuple[str, ...]
) -> None:
    assert said(merged(BASE, text, nb)) == list(result)


def test_the_same_line_changed_twice_is_disputed_and_stays() -> None:
    found = merged(BASE, ("a = 8", *BASE[1:]), ("a = 9", BASE[1], "c = 9"))

    assert [slot.disputed for slot in found] == [True, False, False]
    assert found[0].text is not None
    assert found[0].notebook is not None
    assert found[0].base is not None
    assert (found[0].text.source, found[0].notebook.source, found[0].base.source) == (
        "a = 8",
        "a = 9",
        "a = 1",
    )
    assert found[2].text is not None
    assert found[2].text.source == "c = 9"


@pytest.mark.parametrize("gone", ["text", "notebook"])
def test_a_cell_deleted_here_and_edited_there_is_disputed(gone: str) -> None:
    edited, deleted = ("a = 9", *BASE[1:]), BASE[1:]
    found = merged(BASE, *((deleted, edited) if gone == "text" else (edited, deleted)))

    assert [slot.disputed for slot in found] == [True, False, False]
    assert (found[0].text is None) == (gone == "text")
    assert (found[0].notebook is None) == (gone == "notebook")


def test_cells_moved_apart_are_said() -> None:
    found = merge(
        Side(cells=cells(*BASE)), cells(BASE[1], BASE[0], BASE[2]), notebook(BASE[0], BASE[2], BASE[1])
    )
    assert isinstance(found, MovedApart)


def test_without_a_base_only_equal_cells_agree() -> None:
    found = merge(None, cells("a", "b", "x"), notebook("a", "y", "b"))
    assert not isinstance(found, MovedApart)

    assert [(s.text and s.text.source, s.notebook and s.notebook.source, s.disputed) for s in found] == [
        ("a", "a", False),
        (None, "y", True),
        ("b", "b", False),
        ("x", None, True),
    ]


def test_ids_tell_a_moved_and_edited_cell() -> None:
    base = Side(cells=cells("a = 1", "b = 2", "c = 3"), ids=("1", "2", "3"))
    found = merge(
        base, cells("a = 1", "b = 2", "c = 3"), notebook("c = 9", "a = 1", "b = 2", ids=("3", "1", "2"))
    )
    assert not isinstance(found, MovedApart)

    assert said(found) == ["c = 9", "a = 1", "b = 2"]
    assert [slot.text_index for slot in found] == [2, 0, 1]


def test_an_inserted_cell_beside_an_edited_one_is_told_from_it() -> None:
    old = Side(cells=cells("load the data\nfrom disk", "end"))
    new = Side(cells=cells("something else entirely", "load the data\nfrom disk now", "end"))

    assert align(old, new) == [1, 2]


def test_a_cell_s_name_is_its_identity() -> None:
    meta: Meta = (("name", '"n"'),)
    old = Side(cells=(Cell(kind="code", meta=meta, source="x"), *cells("y")))
    new = Side(cells=(*cells("y"), Cell(kind="code", meta=meta, source="something new")))

    assert align(old, new) == [1, 0]


WORDS = st.lists(st.sampled_from([f"w{n}" for n in range(8)]), max_size=8).map(lambda w: "\n".join(w))
SOURCES = st.lists(WORDS, max_size=7)


@given(SOURCES, SOURCES)
@settings(max_examples=150, deadline=None)
def test_no_two_cells_are_matched_with_one(first: list[str], second: list[str]) -> None:
    found = align(Side(cells=cells(*first)), Side(cells=cells(*second)))
    taken = [j for j in found if j is not None]

    assert len(taken) == len(set(taken))
    assert len(found) == len(first)
    assert all(0 <= j < len(second) for j in taken)


EDIT = st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["cell", "line", "move", "delete"]))


def _apply(sources: list[str], edits: list[tuple[int, int, str]], mark: str) -> tuple[list[str], set[str]]:
    found, tokens = list(sources), set()
    for number, (at, inside, how) in enumerate(edits):
        token = f"{mark}{number}token"
        if how == "cell" or not found:
            found.insert(at % (len(found) + 1), token)
            tokens.add(token)
        elif how == "line":
            lines = found[at % len(found)].split("\n")
            lines.insert(inside % (len(lines) + 1), token)
            found[at % len(found)] = "\n".join(lines)
            tokens.add(token)
        elif how == "move":
            found.insert(inside % len(found), found.pop(at % len(found)))
        else:
            gone = found.pop(at % len(found))
            tokens -= {token for token in tokens if token in gone}
    return found, tokens


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(EDIT, max_size=4), st.lists(EDIT, max_size=4))
@settings(max_examples=200, deadline=None)
def test_no_merge_drops_a_token(
    base: list[str], mine: list[tuple[int, int, str]], theirs: list[tuple[int, int, str]]
) -> None:
    base = [f"{source}\nbase{n}" for n, source in enumerate(base)]
    text, text_tokens = _apply(base, mine, "t")
    nb, nb_tokens = _apply(base, theirs, "n")
    found = merge(Side(cells=cells(*base)), cells(*text), notebook(*nb))
    if isinstance(found, MovedApart):
        return
    on_text = "\n".join(slot.text.source for slot in found if slot.text)
    on_notebook = "\n".join(slot.notebook.source for slot in found if slot.notebook)

    assert all(token in on_text for token in text_tokens)
    assert all(token in on_notebook for token in nb_tokens)
    if not any(slot.disputed for slot in found):
        assert on_text == on_notebook
        assert all(token in on_text for token in text_tokens | nb_tokens)


@given(st.lists(WORDS, max_size=6), st.lists(EDIT, max_size=5))
@settings(max_examples=150, deadline=None)
def test_one_side_s_edits_flow_whole(base: list[str], edits: list[tuple[int, int, str]]) -> None:
    base = [f"{source}\nbase{n}" for n, source in enumerate(base)]
    edited, _ = _apply(base, edits, "t")

    assert said(merged(tuple(base), tuple(edited), tuple(base))) == edited
    assert said(merged(tuple(base), tuple(base), tuple(edited))) == edited


LINES = st.lists(st.sampled_from("abcdef"), max_size=9)


@given(LINES, LINES, LINES)
@settings(max_examples=200, deadline=None)
def test_a_line_merge_is_symmetric_and_keeps_what_is_new(
    base: list[str], first: list[str], second: list[str]
) -> None:
    found = merge_lines(base, first, second)

    assert found == merge_lines(base, second, first)
    assert merge_lines(base, first, base) == first
    assert merge_lines(base, base, second) == second
    assert merge_lines(base, first, first) == first
    if found is not None:
        new = (set(first) | set(second)) - set(base)
        assert new <= set(found)
        assert set(found) <= set(first) | set(second)


@given(LINES, LINES)
@settings(max_examples=150, deadline=None)
def test_matching_lines_are_equal_and_in_order(first: list[str], second: list[str]) -> None:
    found = matches(first, second)

    assert found[-1] == (len(first), len(second), 0)
    at, b = 0, 0
    for x, y, size in found:
        assert x >= at
        assert y >= b
        assert first[x : x + size] == second[y : y + size]
        at, b = x + size, y + size


def test_the_longest_run_is_in_order() -> None:
    assert longest_run([(0, 3), (1, 0), (2, 1), (3, 2)]) == [(1, 0), (2, 1), (3, 2)]
    assert longest_run([]) == []


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "result"),
    [
        ("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC"),
        ("a\nb", "A\nb", "a\nB", None),  # they touch
        ("a", "b", "c", None),
        ("a\nb\nc", "a\nc", "a\nb\nc\nd", "a\nc\nd"),
        ("a\nb\nc", "a\nc", "a\nB\nc", None),
    ],
)
def test_lines_that_touch_are_no_clean_merge(base: str, mine: str, theirs: str, result: str | None) -> None:
    assert merge_text(base, mine, theirs) == result


def test_metadata_is_merged_key_by_key() -> None:
    base = {"name": '"a"', "tags": '["x"]'}

    assert merge_meta(base, {**base, "timeout": "5"}, {"tags": '["y"]', "name": '"a"'}) == (
        ("name", '"a"'),
        ("tags", '["y"]'),
        ("timeout", "5"),
    )
    assert merge_meta(base, {"name": '"b"'}, {"name": '"c"'}) is None
    assert merge_meta(base, {}, base) == ()


def test_a_cell_whose_kind_changed_keeps_the_other_s_words() -> None:
    base = Cell(kind="code", source="a\nb\nc")
    mine = Cell(kind="markdown", source="a\nb\nc")
    theirs = Cell(kind="code", source="a\nb\nC")

    assert merge_cell(base, mine, theirs) == Cell(kind="markdown", source="a\nb\nC")


ROOT: Lines = (
    "runbook:",
    "  title: A",
    "  owner: sre@example.com",
    "approvals:",
    "- approver: bob",
    "  text: 1",
)


def test_the_front_matter_is_merged_key_by_key() -> None:
    mine = tuple(line.replace("title: A", "title: B") for line in ROOT)
    theirs = tuple(line.replace("sre@", "ops@") for line in ROOT)
    both = tuple(line.replace("sre@", "ops@") for line in mine)

    assert merge_root(ROOT, mine, theirs, bodies_alike=False) == both
    assert (
        merge_root(
            ROOT, mine, tuple(line.replace("title: A", "title: C") for line in ROOT), bodies_alike=False
        )
        is None
    )
    assert merge_root(ROOT, ROOT, mine, bodies_alike=False) == mine
    assert merge_root((), ("a: 1",), ("b: 2",), bodies_alike=False) == ("a: 1", "b: 2")


CAROL = ("- approver: carol", "  text: 1")
DAVE = ("- approver: dave", "  text: 1")


def test_approvals_are_united_when_the_bodies_are_alike() -> None:
    assert merge_root(ROOT, (*ROOT, *CAROL), (*ROOT, *DAVE), bodies_alike=True) == (*ROOT, *CAROL, *DAVE)


def test_an_approval_taken_back_on_one_side_stays_taken_back() -> None:
    without = (*ROOT[:4], *CAROL)

    assert merge_root(ROOT, without, (*ROOT, *DAVE), bodies_alike=True) == (*ROOT[:4], *CAROL, *DAVE)


def test_approvals_of_different_bodies_are_dropped_but_those_that_both_hold() -> None:
    assert merge_root(ROOT, (*ROOT, *CAROL), (*ROOT, *DAVE), bodies_alike=False) == ROOT
    assert without_approvals(ROOT) == ROOT[:3]


def _seconds(count: int) -> float:
    base = tuple(f"x{n} = {n}\nprint(x{n})" for n in range(count))
    text = tuple(f"x{n} = {n} + 1\nprint(x{n})" for n in range(count))
    start = time.process_time()  # work, not waiting for a turn
    assert len(said(merged(base, text, base))) == count
    return time.process_time() - start


def test_merging_grows_with_the_cells_not_with_their_square() -> None:
    few, many = min(_seconds(500) for _ in range(3)), min(_seconds(5000) for _ in range(3))
    assert many < few * 40, (few, many)  # ten times the cells; the square would be a hundred times
