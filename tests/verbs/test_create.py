"""`create`: whatever the title, the file lies in its folder, reads strictly, and overwrites nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.errors import ExistsError, InputError
from runbook.text.notebook import second_opinion
from runbook.text.reader import read, require
from runbook.text.runbook import Runbook
from runbook.verbs.create import create
from runbook.verbs.templates import TEMPLATES, runbook_text, slug_of
from tests.verbs.desk import Desk


def made(desk: Desk, title: str, *, template: str = "plain", name: str | None = None) -> tuple[str, Runbook]:
    path = create(desk.workspace, title, template=template, name=name, around=desk.around)
    return path, require((desk.root / path).read_bytes(), name=path)


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("Drain the node", "runbooks/drain_the_node.py"),
        ("../../x", "runbooks/x.py"),
        ("/etc/passwd", "runbooks/etc_passwd.py"),
        ("-rf", "runbooks/rf.py"),
        ("con", "runbooks/con_runbook.py"),
        ("LPT1", "runbooks/lpt1_runbook.py"),
        ("json", "runbooks/json_runbook.py"),
        ("Runbook", "runbooks/runbook_runbook.py"),
        ("Fünf Ärzte für Straßen", "runbooks/funf_arzte_fur_strassen.py"),
        ("{a: b, !!python/object x: [1]}", "runbooks/a_b_python_object_x_1.py"),
        ("# a comment", "runbooks/a_comment.py"),
        ("title: &x *x <<: | > - '\" \\", "runbooks/title_x_x.py"),
        ("null", "runbooks/null.py"),
        ("2026-01-01", "runbooks/2026_01_01.py"),
        ('what # %% [markdown] name="x"', "runbooks/what_markdown_name_x.py"),
        ("$(rm -rf /) `id` ${HOME}", "runbooks/rm_rf_id_home.py"),
        ("party 🎉", "runbooks/party.py"),
    ],
)
def test_any_title_becomes_a_runbook_below_the_folder(desk: Desk, title: str, path: str) -> None:
    where, runbook = made(desk, title)

    assert where == path
    assert runbook.title == title
    assert runbook.is_normal
    assert second_opinion(runbook) == ()


def test_a_title_in_pieces_is_put_together(desk: Desk) -> None:
    _, runbook = made(desk, unicodedata.normalize("NFD", "Café"))

    assert runbook.title == "Café"
    assert runbook.is_normal


@pytest.mark.parametrize(
    "title", ["", "   ", "two\nlines", "esc\x1b[31m", "bidi\u202e", "x" * 300, "a\u2028b"]
)
def test_a_title_must_be_one_printable_line(desk: Desk, title: str) -> None:
    with pytest.raises(InputError, match="one printable line of at most 100 characters") as caught:
        made(desk, title)
    assert caught.value.subject is not None
    assert caught.value.subject.isascii()


@pytest.mark.parametrize("title", ["🎉", "???", "重启"])
def test_a_title_without_a_latin_letter_needs_a_name(desk: Desk, title: str) -> None:
    with pytest.raises(InputError, match="no Latin letter or digit to call the file after") as caught:
        made(desk, title)
    assert caught.value.hint == "say --name, for example: --name restart_web"

    where, runbook = made(desk, title, name="restart_web")
    assert where == "runbooks/restart_web.py"
    assert runbook.title == title


@pytest.mark.parametrize("name", ["../x", "a/b", "", "Große", "con", "runbook", "x.py.py", "-x", "a b"])
def test_a_name_is_taken_as_it_is_or_refused(desk: Desk, name: str) -> None:
    with pytest.raises(InputError, match="lower-case letters, digits and _"):
        made(desk, "Title", name=name)


def test_what_is_there_is_never_overwritten(desk: Desk) -> None:
    before = desk.file.read_bytes()

    with pytest.raises(ExistsError, match="never overwritten") as caught:
        made(desk, "Restart")
    assert desk.file.read_bytes() == before
    assert caught.value.subject == "runbooks/restart.py"
    assert caught.value.hint == "say --name OTHER, or edit that one"


def test_a_template_that_is_none_names_those_there_are(desk: Desk) -> None:
    with pytest.raises(InputError, match="no such template: 'x'") as caught:
        made(desk, "Title", template="x")
    assert caught.value.hint == f"there are: {', '.join(TEMPLATES)}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_approvable(template: str) -> None:
    runbook = require(runbook_text("T", owner="a@example.com", template=template).encode(), name=template)

    assert runbook.is_normal
    assert second_opinion(runbook) == ()


@given(st.text(max_size=120))
def test_a_slug_is_a_plain_name(title: str) -> None:
    slug = slug_of(title)

    assert slug is None or (slug.isascii() and slug.replace("_", "").isalnum() and slug == slug.lower())


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=100))
def test_the_header_gives_any_title_back(title: str) -> None:
    title = unicodedata.normalize("NFC", title.strip())
    runbook = read(runbook_text(title or "x", owner="o", template="checklist").encode()).runbook

    assert runbook is None or runbook.title == (title or "x")
