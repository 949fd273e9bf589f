"""The record beside Jupyter's own: nbformat says it is valid, nbclient makes the same outputs."""

import base64
import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.evidence import record
from runbook.evidence.outputs import ATTEMPT_BYTES
from tests.evidence.builders import Cell, Told, plan_of

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 3000


def rendered(told: Told) -> bytes:
    return record.render(told.account(), told.sources, get=told.blobs.get)


def notebook(told: Told) -> Any:
    found = nbformat.reads(rendered(told).decode("ascii"), as_version=4)
    nbformat.validate(found)
    return found


def cell_of(found: Any, step: str) -> Any:
    return next(cell for cell in found.cells if cell.metadata.get("runbook", {}).get("step") == step)


def test_the_record_is_a_notebook_in_the_order_of_the_text(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.kernel()
    told.run("health", text="fine\n")
    found = notebook(told)
    assert [cell.cell_type for cell in found.cells] == [
        "markdown", "markdown", "code", "markdown", "markdown", "code", "markdown",
    ]  # fmt: skip
    health = cell_of(found, "health")
    assert health.source == "print('fine')"
    assert health.outputs == [{"output_type": "stream", "name": "stdout", "text": "fine\n"}]
    assert health.execution_count == 1
    assert health.metadata.tags == ["read-only"]
    assert found.metadata.language_info == {"name": "python", "version": "3.11.9"}
    assert found.metadata.runbook.execution == told.plan.id


def test_nbclients_timing_keys_are_there_for_jupyterlab(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health")
    times = cell_of(notebook(told), "health").metadata.execution
    assert times == {
        "iopub.status.busy": "2026-11-21T00:12:05.500Z",
        "iopub.execute_input": "2026-11-21T00:12:05.750Z",
        "shell.execute_reply": "2026-11-21T00:12:06.000Z",
        "iopub.status.idle": "2026-11-21T00:12:06.250Z",
    }


def test_a_step_that_did_not_succeed_is_seen_without_looking_at_metadata(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health", "failed")
    told.tell("step-skipped", step="restart", reason="operator", words="<b>not</b> today `x`")
    found = notebook(told)
    remarks = [cell.source for cell in found.cells if "runbook-remark" in cell.metadata.get("tags", ())]
    assert remarks == [
        "Runbook: **failed**",
        "Runbook: **pending**",
        "Runbook: **skipped** (`operator`) saying `` <b>not</b> today `x` ``",
    ]
    assert cell_of(found, "restart").outputs == []
    assert cell_of(found, "restart").metadata.runbook.state == "skipped"


def test_the_last_attempt_is_shown_and_every_attempt_is_listed(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health", "failed", text="first\n")
    request = told.begin("health", attempt=2)
    told.print("health", "second\n", parent=request)
    told.end("health", "succeeded", parent=request, attempt=2)
    cell = cell_of(notebook(told), "health")
    assert cell.outputs[0].text == "second\n"
    assert [attempt.state for attempt in cell.metadata.runbook.attempts] == ["failed", "succeeded"]


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"approved": False}, "**NOT APPROVED**"),
        ({"dry_run": True}, "**DRY RUN**"),
        ({"expired_reason": "outage"}, "**EXPIRED APPROVAL**"),
    ],
)
def test_what_nobody_may_overlook_stands_in_the_title(
    tmp_path: Path, changes: dict[str, object], flag: str
) -> None:
    told = Told(tmp_path, plan=plan_of(Told(tmp_path / "x").cells, **changes))
    assert notebook(told).cells[0].source.startswith(f"# {flag} `Restart the web tier`\n")


def test_the_same_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health", text="fine\n")
    assert rendered(told) == rendered(told)


