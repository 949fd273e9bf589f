"""`init`: a workspace out of a folder. Says what it will do first; never overwrites; safe to repeat."""

import uuid
from pathlib import Path

import msgspec

from runbook.approval.signers import enrolment_line, parse_signers
from runbook.decoding import decode_toml
from runbook.errors import FormatError, InputError, NotFoundError
from runbook.system import files, git
from runbook.verbs.templates import EXAMPLE_SLUG as EXAMPLE_SLUG
from runbook.verbs.templates import example_text
from runbook.workspace import MARK, Surroundings, WorkspaceFile

LIMIT_BYTES = 1 << 20

_RUNBOOK_TOML = """\
# The workspace's own settings: where things lie. What a run may touch is set outside of it.
version = 1
runbooks = ["runbooks"]
executions = "executions"
default_environment = "scratch"
"""

_POLICY_HEAD = """\
# Which approvals a runbook needs, per path and environment. All rules that match add up; the strictest
# value of each wins; where no rule matches, nothing runs. See docs/reference/policy.md.
version = 1
workspace = "urn:uuid:{urn}"

[environments.prod]
max_age = "90d"

# [groups]
# sre = ["alice@example.com", "bob@example.com"]    # then, in a rule: from = ["sre"]
"""

_RULE = """
[[rules]]
paths = ["**"]
environments = ["{environment}"]
approvals = {approvals}
"""

PROFILES: dict[str, tuple[tuple[str, int], ...]] = {
    "solo": (("scratch", 0), ("prod", 1)),
    "team": (("scratch", 0), ("staging", 1), ("prod", 2)),
}

_SIGNERS_HEAD = """\
# Who may sign: one key a line, in OpenSSH's allowed_signers format (a strict part of it).
"""
_REVOKED_HEAD = """\
# Keys that count no longer, whatever they signed: one SHA256:… fingerprint a line.
"""
_NO_KEY = "name the public half of a key of yours; `ssh-keygen -t ed25519` makes one"
_EXECUTIONS = """\
# Executions

Every run lands here in a folder of its own: the exact text, the plan, the journal, the record, the audit.
`runbook history` lists them. They are evidence: keep them out of `git clean`, not in git.
"""
_ATTRIBUTES = ".runbook/* text eol=lf\n"
_IGNORE = "{executions}/*\n!{executions}/README.md\n*.ipynb\n.ipynb_checkpoints/\n"
_PRE_COMMIT = """\
repos:
  - repo: local
    hooks:
      - id: runbook-lint
        name: runbook lint
        entry: runbook lint
        language: system
        files: ^%s/.*\\.py$
"""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that `init` will do. `append` adds to a file that is there; else the file is new."""

    path: str
    what: str
    text: str
    append: bool = False


class Person(msgspec.Struct, frozen=True, kw_only=True):
    principal: str
    public_key: bytes


def plan(root: Path, *, profile: str, people: tuple[Person, ...], inner: bool = False) -> tuple[Action, ...]:
    """What is missing in `root`. `inner`: it is a folder of a repository, and pre-commit looks for its
    settings at the root alone. Raises InputError for a profile or key that is not one.
    """
    if profile not in PROFILES:
        raise InputError(f"no such profile: {profile!r}", hint=f"there are: {', '.join(PROFILES)}")
    where = _where(root)
    owner = people[0].principal if people else "team@example.com"
    rules = "".join(_RULE.format(environment=name, approvals=count) for name, count in PROFILES[profile])
    new = [
        ("runbook.toml", "where things lie", _RUNBOOK_TOML),
        (
            ".runbook/policy.toml",
            f"the policy, profile {profile}",
            _POLICY_HEAD.format(urn=uuid.uuid4()) + rules,
        ),
        (".runbook/revoked", "keys that count no longer (none)", _REVOKED_HEAD),
        (f"{where.executions}/README.md", "where runs land", _EXECUTIONS),
    ]
    if not inner:
        new.append((".pre-commit-config.yaml", "lint before each commit", _PRE_COMMIT % where.runbooks[0]))
    if not _has_runbooks(root, where):
        new.append(
            (f"{where.runbooks[0]}/{EXAMPLE_SLUG}.py", "an example that only reads", example_text(owner))
        )
    actions = [
        Action(path=path, what=what, text=text) for path, what, text in new if not _is_there(root / path)
    ]
    attributes = "".join(f"{folder}/**/*.py text eol=lf\n" for folder in where.runbooks)
    ignore = _IGNORE.format(executions=where.executions)
    actions += _lines(root, ".gitattributes", "one line end for what is signed", attributes + _ATTRIBUTES)
    actions += _lines(root, ".gitignore", "keep executions and notebooks out of git", ignore)
    return (*actions, *_enrolments(root, people))


def is_inner(root: Path, *, around: Surroundings) -> bool:
    """Whether `root`, which may not be there yet, lies in a git repository that begins further up."""
    repository = git.repository_root(root if root.is_dir() else around.cwd, env=around.env)
    return repository is not None and repository != root and root.is_relative_to(repository)


def _where(root: Path) -> WorkspaceFile:
    """Where things lie: as the `runbook.toml` says that is there already. Raises ConfigError."""
    if not (root / MARK).exists():
        return WorkspaceFile(version=1)
    return decode_toml(files.read(root / MARK, limit_bytes=LIMIT_BYTES), WorkspaceFile, name=MARK)


def _has_runbooks(root: Path, where: WorkspaceFile) -> bool:
    return any(any((root / folder).rglob("*.py")) for folder in where.runbooks)


def _is_there(path: Path) -> bool:
    """A link that leads nowhere is there, too: it is somebody's."""
    return path.exists() or path.is_symlink()


