"""Names: a path, a slug, or a unique part of either; never a guess between two."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook import workspace as workspaces
from runbook.errors import FormatError, NotFoundError, UsageError
from runbook.evidence import start
from runbook.system import files
from runbook.verbs import names
from tests.evidence.test_start import a_start
from tests.verbs.desk import PATH, Desk

CELL = "# %%\nprint(1)\n"


@pytest.fixture
def shelf(desk: Desk) -> Desk:
    """A desk with three more runbooks, two of them of the same name."""
    for path in ("runbooks/web/check.py", "runbooks/db/check.py", "runbooks/db/dump_all.py"):
        desk.write(path, CELL)
    return desk


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("restart", PATH),
        ("restart.py", PATH),
        ("RESTART", PATH),
        ("runbooks/restart.py", PATH),
        ("web/check", "runbooks/web/check.py"),
        ("dump_all", "runbooks/db/dump_all.py"),
        ("dump-all", "runbooks/db/dump_all.py"),
        ("dump", "runbooks/db/dump_all.py"),
        ("b/dump", "runbooks/db/dump_all.py"),
    ],
)
def test_a_name_leads_to_one_runbook(shelf: Desk, name: str, path: str) -> None:
    assert names.find_runbook(shelf.workspace, name, cwd=shelf.root) == path


def test_a_path_is_read_from_the_folder_one_is_in(shelf: Desk) -> None:
    found = names.find_runbook(shelf.workspace, "check.py", cwd=shelf.root / "runbooks/db")

    assert found == "runbooks/db/check.py"


def test_a_file_without_an_ending_is_not_taken_for_the_runbook_of_that_name(shelf: Desk) -> None:
    shelf.write("runbooks/web/gate.py", "# %%\nprint(1)\n")
    shelf.write("web/gate", "# %%\nprint(2)\n")

    assert names.find_runbook(shelf.workspace, "web/gate", cwd=shelf.root) == "runbooks/web/gate.py"


def test_a_name_that_fits_two_is_not_guessed(shelf: Desk) -> None:
    with pytest.raises(
        NotFoundError, match=r"could be runbooks/db/check\.py, runbooks/web/check\.py"
    ) as caught:
        names.find_runbook(shelf.workspace, "check", cwd=shelf.root)
    assert caught.value.hint == "say more of the name, or its path"


def test_the_closest_name_is_offered(shelf: Desk) -> None:
    with pytest.raises(NotFoundError, match="no runbook of this name") as caught:
        names.find_runbook(shelf.workspace, "restrat", cwd=shelf.root)
    assert caught.value.hint == "did you mean restart?"


def test_a_name_like_none_lists_what_there_is(shelf: Desk) -> None:
    with pytest.raises(NotFoundError) as caught:
        names.find_runbook(shelf.workspace, "zzzzz", cwd=shelf.root)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("there are: db/check, db/dump_all, look_at_this_machine, restart")


@pytest.mark.parametrize("name", ["", "   "])
def test_an_empty_name_is_said_to_be_one(shelf: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="an empty word was given"):
        names.find_runbook(shelf.workspace, name, cwd=shelf.root)


def test_a_path_out_of_the_workspace_is_refused(shelf: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(CELL)

    with pytest.raises(FormatError, match="lies outside the workspace"):
        names.find_runbook(shelf.workspace, "../outside.py", cwd=shelf.root)


def test_a_link_out_of_the_workspace_is_no_runbook(shelf: Desk, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(CELL)
    (shelf.root / "runbooks/linked.py").symlink_to(tmp_path / "outside.py")

    assert "runbooks/linked.py" not in names.runbooks(shelf.workspace)
    with pytest.raises(FormatError, match="link"):
        names.open_runbook(shelf.workspace, "runbooks/linked.py", cwd=shelf.root)


def test_a_folder_called_like_a_runbook_is_none(shelf: Desk) -> None:
    (shelf.root / "runbooks/folder.py").mkdir()

    assert "runbooks/folder.py" not in names.runbooks(shelf.workspace)
    with pytest.raises(NotFoundError, match="a folder, and neither a runbook nor an execution"):
        names.find_runbook(shelf.workspace, "runbooks/folder.py", cwd=shelf.root)


def test_hidden_and_cached_files_are_no_runbooks(shelf: Desk) -> None:
    for path in ("runbooks/.hidden.py", "runbooks/.git/x.py", "runbooks/__pycache__/x.py"):
        shelf.write(path, CELL)

    assert not [path for path in names.runbooks(shelf.workspace) if "x.py" in path or "hidden" in path]


def test_a_folder_without_a_workspace_holds_its_own_files_only(desk: Desk, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    (loose / "below").mkdir(parents=True)
    (loose / "a.py").write_text(CELL)
    (loose / "below/b.py").write_text(CELL)

    assert names.runbooks(workspaces.find(loose, desk.around)) == ("a.py",)


def test_an_execution_is_known_by_its_beginning_its_path_or_as_the_latest(desk: Desk) -> None:
    ids = ("20261121T001205Z-restart-7f3a9c", "20261122T001205Z-restart-aaaaaa")
    same_day = "20261122T001300Z-restart-bbbbbb"
    for name in ids:
        desk.write(f"executions/2026-11/{name}/plan.json", "{}")

    def found(name: str) -> str | None:
        folder = names.execution_named(desk.workspace, name, cwd=desk.root)
        return None if folder is None else folder.id

    assert found("latest") == ids[1]
    assert found("20261121T") == ids[0]
    assert found(ids[0]) == ids[0]
    assert found(f"executions/2026-11/{ids[0]}") == ids[0]
    assert found("restart") is None
    desk.write(f"executions/2026-11/{same_day}/plan.json", "{}")
    with pytest.raises(NotFoundError, match="20261122") as caught:
        found("20261122")
    assert same_day in f"{caught.value} {caught.value.hint}"


def test_a_part_of_a_name_means_the_run_that_lives_or_the_one_that_was_left(desk: Desk) -> None:
    runs = [f"20261121T00120{number}Z-web-7f3a9{number}" for number in range(3)]
    over, left, alive = (desk.root / "executions/2026-11" / each for each in runs)
    for each in (over, left, alive):
        desk.write(f"executions/2026-11/{each.name}/start.txt", "x")
    (over / "finish.txt").write_text("x")

    def meant(part: str, preferred: names.Meant | None = None) -> Path:
        return names.require_execution(desk.workspace, part, cwd=desk.root, preferred=preferred).path

    with files.locked(alive / "supervisor.lock"):
        for part in ("web", "20261121"):
            assert meant(part, names.lives) == alive
            assert meant(part, names.was_left) == left
            with pytest.raises(NotFoundError, match="3 executions"):
                meant(part)
    for part in ("web", "20261121"):
        (alive / "finish.txt").write_text("x")
        assert meant(part, names.lives) == left
        (left / "finish.txt").write_text("x")
        with pytest.raises(NotFoundError, match="3 executions"):
            meant(part, names.lives)
        (left / "finish.txt").unlink()


def planned(desk: Desk, day_and_time: str, *, begun: str | None = None, is_sealed: bool = False) -> Path:
    """The folder of an execution, planned at this time of November 2026 and begun at that."""
    name = f"202611{day_and_time}00Z-web-7f3a9c"
    folder = desk.write(f"executions/2026-11/{name}/plan.json", "{}").parent
    if begun is not None:
        moment = datetime.strptime(f"202611{begun}", "%Y%m%dT%H%M").replace(tzinfo=UTC)
        (folder / "start.txt").write_bytes(start.emit(a_start(id=name, started=moment)))
    if is_sealed:
        (folder / "finish.txt").write_text("x")
    return folder


def test_the_latest_run_is_the_last_that_began_and_the_latest_plan_the_last_that_was_made(
    desk: Desk,
) -> None:
    first = planned(desk, "20T2350")
    planned(desk, "21T1000", begun="21T1100", is_sealed=True)
    late = planned(desk, "21T1010", begun="21T1230", is_sealed=True)
    planned(desk, "21T1200", begun="21T1201", is_sealed=True)
    plan = planned(desk, "21T1300")

    def latest(preferred: names.Meant | None = None) -> Path:
        return names.require_execution(desk.workspace, "latest", cwd=desk.root, preferred=preferred).path

    assert latest() == plan
    for meant in (names.has_begun, names.lives, names.was_left):  # none of these lives or was left
        assert latest(meant) == late
    left = planned(desk, "21T0900", begun="21T0901")
    assert latest(names.was_left) == left
    assert latest(names.has_begun) == late
    with files.locked(left / "supervisor.lock"):
        assert latest(names.lives) == left
        assert latest(names.was_left) == late
    (late / "start.txt").write_text("not one that we wrote")  # counts by its name
    assert latest(names.has_begun).name == "20261121T120000Z-web-7f3a9c"
    (first / "start.txt").write_bytes(start.emit(a_start(started=datetime(2026, 11, 21, 23, 49, tzinfo=UTC))))
    assert latest(names.has_begun) == first  # a plan lives for a day


def test_a_part_of_a_name_means_a_run_rather_than_a_plan(desk: Desk) -> None:
    begun = planned(desk, "21T1000", begun="21T1100")
    planned(desk, "21T1001")

    def meant(preferred: names.Meant | None) -> Path:
        return names.require_execution(desk.workspace, "web", cwd=desk.root, preferred=preferred).path

    assert meant(names.has_begun) == begun
    with pytest.raises(NotFoundError, match="2 executions"):
        meant(None)


def test_where_nothing_was_run_the_latest_is_a_plan(desk: Desk) -> None:
    planned(desk, "21T0900")
    last = planned(desk, "21T1000")
    folder = names.require_execution(desk.workspace, "latest", cwd=desk.root, preferred=names.has_begun)
    assert folder.path == last
    with pytest.raises(NotFoundError, match="no run has begun here"):
        names.require_begun(folder)


def test_no_execution_yet_is_said(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="there are no executions yet"):
        names.execution_named(desk.workspace, "latest", cwd=desk.root)
