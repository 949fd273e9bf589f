"""`when`: what may stand in it, and that its answer is the one Python would give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.errors import ParameterError
from runbook.text.when import check, evaluate

NAMES = {"region": "eu", "count": 3, "dry": False, "hosts": ["a", "b"], "ratio": 0.5, "environment": "prod"}


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("dry", False),
        ("not dry", True),
        ("region == 'eu'", True),
        ('region != "eu"', False),
        ("count >= 3 and region in ('eu', 'us')", True),
        ("count > 3 or not dry", True),
        ("1 < count <= 3", True),
        ("3 < count <= 3", False),
        ("environment not in ['scratch', 'staging']", True),
        ("'a' in hosts", True),
        ("'e' in region", True),
        ("hosts == ['a', 'b']", True),
        ("count == -3", False),
        ("ratio < 1.0", True),
        ("region == None", False),
        ("(dry == False) == True", True),
        ("True", True),
        ("  dry  ", False),
    ],
)
def test_an_expression_has_pythons_answer(expression: str, answer: bool) -> None:
    assert check(expression, set(NAMES)) is None
    assert evaluate(expression, NAMES) is answer
    assert bool(eval(expression.strip(), {"__builtins__": {}}, dict(NAMES))) is answer


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "it is not an expression"),
        ("region ==", "it is not an expression"),
        ("a = 1", "it is not an expression"),
        ("region; dry", "it is not an expression"),
        ("print()", "it holds `print()`"),
        ("region.upper() == 'EU'", "it holds `region.upper()`"),
        ("hosts[0] == 'a'", "it holds `hosts[0]`"),
        ("count + 1 == 4", "it holds `count + 1`"),
        ("count ** 99 == 1", "it holds `count ** 99`"),
        ("~count == 1", "it holds"),
        ("region is None", "it holds"),
        ("lambda: 1", "it holds `lambda: 1`"),
        ("f'{region}' == 'x'", "it holds"),
        ("[x for x in hosts] == []", "it holds"),
        ("{'a': 1} == 1", "it holds"),
        ("(x := 1) == 1", "it holds"),
        ("region if dry else dry", "it holds"),
        ("[*hosts] == []", "it holds"),
        ("await region", "it holds"),
        ("region == b'x'", "it holds the literal b'x'"),
        ("count == 1j", "it holds the literal 1j"),
        ("region == ...", "it holds the literal Ellipsis"),
        ("-region == 1", "a minus stands before something that is not a number"),
        ("-True == 1", "a minus stands before something that is not a number"),
        ("region == 'é'", "it holds characters outside printable ASCII"),
        ("region == 'a'\ndry", "it holds characters outside printable ASCII"),
        ("dry" + " or dry" * 60, "longer than 400 characters"),
        ("1" + " == 1" * 79, "it is too long to be understood"),
        ("region == '\\d'", "it holds a backslash"),
        ("token == 'x'", "'token' is neither a parameter that is not secret nor `environment`"),
        ("__import__ == 1", "'__import__' is neither a parameter that is not secret nor `environment`"),
    ],
)
def test_whatever_is_more_than_a_comparison_is_refused(expression: str, words: str) -> None:
    problem = check(expression, set(NAMES))
    assert problem is not None
    assert problem.startswith(words)
    with pytest.raises(ParameterError):
        evaluate(expression, NAMES)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("region", "'eu' is neither True nor False: compare it with something"),
        ("count", "3 is neither True nor False"),
        ("not region", "'eu' is neither True nor False"),
        ("dry or region", "'eu' is neither True nor False"),
        ("region < count", "`region < count` compares what can't be compared"),
        ("count in region", "`count in region` compares what can't be compared"),
        ("nobody == 1", "'nobody' has no value"),
    ],
)
def test_an_answer_that_is_neither_true_nor_false_is_an_error(expression: str, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        evaluate(expression, NAMES)
    assert str(caught.value).startswith(f"when={expression!r}: {words}")


@given(st.text("abcdinotrue ()[]'\"=<>!,.:-1+*&|%_", max_size=40))
def test_checking_never_raises_and_agrees_with_evaluating(expression: str) -> None:
    if check(expression, {"a", "b"}) is None:
        try:
            answer = evaluate(expression, {"a": True, "b": 1, "environment": "prod"})
        except ParameterError:
            return
        assert isinstance(answer, bool)
