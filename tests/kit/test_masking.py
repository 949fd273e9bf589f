"""Masking: the same whatever the pieces, and of no secret a rest."""

import base64
import html
import json
import re
import shlex
import struct
import time
import unicodedata
import urllib.parse
import zlib
from xml.sax import saxutils

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runbook.kit.forms import SHORTEST, forms
from runbook.kit.masked_messages import masked_content, masked_value
from runbook.kit.masking import Masks, Stream

TOKEN = "c4nary-S3cret/of+the&\"mine'!"
TIGHT = {"a": "aaaa", "b": "aab aab", "c": "abcdef", "d": "defghi", "e": "abcdefgh ijklmnopq"}
"""Secrets that overlap with themselves and with each other."""

pieces = st.lists(
    st.sampled_from(["a", "aa", "b ", "abc", "def", "ghi", "gh ijklmnopq", "[sec", "ret:b]", "\n", "é"]),
    max_size=25,
)


def streamed(masks: Masks, parts: list[str], *, quiet: bool = False) -> str:
    stream = Stream(masks)
    out = ""
    for part in parts:
        out += stream.feed(part) + (stream.quiet() if quiet else "")
    return out + stream.end()


@given(parts=pieces)
@example(parts=["abcde", "fgh ijklmnop", "q"])
def test_any_pieces_give_the_same_as_the_whole(parts: list[str]) -> None:
    masks = Masks(TIGHT)
    assert streamed(masks, parts) == streamed(masks, list("".join(parts))) == masks.mask("".join(parts))


@given(parts=pieces)
def test_nothing_of_a_secret_is_left_and_a_mask_stays_a_mask(parts: list[str]) -> None:
    masks = Masks(TIGHT)
    masked = masks.mask("".join(parts))
    assert not any(secret in masked for secret in TIGHT.values())
    assert masks.mask(masked) == masked


@given(before=st.text(max_size=40), after=st.text(max_size=40), secret=st.text(min_size=4, max_size=60))
@settings(deadline=None)
def test_a_secret_is_masked_wherever_it_stands(before: str, after: str, secret: str) -> None:
    masked = Masks({"token": secret}).mask(before + secret + after)
    assert "[secret:token]" in masked


@given(before=st.binary(max_size=4), after=st.binary(max_size=4), secret=st.text(min_size=8, max_size=60))
@settings(deadline=None)
def test_base64_is_masked_at_any_alignment(before: bytes, after: bytes, secret: str) -> None:
    data = before + secret.encode("utf-8", "surrogateescape") + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert "[secret:token]" in Masks({"token": secret}).mask(encode(data).decode())


@pytest.mark.parametrize(
    "shown",
    [
        TOKEN,
        repr(TOKEN),
        ascii(TOKEN),
        repr(TOKEN.encode()),
        json.dumps(TOKEN),
        json.dumps(json.dumps({"a": TOKEN})),
        html.escape(TOKEN),
        html.escape(TOKEN, quote=False),
        shlex.quote(TOKEN),
        urllib.parse.quote(TOKEN),
        urllib.parse.quote(TOKEN, safe=""),
        urllib.parse.quote_plus(TOKEN),
        urllib.parse.quote(TOKEN).replace("%2B", "%2b"),
        TOKEN.encode().hex(),
        TOKEN.encode().hex().upper(),
        base64.encodebytes(TOKEN.encode()).decode(),
        json.dumps(TOKEN).replace("/", "\\/"),
        json.dumps(TOKEN).replace("&", "\\u0026"),
        json.dumps(TOKEN).replace("&", "\\u0026").replace("'", "\\u0027"),
        saxutils.quoteattr(TOKEN + "<"),
        html.escape(TOKEN).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(TOKEN).replace("&#x27;", "&apos;"),
        urllib.parse.quote(TOKEN, safe="!~*'()"),
        urllib.parse.quote(TOKEN, safe="!#$%&'()*+,/:;=?@[]~"),
        TOKEN.replace("&", "\\&").replace('"', '\\"').replace("'", "\\'").replace("!", "\\!"),
        TOKEN.replace('"', '\\"'),
        repr(repr(TOKEN)),
        str({"a": repr(TOKEN)}),
        re.escape(TOKEN),
        TOKEN.replace('"', '""'),
        TOKEN.replace("'", "''"),
        yaml.safe_dump({"a": TOKEN}),
        yaml.safe_dump({"a": TOKEN}, default_style='"'),
    ],
)
def test_each_way_to_write_it_is_masked(shown: str) -> None:
    masked = Masks({"token": TOKEN}).mask(f"before {shown} after")
    assert "[secret:token]" in masked
    assert not any(form in masked for form in forms(TOKEN) if len(form) > 6)


