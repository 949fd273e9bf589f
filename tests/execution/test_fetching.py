"""Fetching a run's secrets: from where, by whom, and what must hold of them before anything begins."""

import base64
from pathlib import Path

import msgspec
import pytest

from runbook.errors import InputError, ParameterError, UnavailableError
from runbook.evidence.plan import PlannedValue, PlanRecord
from runbook.execution import fetching
from runbook.text.includes import Included, Tree
from runbook.text.secret import Hidden
from runbook.text.values import DEFAULT
from tests.evidence.builders import CELLS, plan_of, value

SECRET = "Zq7-hunter2-Kx"


def planned(source: str | None, name: str = "token", origin: str = "command line") -> PlannedValue:
    return PlannedValue(name=name, type_text="Secret", literal=None, origin=origin, source=source)


def plan(*values: PlannedValue, **changes: object) -> PlanRecord:
    return plan_of(CELLS, values=values, **changes)


def typed(_: str) -> str:
    return SECRET


def nobody(name: str) -> str:
    raise AssertionError(f"{name} was asked for")


def refused(record: PlanRecord, text: str = "", includes: Tree = fetching.NO_FILES, **secrets: str) -> str:
    hidden = {name: Hidden(secret) for name, secret in secrets.items()}
    with pytest.raises(InputError) as caught:
        fetching.require_fit(record, hidden, text=text, includes=includes)
    assert SECRET not in str(caught.value)
    return caught.value.message


# Where they come from


