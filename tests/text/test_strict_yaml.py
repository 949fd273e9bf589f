"""Strict YAML: one meaning or none, the same with libyaml and without."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.text.strict_yaml import Loose, Misread, Node, Parser, read_mapping

LOADERS: list[type[Parser]] = [yaml.SafeLoader]
if yaml.__with_libyaml__:
    LOADERS.append(yaml.CSafeLoader)


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(inner) for key, inner in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(inner) for inner in node.value]
    return node.value


def values(text: str, **options: object) -> dict[str, object]:
    found = read_mapping(text.split("\n"), **options)  # type: ignore[arg-type]  # by name
    return {key: plain(node) for key, node in found.items()}


@pytest.mark.parametrize("loader", LOADERS)
def test_texts_numbers_truths_lists_and_mappings_are_read(loader: type[Parser]) -> None:
    text = (
        "a: text\nb: 12\nc: true\nd: [x, -3]\ne:\n  f: 'it''s'\n"
        '  g: |\n    two\n    lines\nh: "\\xe9"\ni: {j: k}'
    )
    assert values(text, loader=loader) == {
        "a": "text",
        "b": 12,
        "c": True,
        "d": ["x", -3],
        "e": {"f": "it's", "g": "two\nlines\n"},
        "h": "é",
        "i": {"j": "k"},
    }


@pytest.mark.parametrize("loader", LOADERS)
def test_an_empty_text_or_only_comments_is_an_empty_mapping(loader: type[Parser]) -> None:
    assert values("", loader=loader) == {}
    assert values("# note\n\n# more", loader=loader) == {}


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 2, "the key 'a' stands twice"),
        ('a: 1\n"a": 3', 1, "the key 'a' stands twice"),
        ("x:\n  a: 1\n  a: 3", 2, "the key 'a' stands twice"),
        ("a: &x b", 0, "an anchor or an alias"),
        ("a: &x b\nc: *x", 0, "an anchor or an alias"),
        ("a: !!str 1", 0, "a tag"),
        ("a: !x b", 0, "a tag"),
        ("<<: {a: b}", 0, "'<<' means different things"),
        ("a: yes", 0, "'yes' means different things"),
        ("a: NO", 0, "'NO' means different things"),
        ("a: 010", 0, "'010' means different things"),
        ("a: 0x10", 0, "'0x10' means different things"),
        ("a: 1_000", 0, "'1_000' means different things"),
        ("a: 1:30", 0, "'1:30' means different things"),
        ("a: 1.5", 0, "'1.5' means different things"),
        ("a: .inf", 0, "'.inf' means different things"),
        ("a: 2026-11-21", 0, "'2026-11-21' means different things"),
        ("a: -0", 0, "'-0' means different things"),
        ("a: +1", 0, "'+1' means different things"),
        ("a: 1e3", 0, "'1e3' means different things"),
        ("a: ~", 0, "'~' means different things"),
        ("a: True", 0, "'True' means different things"),
        ("a:", 0, "a key without a value"),
        ("a:\nb: c", 0, "a key without a value"),
        ("yes: a", 0, "'yes' means different things"),
        ("1: a", 0, "the key '1' is not text"),
        ("[a]: b", 0, "a key that is not text"),
        ("{a: b}", 0, "not a mapping of keys, one on each line"),
        ("- a", 0, "not a mapping of keys, one on each line"),
        ("word", 0, "not a mapping of keys, one on each line"),
        ("%YAML 1.2\n---\na: b", 0, "a document mark or a directive"),
        ("a: b\n...\n", 1, "an end of document"),
        ("a: [[[[[[[[[[b]]]]]]]]]]", 0, "more than 10 levels"),
        ('a: "b\nc"', 0, "a text that goes on at the beginning of a line"),
        ('a: "\\u202e"', 0, "the text holds a character that turns the direction of the text (U+202E)"),
        ('a: "\\n"', 0, "the text holds a control character (U+000A)"),
        ('a: "\\t"', 0, "the text holds a control character (U+0009)"),
        ('a: "\\e[2J"', 0, "the text holds a control character (U+001B)"),
        ("a: [b", 1, "not YAML"),
        ("a: @b", 0, "not YAML"),
        ("a: b: c", 0, "not YAML"),
        ("a:\tb", 0, "a tab"),
        ("a: |# x\n  b", 0, "a `#` right behind"),
        ("a: b\n\ufeff", 1, "the text holds an invisible character"),
    ],
)
def test_what_has_two_meanings_is_refused(loader: type[Parser], text: str, line: int, words: str) -> None:
    with pytest.raises(Misread) as caught:
        values(text, loader=loader)
    assert caught.value.message.startswith(words)
    assert caught.value.line <= max(line, len(text.split("\n")) - 1)
    if not words.startswith("not YAML"):
        assert caught.value.line == line


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("text", ["a: [b?]", "a: [b:{c: d}]", "a: {b:c}", "a: |#x\n  b", "a:\n  >-#\n"])
def test_what_only_one_of_the_parsers_reads_is_refused(loader: type[Parser], text: str) -> None:
    with pytest.raises(Misread):
        values(text, loader=loader)


@pytest.mark.parametrize("loader", LOADERS)
def test_under_a_loose_key_plain_scalars_are_kept_as_written(loader: type[Parser]) -> None:
    found = values("a:\n  b: no\n  c: [1.5, x]\nd: e", loader=loader, loose=("a",))
    assert found == {"a": {"b": Loose("no"), "c": [Loose("1.5"), "x"]}, "d": "e"}
    with pytest.raises(Misread, match="means different things"):
        values("a: {b: no}\nd: no", loader=loader, loose=("a",))
    with pytest.raises(Misread, match="stands twice"):
        values("a: {b: no, b: x}", loader=loader, loose=("a",))
    with pytest.raises(Misread, match="means different things"):
        values("a: {no: x}", loader=loader, loose=("a",))


PIECES = [
    *(
        "a: ",
        "b: ",
        "c:",
        "  ",
        "- ",
        "x",
        "yes",
        "1",
        "010",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "|",
        ">",
    ),
    *(
        "\n",
        "\n  ",
        "\n    ",
        "#",
        " # ",
        "&a ",
        "*a",
        "!t ",
        "<<",
        "? ",
        "---",
        "...",
        "%",
        "@",
        "\\",
        "é",
        "\\u0041",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=14))
@settings(max_examples=200)
def test_both_parsers_give_the_same_verdict(pieces: list[str]) -> None:
    text = "".join(pieces)
    verdicts = []
    for loader in LOADERS:
        try:
            verdicts.append(repr(values(text, loader=loader)))
        except Misread:
            verdicts.append("misread")
    assert len(set(verdicts)) == 1


@given(st.lists(st.sampled_from(PIECES), max_size=14))
@settings(max_examples=200)
def test_what_is_read_is_what_pyyaml_reads(pieces: list[str]) -> None:
    text = "".join(pieces)
    try:
        found = values(text)
    except Misread:
        return
    assert found == (yaml.safe_load(text) or {})