def _lines(root: Path, path: str, what: str, text: str) -> list[Action]:
    """The lines of `text` that the file at `path` does not hold yet."""
    there = _text(root / path)
    missing = [line for line in text.split("\n") if line and line not in there.split("\n")]
    if not missing:
        return []
    joint = "" if not there or there.endswith("\n") else "\n"
    return [Action(path=path, what=what, text=joint + "\n".join(missing) + "\n", append=bool(there))]


def _enrolments(root: Path, people: tuple[Person, ...]) -> list[Action]:
    path = ".runbook/allowed_signers"
    there = _text(root / path)
    enrolled = {(key.principal, key.fingerprint) for key in parse_signers(there.encode(), name=path)}
    lines = ""
    for person in people:
        line = enrolment_line(person.principal, person.public_key)
        (key,) = parse_signers(f"{line}\n".encode(), name=person.principal)
        if (key.principal, key.fingerprint) not in enrolled:
            lines += f"{line}\n"
    names = ", ".join(person.principal for person in people) or "nobody yet"
    if not there:
        return [Action(path=path, what=f"who may sign ({names})", text=_SIGNERS_HEAD + lines)]
    return [Action(path=path, what=f"enrol {names}", text=lines, append=True)] if lines else []


def _text(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        return files.read(path, limit_bytes=LIMIT_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("not UTF-8, so nothing is added to it", subject=str(path)) from error


def carry_out(root: Path, actions: tuple[Action, ...]) -> None:
    """Do what was planned. Raises ExistsError when a file appeared meanwhile: it is never overwritten."""
    files.make_folder(root)
    for action in actions:
        path = root / action.path
        files.make_folder(path.parent)
        if action.append:
            files.replace(path, (_text(path) + action.text).encode("utf-8"))
        else:
            files.create(path, action.text.encode("utf-8"))


def people(
    principals: tuple[str, ...], keys: tuple[str, ...], *, root: Path, around: Surroundings
) -> tuple[Person, ...]:
    """Who is to be enrolled: pairs of names and public key files; nobody is a fine answer.

    A name alone takes git's `user.signingkey`; a key alone takes git's `user.email`. Never looks for keys by
    itself. Raises InputError for what does not pair up, and for a private key: it has no business here.
    """
    if not principals and not keys:
        return ()
    start = root if root.is_dir() else around.cwd
    if not keys:
        set_key = git.setting(start, "user.signingkey", env=around.env)
        keys = (set_key,) if set_key else ()
    if not principals:
        set_name = git.setting(start, "user.email", env=around.env)
        principals = (set_name,) if set_name else ()
    if not keys or not principals:
        missing = "--key FILE.pub" if not keys else "--principal NAME"
        setting = "user.signingkey" if not keys else "user.email"
        raise InputError(f"{missing} is missing, and git's {setting} is not set", hint=f"say {missing}")
    if len(principals) != len(keys):
        raise InputError(
            f"{len(principals)} --principal and {len(keys)} --key do not pair up",
            hint="say --principal NAME --key FILE.pub once for each person",
        )
    return tuple(
        Person(principal=name, public_key=_public_key(key, around))
        for name, key in zip(principals, keys, strict=True)
    )


def _public_key(key: str, around: Surroundings) -> bytes:
    path = around.cwd / Path(key).expanduser()
    try:
        data = files.read(path, limit_bytes=LIMIT_BYTES)
    except NotFoundError as error:
        raise NotFoundError(error.message, subject=error.subject, hint=_NO_KEY) from error
    if b"PRIVATE KEY" in data:
        raise InputError(
            "a private key is never enrolled",
            subject=key,
            hint=f"give its public half: {key.removesuffix('.pub')}.pub",
        )
    return data
