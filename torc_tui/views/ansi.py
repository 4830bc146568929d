"""The output of jobs, made sanitize. In: bytes or text of anybody, in chunks. Out: lines of (text,
style).

Law: no text that comes out of here contains a control character, an escape sequence or a character
that changes the direction of what follows, whatever came in. Colours and weights (SGR) become
styles; a carriage return or backspace overwrites as on a terminal, ``ESC[K`` erases; every other
sequence is dropped, every stray control is shown as ``^G``. Sequences never reach across the end of
a line, so that a hostile one cannot swallow the rest of a log.

Never done here: interpreting markup such as ``[bold]``; it is plain text.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable
from typing import Any, NamedTuple

Color = int | str | None
"""None: the default; 0 to 255: the palette; ``#rrggbb``."""


class Style(NamedTuple):
    """How a piece of text looks."""

    fg: Color = None
    bg: Color = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


class Span(NamedTuple):
    """A piece of a line in one style."""

    text: str
    style: Style


Line = tuple[Span, ...]

PLAIN = Style()
MARK = Style(dim=True, reverse=True)
"""The style of what was put in here: controls in caret notation, the mark of a line that was
cut."""

CUT = 4096
"""Characters of a line that are kept."""

_TAB = 8
_CONTROLS = bytes([*range(10), *range(11, 32), *range(127, 256)])
"""Bytes that need a closer look. A chunk without any of them goes the fast way."""
_SUSPECT = re.compile("[\x00-\x1f\x7f-\x9f\xad\u0300-\u036f\u061c\u115f\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff"
                      "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\ufe20-\ufe2f\ufeff\ufff9-\ufffb\ud800-\udfff"
                      "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")  # fmt: skip
_SEQUENCE = re.compile(
    r"\x1b\[|\x9b"  # 1: CSI introducer, handled by _CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|\Z)"  # OSC DCS SOS PM APC
    r"|\x1b[ -/]*[0-~]?"  # all other escapes
    r"|[\x00-\x1f\x7f-\x9f]"
)
_CSI = re.compile(r"([0-?]*)([ -/]*)([@-~]?)")
_STRAY = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]")
_UNSEEN = re.compile(
    "[\xad\u115f\u180b-\u180f\u200b\u200c\u2060-\u2065\ufeff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_MARKS = re.compile("([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200d]{4})"
                    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200d]+")  # fmt: skip
_LONE = re.compile("[\ud800-\udfff]")
_HELD = 4096
"""So many characters of a sequence that is not finished wait for the next chunk; a longer one is
given up."""


