"""Given values become a step of their own, in papermill's place and with papermill's tag, and exactly."""

import warnings

import pytest
from hypothesis import given, settings

from runbook.text.injection import inject
from runbook.text.literals import literal
from runbook.text.runbook import Step
from runbook.text.values import Given, Value, resolve
from tests.text.samples import BASE, code_step, parameters_of, same, values

DECLARED = "host: str = 'web1'\nwait: int = 30\n"


def steps() -> tuple[Step, ...]:
    return (
        code_step("imports", "import os", index=0),
        code_step("declared", DECLARED, tags=("parameters",), index=1),
        code_step("work", "print(host)", index=2),
    )


def resolved(**given: str) -> tuple[Value, ...]:
    givers = [Given(name=name, raw=raw, origin="command line") for name, raw in given.items()]
    return resolve(parameters_of(DECLARED), givers, base=BASE)


def value(name: str, content: object, written: str | None, *, secret: bool = False) -> Value:
    return Value(
        name=name, type_text="str", value=content, literal=written, origin="command line", secret=secret
    )


def test_given_values_stand_right_behind_the_declaration() -> None:
    found = inject(steps(), resolved(wait="5"))
    assert [(step.index, step.name) for step in found] == [
        (0, "imports"),
        (1, "declared"),
        (2, "injected-parameters"),
        (3, "work"),
    ]
    injected = found[2]
    assert injected.cell.source == "# Parameters\nwait = 5"
    assert injected.tags == ("injected-parameters",)
    assert injected.cell.options == (("tags", ("injected-parameters",)),)
    assert (injected.kind, injected.cell.kind, injected.cell.line) == ("code", "code", 0)


def test_nothing_given_leaves_the_steps_as_they_are() -> None:
    assert inject(steps(), resolved()) == steps()


def test_an_earlier_injection_is_replaced() -> None:
    before = steps()
    earlier = code_step("old", "wait = 1\nhost = 'evil'", tags=("injected-parameters",))
    found = inject((*before[:2], earlier, before[2]), resolved(wait="5"))
    assert [step.name for step in found] == ["imports", "declared", "injected-parameters", "work"]
    assert inject(found, resolved(wait="6"))[2].cell.source == "# Parameters\nwait = 6"
    assert inject(found, resolved(wait="5")) == found


def test_a_taken_name_gets_a_number() -> None:
    found = inject((*steps(), code_step("injected-parameters", "1", index=3)), resolved(wait="5"))
    assert [step.name for step in found][2:] == ["injected-parameters-2", "work", "injected-parameters"]


def test_of_a_secret_only_its_name_is_written() -> None:
    injected = inject(steps(), [value("token", "hunter2", None, secret=True)])
    written = "".join(step.cell.source for step in injected)
    assert 'token = __import__("runbook.kit", fromlist=["secret"]).secret("given:token")' in written
    assert "hunter2" not in written


@pytest.mark.parametrize("name", ["x; import os #", "class", "None", "a b", "", "é", "x\n"])
def test_a_name_that_is_not_one_is_never_written_as_code(name: str) -> None:
    with pytest.raises(ValueError, match="not a parameter's name"):
        inject(steps(), [value(name, "x", "'x'")])


@pytest.mark.parametrize("written", ["1\nimport os", "__import__('os')", "1; x", "", "f'{x}'", None])
def test_what_is_no_literal_is_never_written_as_code(written: str | None) -> None:
    with pytest.raises(ValueError, match=r"literal|computed"):
        inject(steps(), [value("host", "x", written)])


def test_values_without_a_declaration_are_a_bug() -> None:
    with pytest.raises(ValueError, match="declare no parameters"):
        inject(steps()[:1], resolved(wait="5"))


@settings(max_examples=100, deadline=None)
@given(values)
def test_the_step_that_runs_sets_exactly_the_value(content: object) -> None:
    (_, _, injected, _) = inject(steps(), [value("host", content, literal(content))])
    namespace: dict[str, object] = {}
    exec(injected.cell.source, namespace)
    assert same(namespace["host"], content)


def test_papermill_puts_its_step_in_the_same_place() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        papermill = pytest.importorskip("papermill.parameterize", reason="papermill comes with make bench")
        import nbformat

        cells = [
            nbformat.v4.new_code_cell(step.cell.source, metadata={"tags": list(step.tags)})
            for step in steps()
        ]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "papermill": {}})
        theirs = papermill.parameterize_notebook(notebook, {"wait": 5})
    ours = inject(steps(), resolved(wait="5"))
    assert [(cell.source, list(cell.metadata.tags)) for cell in theirs.cells] == [
        (step.cell.source + ("\n" if "injected-parameters" in step.tags else ""), list(step.tags))
        for step in ours
    ]


KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}
