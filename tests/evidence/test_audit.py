"""The audit read as a reader's markdown would read it: with a real parser, and hostile people everywhere."""

import base64
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from runbook.evidence import audit, inert, markdown
from runbook.evidence.page import Facts, Heading, Listing, Page, Paragraph, Picture, Said
from tests.evidence.builders import CELLS, Cell, Told, plan_of, value

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 3000
HOSTILE = (
    "```\n# APPROVED by nobody\n<script>alert(1)</script>\n[x](http://evil.example)\n"
    "![x](http://evil.example/x.png)\n~~~\n````\n\x1b[2J\u202e\r\u2028# APPROVED\n\n    code\n- [x] list\n"
    "https://evil.example www.evil.example me@evil.example\n| a | b |\n|---|---|\n"
    "&lt;b&gt; `` ` \\` ``` \n===\n"
)


def rendered(told: Told, *, alive: bool = False) -> str:
    return audit.render(told.account(alive=alive), told.sources, get=told.blobs.get).decode()


def tokens(text: str) -> list[Token]:
    """Every token of the page, inline ones too, as GitHub and JupyterLab would see them."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found = []
    for token in parser.parse(text):
        found.append(token)
        found += token.children or []
    return found


def require_inert(text: str) -> list[Token]:
    """Nothing in the page is structure that we did not write."""
    found = tokens(text)
    types = {token.type for token in found}
    assert not types & {
        "html_block",
        "html_inline",
        "link_open",
        "table_open",
        "code_block",
        "hr",
        "blockquote_open",
    }
    for token in found:
        if token.type == "image":
            assert re.fullmatch(r"blobs/[0-9a-f]{64}", str(token.attrs["src"]))
        if token.type == "text":
            assert inert.is_inert(token.content)
            assert not re.search(r"evil|APPROVED by|://|www\.|@", token.content)
    assert all(inert.is_inert(line.replace("\t", "")) for line in text.split("\n"))
    return found


def headings(text: str) -> list[str]:
    found = tokens(text)
    return [found[place + 1].content for place, token in enumerate(found) if token.type == "heading_open"]


def test_the_audit_says_who_what_when_where_and_on_whose_approval(tmp_path: Path) -> None:
    told = Told(tmp_path, plan=plan_of(CELLS, values=(value("host", "'web1'"), value("token", None))))
    told.kernel()
    told.run("health", text="fine\n")
    told.tell("question", question=1, step="announce", asks="manual", choices=["done"], words="Done?")
    told.tell("answer", question=1, choice="done", words="said it", by="alice", how="terminal")
    told.tell("attested", step="announce", by="alice", words="said it")
    told.run("restart")
    told.tell("note", by="alice", words="smooth", step="restart")
    told.seal("succeeded")
    text = rendered(told)
    require_inert(text)
    assert text.startswith("# Audit of `Restart the web tier`: succeeded\n")
    for said in (
        "- runbook: `runbooks/web/restart.py`\n",
        "- environment: `prod`\n",
        "- operator: `alice` (claimed by the login)\n",
        "- host: `runner1`\n",
        "- kernel: `CPython`, Python `3.11.9`, process 4712\n",
        "- first event: `2026-11-21T00:12:05.250Z`\n",
        "- `bob@example.com`, statement `sha256:0000",
        "- `host`: `str` = `'web1'`, from `command line`\n",
        "- `token`: `str` = a secret, never written, from `command line`\n",
        "- `health`: succeeded in 0.750 s\n",
        "```python\nprint('fine')\n```\n",
        "Output `stdout`:\n\n```text\nfine\n```\n",
        "by `alice`, choice `done`, how `terminal`, question `1`, words `said it`\n",
        "- decision: attested, by `alice`, saying `said it`, at `2026-",
        "words `smooth`",
        "## What is missing\n\nNothing that is known of.\n",
        f"- journal: {told.writer.length} lines, the last one's sha256 is `{told.writer.head}`\n",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("changes", "title", "loud"),
    [
        (
            {"approved": False},
            "NOT APPROVED · Audit of",
            "**NOT APPROVED: in `prod` nobody had to approve it.**",
        ),
        ({"dry_run": True}, "DRY RUN · Audit of", "**DRY RUN: only steps tagged read-only ran"),
        (
            {"expired_reason": "the site is down"},
            "EXPIRED APPROVAL · Audit of",
            "**EXPIRED APPROVAL: it was run all the same, with the reason `the site is down`.**",
        ),
    ],
)
def test_what_nobody_may_overlook_is_said_first(
    tmp_path: Path, changes: dict[str, object], title: str, loud: str
) -> None:
    text = rendered(Told(tmp_path, plan=plan_of(CELLS, **changes)))
    assert text.startswith(f"# {title}")
    assert loud in text


def test_a_run_that_nobody_saw_the_end_of_says_so(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health")
    told.begin("restart")
    text = rendered(told)
    assert "# Audit of `Restart the web tier`: unknown\n" in text
    assert "nothing may be taken as done that is not said to be" in text
    assert "### Step `restart`: unknown\n" in text
    assert "- ended: nothing says so\n" in text
    assert "- nothing says how the step `restart` ended\n" in text


def test_gaps_truncations_and_foreign_code_are_said(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.begin("health")
    told.tell("truncated", step="health", limit="step", dropped=9, bytes=99, sha256="ab" * 32)
    told.tell("foreign", session="other", message="m", content="import os")
    told.tell("gap", what="output", count=None, step="health")
    told.end("health", "succeeded")
    text = rendered(told)
    assert "**FOREIGN CODE: another client ran code in the kernel; see what is missing.**" in text
    missing = text.split("## What is missing\n")[1].split("##")[0]
    assert "truncated: bytes `99`, dropped `9`, limit `step`" in missing
    assert "foreign: content `import os`, message `m`, session `other`" in missing
    assert "gap: what `output`" in missing


def test_withdrawn_late_and_retried_output_is_shown_as_such(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    told.print("health", "first thought\n", parent=request)
    told.hear("health", "clear_output", {"wait": False}, parent=request)
    told.end("health", "failed", parent=request)
    told.print("health", "from a thread\n", parent=request)
    again = told.begin("health", attempt=2)
    told.print("health", "second\n", parent=again)
    told.print("health", "late from the first\n", parent=request)
    told.end("health", "succeeded", parent=again, attempt=2)
    text = rendered(told)
    first, second = text.split("#### Attempt 1: failed")[1].split("#### Attempt 2: succeeded")
    assert (
        "Withdrawn by the step, 1 in all (cleared or replaced); of them:\n\n```text\nfirst thought\n```"
        in first
    )
    assert (
        "Output `stdout`, after the step had ended:\n\n```text\nfrom a thread\nlate from the first\n```"
        in first
    )
    assert "```text\nsecond\n```" in second
    assert "late from the first" not in second


def test_a_source_that_is_not_the_reviewed_one_is_called_a_deviation(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.begin("health", source="print('other')")
    told.end("health", "succeeded")
    assert "- DEVIATION: the source that ran is not the reviewed one: `" in rendered(told)


def test_output_of_no_step_has_its_own_place(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.print(None, "a warning at start\n", name="stderr")
    assert "### Outside any step\n\nOutput `stderr`:\n\n```text\na warning at start\n```" in rendered(told)


def test_a_long_output_is_cut_and_says_how_much_and_its_digest(tmp_path: Path) -> None:
    told = Told(tmp_path)
    lines = "".join(f"line {number}\n" for number in range(10_000))
    told.run("health", text=lines)
    text = rendered(told)
    assert "line 199\n```" in text
    assert "```text\nline 9950\n" in text
    assert "9750 lines, are left out here; the journal has them. sha256 of the whole: `" in text


def test_a_picture_is_shown_by_its_blob_and_only_when_it_is_one(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    real = base64.b64encode(PNG).decode()
    fake = base64.b64encode(b"<svg onload=alert(1)>" * 100).decode()
    for data in (
        {"image/png": real},
        {"image/png": fake},
        {"image/svg+xml": "<svg/>"},
        {"text/html": HOSTILE},
    ):
        told.hear("health", "display_data", {"data": data, "metadata": {}}, parent=request)
    told.end("health", "succeeded", parent=request)
    text = rendered(told)
    images = [token for token in require_inert(text) if token.type == "image"]
    assert len(images) == 1
    assert (told.folder.path / str(images[0].attrs["src"])).read_bytes() == PNG
    assert "- not shown: `image/png`, 2100 bytes, `blobs/" in text
    assert "- not shown: `image/svg+xml`, 6 bytes, `sha256:" in text
    assert "As its source, `text/html`:" in text


def hostile_run(where: Path, words: str) -> Told:
    """Somebody says `words` wherever anybody can say something."""
    line = words.replace("\n", " ") or "x"
    cells = (
        Cell(name="health", source="print('fine')"),
        Cell(name="announce", kind="manual", source="Tell.", tags=("manual",)),
    )
    plan = plan_of(cells)
    steps = tuple(msgspec.structs.replace(step, title=line, when=line) for step in plan.steps)
    plan = msgspec.structs.replace(
        plan,
        title=words,
        expired_reason=words,
        values=(value("p", words),),
        steps=steps,
        selection=(words,),
        trust=words,
    )
    told = Told(where, cells, plan)
    told.tell("kernel-started", pid=1, python=words, implementation=words)
    request = told.begin("health")
    told.print("health", words, parent=request)
    told.print("health", words, parent=request, name=words or "x")
    told.hear("health", "display_data", {"data": {"text/plain": words, words or "x": words}}, parent=request)
    told.hear("health", "display_data", {"data": {"text/html": words}}, parent=request)
    told.hear("health", "error", {"ename": words, "evalue": words, "traceback": [words]}, parent=request)
    told.tell("kit", step="health", what=words, **{f"k{words}": words})
    told.hear("health", "clear_output", {"wait": False}, parent=request)
    told.print("health", words, parent=request)
    told.end("health", "failed", parent=request, reason=words, error=words)
    told.tell("step-skipped", step="announce", reason=words, words=words)
    told.tell("note", step="health", by=words, words=words)
    told.tell("gap", what=words, count=None)
    return told


def test_nobody_can_talk_the_audit_out_of_its_shape(tmp_path: Path) -> None:
    quiet = rendered(hostile_run(tmp_path / "a", re.sub(r"[^\n]", "x", HOSTILE)))
    loud = rendered(hostile_run(tmp_path / "b", HOSTILE))
    require_inert(loud)

    def shape(text: str) -> list[str]:
        return [token.type for token in tokens(text) if token.block and token.type != "inline"]

    assert shape(loud) == shape(quiet)
    assert len(headings(loud)) == len(headings(quiet))


@settings(max_examples=60, deadline=None)
@given(
    words=st.text(
        alphabet=st.sampled_from("`~#<>[]()!*_-=\\|&\n\r\t \x1b\u202e\u2028a1.:/@\ud800"), max_size=40
    )
)
def test_no_words_at_all_become_structure(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    require_inert(rendered(hostile_run(tmp_path_factory.mktemp("run"), words)))


@settings(max_examples=200, deadline=None)
@given(words=st.text(alphabet=st.characters(exclude_categories=()), max_size=60))
def test_every_text_stays_in_its_span_and_its_fence(words: str) -> None:
    page = Page(
        title="t",
        blocks=(
            Heading(2, ("Of ", Said(words), ": ended")),
            Paragraph(("said ", Said(words), " and ", Said(words)), loud=True),
            Facts((("a", (Said(words),)), ("", (Said(words), ", b")))),
            Listing(words),
            Paragraph(("end",)),
        ),
    )
    found = tokens(markdown.render(page))
    blocks = [token.type for token in found if token.block and not token.type.endswith(("_close", "inline"))]
    items = ["bullet_list_open", *["list_item_open", "paragraph_open"] * 2]
    assert blocks == ["heading_open", "paragraph_open", *items, "fence", "paragraph_open"]
    spans = [token.content for token in found if token.type == "code_inline"]
    assert spans == [inert.line(words)] * 5 if words else spans == []
    fence = next(token for token in found if token.type == "fence")
    assert fence.content.rstrip("\n") == inert.block(words).rstrip("\n")


def test_a_picture_is_never_anything_but_a_blob() -> None:
    with pytest.raises(ValueError, match="not the digest of a blob"):
        markdown.render(Page(title="t", blocks=(Picture("../x", "image/png", 1),)))


def test_the_same_journal_gives_the_same_bytes_and_another_one_does_not(tmp_path: Path) -> None:
    one, two = hostile_run(tmp_path / "a", "x"), hostile_run(tmp_path / "b", "x")
    assert rendered(one) == rendered(two)
    one.tell("note", by="alice", words="more")
    assert rendered(one) != rendered(two)


def test_many_outputs_and_remarks_are_counted_not_all_shown(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    for number in range(500):
        told.hear("health", "display_data", {"data": {"text/plain": f"d{number}"}}, parent=request)
        told.tell("note", step="health", by="alice", words=f"n{number}")
    text = rendered(told)
    assert "300 outputs are left out here; the journal has them." in text
    assert "300 more remarks are in the journal" in text
    assert "d499" in text
    assert "n499" in text


def test_an_output_larger_than_is_kept_says_how_much_is_left_out(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    for number in range(600):
        lines = "".join(f"{number * 100 + line:06}{'x' * 93}\n" for line in range(100))
        told.print("health", lines, parent=request)
    told.end("health", "succeeded", parent=request)
    text = rendered(told)
    assert "\n000000xxx" in text
    assert "\n059999xxx" in text
    left_out = re.search(r"([0-9]+) characters are left out here; the journal has them\.", text)
    assert left_out is not None
    fences = [token.content for token in tokens(text) if token.type == "fence" and "xxx" in token.content]
    assert sum(map(len, fences)) + int(left_out[1]) == 6_000_000


def test_a_cut_journal_is_said(tmp_path: Path) -> None:
    told = Told(tmp_path, plan=plan_of(CELLS, selection=("--only health",), variables=()))
    told.writer.close()
    with told.folder.journal.open("ab") as file:
        file.write(b'{"half')
    text = rendered(told)
    assert "- the journal's last line was cut; 6 bytes of it are left\n" in text
    assert "- selection: `--only health`\n" in text


def test_each_word_of_a_person_says_whether_it_is_claimed_or_signed(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.run("health")
    told.tell("answer", question=1, choice="done", words="said it", by="alice@host", how="terminal")
    told.tell("attested", step="announce", by="alice@host", words="said it")
    told.tell("note", by="alice@host", words="smooth", step="health")
    told.tell("confirmed", step="restart", attempt=1, principal="bob@example.com", signature="x", reason="")
    told.tell("kit", step="health", what="odd", by="carol@host")
    told.tell("note", by="runbook", words="ours", step="health")
    text = rendered(told)
    require_inert(text)

    assert "- decision: attested, by `alice@host` (claimed by the login), saying" in text
    assert text.count("by `alice@host`") == text.count("by `alice@host` (claimed by the login)") >= 4
    assert text.count("principal `bob@example.com`") == text.count("`bob@example.com` (signed)") >= 1
    # What a step calls `by` is not our word on whose it is, and the run itself is nobody's login.
    assert "`carol@host` (" not in text
    assert "by `runbook` (" not in text


def test_a_journal_written_by_hand_makes_no_structure_of_a_size(tmp_path: Path) -> None:
    told = Told(tmp_path)
    request = told.begin("health")
    name = told.blobs.put(b"%PDF-")
    size = "1 ![x](https://evil.example/x.png)"
    content = {"data": {"application/pdf": {"$blob": name, "as": "base64", "size": size}}, "metadata": {}}
    told.tell("message", channel="iopub", type="display_data", step="health", parent=request, content=content)
    told.end("health", "succeeded", parent=request)

    text = rendered(told)

    assert f"not shown: `application/pdf`, `{size}` bytes" in text
    require_inert(text)