WORD = "pässwörd of Zoë"


@pytest.mark.parametrize(
    "shown",
    [
        unicodedata.normalize("NFD", WORD),
        WORD.encode("latin-1").decode("utf-8", "replace"),
        WORD.encode("utf-8").decode("latin-1"),
        WORD.encode("utf-8").decode("ascii", "replace"),
        WORD.encode("ascii", "replace").decode(),
        WORD.encode("ascii", "xmlcharrefreplace").decode(),
        yaml.safe_dump(WORD, default_style='"').strip().strip('"'),
    ],
)
def test_letters_that_an_encoding_lacks_hide_no_secret(shown: str) -> None:
    assert Masks({"token": WORD}).mask(f"<{shown}>") == "<[secret:token]>"


def test_what_is_damaged_for_itself_is_no_secret() -> None:
    assert (
        Masks({"token": "日本語の鍵"}).mask("????? \ufffd\ufffd\ufffd\ufffd\ufffd")
        == "????? \ufffd\ufffd\ufffd\ufffd\ufffd"
    )


def test_colours_within_a_secret_are_lost_with_it_and_stay_elsewhere() -> None:
    masks = Masks({"token": "hunter2hunter2"})
    coloured = "\x1b[31mred\x1b[0m"
    assert masked_value(coloured, masks) == coloured
    assert masked_value(f"{coloured} hunter2hunter2", masks) == f"{coloured} [secret:token]"
    assert masks.counts == {"token": 1}
    between = f"{coloured} 'hunter2\x1b[38;5;28mhun\x1b[39mter2'"
    assert masked_value([between, "x"], masks) == ["red '[secret:token]'", "x"]
    assert masks.counts == {"token": 2}


def picture(kind: bytes, chunk: bytes) -> dict[str, dict[str, str]]:
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + kind + chunk + b"crc."
    return {"data": {"image/png": base64.b64encode(data).decode()}}


PACKED = zlib.compress(b"made with hunter2hunter2")


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [
        (b"zTXt", b"Comment\0\0" + PACKED),
        (b"iCCP", b"x\0\0" + PACKED),
        (b"iTXt", b"Comment\0\1\0en\0Kommentar\0" + PACKED),
        (b"iTXt", b"Comment\0\0\0en\0Kommentar\0hunter2hunter2"),
        (b"tEXt", b"Comment\0hunter2hunter2"),
    ],
)
def test_a_picture_that_tells_a_secret_is_left_out(kind: bytes, chunk: bytes) -> None:
    masked = masked_content(picture(kind, chunk), Masks({"token": "hunter2hunter2"}))
    assert masked == {"data": {"text/plain": "[image/png is left out: it holds [secret:token]]"}}


def test_no_picture_takes_long_to_look_into() -> None:
    masks = Masks({"token": "hunter2hunter2"})
    began_anywhere = picture(b"zTXt", b"x\x9c" * (1 << 20))
    bomb = b"k\0\0" + zlib.compress(bytes(1 << 24))
    data = b"\x89PNG\r\n\x1a\n" + (struct.pack(">I", len(bomb)) + b"zTXt" + bomb + b"crc.") * 200
    bombs = {"data": {"image/png": base64.b64encode(data).decode()}}
    began = time.perf_counter()
    assert masked_content(began_anywhere, masks) is began_anywhere
    assert masked_content(bombs, masks) is bombs
    assert time.perf_counter() - began < 20


def test_lines_that_hold_a_secret_together_become_one() -> None:
    masks = Masks({"token": "hunter2hunter2"})
    assert masked_value(["<b>hunter2", "hunter2</b>", "\n"], masks) == ["<b>[secret:token]</b>\n"]
    assert masks.counts == {"token": 1}
    assert masked_value(["a\n", "hunter2hunter2\n"], masks) == ["a\n", "[secret:token]\n"]
    assert masks.counts == {"token": 2}
    lines = ["a\n", "b\n"]
    assert masked_value(lines, masks) is lines
    assert masked_value(list("hunter2hunter2"), masks) == ["[secret:token]"]


