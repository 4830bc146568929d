"""Output of jobs, made sanitize."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torc_tui.views.ansi import Decoder, Span, decode, one_line, plain, text_of
from torc_tui.views.ansi_style import MARK, PLAIN, Style, sgr

RED = Style(fg=1)
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", "a\nb"),
        ("a\r\nb\r\n", "a\nb"),
        ("10%\r50%\r100%", "100%"),
        ("hello\rHE", "HEllo"),
        ("hello\r\x1b[KHE", "HE"),
        ("hello\x1b[2K\rx", "x"),
        ("abc\b\bX", "aXc"),
        ("\b\ba", "a"),
        ("a\tb", "a       b"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("\x1b[2J\x1b[1;1Hx\x1b[5A", "x"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;ZXZpbA==\x1b\\x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1;2|data\x1b\\x", "x"),
        ("\x1b_apc\x1b\\x\x1b^pm\x1b\\y\x1bXsos\x1b\\z", "xyz"),
        ("\x1b]0;never closed\nnext", "\nnext"),
        ("\x9b31mx\x9d0;t\x9cy", "xy"),
        ("\x1bcx\x1b(By\x1b7\x1b=", "xy"),
        ("\x1b[?1049hx\x1b[?25l", "x"),
        ("a\x00b\x07c\x0bd", "a^@bc^Kd"),
        ("\x7f\x85", "^?<85>"),
        ("\u202eevil\u202c \u2066x\u2069\u200f", "<U+202E>evil<U+202C> <U+2066>x<U+2069><U+200F>"),
        ("a\u200bb\ufeffc\u2060", "abc"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("\udc80", "\ufffd"),
        ("a\u2028b", "a<U+2028>b"),
        (b"\xff\xfeok\x80", "\ufffd\ufffdok\ufffd"),
        ("日本語 émoji 🎉", "日本語 émoji 🎉"),
        ("", ""),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("x\x1b[31", "x"),
    ],
)
def test_plain(text: str | bytes, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("parameters", "style"),
    [
        ("", PLAIN),
        ("31", RED),
        (
            "1;2;3;4;7;9",
            Style(bold=True, dim=True, italic=True, underline=True, reverse=True, strike=True),
        ),
        ("91;102", Style(fg=9, bg=10)),
        ("38;5;200", Style(fg=200)),
        ("48;2;1;2;255", Style(bg="#0102ff")),
        ("38:2::1:2:3", Style(fg="#010203")),
        ("38;5;999", PLAIN),
        ("38;2;1", PLAIN),
        ("4:3", Style(underline=True)),
        ("?31", PLAIN),
        ("9" * 300, PLAIN),
        ("38;5;1;1", Style(fg=1, bold=True)),
    ],
)
def test_colors(parameters: str, style: Style) -> None:
    assert sgr(PLAIN, parameters) == style


def test_styles_go_on_over_lines_and_chunks_and_end() -> None:
    decoder = Decoder()
    assert decoder.feed("\x1b[3") == []
    assert decoder.feed("1mred\nmore") == [(Span("red", RED),)]
    assert decoder.pending == (Span("more", RED),)
    assert decoder.feed(b"\x1b[0m plain\n") == [(Span("more", RED), Span(" plain", PLAIN))]
    assert decoder.finish() == []


def test_long_lines_are_cut_with_a_mark_and_cost_no_memory() -> None:
    decoder = Decoder(cut=10)
    for _ in range(1000):
        decoder.feed(b"x" * 1000)
    (line,) = decoder.finish()
    assert line == (Span("x" * 10, PLAIN), Span(" … +999,990 characters", MARK))
    assert len(decoder._row.chars) == 0
    assert text_of(decode(b"y" * 30 + b"\nz\n", cut=10)[0]).startswith("y" * 10 + " …")


def test_unfinished_string_over_many_chunks_is_swallowed_until_the_line_ends() -> None:
    decoder = Decoder()
    lines = decoder.feed("\x1b]52;c;")
    for _ in range(20):
        lines += decoder.feed("A" * 1000)
    lines += decoder.feed("\nvisible\n")
    assert [text_of(line) for line in lines] == ["", "visible"]
    assert decoder.feed("\x1b]52;" + "A" * 9000) == [] and decoder.feed("more\x07after\n") == [
        (Span("after", PLAIN),)
    ]


def test_one_line() -> None:
    assert one_line("a\nb\x1b[31mc") == "a⏎bc"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


PIECES = [
    *(bytes([code]) for code in b"[]K\r\n\b\t\x07\x9b\x1bP\\;\x00\xff"),
    *(
        b"31m",
        b"52",
        b"abc",
        b"38;5;",
        b"\xc2\x9b",
        b"\xc2\x9d",
        b"\xe2\x80\xae",
        b"\xe2\x80\x8b",
        b"\xcc\x81",
    ),
]
HOSTILE = st.one_of(
    st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)
)


@given(HOSTILE)
def test_no_control_characters(data: bytes) -> None:
    for line in decode(data, cut=50):
        for span in line:
            for char in span.text:
                category = unicodedata.category(char)
                assert category not in ("Cc", "Cs", "Zl", "Zp")
                assert not (
                    0x202A <= ord(char) <= 0x202E
                    or 0x2066 <= ord(char) <= 0x2069
                    or ord(char) in (0x200E, 0x200F)
                )


@given(st.text(max_size=100), st.integers(0, 100))
def test_any_text_is_made_safe(text: str, cut: int) -> None:
    shown = plain(text)
    assert not any(
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown.replace("\n", "")
    )
    assert "\n" not in one_line(text)
    printable = "".join(char for char in text if char.isascii() and char.isprintable())
    assert plain(printable) == printable


@example(b"a\xc2\x9d\xc2\x9b\x00", [5])
@example(b"\x1b\x1b[31mx", [2])
@example(b"a\xc2\x98b\x07c", [4])
@example(b"abc\r\x1b[1mX", [5])
@given(HOSTILE, st.lists(st.integers(0, 200), max_size=6))
def test_chunks_do_not_matter(data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    decoder = Decoder()
    lines = []
    for start, end in pairwise(edges):
        lines += decoder.feed(data[start:end])
    assert lines + decoder.finish() == decode(data)
