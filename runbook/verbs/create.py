"""`create`: a new runbook from a template, in normal form. Never overwrites."""

import unicodedata

from runbook.errors import ExistsError, InputError, TextRefused
from runbook.system import files, git
from runbook.text.reader import require
from runbook.verbs.templates import TEMPLATES, runbook_text, slug_of
from runbook.workspace import Surroundings, Workspace

_LONGEST_TITLE = 100


def create(
    workspace: Workspace, title: str, *, template: str, around: Surroundings, name: str | None = None
) -> str:
    """Write it and return its path below the workspace. The file is called after the title, or `name`.

    Raises InputError for a title, name or template that will not do, ExistsError when the file is there.
    """
    if template not in TEMPLATES:
        raise InputError(f"no such template: {template!r}", hint=f"there are: {', '.join(TEMPLATES)}")
    title = unicodedata.normalize("NFC", title.strip())
    if not title or not title.isprintable() or len(title) > _LONGEST_TITLE:
        raise InputError(
            f"a title is one printable line of at most {_LONGEST_TITLE} characters",
            subject=ascii(title[:_LONGEST_TITLE]),
        )
    file_name = _file_name(title, name)
    owner = (
        workspace.settings.principal
        or git.setting(workspace.root, "user.email", env=around.env)
        or f"{around.login}@{around.host}"
    )
    text = runbook_text(title, owner=owner, template=template).encode("utf-8")
    try:
        made = require(text, name=title)
    except TextRefused as error:
        raise InputError(
            f"this title cannot stand in a runbook: {error.message}", hint="use plain words"
        ) from error
    if made.notes:
        raise InputError(
            f"this title has more than one spelling: {made.notes[0].message}", hint="use plain words"
        )
    folder = "." if workspace.loose else workspace.settings.runbooks[0]
    path = workspace.root / folder / file_name
    files.make_folder(path.parent)
    try:
        files.create(path, text)
    except ExistsError as error:
        raise ExistsError(
            error.message, subject=workspace.relative(path), hint="say --name OTHER, or edit that one"
        ) from error
    return workspace.relative(path)


def _file_name(title: str, name: str | None) -> str:
    """`name` must be a slug already: whoever chooses one gets exactly that. Raises InputError."""
    if name is None:
        slug = slug_of(title)
        if slug is None:
            raise InputError(
                "this title has no Latin letter or digit to call the file after",
                subject=title,
                hint="say --name, for example: --name restart_web",
            )
        return f"{slug}.py"
    wanted = name.removesuffix(".py")
    if slug_of(wanted) != wanted:
        raise InputError(
            "a name is lower-case letters, digits and _, and no module's of Python or name of a device",
            subject=ascii(name[:_LONGEST_TITLE]),
            hint=f"for example: {slug_of(wanted) or 'restart_web'}",
        )
    return f"{wanted}.py"
