"""In a dry run the kit starts no process outside `read-only` steps, whatever is called, with whatever."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook import kit
from runbook.evidence.folder import ExecutionFolder
from runbook.kit import attach_file, sh
from tests.execution.staging import Stage, staged
from tests.program import inside


@pytest.fixture
def stage(tmp_path: Path, home: Path) -> Iterator[Stage]:
    with staged(tmp_path / "ws", home) as made:
        yield made


CALLABLE = sorted(name for name in kit.__all__ if callable(getattr(kit, name)))
LEFT = "left"  # what every command here would leave in the working folder
_TOUCH = ("touch", LEFT)


class Touching:
    """A probe, a call to be repeated: something of an author's that runs a command."""

    def __call__(self) -> kit.Ran:
        return sh(*_TOUCH)


things = st.one_of(
    st.sampled_from(
        [f"touch {LEFT}", "touch {x}", f"touch {LEFT} | cat", f"touch {LEFT} &", "touch", LEFT, list(_TOUCH)]
    ),
    st.builds(Touching),
    st.sampled_from(
        [None, True, 0, 2, 0.01, b"x", Path(LEFT), Path("file"), ("a", "b"), {"A": "1"}, OSError]
    ),
    st.text(max_size=5),
)
names = st.sampled_from(
    ["check", "timeout", "cwd", "env", "input", "every", "times", "on", "what", "choices", "name", "x", "ge"]
)
calls = st.lists(
    st.tuples(
        st.sampled_from(CALLABLE),
        st.one_of(st.just(_TOUCH), st.lists(things, max_size=3)),
        st.dictionaries(names, things, max_size=2),
    ),
    min_size=1,
    max_size=5,
)


@contextlib.contextmanager
def step(folder: Path, *, read_only: bool) -> Iterator[Path]:
    """A step of a dry run, in a working folder of its own; answers are on standard input."""
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("x")
    facts = {"dry_run": True, "read_only": read_only, "staging": str(folder / "staging")}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(sys.modules, "_runbook_run", type("Run", (), {"facts": facts}))
        patch.setattr(sys, "stdin", io.StringIO("yes\n" * 9))
        yield folder


def test_no_call_of_the_kit_starts_a_process(tmp_path: Path) -> None:
    before = psutil.Process().children(recursive=True)

    @settings(max_examples=150, deadline=None)
    @given(calls=calls)
    def leave_nothing(calls: list[tuple[str, Any, Any]]) -> None:
        with step(tmp_path / "w", read_only=False) as folder:
            for name, words, options in calls:
                with contextlib.suppress(Exception):  # most of it makes no sense, and is refused
                    getattr(kit, name)(*words, **options)
            assert sorted(each.name for each in folder.iterdir()) == ["file"]

    leave_nothing()
    assert psutil.Process().children(recursive=True) == before
    assert sorted(each.name for each in (tmp_path / "w").iterdir()) == ["file"]


def test_the_same_calls_leave_their_marks_in_a_read_only_step(tmp_path: Path) -> None:
    """So the test above can fail: the commands are real, and what they leave is seen."""
    acts: list[Callable[[], object]] = [
        Touching(),
        lambda: kit.retry(Touching()),
        lambda: kit.wait_until(Touching(), timeout=1),
    ]
    for act in acts:
        with step(tmp_path / "w", read_only=True) as folder:
            act()
            assert (folder / LEFT).exists()
            (folder / LEFT).unlink()
    with step(tmp_path / "w", read_only=True) as folder:
        attach_file("file")
        assert list((folder / "staging").iterdir())


def test_a_whole_dry_run_acts_in_read_only_steps_alone(stage: Stage) -> None:
    result, shown = stage.run(
        """
        # %% tags=["parameters"]
        from runbook.kit import sh
        made = sh("touch", "by-parameters").code
        # %% tags=["setup"]
        sh("touch", "by-setup")
        # %% look tags=["read-only"]
        sh("touch", "by-read-only")
        # %% change
        sh("touch", "by-change")
        """,
        dry_run=True,
    )

    assert result.outcome == "succeeded"
    assert [each.name for each in ExecutionFolder(result.execution).work.iterdir()] == ["by-read-only"]
    assert {each.name: each.state for each in result.steps}["change"] == "skipped"
    assert any(event.payload.get("dry_run") is True for event in shown.events if event.kind == "kit")


def test_a_plan_says_which_setup_steps_a_dry_run_leaves_out(stage: Stage) -> None:
    (stage.root / "x.py").write_text(
        '# %% name="connect" tags=["setup"]\nx = 1\n\n# %% name="look" tags=["setup", "read-only"]\ny = 1\n'
    )

    said = inside(stage.root, "plan", "x.py", "--dry-run")

    assert said.code == 0, said.err
    assert "where a step changes nothing, tag it read-only, too (connect)" in said.out
    assert "tag it read-only" not in inside(stage.root, "plan", "x.py").out