def test_each_line_of_a_secret_is_masked_for_itself() -> None:
    masks = Masks({"key": "first line\nab\n   second line"})
    assert masks.mask("> second line\n> ab\n> first line") == "> [secret:key]\n> ab\n> [secret:key]"


def test_wrapped_base64_of_a_long_secret_is_masked() -> None:
    secret = "".join(chr(33 + number % 90) for number in range(400))
    for width in (64, 76):
        whole = base64.b64encode(secret.encode()).decode()
        lines = [whole[start : start + width] for start in range(0, len(whole), width)]
        masked = Masks({"key": secret}).mask("\n".join(lines))
        assert not any(line in masked for line in lines if len(line) > 20)


def test_what_is_too_short_is_not_masked() -> None:
    assert forms("abc") == frozenset()
    assert Masks({"token": "abc"}).mask("abc") == "abc"
    assert SHORTEST == 4


def test_overlapping_secrets_leave_no_rest_and_are_one_mask() -> None:
    masks = Masks({"one": "abcdef", "two": "defghi"})
    assert masks.mask("<abcdefghi>") == "<[secret:one]>"
    assert masks.counts == {"one": 1}


def test_a_beginning_that_was_let_out_is_remembered() -> None:
    stream = Stream(Masks({"token": "hunter2hunter2"}))
    assert stream.feed("say hunt") == "say "
    assert stream.held == 4
    assert stream.quiet() == "hunt"
    assert stream.feed("er2hunter2 now") == "[secret:token] now"
    assert streamed(Masks(TIGHT), ["abc", "def"], quiet=True) == "abc[secret:c]"


def test_a_secret_is_not_told_at_a_cut() -> None:
    masks = Masks({"token": "hunter2hunter2"})
    assert masks.mask_piece("xx hunter2hun", cut_after=True) == "xx [secret]"
    assert masks.mask_piece("ter2hunter2 xx", cut_before=True) == "[secret] xx"
    assert masks.mask_piece("xx hunter2hun") == "xx hunter2hun"


def test_names_of_secrets_and_masks_do_not_mask_each_other() -> None:
    masks = Masks({"token": "secret:b", "b": "token]"})
    masked = masks.mask("token] secret:b")
    assert masked == "[secret:b] [secret:token]"
    assert masks.mask(masked) == masked


def test_values_of_any_shape_are_masked_and_the_clean_stay_the_same() -> None:
    masks = Masks({"pin": "12345678"})
    assert masked_value({"n": 12345678, "12345678": [1.5, None, True, "x12345678"]}, masks) == {
        "n": "[secret:pin]",
        "[secret:pin]": [1.5, None, True, "x[secret:pin]"],
    }
    clean = {"a": [1, {"b": "c"}]}
    assert masked_value(clean, masks) is clean


def test_a_payload_that_holds_a_secret_is_left_out() -> None:
    data = {"image/png": base64.encodebytes(b"\x89PNG" + b"hunter2" * 30).decode(), "text/plain": "a picture"}
    masks = Masks({"token": "hunter2"})
    assert masked_content({"data": data, "metadata": {}}, masks) == {
        "data": {"text/plain": "a picture\n[image/png is left out: it holds [secret:token]]"},
        "metadata": {},
    }
    assert masks.counts == {"token": 1}


def test_masking_takes_time_in_proportion_to_the_text() -> None:
    secrets = {
        "key": "\n".join(base64.b64encode(bytes([n]) * 48).decode() for n in range(30)),
        "token": TOKEN,
    }
    line = "2026-11-21 06:00:00 INFO service web1 answered 200 in 13 ms; path=/api/v1/items?id=42\n"

    def seconds(lines: int) -> float:
        masks, text = Masks(secrets), line * lines
        begun = time.process_time()
        assert masks.mask(text) == text
        return time.process_time() - begun

    seconds(1000)
    assert min(seconds(40_000) for _ in range(2)) < 40 * max(0.005, min(seconds(4_000) for _ in range(3)))
