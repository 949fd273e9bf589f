"""The hook `runbook-lint`: what `runbook lint` finds, in the bytes that will be committed."""

import shlex
from collections.abc import Sequence

from runbook.execution import earlier
from runbook.hooks.finding import Found, Tell, say
from runbook.hooks.staged_pairs import contents_of, is_runbook_path, staged_files
from runbook.text.reader import read
from runbook.verbs.lint import lint_bytes
from runbook.workspace import Surroundings


def main(argv: Sequence[str], around: Surroundings, tell: Tell) -> int:
    """As `hooks/sync`."""
    return say(findings(argv, around), tell)


def findings(argv: Sequence[str], around: Surroundings) -> list[Found]:
    found = staged_files(argv, (".py",), around)
    names = {
        home.prefix: [name for name in home.names if is_runbook_path(home.workspace, name)]
        for home in found.homes
    }
    staged = contents_of(found, names, around)
    result: list[Found] = []
    for home in found.homes:
        for name in names[home.prefix]:
            path = home.prefix + name
            if path not in staged or (home.workspace.loose and b"# %%" not in staged[path]):
                continue
            root = home.workspace.root
            runbook = read(staged[path]).runbook
            named = None if runbook is None else runbook.header.includes
            tree = None if named is None else earlier.in_index(root, named, env=around.env)
            linted = lint_bytes(staged[path], root=root, path=name, tree=tree)
            for stale in linted.stale:  # said, and no reason not to commit: it wants a review
                where = ", ".join(stale.environments)
                words = f"approval for {where} is stale ({stale.principal})"
                result.append(Found(path=path, message=words, refuses=False))
            for each in linted.findings:
                place = f"{path}:{each.line}" if each.line else path
                mend = each.hint or f"`runbook lint {shlex.quote(path)}`"
                result.append(Found(path=place, message=f"{each.code}: {each.message}", mend=mend))
    return result
