"""The exporters through nbconvert itself, the way people call them."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from runbook.evidence import derive
from runbook.evidence.folder import ExecutionFolder
from tests.evidence.builders import BEGAN, whole_run
from tests.evidence.test_audit import HOSTILE, hostile_run

HTML = "runbook.evidence.exporter.AuditHtmlExporter"


def nbconvert(record: Path, to: str) -> subprocess.CompletedProcess[str]:
    # Never `python -m nbconvert` in this folder: it would import the runbook.py there as our own package.
    jupyter = Path(sys.executable).parent / "jupyter"
    return subprocess.run(
        [str(jupyter), "nbconvert", "--to", to, "--stdout", record.name],
        cwd=record.parent,
        env={**os.environ, "PATH": f"{jupyter.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def sealed(tmp_path: Path) -> ExecutionFolder:
    folder = whole_run(tmp_path)
    derive.conclude(folder, now=BEGAN)
    return folder


def test_nbconvert_makes_the_audit_that_was_sealed(sealed: ExecutionFolder) -> None:
    said = nbconvert(sealed.record, "runbook-audit")
    assert said.returncode == 0, said.stderr
    assert said.stdout == sealed.audit.read_text()


def test_a_record_away_from_its_evidence_makes_no_audit(sealed: ExecutionFolder, tmp_path: Path) -> None:
    alone = tmp_path / "alone.ipynb"
    alone.write_bytes(sealed.record.read_bytes())
    said = nbconvert(alone, "runbook-audit")
    assert said.returncode != 0
    assert "name the record.ipynb beside its journal.jsonl" in said.stderr


def test_an_edited_record_does_not_change_the_audit(sealed: ExecutionFolder) -> None:
    record = sealed.record.read_text().replace("fine", "splendid")
    sealed.record.write_text(record)
    said = nbconvert(sealed.record, "runbook-audit")
    assert said.stdout == sealed.audit.read_text()


class Read(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "style", "onload")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Read:
    found = Read()
    found.feed(html)
    return found


def test_the_html_audit_is_inert_and_fetches_nothing(tmp_path: Path) -> None:
    from runbook.evidence import audit, exporter

    def page(words: str, where: str) -> Read:
        told = hostile_run(tmp_path / where, words)
        account = told.account()
        made = audit.page(account, told.sources, get=told.blobs.get)
        return read(exporter.render_html(made, get=told.blobs.get))

    quiet = page("".join(character if character == "\n" else "x" for character in HOSTILE), "a")
    loud = page(HOSTILE, "b")
    assert loud.tags == quiet.tags
    assert "script" not in loud.tags
    assert not loud.fetched
    assert "<script>alert(1)</script>" in loud.text
    assert "\x1b" not in loud.text
    assert "\\u{1B}[2J" in loud.text


def test_the_html_audit_is_one_file_through_nbconvert(sealed: ExecutionFolder) -> None:
    from runbook.evidence import exporter

    said = nbconvert(sealed.record, HTML)
    assert said.returncode == 0, said.stderr
    assert said.stdout == exporter.audit_html(sealed).decode()
    assert "default-src 'none'" in said.stdout
    assert "<h3>Step <code>health</code>: succeeded</h3>" in said.stdout
