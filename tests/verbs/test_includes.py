"""Included files in the verbs: `fmt` fills the digest in, `review` shows them, other files are refused."""

import subprocess

import pytest

from runbook.errors import FormatError, InputError, TextRefused
from runbook.execution import earlier
from runbook.text import reader
from runbook.text.filling import with_digest
from runbook.verbs.fmt import fmt
from runbook.verbs.lint import lint
from runbook.verbs.review import Review, Wish, prepare
from runbook.verbs.reviewed_files import ReviewedFile
from runbook.verbs.verify import Asked, verify
from tests.keys import Key
from tests.program import inside
from tests.verbs.desk import NAME, NOW, PATH, Desk

OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def files(desk: Desk) -> Desk:
    """The desk with files that its runbook includes; the digest is not in it yet."""
    desk.write("Makefile", "deploy:\n\t./bin/deploy.sh\n")
    desk.write("bin/deploy.sh", "#!/bin/sh\necho deploying\n").chmod(0o755)
    desk.write("k8s/web.yaml", "kind: Deployment\n")
    desk.write("lib/helper.py", "x = 1\n")
    desk.edit("# runbook:\n", "# runbook:\n#   includes:\n#     paths: [Makefile, bin, k8s, lib/helper.py]\n")
    return desk


def filled(desk: Desk) -> str:
    (done,) = fmt(desk.workspace, (NAME,), write=True, fill=True, around=desk.around)
    assert (done.changed, done.error) == (True, None)
    return desk.file.read_text()


def prepared(desk: Desk, key: Key) -> Review:
    wish = Wish(environments=("prod",), key=str(key.path))
    return prepare(desk.workspace, NAME, wish, around=desk.around, now=NOW)


def shown(desk: Desk, key: Key) -> dict[str, ReviewedFile]:
    files = prepared(desk, key).files
    assert files is not None
    return {each.path: each for each in files.files}


def since(desk: Desk, key: Key) -> str:
    files = prepared(desk, key).files
    assert files is not None
    return files.since


def commit(desk: Desk) -> None:
    if not (desk.root / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=desk.root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=desk.root, check=True)
    subprocess.run(["git", "commit", "-qm", "change"], cwd=desk.root, check=True)


def verdict(desk: Desk, environment: str = "prod") -> list[str]:
    answer = verify(
        desk.workspace, Asked(names=(NAME,), environments=(environment,)), around=desk.around, now=NOW
    )
    return [reason.code for reason in answer.runbooks[0].reasons]


def findings(desk: Desk) -> list[tuple[str, str]]:
    found = lint(desk.workspace, (NAME,), around=desk.around).findings
    return [
        (each.code, each.message) for each in found if each.code.startswith(("includes", "import", "header"))
    ]


def test_fmt_fills_the_digest_in_and_is_done(files: Desk) -> None:
    text = filled(files)

    assert text.count("#     digest: sha256:") == 1
    assert "#     paths: [Makefile, bin, k8s, lib/helper.py]\n" in text
    (again,) = fmt(files.workspace, (NAME,), write=True, fill=True, around=files.around)
    assert again.changed is False
    assert verdict(files) == ["approval.missing"]


def test_fmt_fills_a_new_digest_in_and_touches_nothing_else(files: Desk) -> None:
    before = filled(files)
    files.write("k8s/web.yaml", "kind: StatefulSet\n")
    after = filled(files)

    changed = [(a, b) for a, b in zip(before.split("\n"), after.split("\n"), strict=True) if a != b]
    ((old, new),) = changed
    assert old.startswith("#     digest: sha256:")
    assert new.startswith("#     digest: sha256:")


def test_fmt_without_the_word_leaves_the_digest_and_says_what_is_missing(files: Desk) -> None:
    (done,) = fmt(files.workspace, (NAME,), write=True, around=files.around)
    assert done.error is not None
    assert "header.includes" in done.error
    assert "run `runbook fmt --includes`" in done.error


def test_fmt_names_a_file_that_may_not_come_along(files: Desk) -> None:
    (files.root / "k8s/link.yaml").symlink_to("web.yaml")
    before = files.file.read_bytes()
    (done,) = fmt(files.workspace, (NAME,), write=True, fill=True, around=files.around)

    assert done.changed is False
    assert done.error is not None
    assert "k8s/link.yaml is a link" in done.error
    assert files.file.read_bytes() == before


