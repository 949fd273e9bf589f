"""The header: what it says, and every line of it that must not be there."""

import pytest

from runbook.text.fences import locate, misplaced_header
from runbook.text.header import read_header
from runbook.text.jupyter_section import is_formats, normal_section
from runbook.text.reasons import Reason
from runbook.text.runbook import Header, Includes
from tests.text.builders import HEADER, JUPYTER


def header_of(text: str) -> tuple[Header, list[tuple[str, int | None]]]:
    header, _, reasons = read_header(text.split("\n")[:-1])
    return header, [(reason.code, reason.line) for reason in reasons]


def with_runbook(*lines: str) -> str:
    return "# ---\n" + "".join(f"# {line}\n" for line in ("runbook:", *lines)) + JUPYTER + "# ---\n"


def only(text: str) -> Reason:
    _, _, reasons = read_header(text.split("\n")[:-1])
    assert len(reasons) == 1
    return reasons[0]


def test_the_normal_header_says_what_it_says() -> None:
    header, reasons = header_of(HEADER + "\n# %%\n")
    assert reasons == []
    assert header == Header(
        title="Restart the web tier",
        description="Rolling restart, one host at a time, with a health check after each.",
        owner="sre@example.com",
        environments=("staging", "prod"),
    )


def test_all_keys_are_read() -> None:
    text = with_runbook(
        "  description: |",
        "    two",
        "    lines",
        "  env: [A, B_2]",
        "  agent: true",
        "  includes:",
        "    paths: [lib/pg.py, data/*.csv]",
        f"    digest: sha256:{'ab' * 32}",
    )
    header, reasons = header_of(text)
    assert reasons == []
    assert header.description == "two\nlines"
    assert header.env == ("A", "B_2")
    assert header.agent is True
    assert header.includes == Includes(
        paths=("lib/pg.py", "data/*.csv"), digest=f"sha256:{'ab' * 32}", line=9
    )


def test_a_missing_header_is_said_once() -> None:
    reason = only("# %%\nx = 1\n")
    assert (reason.code, reason.line) == ("header.missing", 1)
    assert reason.message == "there is no header; the text runs in scratch only"
    assert reason.hint == "run `runbook fmt`, which writes one"


def test_a_header_below_a_licence_is_none_and_the_reason_says_so() -> None:
    reason = only("# Copyright somebody\n" + HEADER + "\n# %%\n")
    assert (reason.code, reason.line) == ("header.place", 2)
    assert "its title, environments and approvals do not count" in reason.message
    assert misplaced_header(["# Copyright", *HEADER.split("\n")]) == 1
    assert misplaced_header(["# %%", *HEADER.split("\n")]) is None


def test_what_stands_above_a_header_is_left_out_of_the_cells() -> None:
    lines = ("#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n" + HEADER + "\nx = 1\n").split("\n")
    place, reasons = locate(lines)
    assert (place.skipped, place.opening) == (2, 2)
    assert lines[place.end] == "x = 1"
    assert [reason.code for reason in reasons] == ["header.place"]


@pytest.mark.parametrize("behind", ["\nx = 1\n", "#\nx = 1\n", "#  \nx = 1\n", "x = 1\n"])
def test_one_empty_line_behind_the_header_belongs_to_it(behind: str) -> None:
    lines = (HEADER + behind).split("\n")
    place, _ = locate(lines)
    assert lines[place.end] == "x = 1"


def test_an_open_header_names_the_line_where_it_broke() -> None:
    reason = only("# ---\n# runbook:\n#   title: X\n\n# jupyter:\n# ---\n")
    assert (reason.code, reason.line) == ("header.fence", 1)
    assert (
        reason.message == "the header that starts here is not closed before line 4: jupytext sees no header"
    )
    assert reason.hint == "end it with `# ---`, and write `#` for an empty line inside it"