def test_secrets_come_from_variables_files_and_people(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("from-a-file\n")
    record = plan(
        planned("env:TOKEN", "a"), planned(f"file:{kept}", "b"), planned("prompt", "c"), value("d", "1")
    )
    found = fetching.fetch(record, text="", env={"TOKEN": "from-env"}, ask=lambda name: f"typed for {name}")
    assert {name: hidden.reveal() for name, hidden in found.items()} == {
        "a": "from-env",
        "b": "from-a-file",
        "c": "typed for c",
    }


def test_where_nobody_can_be_asked_a_prompt_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        fetching.fetch(plan(planned("prompt")), text="", env={}, ask=None)
    assert caught.value.message == "the secret token is typed at a terminal, and nobody is asked here"
    assert caught.value.hint == "run it at a terminal without --unattended, or plan it with -p token=env:NAME"


def test_of_an_unattended_plan_nobody_is_asked_even_where_somebody_could_be() -> None:
    with pytest.raises(InputError, match="nobody is asked here"):
        fetching.fetch(plan(planned("prompt"), kind="unattended"), text="", env={}, ask=nobody)


def test_an_unattended_plan_is_served_from_a_variable() -> None:
    record = plan(planned("env:TOKEN"), kind="unattended")
    assert fetching.fetch(record, text="", env={"TOKEN": SECRET}, ask=None)["token"].reveal() == SECRET


@pytest.mark.parametrize(
    ("source", "env", "message", "hint"),
    [
        ("env:TOKEN", {}, "the variable TOKEN is not set", "export TOKEN, or name another place"),
        ("env:TOKEN", {"TOKEN": " \n"}, "env:TOKEN is empty", "put the secret there, or name another place"),
        ("env:TOKEN", {"TOKEN": "\udc80"}, "env:TOKEN is not UTF-8", "encode it, in base64 say"),
        ("env:TOKEN", {"TOKEN": "x" * 16385}, "env:TOKEN is 16385 bytes", "a secret has at most 16384 bytes"),
        ("file:kept", {}, "file:kept starts nowhere", "write the whole path, or ~/…"),
        (
            "file:~/kept",
            {"HOME": "/nowhere"},
            "/nowhere/kept can't be read: No such file or directory",
            "look at the path and mode",
        ),
        ("file:/dev/null", {}, "/dev/null is no file", "name a file"),
    ],
)
def test_what_is_not_where_it_should_be_is_told_with_what_to_do(
    source: str, env: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        fetching.fetch(plan(planned(source)), text="", env=env, ask=nobody)
    assert caught.value.message == f"the secret token: {message}"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("said", "message"),
    [("  ", "what was typed is empty"), (SECRET + "\0", "what was typed holds a zero byte")],
)
def test_what_was_typed_and_is_no_secret_is_refused_unshown(said: str, message: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        fetching.fetch(plan(planned("prompt")), text="", env={}, ask=lambda _: said)
    assert caught.value.message == f"the secret token: {message}"


@pytest.mark.parametrize("source", [None, "", SECRET])
def test_a_plan_that_names_no_place_is_planned_again(source: str | None) -> None:
    with pytest.raises(InputError) as caught:
        fetching.fetch(plan(planned(source)), text="", env={}, ask=nobody)
    assert caught.value.message == "the plan does not say where the secret token is"
    assert caught.value.hint == "plan it again"


def test_what_was_fetched_must_fit_before_it_is_handed_on() -> None:
    with pytest.raises(ParameterError, match="stands in the runbook's text"):
        fetching.fetch(plan(planned("prompt")), text=f"# {SECRET}", env={}, ask=typed)


# Step 1 of require_fit


def test_a_secret_of_the_plan_that_is_missing_is_refused() -> None:
    assert refused(plan(planned("prompt"))) == "the secret token was not handed over"


def test_a_secret_that_the_plan_does_not_have_is_refused() -> None:
    assert refused(plan(), token=SECRET) == "the secret token is none of this plan's"


def test_a_public_value_is_no_secret_of_the_plan() -> None:
    assert refused(plan(value("token", "'abc'")), token=SECRET) == "the secret token is none of this plan's"


# Step 2 of require_fit


@pytest.mark.parametrize(
    ("literal", "secret", "how"),
    [
        (repr(SECRET), SECRET, "is"),
        ("'12'", "12", "is"),  # too short to be masked, but equal
        ("120", "120", "is"),
        (f"['a', {{'b': {SECRET!r}}}]", SECRET, "is"),
        (f"{{{SECRET!r}: 1}}", SECRET, "is"),
        (f"'before {SECRET} behind'", SECRET, "stands in"),
        (repr(base64.b64encode(SECRET.encode()).decode()), SECRET, "stands in"),
    ],
)
def test_a_secret_in_a_public_value_is_refused(literal: str, secret: str, how: str) -> None:
    said = refused(plan(planned("prompt"), value("where", literal)), token=secret)
    place = "the value of where" if how == "is" else "in the value of where"
    verb = "is" if how == "is" else "stands"
    assert said == f"token: the secret {verb} {place}, which everybody can read"


def test_a_secret_in_the_text_is_refused() -> None:
    said = refused(plan(planned("prompt")), text=f"# the key is {SECRET}\n", token=SECRET)
    assert said == "token: the secret stands in the runbook's text, which everybody can read"


def test_a_secret_in_an_included_file_is_refused_with_the_file_s_name() -> None:
    tree = Tree(
        files=(
            Included(path="k8s/clean", executable=False, data=b"nothing"),
            Included(path="k8s/held", executable=False, data=b"\xff" + SECRET.encode() + b"\0"),
        )
    )
    said = refused(plan(planned("prompt")), includes=tree, token=SECRET)
    assert said == "token: the secret stands in the included file k8s/held, which everybody can read"


def test_a_secret_in_the_typed_reason_is_refused() -> None:
    said = refused(plan(planned("prompt"), expired_reason=f"because {SECRET}"), token=SECRET)
    assert said == "token: the secret stands in the reason that was typed, which everybody can read"


def test_all_problems_are_told_at_once() -> None:
    record = plan(planned("prompt"), planned("prompt", "other"), value("where", repr(SECRET)))
    said = refused(record, text="Wm3-else-Yt", token=SECRET, other="Wm3-else-Yt")
    assert said == (
        "token: the secret is the value of where, which everybody can read; "
        "other: the secret stands in the runbook's text, which everybody can read"
    )


def test_secrets_that_stand_nowhere_else_fit() -> None:
    record = plan(planned("prompt"), value("where", "'north'"), value("none", "None"), value("yes", "True"))
    tree = Tree(files=(Included(path="a", executable=False, data=b"nothing"),))
    fetching.require_fit(record, {"token": Hidden(SECRET)}, text="# nothing", includes=tree)


# How large, how short, and by which name


def test_secrets_fit_through_a_pipe_together_to_the_byte() -> None:
    names = ("a", "b", "c")
    record = plan(*(planned("prompt", name) for name in names))
    whole = {"a": "Ä" * 8192, "b": "x" * 16384, "c": "y" * 8192}
    assert sum(len(text.encode()) for text in whole.values()) == fetching.TOTAL_BYTES
    fetching.require_fit(record, {name: Hidden(text) for name, text in whole.items()}, text="")
    assert (
        refused(record, a=whole["a"], b=whole["b"], c="y" * 8193)
        == "the secrets are more than 40960 bytes together"
    )


def test_secrets_too_short_to_be_masked_are_named() -> None:
    secrets = {"z": Hidden("abc"), "long": Hidden("abcd"), "a": Hidden("1")}
    assert fetching.unmasked(secrets) == ("a", "z")


def test_a_declared_place_stands_for_its_secret_only_where_it_was_not_given_otherwise() -> None:
    record = plan(
        planned("env:TOKEN", "token", DEFAULT),
        planned("env:OTHER", "other"),
        msgspec.structs.replace(value("public", "'a'"), origin=DEFAULT),
    )
    assert fetching.by_source(record) == {"env:TOKEN": "token"}