@pytest.mark.parametrize(
    "lines",
    [
        "#   includes:\n#     paths: [a]\n",
        "#   includes:\n#     paths:\n#     - a\n",
        f"#   includes:\n#     digest: {OTHER}\n#     paths: [a]\n",
        f"#   includes:\n#     paths: [a]\n#     digest: {OTHER}\n",
        f"#   includes:\n#     paths:\n#     - a\n#     digest: '{OTHER}'\n",
        "#   includes: {paths: [a]}\n",
        f"#   includes: {{paths: [a], digest: '{OTHER}'}}\n",
        f"#   description: '{OTHER} paths:'\n#   includes:\n#     digest: {OTHER}\n#     paths: [a]\n",
    ],
)
def test_the_digest_finds_its_place_in_every_spelling(lines: str) -> None:
    text = f"# ---\n# runbook:\n#   title: T\n{lines}# ---\n\n# %% a\nprint(1)\n"
    digest = f"sha256:{'ab' * 32}"
    runbook = reader.require(text.encode(), name="x")
    after = reader.require(with_digest(runbook, digest).encode(), name="x")

    assert after.header.includes is not None
    assert (after.header.includes.paths, after.header.includes.digest) == (("a",), digest)
    assert after.header.description == runbook.header.description
    assert [step.cell.source for step in after.steps] == [step.cell.source for step in runbook.steps]
    assert with_digest(after, digest) == after.canonical


def test_a_spelling_without_a_place_is_left_alone() -> None:
    text = "# ---\n# runbook:\n#   title: T\n#   includes:\n#     'paths': [a]\n# ---\n\n# %% a\n1\n"
    runbook = reader.require(text.encode(), name="x")
    with pytest.raises(FormatError, match="the digest has no place") as refused:
        with_digest(runbook, OTHER)
    assert refused.value.hint == f"write `digest: {OTHER}` under `includes:` by hand"


def test_without_a_digest_nobody_can_approve(files: Desk, alice: Key) -> None:
    with pytest.raises(InputError, match=r"normal form|without|no digest"):
        prepared(files, alice)


def test_a_first_review_shows_every_file_whole(files: Desk, alice: Key) -> None:
    filled(files)
    found = shown(files, alice)

    assert list(found) == ["Makefile", "bin/deploy.sh", "k8s/web.yaml", "lib/helper.py"]
    assert found["bin/deploy.sh"].lines == ("#!/bin/sh", "echo deploying")
    assert found["bin/deploy.sh"].facts.startswith("executable, 25 bytes, sha256:")
    assert {each.state for each in found.values()} == {"unknown"}
    assert since(files, alice) == "there is no approved text to compare with"


def test_a_later_review_shows_what_changed(files: Desk, alice: Key) -> None:
    filled(files)
    files.approve(alice)
    commit(files)
    files.write("k8s/web.yaml", "kind: StatefulSet\n")
    files.write("k8s/new.yaml", "kind: Service\n")
    (files.root / "lib/helper.py").unlink()
    files.write("lib/helper.py", "x = 1\n").chmod(0o755)
    files.edit("[Makefile, bin, k8s", "[bin, k8s")
    text = files.file.read_text()
    (done,) = fmt(files.workspace, (NAME,), write=True, fill=True, around=files.around)
    assert done.changed
    # fmt leaves approvals of another text out; the reviewer of a pull request has them still
    files.file.write_text(with_approvals_of(text, files.file.read_text()))
    found = shown(files, alice)

    assert {path: each.state for path, each in found.items()} == {
        "Makefile": "gone",
        "bin/deploy.sh": "same",
        "k8s/new.yaml": "new",
        "k8s/web.yaml": "changed",
        "lib/helper.py": "changed",
    }
    assert found["k8s/web.yaml"].difference[-2:] == ("-kind: Deployment", "+kind: StatefulSet")
    assert found["k8s/web.yaml"].lines == ("kind: StatefulSet",)
    assert found["lib/helper.py"].facts.endswith(", was not executable")
    assert since(files, alice).startswith("compared with the files of the approved text, sha256:")


def with_approvals_of(old: str, new: str) -> str:
    from runbook.text.entries import with_entries

    entries = reader.require(old.encode(), name="old").header.approvals
    assert entries
    return with_entries(new, entries)


def test_bytes_that_are_nowhere_any_more_are_said_to_be(files: Desk, alice: Key) -> None:
    """The runbook is in git, the included files never were."""
    (files.root / ".gitignore").write_text("k8s\n")
    filled(files)
    files.approve(alice)
    commit(files)
    old = files.file.read_text()
    files.write("k8s/web.yaml", "kind: StatefulSet\n")
    fmt(files.workspace, (NAME,), write=True, fill=True, around=files.around)
    files.file.write_text(with_approvals_of(old, files.file.read_text()))

    assert since(files, alice).startswith(
        "what changed can't be said: the files of the approved text are neither"
    )
    assert {each.state for each in shown(files, alice).values()} == {"unknown"}


