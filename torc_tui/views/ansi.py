r"""Decode the output of jobs into lines of styled text that are safe to show.

Input: bytes or text in chunks. Output: lines of (text, style).

Colors and weights (SGR) become styles. A carriage return or backspace moves the cursor, ``ESC[K``
erases. All other sequences are dropped, and other controls are shown as ``^G``. Markup such as
``[bold]`` is plain text.

Invariants: the output contains no control character, no escape sequence and no character that
changes the direction of text. A sequence never continues on the next line, so it cannot hide the
rest of a log. Memory is bounded by the length at which lines are cut.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi_style import MARK, PLAIN, Style, sgr

SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0300-\u036f\u061c\u115f\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\ufe20-\ufe2f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters of a text that is not shown as it is."""
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]")
_INVISIBLE = re.compile(
    "[\xad\u115f\u180b-\u180f\u200b\u200c\u2060-\u2065\ufeff\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_COMBINING = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u200d]"
_MANY_MARKS = re.compile(f"({_COMBINING}{{4}}){_COMBINING}+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """Return a text without controls as one that any terminal can show."""
    if SUSPECT.search(text) is None:
        return text
    text = _SURROGATES.sub("\ufffd", text)
    text = _DIRECTIONS.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return _INVISIBLE.sub("", text)


def caret(char: str) -> str:
    """Return a control character in caret notation: ``^G``, or ``<85>`` above ASCII."""
    code = ord(char)
    return f"^{chr(code ^ 64)}" if code < 128 else f"<{code:02X}>"


def with_few_marks(text: str) -> str:
    """Return a text with at most four combining marks on a character."""
    return text if text.isascii() else _MANY_MARKS.sub(r"\1", text)


class Span(NamedTuple):
    """A part of a line in one style."""

    text: str
    style: Style


Line = tuple[Span, ...]


class TextRow:
    """The characters of a line with their styles, and the column of the cursor.

    At most ``cut`` characters are kept; the line ends with the number of the others.
    """

    __slots__ = ("chars", "column", "cut", "overflow", "styles", "used")

    def __init__(self, cut: int) -> None:
        self.cut = cut
        self.clear()

    def clear(self) -> None:
        """Begin a new line."""
        self.chars: list[str] = []
        self.styles: list[Style] = []
        self.column = 0
        self.overflow = 0
        self.used = False

    def write(self, text: str, style: Style) -> None:
        """Write at the cursor, over what is there."""
        self.used = True
        start, end = self.column, self.column + len(text)
        self.column = end
        if end > self.cut:
            self.overflow = max(self.overflow, end - self.cut)
            text = text[: max(0, self.cut - start)]
            end = start + len(text)
        if not text:
            return
        if (gap := start - len(self.chars)) > 0:
            self.chars += " " * gap
            self.styles += [PLAIN] * gap
        self.chars[start:end] = text
        self.styles[start:end] = [style] * len(text)

    def erase(self, mode: str) -> None:
        """Erase from the cursor on, or with 1 up to the cursor, or with 2 the whole line."""
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
        """Return the line as it looks now."""
        spans = []
        cells = zip(self.chars, self.styles, strict=True)
        for style, same in groupby(cells, itemgetter(1)):
            text = "".join([char for char, _ in same])
            spans.append(Span(with_few_marks(text), style))
        if self.overflow:
            spans.append(Span(f" … +{self.overflow:,} characters", MARK))
        return tuple(spans)


_CUT = 4096
"""Characters of a line that are kept."""
_LONGEST_SEQUENCE = 4096
"""Characters of an unfinished sequence that wait for the next chunk; a longer one is dropped."""
_TAB = 8
_CONTROLS = bytes([*range(10), *range(11, 32), *range(127, 256)])
"""Bytes that a plain chunk does not contain."""
_SEQUENCE = re.compile(
    r"\x1b\[|\x9b"  # CSI, continued by _CSI
    # OSC, DCS, SOS, PM and APC: strings with an end
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|\Z)"
    r"|\x1b[ -/]*[0-~]?"  # all other escape sequences
    r"|[\x00-\x1f\x7f-\x9f]"
)
_CSI = re.compile(r"([0-?]*)([ -/]*)([@-~]?)")
_DROPPED = frozenset("\x07\x1b\x90\x98\x9c\x9d\x9e\x9f")
"""Controls that are not shown: those that begin or end a sequence."""
_STRING_END = re.compile(r"\x07|\x9c|\x1b\\?")
_OPEN_STRING = re.compile(r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z")
_OPEN_SEQUENCE = re.compile(r"(?:\x1b|\x1b[ -/]+|(?:\x1b\[|\x9b)[0-?]*[ -/]*)\Z")


class Decoder:
    """Turns chunks into lines.

    Between chunks it keeps the style, the unfinished line and the unfinished sequence. ``cut``
    characters of a line are kept.
    """

    def __init__(self, *, cut: int = _CUT) -> None:
        self.cut = cut
        self.style = PLAIN
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._row = TextRow(cut)
        self._rest = ""
        self._skipping = False
        """Whether the text is inside of a string that is too long to be kept."""

    def feed(self, chunk: bytes | str) -> list[Line]:
        """Return the lines that this chunk finishes."""
        if isinstance(chunk, bytes):
            if len(chunk.translate(None, _CONTROLS)) == len(chunk) and not self._has_unfinished:
                return self._plain(chunk.decode("ascii"))
            chunk = self._decoder.decode(chunk)
        return self._decode(chunk)

    @property
    def pending(self) -> Line:
        """Return the unfinished line as it looks now."""
        return self._row.line()

    def finish(self) -> list[Line]:
        """Return the last line, if it did not end; forget everything but the style."""
        lines = self._decode(self._decoder.decode(b"", True))
        self._rest, self._skipping = "", False
        return [*lines, self._end_line()] if self._row.used else lines

    @property
    def _has_unfinished(self) -> bool:
        return bool(self._rest or self._skipping or self._decoder.getstate()[0])

    def _end_line(self) -> Line:
        line = self._row.line()
        self._row.clear()
        return line

    def _plain(self, text: str) -> list[Line]:
        """Return the lines of a text without controls and sequences."""
        lines: list[Line] = []
        if self._row.used:
            head, newline, text = text.partition("\n")
            self._row.write(head, self.style)
            if not newline:
                return []
            lines.append(self._end_line())
        *whole, last = text.split("\n")
        if max(map(len, whole), default=0) <= self.cut:
            style = self.style
            lines += [(Span(line, style),) if line else () for line in whole]
        else:
            for line in whole:
                self._row.write(line, self.style)
                lines.append(self._end_line())
        if last:
            self._row.write(last, self.style)
        return lines

    def _decode(self, text: str) -> list[Line]:
        text, self._rest = self._rest + text, ""
        lines: list[Line] = []
        *whole, last = text.split("\n")
        for part in whole:
            if self._skipping:
                part = self._after_string(part)
            self._write(part.rstrip("\r"))
            lines.append(self._end_line())
            self._skipping = False
        self._write(self._after_string(last) if self._skipping else self._keep_open(last))
        return lines

    def _after_string(self, part: str) -> str:
        """Return the text after the end of the string that is skipped."""
        found = _STRING_END.search(part)
        if found is None:
            return ""
        self._skipping = False
        return part[found.end() :]

    def _keep_open(self, part: str) -> str:
        """Keep a sequence that may continue in the next chunk; return the text before it."""
        string = _open_string(part)
        if string is None and part.endswith("\r"):
            # CR LF is one end of line, also when the chunks part between them
            self._rest = "\r"
            return part[:-1]
        last = max(part.rfind("\x1b"), part.rfind("\x9b"), 0)
        found = string or _OPEN_SEQUENCE.search(part, last)
        if found is None:
            return part
        if len(found[0]) <= _LONGEST_SEQUENCE:
            self._rest = found[0]
        else:
            self._skipping = string is not None
        return part[: found.start()]

    def _write(self, part: str) -> None:
        """Write a text to the line, and carry out its sequences."""
        if SUSPECT.search(part) is None:
            if part:
                self._row.write(part, self.style)
            return
        position = 0
        while found := _SEQUENCE.search(part, position):
            if found.start() > position:
                self._row.write(safe(part[position : found.start()]), self.style)
            position = found.end()
            if found[0] in ("\x1b[", "\x9b"):
                position = self._csi(part, position)
            else:
                self._control(found[0])
        if position < len(part):
            self._row.write(safe(part[position:]), self.style)

    def _csi(self, part: str, start: int) -> int:
        """Carry out the sequence whose parameters start here; return where it ends."""
        found = _CSI.match(part, start)
        assert found is not None  # every part of it may be empty
        parameters, intermediate, final = found.groups()
        if final == "m" and not intermediate:
            self.style = sgr(self.style, parameters)
        elif final == "K" and not intermediate:
            self._row.erase(parameters)
        return found.end()

    def _control(self, sequence: str) -> None:
        row = self._row
        if sequence == "\r":
            row.column = 0
        elif sequence == "\b":
            row.column = max(0, row.column - 1)
        elif sequence == "\t":
            row.write(" " * (_TAB - row.column % _TAB), self.style)
        elif len(sequence) == 1 and sequence not in _DROPPED:
            row.write(caret(sequence), MARK)


def _open_string(text: str) -> re.Match[str] | None:
    """Return the string (OSC and the like) that is still open at the end of the text.

    The search begins at the last end of a string, so its time grows linearly with the length.
    """
    head = text.removesuffix("\x1b")
    ends = (head.rfind("\x07") + 1, head.rfind("\x9c") + 1, head.rfind("\x1b"), 0)
    return _OPEN_STRING.search(text, max(ends))


def decode(text: bytes | str, *, cut: int = _CUT) -> list[Line]:
    """Return all lines of a text."""
    decoder = Decoder(cut=cut)
    return decoder.feed(text) + decoder.finish()


def text_of(line: Iterable[Span]) -> str:
    """Return a line without its styles."""
    return "".join(span.text for span in line)


def plain(text: bytes | str, *, cut: int = _CUT) -> str:
    """Return a text without styles, with its ends of lines."""
    return "\n".join(map(text_of, decode(text, cut=cut)))


def one_line(text: str, limit: int = 200) -> str:
    """Return a text on one line: ends of lines as ``⏎``, cut with ``…`` after ``limit``."""
    shown = plain(text[: 4 * limit].rstrip("\n"), cut=limit * 4).replace("\n", "⏎")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


LONGEST = 200
"""Characters of a sentence that a terminal gets."""


def osc9(text: str) -> str:
    """Return the control sequence for a desktop notification."""
    safe = "".join(char for char in one_line(text) if char.isprintable())[:LONGEST]
    return f"\x1b]9;{safe}\x07"
