"""Text and numbers as a reader sees them."""

import math
import re
from pathlib import Path

import pytest

from snakeval.report import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x00", "⟨U+0000⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("né 漢字 👍", "né 漢字 👍"),
    ],
)
def test_visible(given, shown):
    assert text.visible(given) == shown


def test_the_page_and_its_scripts_hide_the_same_characters():
    source = (Path(text.__file__).parent / "static/text.js").read_text(encoding="utf-8")
    pattern = re.search(r"const HIDDEN =\s*/(.*)/u;", source)[1]
    script = re.compile(re.sub(r"\\u\{(\w+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern))
    for code in [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE2000)]:
        assert bool(script.match(chr(code))) == (text.visible(chr(code)) != chr(code)), hex(code)


def test_shortened_keeps_both_ends_within_the_width():
    assert text.shortened("short", 10) == "short"
    assert text.shortened("abcdefghijklmnop", 9) == "abcd…mnop"
    assert text._columns(text.shortened("漢字" * 20, 11)) <= 11


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"),
        (-1.5, "−1.500"),
        (12.3456, "12.35"),
        (1234.5, "1 234"),
        (None, "–"),
        (2.5e7, "2.5e07"),
        (math.inf, "∞"),
    ],
)
def test_number(value, shown):
    assert text.number(value) == shown
