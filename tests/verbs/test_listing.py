"""`list` and `find`: every runbook is in the list, the refused ones too."""

import os

from runbook.verbs import names
from runbook.verbs.listing import find, listing
from tests.keys import Key
from tests.verbs.desk import NOW, PATH, Desk

REFUSED = "# %%\nprint(1)  # \u202e\n"


def test_each_runbook_says_where_it_may_run(desk: Desk, alice: Key) -> None:
    desk.approve(alice)

    rows = {row.path: row for row in listing(desk.workspace, around=desk.around, now=NOW)}

    assert [(each.environment, each.permitted) for each in rows[PATH].verdicts] == [
        ("scratch", True),
        ("prod", True),
    ]
    assert rows[PATH].title == "Restart the web tier"
    assert rows[PATH].last is None


def test_a_refused_text_is_listed_and_may_run_nowhere(desk: Desk) -> None:
    desk.write("runbooks/odd.py", REFUSED)

    rows = {row.path: row for row in listing(desk.workspace, around=desk.around, now=NOW)}

    assert not any(each.permitted for each in rows["runbooks/odd.py"].verdicts)
    assert rows["runbooks/odd.py"].text is None
    assert len(rows) == 3


def test_the_environments_of_the_header_are_the_ones_asked_about(desk: Desk) -> None:
    desk.edit("#   owner:", "#   environments: [prod]\n#   owner:")

    rows = {row.path: row for row in listing(desk.workspace, around=desk.around, now=NOW)}

    assert [each.environment for each in rows[PATH].verdicts] == ["prod"]


def test_words_are_found_where_all_of_them_stand(desk: Desk) -> None:
    found = find(desk.workspace, ("PUT", "change"))

    assert {each.path for each in found} == {PATH}
    assert any(each.text.startswith("# %% Put it back") for each in found)
    assert find(desk.workspace, ("put", "nowhere-to-be-found")) == ()


def test_a_word_of_the_path_is_found_too(desk: Desk) -> None:
    found = find(desk.workspace, ("look_at_this",))

    assert [(each.path, each.line) for each in found] == [("runbooks/look_at_this_machine.py", 1)]


def test_what_is_not_read_is_listed_and_named_where_words_are_looked_for(desk: Desk) -> None:
    unread = desk.root / "runbooks/huge.py"
    unread.touch()
    os.truncate(unread, names.LARGEST_BYTES + 1)

    rows = {row.path: row for row in listing(desk.workspace, around=desk.around, now=NOW)}
    lines = find(desk.workspace, ("restart",))

    assert not any(each.permitted for each in rows["runbooks/huge.py"].verdicts)
    assert rows[PATH].title == "Restart the web tier"
    assert ("runbooks/huge.py", 0) in {(line.path, line.line) for line in lines}
    assert PATH in {line.path for line in lines}