_OPEN_STRING = re.compile(r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z")
_OPEN_SEQUENCE = re.compile(r"(?:\x1b|\x1b[ -/]+|(?:\x1b\[|\x9b)[0-?]*[ -/]*)\Z")


def _open_string(text: str) -> re.Match[str] | None:
    """Return the string (OSC and the like) that is still open at the end of the text.

    The search begins at the last end of a string, so that its time grows with the length only.
    """
    head = text.removesuffix("\x1b")
    ends = (head.rfind("\x07") + 1, head.rfind("\x9c") + 1, head.rfind("\x1b"), 0)
    return _OPEN_STRING.search(text, max(ends))


def safe(text: str) -> str:
    """Text without escapes and controls as one that any screen can show: directions visible,
    invisible signs gone.
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _LONE.sub("\ufffd", text)
    text = _STRAY.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return _UNSEEN.sub("", text)


def caret(char: str) -> str:
    """``^G`` for a control character, ``<85>`` for one of the second set."""
    code = ord(char)
    return f"^{chr(code ^ 64)}" if code < 128 else f"<{code:02X}>"


class Decoder:
    """Turns chunks into lines, keeping between them the colour, the unfinished line and the
    unfinished sequence.

    ``cut`` characters of a line are kept; how many were left out stands at its end. Memory is
    bounded by that.
    """

    def __init__(self, *, cut: int = CUT, style: Style = PLAIN) -> None:
        self.cut = cut
        self.style = style
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._row = _Row(cut)
        self._rest = ""
        self._skipping = False

    def feed(self, chunk: bytes | str) -> list[Line]:
        """The lines that this chunk finishes."""
        if isinstance(chunk, bytes):
            if len(chunk.translate(None, _CONTROLS)) == len(chunk) and not self._busy:
                return self._plain(chunk.decode("ascii"))
            chunk = self._decoder.decode(chunk)
        return self._slow(chunk)

    @property
    def pending(self) -> Line:
        """The line that has not ended yet, as it looks now."""
        return self._row.line()

    def finish(self) -> list[Line]:
        """The end of the input: the last line, if it did not end. The decoder is as new, but for
        the style.
        """
        lines = self._slow(self._decoder.decode(b"", True))
        self._rest, self._skipping = "", False
        if self._row.used:
            lines.append(self._row.line())
            self._row.clear()
        return lines

    @property
    def _busy(self) -> bool:
        """Something of the last chunk is not decided yet."""
        return bool(self._rest or self._skipping or self._decoder.getstate()[0])

    def _plain(self, text: str) -> list[Line]:
        """The lines of a chunk without anything special in it."""
        if not self._row.used:
            return self._fast(text)
        head, newline, text = text.partition("\n")
        self._row.write(head, self.style)
        if not newline:
            return []
        line = self._row.line()
        self._row.clear()
        return [line, *self._fast(text)]

    def _fast(self, text: str) -> list[Line]:
        style, cut = self.style, self.cut
        *whole, last = text.split("\n")
        if last:
            self._row.write(last, style)
        if len(text) <= cut or max(map(len, whole), default=0) <= cut:
            return [(Span(line, style),) if line else () for line in whole]
        return [self._row_of(line) for line in whole]

    def _row_of(self, text: str) -> Line:
        row = _Row(self.cut)
        row.write(text, self.style)
        return row.line()

    def _slow(self, text: str) -> list[Line]:
        if self._rest:
            text, self._rest = self._rest + text, ""
        out: list[Line] = []
        parts = text.split("\n")
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            if self._skipping:
                part = self._skip(part)
            elif last:
                part = self._hold(part)
            if not last:
                part = part.rstrip("\r")
            if part:
                self._write(part)
            if not last:
                out.append(self._row.line())
                self._row.clear()
                self._skipping = False
        return out

    def _skip(self, part: str) -> str:
        """What follows the end of the string that is being swallowed."""
        found = re.search(r"\x07|\x9c|\x1b\\?", part)
        if found is None:
            return ""
        self._skipping = False
        return part[found.end() :]

    def _hold(self, part: str) -> str:
        """Keep a sequence that may go on in the next chunk for later; give the text before it."""
        string = _open_string(part)
        if string is None and part.endswith("\r"):
            # CR LF is one end of line, also when the chunks part between them
            self._rest = "\r"
            return part[:-1]
        last = max(part.rfind("\x1b"), part.rfind("\x9b"), 0)
        found = string or _OPEN_SEQUENCE.search(part, last)
        if found is None:
            return part
        if len(found[0]) <= _HELD:
            self._rest = found[0]
        else:
            self._skipping = string is not None
        return part[: found.start()]

    def _write(self, part: str) -> None:
        row = self._row
        if _SUSPECT.search(part) is None:
            row.write(part, self.style)
            return
        position = 0
        while found := _SEQUENCE.search(part, position):
            start, end = found.span()
            if start > position:
                row.write(safe(part[position:start]), self.style)
            sequence = found[0]
            if sequence in ("\x1b[", "\x9b"):
                csi = _CSI.match(part, end)
                assert csi is not None  # every part of it may be empty
                end = csi.end()
                if not csi[2]:
                    self._csi(csi[1], csi[3])
            elif sequence == "\r":
                row.column = 0
            elif sequence == "\b":
                row.column = max(0, row.column - 1)
            elif sequence == "\t":
                row.write(" " * (_TAB - row.column % _TAB), self.style)
            elif len(sequence) == 1 and sequence not in "\x07\x1b\x90\x98\x9c\x9d\x9e\x9f":
                row.write(caret(sequence), MARK)
            position = end
        if position < len(part):
            row.write(safe(part[position:]), self.style)

    def _csi(self, parameters: str, final: str) -> None:
        if final == "m":
            self.style = sgr(self.style, parameters)
        elif final == "K":
            self._row.erase(parameters)


class _Row:
    """The line that is being written: characters and their styles, a place to write at, and what
    did not fit.
    """

    __slots__ = ("chars", "column", "cut", "overflow", "styles", "used")

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.clear()

    def clear(self) -> None:
        self.chars: list[str] = []
        self.styles: list[Style] = []
        self.column = 0
        self.overflow = 0
        self.used = False

    def write(self, text: str, style: Style) -> None:
        self.used = True
        start, end = self.column, self.column + len(text)
        self.column = end
        if end > self.cut:
            self.overflow = max(self.overflow, end - self.cut)
            text = text[: max(0, self.cut - start)]
            end = start + len(text)
        if not text:
            return
        if start > len(self.chars):
            gap = start - len(self.chars)
            self.chars += " " * gap
            self.styles += [PLAIN] * gap
        self.chars[start:end] = text
        self.styles[start:end] = [style] * len(text)

    def erase(self, mode: str) -> None:
        if mode in ("", "0"):
            del self.chars[self.column :], self.styles[self.column :]
            self.overflow = max(0, self.column - self.cut)
        elif mode == "1":
            end = min(self.column + 1, len(self.chars))
            self.chars[:end] = " " * end
            self.styles[:end] = [PLAIN] * end
        elif mode == "2":
            self.chars.clear()
            self.styles.clear()
            self.overflow = 0

    def line(self) -> Line:
        chars, styles = self.chars, self.styles
        out: list[Span] = []
        start, total = 0, len(chars)
        while start < total:
            style, end = styles[start], start + 1
            while end < total and styles[end] is style:
                end += 1
            text = "".join(chars[start:end])
            out.append(Span(text if text.isascii() else _MARKS.sub(r"\1", text), style))
            start = end
        if self.overflow:
            out.append(Span(f" … +{self.overflow:,} characters", MARK))
        return tuple(out)


_FLAGS: dict[int, dict[str, Any]] = {
    1: {"bold": True}, 2: {"dim": True}, 3: {"italic": True}, 4: {"underline": True}, 7: {"reverse": True},
    9: {"strike": True}, 21: {"underline": True}, 22: {"bold": False, "dim": False}, 23: {"italic": False},
    24: {"underline": False}, 27: {"reverse": False}, 29: {"strike": False}, 39: {"fg": None}, 49: {"bg": None},
    **{30 + n: {"fg": n} for n in range(8)}, **{90 + n: {"fg": 8 + n} for n in range(8)},
    **{40 + n: {"bg": n} for n in range(8)}, **{100 + n: {"bg": 8 + n} for n in range(8)},
}  # fmt: skip
_CACHE: dict[tuple[Style, str], Style] = {}


def sgr(style: Style, parameters: str) -> Style:
    """The style after ``ESC[`` parameters ``m``. What is not understood changes nothing."""
    key = (style, parameters)
    found = _CACHE.get(key)
    if found is None:
        if len(_CACHE) > 2000:
            _CACHE.clear()
        found = _CACHE[key] = _sgr(style, parameters)
    return found


def _sgr(style: Style, parameters: str) -> Style:
    if len(parameters) > 200 or parameters.strip("0123456789;:"):
        return style
    # 38:2::r:g:b and 38;2;r;g;b mean the same; a sub-parameter of another code (4:3) is its variant
    codes = [part.split(":") for part in parameters.split(";")]
    position = 0
    while position < len(codes):
        first, *rest = codes[position]
        code = int(first[-6:] or 0)
        position += 1
        if code in (38, 48):
            if rest:
                color = _color([part for part in rest if part])
            else:
                tail = [part[0] for part in codes[position : position + 4]]
                taken = 4 if tail[:1] == ["2"] else 2 if tail[:1] == ["5"] else 1
                color = _color(tail[:taken])
                position += taken
            if color is not None:
                style = style._replace(fg=color) if code == 38 else style._replace(bg=color)
        elif code == 0:
            style = PLAIN
        elif code == 4 and rest == ["0"]:
            style = style._replace(underline=False)
        elif code in _FLAGS:
            style = style._replace(**_FLAGS[code])
    return style


def _color(parts: list[str]) -> Color:
    """The colour of ``5;n`` or ``2;r;g;b``; None if it is neither."""
    numbers = [int(part[-6:] or 0) for part in parts]
    if numbers[:1] == [5] and len(numbers) >= 2 and numbers[1] < 256:
        return numbers[1]
    if numbers[:1] == [2] and len(numbers) >= 4 and max(numbers[-3:]) < 256:
        red, green, blue = numbers[-3:]
        return f"#{red:02x}{green:02x}{blue:02x}"
    return None


def decode(text: bytes | str, *, cut: int = CUT) -> list[Line]:
    """All lines of a whole text."""
    decoder = Decoder(cut=cut)
    return decoder.feed(text) + decoder.finish()


def text_of(line: Iterable[Span]) -> str:
    """A line without its styles."""
    return "".join(span.text for span in line)


def plain(text: bytes | str, *, cut: int = CUT) -> str:
    """A whole text without colours and without harm, for a place that shows plain text. Ends of
    lines stay.
    """
    return "\n".join(map(text_of, decode(text, cut=cut)))


def one_line(text: str, limit: int = 200) -> str:
    """A name or a message of anybody for one line of a table: sanitize, ends of lines as ``⏎``, cut
    with ``…``.
    """
    shown = plain(text[: 4 * limit].rstrip("\n"), cut=limit * 4).replace("\n", "⏎")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