def test_hostile_output_cannot_move_the_terminal_that_shows_the_file(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health", text="\x1b[2J\u202e\u2028\x9b\r\x00é")
    data = rendered(told)
    assert data.isascii()
    assert not any(byte < 32 and byte != 10 for byte in data)
    assert cell_of(notebook(told), "health").outputs[0].text == "\x1b[2J\u202e\u2028\x9b\r\x00é"


def test_rich_outputs_come_back_exactly(tmp_path: Path) -> None:
    told = Told(tmp_path)
    data = {
        "image/png": base64.b64encode(PNG).decode() + "\n",
        "text/html": "<b>1</b>\n<i>2</i>",
        "application/json": {"a": [0.1, 1e300, None], "$b": {"c": "\ud83c"}},
        "application/vnd.x+json": [1.5],
    }
    request = told.begin("health")
    told.hear(
        "health", "display_data", {"data": data, "metadata": {"image/png": {"width": 0.5}}}, parent=request
    )
    told.end("health", "succeeded", parent=request)
    output = json.loads(rendered(told))["cells"][2]["outputs"][0]
    joined = {
        mime: "".join(value) if mime in ("image/png", "text/html") else value
        for mime, value in output["data"].items()
    }
    assert joined == data
    assert output["metadata"] == {"image/png": {"width": 0.5}}


def test_outputs_above_the_limit_are_left_out_aloud(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    for _ in range(3):
        told.hear(
            "health", "display_data", {"data": {"text/html": "x" * (ATTEMPT_BYTES // 2)}}, parent=request
        )
    told.print("health", "y" * (8 << 20), parent=request)
    told.end("health", "succeeded", parent=request)
    outputs = cell_of(notebook(told), "health").outputs
    assert "[runbook: 2 more outputs, " in outputs[-1].text
    assert "characters are left out here and are in journal.jsonl" in outputs[1].text
    assert len(rendered(told)) < 12 << 20


NUMBER = st.floats() | st.integers()


@settings(max_examples=60, deadline=None)
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "stream",
                    "display_data",
                    "execute_result",
                    "error",
                    "clear_output",
                    "update_display_data",
                    "odd",
                ]
            ),
            st.dictionaries(
                st.sampled_from(
                    ["name", "text", "data", "metadata", "transient", "traceback", "wait", "ename"]
                ),
                st.text()
                | NUMBER
                | st.lists(st.text())
                | st.dictionaries(st.text(), st.text() | NUMBER | st.lists(NUMBER)),
            ),
        ),
        max_size=6,
    )
)
def test_whatever_a_step_sends_the_record_is_valid(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, dict[str, object]]]
) -> None:
    told = Told(tmp_path_factory.mktemp("run"))
    request = told.begin("health")
    for kind, content in said:
        told.hear("health", kind, content, parent=request)
    told.end("health", "succeeded", parent=request)
    notebook(told)


SOURCES = (
    """\
import sys
for i in range(3):
    print(i, flush=True)
    print('e', i, file=sys.stderr, flush=True)
1 + 1""",
    """\
from IPython.display import display, HTML, JSON, clear_output
h = display(HTML('<b>x</b>'), display_id='bar')
display(JSON({'a': 0.1, 'b': [1, None]}))""",
    """\
from IPython.display import update_display
print('gone')
clear_output(wait=True)
print('there')
update_display(HTML('<i>y</i>'), display_id='bar')
{'x': 1.5}""",
    "print('before')\n1 / 0",
)


class Listening(nbclient.NotebookClient):  # type: ignore[misc]  # nbclient has no types
    """nbclient as it is, telling what it hears."""

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        self.heard.append((cell_index, msg))
        return super().process_message(msg, cell, cell_index)


def test_a_real_kernels_outputs_are_those_that_nbclient_shows(tmp_path: Path) -> None:
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in SOURCES])
    client = Listening(nb, allow_errors=True, kernel_name="python3")
    client.heard = []
    client.execute()
    cells = tuple(Cell(name=f"s{index}", source=source) for index, source in enumerate(SOURCES))
    told = Told(tmp_path, cells)
    for index, cell in enumerate(cells):
        request = told.begin(cell.name)
        for place, message in client.heard:
            if place == index:
                told.hear(cell.name, message["msg_type"], message["content"], parent=request)
        told.end(cell.name, "failed" if index == 3 else "succeeded", parent=request)
    found = notebook(told)
    for index, cell in enumerate(nb.cells):
        mine = cell_of(found, f"s{index}")
        assert mine.outputs
        assert mine.outputs == cell.outputs
        assert mine.execution_count == cell.execution_count


def test_the_record_says_that_a_name_is_claimed(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.tell("attested", step="announce", by="alice@host", words="said it")

    said = [cell["source"] for cell in notebook(told)["cells"] if cell["cell_type"] == "markdown"]

    assert "Runbook: **attested** by `alice@host` (claimed by the login) saying `said it`" in "\n".join(said)