def test_files_that_are_not_those_of_the_digest_are_refused_by_every_verb(files: Desk, alice: Key) -> None:
    filled(files)
    files.approve(alice)
    commit(files)
    assert verdict(files) == []
    files.write("bin/deploy.sh", "#!/bin/sh\necho evil\n")

    assert verdict(files) == ["includes.digest"]
    with pytest.raises(TextRefused, match=r"bin/deploy\.sh has changed"):
        prepared(files, alice)
    assert findings(files) == [
        (
            "includes.digest",
            "the included files are not those of the header's digest: bin/deploy.sh has changed",
        )
    ]
    for words in (["plan", NAME], ["run", NAME, "--unattended"]):
        said = inside(files.root, *words, "--env", "prod", "--json")
        assert said.code == 3, said.err
        assert "bin/deploy.sh has changed" in said.err
    assert inside(files.root, "verify", NAME, "--env", "prod").code == 1


def test_imports_that_do_not_come_along_are_findings(files: Desk) -> None:
    files.write("runbooks/beside.py", "x = 1\n")
    files.write("top.py", "x = 1\n")
    files.write("lib/__init__.py", "")
    files.write("lib/helper.py", "import top\nimport json\n")
    text = filled(files)
    files.file.write_text(text + "\n# %% look\nimport beside\nimport lib.helper\nimport top\nimport os\n")

    assert findings(files) == [
        ("import.neighbour", "lib/helper.py:1: top is top.py, which does not come along"),
        ("import.neighbour", "beside is runbooks/beside.py, which does not come along"),
        ("import.neighbour", "top is top.py, which does not come along"),
    ]


def test_a_person_sees_the_files_before_signing(files: Desk, alice: Key) -> None:
    filled(files)
    said = inside(files.root, "review", NAME, "--env", "prod", "--key", str(alice.path), "--text", OTHER)

    assert said.code == 3
    for words in (
        "included files, sha256:",
        "--- bin/deploy.sh  (executable, 25 bytes, sha256:",
        "    2 | echo deploying",
        "there is no approved text to compare with",
    ):
        assert words in said.out, said.out


def test_a_plan_says_what_it_brings_along(files: Desk) -> None:
    files.edit("# runbook:\n", "# runbook:\n#   env: [WEB_REGION]\n#   agent: true\n")
    filled(files)
    said = inside(files.root, "plan", NAME, "--env", "scratch", "--json").json
    assert (said["variables"], said["agent"]) == (["WEB_REGION"], True)
    assert [each["path"] for each in said["includes"]] == [
        "Makefile",
        "bin/deploy.sh",
        "k8s/web.yaml",
        "lib/helper.py",
    ]
    assert [each["executable"] for each in said["includes"]] == [False, True, False, False]
    out = inside(files.root, "plan", NAME, "--env", "scratch").out
    assert "  variables  WEB_REGION\n" in out
    assert "  agent      steps may use your ssh-agent to log in\n" in out
    assert "  includes   4 files\n" in out


def test_git_tells_the_tree_of_a_commit_and_of_the_index(files: Desk) -> None:
    filled(files)
    commit(files)
    runbook = reader.require(files.file.read_bytes(), name=PATH)
    named = runbook.header.includes
    assert named is not None
    env = files.around.env
    files.write("k8s/web.yaml", "kind: edited\n")
    head = earlier.at_commit(files.root, "HEAD", named, env=env)
    assert head is not None
    assert head.digest == named.digest
    subprocess.run(["git", "add", "-A"], cwd=files.root, check=True)
    staged = earlier.in_index(files.root, named, env=env)
    assert staged is not None
    assert staged.digest != named.digest
    assert earlier.words(head, staged) == "k8s/web.yaml has changed"
    assert earlier.at_commit(files.root, "0" * 40, named, env=env) is None


def test_a_wildcard_at_the_top_is_looked_for_in_the_whole_commit(files: Desk) -> None:
    files.edit("[Makefile, bin", "['Make*', bin")
    filled(files)
    commit(files)
    files.write("Makefile", "deploy:\n\techo other\n")

    assert findings(files) == [
        ("includes.digest", "the included files are not those of the header's digest: Makefile has changed")
    ]