def test_lines_of_reasons_count_over_the_approvals_that_were_taken_out() -> None:
    block = (
        "# approvals:\n# - approver: bob@example.com\n#   environments: [prod]\n#   allows: interactive\n"
        f"#   text: sha256:{'0f' * 32}\n#   issued: 2026-11-21T00:07:07Z\n#   expires: 2027-02-19T00:07:07Z\n"
        "#   signature: |\n#     QUJD\n"
    )
    text = with_runbook("  title: X").replace(JUPYTER, block + JUPYTER.replace("python3", "other"))
    header, reasons = header_of(text)
    assert len(header.approvals) == 1
    assert reasons == [("header.jupytext", 4 + block.count("\n"))]


def test_an_unknown_key_names_the_known_ones() -> None:
    reason = only(with_runbook("  titel: X"))
    assert (reason.code, reason.line) == ("header.key", 3)
    assert reason.message == "`titel` is not a key of `runbook:`"
    assert reason.hint.startswith("known are title, description, owner, environments")


def test_a_wrong_value_names_its_line_and_what_is_wanted() -> None:
    reason = only(with_runbook("  title: X", "  environments: [Prod]"))
    assert (reason.code, reason.line) == ("header.value", 4)
    assert reason.message == "`environments` is not a list of names in lower case like staging"


def test_every_wrong_value_is_told_at_once() -> None:
    _, reasons = header_of(with_runbook("  titel: X", "  agent: 1", "  env: [A=1]", "  title: 3"))
    assert reasons == [("header.key", 3), ("header.value", 4), ("header.value", 5), ("header.value", 6)]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("LD_PRELOAD", "nobody reviews values"),
        ("DYLD_INSERT_LIBRARIES", "nobody reviews values"),
        ("PYTHONSTARTUP", "nobody reviews values"),
        ("IPYTHONDIR", "nobody reviews values"),
        ("BASH_ENV", "nobody reviews values"),
        ("GIT_SSH_COMMAND", "nobody reviews values"),
        ("GIT_CONFIG_COUNT", "nobody reviews values"),
        ("MAKEFLAGS", "nobody reviews values"),
        ("SSH_AUTH_SOCK", "say `agent: true`"),
        ("RUNBOOK_SIGNING_KEY", "belongs to Runbook itself"),
    ],
)
def test_a_variable_that_never_passes_is_named_with_the_reason(name: str, why: str) -> None:
    reason = only(with_runbook("  title: X", f"  env: [WEB_REGION, {name}]"))
    assert (reason.code, reason.line, reason.degree.value) == ("header.env", 4, "refused")
    assert reason.message.startswith(f"{name} never passes to steps: ")
    assert why in reason.message
    assert reason.hint == f"take {name} out"


@pytest.mark.parametrize(
    "name", ["HOME", "LANG", "KUBECONFIG", "AWS_PROFILE", "GIT_AUTHOR_NAME", "LDAP_HOST"]
)
def test_ordinary_variables_may_be_named(name: str) -> None:
    header, reasons = header_of(with_runbook("  title: X", f"  env: [{name}]"))
    assert header.env == (name,)
    assert not reasons


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "-x", "~x", "a\\b", "c:x", "é", "a/..", ""])
def test_an_include_outside_the_folder_is_refused(path: str) -> None:
    _, reasons = header_of(with_runbook("  includes:", f"    paths: ['{path}']"))
    assert [code for code, _ in reasons] == ["header.value"]


def test_the_normal_section_with_formats_is_normal() -> None:
    section = "".join(f"# {line}\n" for line in normal_section("ipynb,py:percent"))
    header, reasons = header_of("# ---\n" + section + "# ---\n")
    assert reasons == []
    assert header.formats == "ipynb,py:percent"
    assert "formats" not in "".join(normal_section())


@pytest.mark.parametrize("text", ["ipynb,py:percent", "notebooks/x.ipynb", "ipynb"])
def test_formats(text: str) -> None:
    assert is_formats(text)


@pytest.mark.parametrize("text", ["", "a b", "a: b", "a#b", "[a]", "a\nb", "x" * 201])
def test_what_are_no_formats(text: str) -> None:
    assert not is_formats(text)


def test_kernel_and_language_are_those_of_the_section() -> None:
    header, reasons = header_of(HEADER.replace("name: python3", "name: other"))
    assert header.kernel == "other"
    assert header.language == "python"
    assert [code for code, _ in reasons] == ["header.jupytext"]
