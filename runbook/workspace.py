"""The workspace: the folder with `runbook.toml` in it, and every setting with where it came from.

Settings have levels. `runbook.toml` travels with the pull request, so it may only say where things lie.
What a run may touch (environments, interpreter, variables, trust) is said outside of it, by the machine
(`/etc/runbook/config.toml`) and the person (`config.toml` in the user's configuration folder), and the
person's file can only tighten what the machine's says (DESIGN §5.2). Never reads the environment itself.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from runbook.decoding import decode_toml
from runbook.errors import ConfigError, NotFoundError
from runbook.system import files

MARK = "runbook.toml"
TRUST_FOLDER = ".runbook"
MACHINE_CONFIG = Path("/etc/runbook/config.toml")
LIMIT_BYTES = 1 << 18


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the program was started in: read once by the command line, passed down from there."""

    cwd: Path
    env: Mapping[str, str]
    machine_config: Path
    user_config: Path
    state_folder: Path  # what must outlive a workspace: spent plans, seen clocks
    login: str
    host: str


class WorkspaceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`runbook.toml`."""

    version: Literal[1]
    runbooks: tuple[str, ...] = ("runbooks",)
    executions: str = "executions"
    pairs: str = "{folder}/{name}.ipynb"
    default_environment: str = "scratch"


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`config.toml` of the machine or the user."""

    environments: tuple[str, ...] | None = None
    interpreter: str | None = None
    variables: tuple[str, ...] | None = None
    trust: str | None = None
    signing_key: str | None = None
    principal: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, resolved. `origins` says for each name where its value came from."""

    runbooks: tuple[str, ...]
    executions: str
    pairs: str
    default_environment: str
    environments: tuple[str, ...] | None  # None: this machine does not limit them
    interpreter: str | None
    variables: tuple[str, ...] | None  # None: whatever the reviewed header names may pass
    trust: str
    signing_key: str | None
    principal: str | None
    origins: Mapping[str, str]


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A folder to work in. `loose` when there is no `runbook.toml`: then only `scratch` can be run."""

    root: Path
    loose: bool
    settings: Settings

    @property
    def executions(self) -> Path:
        return self.root / self.settings.executions

    @property
    def trust_folder(self) -> Path:
        return self.root / TRUST_FOLDER

    def relative(self, path: Path) -> str:
        """`path` as people and JSON name it: below the workspace, with `/`; absolute when outside."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)


def find(start: Path, around: Surroundings) -> Workspace:
    """The workspace around `start` (a folder): the nearest one with `runbook.toml`, else a loose one there.

    Raises ConfigError for a file that cannot be understood.
    """
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / MARK).is_file():
            return load(candidate, around)
    return Workspace(root=folder, loose=True, settings=resolve(None, around))


def load(root: Path, around: Surroundings) -> Workspace:
    """The workspace at `root`. Raises ConfigError, NotFoundError when there is no `runbook.toml`."""
    data = files.read(root / MARK, limit_bytes=LIMIT_BYTES)
    written = decode_toml(data, WorkspaceFile, name=MARK)
    for folder in (*written.runbooks, written.executions):
        _require_below(folder)
    for folder in written.runbooks:
        _require_apart(folder, written.executions)
    said = frozenset(decode_toml(data, dict[str, object], name=MARK))
    return Workspace(root=root, loose=False, settings=resolve(written, around, said=said))


def _require_below(folder: str) -> None:
    path = Path(folder)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigError(f"{folder!r} must be a folder below the workspace", subject=MARK)
    if any(part.startswith(".") for part in path.parts):  # git's own, and the trust files'
        raise ConfigError(f"{folder!r} must not lie in a hidden folder", subject=MARK)


def _require_apart(runbooks: str, executions: str) -> None:
    """Evidence among runbooks would be taken for runbooks, and written into; and the other way round."""
    one, other = Path(runbooks), Path(executions)
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise ConfigError(f"runbooks ({runbooks!r}) and executions ({executions!r}) overlap", subject=MARK)


def resolve(written: WorkspaceFile | None, around: Surroundings, *, said: Collection[str] = ()) -> Settings:
    """Join the levels into one value. `said`: the names that `runbook.toml` has, also with a value that is
    the default. Raises ConfigError when a lower level would loosen a higher one."""
    machine = _config(around.machine_config)
    user = _config(around.user_config)
    own = written or WorkspaceFile(version=1)
    inner = ("runbooks", "executions", "pairs", "default_environment")
    origins = {name: MARK if name in said else "default" for name in inner}
    values: dict[str, Any] = {}
    for name, default in _OUTER.items():
        values[name], origins[name] = _join(name, machine, user, around, default)
    key = around.env.get("RUNBOOK_SIGNING_KEY")
    if key:
        values["signing_key"], origins["signing_key"] = key, "RUNBOOK_SIGNING_KEY"
    return Settings(
        runbooks=own.runbooks,
        executions=own.executions,
        pairs=own.pairs,
        default_environment=own.default_environment,
        origins=origins,
        **values,
    )


_OUTER: dict[str, object] = {
    "environments": None,
    "interpreter": None,
    "variables": None,
    "trust": "worktree",
    "signing_key": None,
    "principal": None,
}
_LISTS = frozenset({"environments", "variables"})  # a lower level may take names away
_OWN = frozenset({"signing_key", "principal"})  # who the person is, is theirs to say


def _join(
    name: str, machine: ConfigFile, user: ConfigFile, around: Surroundings, default: object
) -> tuple[object, str]:
    above, below = getattr(machine, name), getattr(user, name)
    if name in _OWN and below is not None:
        return below, str(around.user_config)
    if above is None:
        return (default, "default") if below is None else (below, str(around.user_config))
    if below is None or below == above:
        return above, str(around.machine_config)
    if name in _LISTS and set(below) <= set(above):
        return below, str(around.user_config)
    raise ConfigError(
        f"{name} = {below!r} would loosen what the machine says ({above!r})",
        subject=str(around.user_config),
        hint=f"take {name} out, or ask whoever keeps {around.machine_config}",
    )


def _config(path: Path) -> ConfigFile:
    try:
        data = files.read(path, limit_bytes=LIMIT_BYTES)
    except NotFoundError:
        return ConfigFile()
    return decode_toml(data, ConfigFile, name=str(path))
