"""Audits through nbconvert: `jupyter nbconvert --to runbook-audit record.ipynb`. Met here and nowhere else.

A record is derived; the evidence is the folder it lies in. So the exporters take from the notebook only where
it lies, and render from the journal beside it: a record that was edited, or that lies alone, can't be made to
say something else. A team extends `AuditExporter` like any other exporter of nbconvert.
"""

import base64
from collections.abc import Mapping
from importlib import resources as package
from pathlib import Path
from typing import Any

import jinja2
from nbconvert.exporters.exporter import Exporter
from nbconvert.utils.exceptions import ConversionException

from runbook.errors import RunbookError
from runbook.evidence import audit, inert, markdown
from runbook.evidence.blobs import Blobs
from runbook.evidence.derive import told
from runbook.evidence.folder import ExecutionFolder
from runbook.evidence.journal import damage
from runbook.evidence.messages import Get
from runbook.evidence.page import Block, Facts, Heading, Listing, Page, Paragraph, Picture, Said, Words


class AuditExporter(Exporter):  # type: ignore[misc]  # nbconvert has no types
    """The audit in markdown. Raises ConversionException for a notebook that lies in no execution's folder."""

    export_from_notebook = "Runbook audit (markdown)"
    output_mimetype = "text/markdown"

    def _file_extension_default(self) -> str:
        return ".md"

    def from_notebook_node(
        self, nb: Any, resources: Mapping[str, Any] | None = None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        """The audit of the execution whose record `nb` is, and nbconvert's resources."""
        folder = _folder_of(resources or {})
        try:
            text = self.render(page_of(folder), folder)
        except RunbookError as error:
            raise ConversionException(str(error)) from error
        _, made = super().from_notebook_node(nb, resources)
        made["output_extension"] = self.file_extension
        return text, made

    def render(self, page: Page, folder: ExecutionFolder) -> str:
        """The page as text; what a team's own exporter overrides."""
        return markdown.render(page)


class AuditHtmlExporter(AuditExporter):
    """The audit as one HTML file: no script, nothing fetched, pictures inside."""

    export_from_notebook = "Runbook audit (HTML)"
    output_mimetype = "text/html"

    def _file_extension_default(self) -> str:
        return ".html"

    def render(self, page: Page, folder: ExecutionFolder) -> str:
        return render_html(page, get=Blobs(folder.blobs).get)


def page_of(folder: ExecutionFolder) -> Page:
    """The audit of an execution, from its evidence. Raises EvidenceDamaged."""
    what = told(folder)
    with damage():
        return audit.page(what.account, what.sources, get=Blobs(folder.blobs).get)


def audit_html(folder: ExecutionFolder) -> bytes:
    """`audit.html` of an execution. Raises EvidenceDamaged."""
    return render_html(page_of(folder), get=Blobs(folder.blobs).get).encode("utf-8")


def _folder_of(resources: Mapping[str, Any]) -> ExecutionFolder:
    path = resources.get("metadata", {}).get("path")
    folder = ExecutionFolder(Path(path or ".").absolute())
    if path is None or not folder.journal.exists():
        raise ConversionException(
            "an audit is made from an execution's folder: name the record.ipynb beside its journal.jsonl"
        )
    return folder


def render_html(page: Page, *, get: Get) -> str:
    """The page as HTML: every text escaped by the template, and inert before that."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, loader=None
    )
    environment.filters.update(line=inert.line, block=inert.block)
    source = package.files(__package__).joinpath("audit.html").read_text("utf-8")
    blocks = [_block(block, get) for block in page.blocks]
    return environment.from_string(source).render(title=page.title, blocks=blocks)


def _block(block: Block, get: Get) -> dict[str, object]:
    match block:
        case Heading(level, parts):
            return {"kind": "heading", "level": level, "words": _words(parts)}
        case Paragraph(parts, loud):
            return {"kind": "paragraph", "loud": loud, "words": _words(parts)}
        case Facts(rows):
            return {"kind": "facts", "rows": [(label, _words(parts)) for label, parts in rows]}
        case Listing(text, language):
            return {"kind": "listing", "language": language, "text": text}
        case Picture(blob, media, size):
            data = base64.b64encode(get(blob)).decode("ascii")
            return {"kind": "picture", "blob": blob, "media": media, "size": size, "base64": data}


def _words(parts: Words) -> list[dict[str, str]]:
    return [{"said": part.text} if isinstance(part, Said) else {"ours": part} for part in parts]
