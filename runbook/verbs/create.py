"""`create`: a new runbook from a template, in normal form. Never overwrites."""

from runbook.errors import InputError, TextRefused
from runbook.system import files, git
from runbook.text.reader import require
from runbook.verbs.templates import TEMPLATES, runbook_text, slug_of
from runbook.workspace import Surroundings, Workspace


def create(workspace: Workspace, title: str, *, template: str, around: Surroundings) -> str:
    """Write it and return its path below the workspace.

    Raises InputError for a title or template that will not do, ExistsError when the file is there.
    """
    if template not in TEMPLATES:
        raise InputError(f"no such template: {template!r}", hint=f"there are: {', '.join(TEMPLATES)}")
    title = title.strip()
    if not title or not title.isprintable() or len(title) > 100:
        raise InputError("a title is one printable line of at most 100 characters", subject=repr(title[:100]))
    owner = (
        workspace.settings.principal
        or git.setting(workspace.root, "user.email", env=around.env)
        or f"{around.login}@{around.host}"
    )
    text = runbook_text(title, owner=owner, template=template).encode("utf-8")
    try:
        require(text, name=title)
    except TextRefused as error:
        raise InputError(
            f"this title cannot stand in a runbook: {error.message}", hint="use plain words"
        ) from error
    folder = "." if workspace.loose else workspace.settings.runbooks[0]
    path = workspace.root / folder / f"{slug_of(title)}.py"
    files.make_folder(path.parent)
    files.create(path, text)
    return workspace.relative(path)
