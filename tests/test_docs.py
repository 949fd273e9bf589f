"""The docs say what the program says."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from runbook.cli.verbs_table import VERBS
from runbook.workspace import ConfigFile, WorkspaceFile
from tests.pages import PAGES, REFERENCE, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_made_page_is_what_the_program_says_now(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")

    assert written == PAGES[name](), f"docs/reference/{name} is out of date: python -m tests.pages"


def test_every_verb_has_one_line_of_help_that_its_page_repeats() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")

    for name, verb in VERBS.items():
        assert f"## {name}\n" in page
        assert verb.help.endswith(".")


def test_every_setting_stands_on_its_page_with_what_it_is_when_left_out() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    _, inner, outer, _ = page.split("\n## ")

    row = re.compile(r"^\| `(\w+)` \|.*\| (.*) \|$", re.MULTILINE)
    assert [name for name, _ in row.findall(outer)] == list(ConfigFile.__struct_fields__)
    usual = msgspec.to_builtins(WorkspaceFile(version=1))
    assert row.findall(inner) == [
        (name, "required" if name == "version" else f"`{json.dumps(usual[name])}`") for name in usual
    ]


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "executions" / "README.md"]


@pytest.mark.parametrize("page", _pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_decisions_are_short_and_say_what_they_cost() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.count("\n") <= 80, f"{page.name} is longer than a page"
        assert re.search(r"cost", text, re.IGNORECASE), f"{page.name} does not say what the choice costs"
