"""Lay out the lines of a log: decode, highlight, cut or wrap them. No Textual, no I/O.

Input: a window of lines, the width, the search, the palette. Output: rows of styled text. Only
requested lines are laid out; they are cached until something changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style as RichStyle

from torc_tui.tui.logs.log_tags import STYLES, tag_texts
from torc_tui.tui.logs.log_window import LogWindow
from torc_tui.tui.logs.merged_log import MergedLine, Place, Stream
from torc_tui.tui.look.text_layout import Span, cut, highlighted, sanitize, width_of
from torc_tui.tui.look.theme import DEFAULT, Palette
from torc_tui.views.ansi import decode
from torc_tui.views.ansi_style import PLAIN, Style

KEPT = 600
"""Laid-out lines that are kept."""


Spans = list[tuple[str, RichStyle]]
"""Text and its style, ready to paint."""


def rich_style(style: Style) -> RichStyle:
    """Return the Rich style for a style of a log."""
    if style == PLAIN:
        return RichStyle.null()
    fg, bg = (f"color({c})" if isinstance(c, int) else c for c in (style.fg, style.bg))
    return RichStyle(
        color=fg,
        bgcolor=bg,
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
        reverse=style.reverse or None,
        strike=style.strike or None,
    )


def sliced(spans: Spans, left: int, width: int, mark: RichStyle) -> list[Segment]:
    """Return the part of a row in ``width`` cells from cell ``left`` on, with marks at cut ends."""
    total = sum(width_of(text) for text, _ in spans)
    if not left and total <= width:
        return [Segment(text, style) for text, style in spans]
    out: list[Segment] = []
    before, after = left > 0 and total > 0, total > left + width
    skip, room = left + before, width - before - after
    if before:
        out.append(Segment("‹", mark))
    for text, style in spans:
        if skip:
            size = width_of(text)
            if size <= skip:
                skip -= size
                continue
            gone = cut(text, skip)
            lost = skip - width_of(gone)
            text = text[len(gone) :]
            if lost:  # half of a wide character is out of sight
                text = " " * (width_of(text[0]) - lost) + text[1:]
            skip = 0
        part = cut(text, room)
        out.append(Segment(part, style))
        room -= width_of(part)
        if len(part) < len(text):
            break
    if after:
        out.append(Segment(" " * room + "›", mark))
    return out


def wrapped(spans: Spans, width: int) -> list[Spans]:
    """Return a line in rows of at most ``width`` cells."""
    rows: list[Spans] = [[]]
    room = width
    for text, style in spans:
        while text:
            part = cut(text, room)
            if not part and room == width:
                part = text[:1]
            if part:
                rows[-1].append((part, style))
                room -= width_of(part)
                text = text[len(part) :]
            if text:
                rows.append([])
                room = width
    return rows


class LogLines:
    """The lines of a window, laid out."""

    def __init__(self) -> None:
        self.window = LogWindow()
        self.palette: Palette = DEFAULT
        self.pattern = ""
        self.wrap = False
        self.colors: Callable[[str], Sequence[Span]] | None = None
        """Colors the lines of a language; lines with colors of their own keep them."""
        self.cells = 1
        """Width of the widget."""
        self._kept: dict[tuple[Place, int, int], list[Spans]] = {}
        self._styles: dict[Style, RichStyle] = {}
        self._matches: re.Pattern[str] | None = None
        self._tagged: tuple[Sequence[Stream], int, Sequence[str], Sequence[str]] = ((), 0, (), ())
        """The streams and the width for which the tags and their styles were made."""

    @property
    def gutter(self) -> int:
        """Return the width of the tag and of the mark for standard error, before each line.

        It is 0 while only one stream of one job has lines.
        """
        if self.tags:
            return width_of(self.tags[0]) + 3
        return 1 if sum(1 for size in self.window.sizes if size) > 1 else 0

    @property
    def tags(self) -> Sequence[str]:
        """Return the tag of each stream; empty unless the log is that of several jobs."""
        streams = self.window.streams
        if (streams, self.cells) != self._tagged[:2]:
            names = [stream.job for stream in streams]
            texts = tag_texts(names, self.cells) if any(names) else ()
            order = dict.fromkeys(names)
            places = {name: place for place, name in enumerate(order)}
            styles = [STYLES[places[name] % len(STYLES)] for name in names]
            self._tagged = (streams, self.cells, texts, styles)
        return self._tagged[2]

    def gutter_spans(self, line: MergedLine) -> Spans:
        """Return what stands before a line: the tag of its job, and the mark of stderr."""
        palette = self.palette
        is_error = self.window.streams[line.stream].name == "stderr" and not line.heading
        if not self.tags:
            return [("▎" if is_error else " ", palette("stderr"))] if self.gutter else []
        if line.heading:
            return []
        tag = (self.tags[line.stream], palette(self._tagged[3][line.stream]))
        mark = ("▎", palette("stderr")) if is_error else ("│", palette("rule"))
        return [tag, (" ", palette("")), mark, (" ", palette(""))]

    @property
    def width(self) -> int:
        """Return the width that gutter and scrollbar leave for text."""
        return max(2, self.cells - 1 - self.gutter)

    def forget(self) -> None:
        """Discard the laid-out lines."""
        self._kept.clear()

    def set_palette(self, palette: Palette) -> None:
        """Use the styles of another theme."""
        self.palette = palette
        self._styles.clear()
        self.forget()

    def set_pattern(self, pattern: str) -> None:
        """Highlight another search; lower case matches any case."""
        self.pattern = pattern
        fold = re.IGNORECASE if pattern == pattern.lower() else 0
        self._matches = re.compile(re.escape(pattern), fold) if pattern else None
        self.forget()

    # -- rows --------------------------------------------------------------------------------------

    def rows(self, index: int) -> list[Spans]:
        """Return the rows of a line: one, or several where lines are wrapped."""
        line = self.window.lines[index]
        key = (line.place, len(line.data), line.missing)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) > KEPT:
                self._kept.clear()
            spans = self._spans(line)
            found = wrapped(spans, self.width) if self.wrap else [spans]
            self._kept[key] = found
        return found

    def count(self, index: int) -> int:
        """Return how many rows a line has."""
        return len(self.rows(index)) if self.wrap else 1

    def width_of(self, index: int) -> int:
        """Return the cells of a line that is not wrapped."""
        return sum(width_of(text) for text, _ in self.rows(index)[0])

    def hit(self, index: int) -> tuple[int, int] | None:
        """Return the first and last cell of the first hit in a line."""
        if self.wrap or self._matches is None or index >= len(self.window.lines):
            return None
        text = "".join(part for part, _ in self.rows(index)[0])
        found = self._matches.search(text)
        if found is None:
            return None
        return width_of(text[: found.start()]), width_of(text[: found.end()])

    def _spans(self, line: MergedLine) -> Spans:
        palette = self.palette
        if line.heading:
            head = f"── {line.heading} "
            rest = "─" * max(0, self.width + (self.gutter if self.tags else 0) - len(head))
            return [(head, palette("muted")), (rest, palette("rule"))]
        if self.colors is not None and b"\x1b" not in line.data:
            text = sanitize(line.data.decode("utf-8", "replace").rstrip("\r"))
            spans: Spans = [(part, palette(name)) for part, name in self.colors(text)]
        else:
            spans = [
                (sanitize(text), self._rich(style))
                for part in decode(line.data)[:1]
                for text, style in part
            ]
        if line.missing:
            spans.append((f" … {line.missing:,} more bytes", palette("warning")))
        return highlighted(spans, self._matches, palette("match")) if self._matches else spans

    def _rich(self, style: Style) -> RichStyle:
        found = self._styles.get(style)
        if found is None:
            mono = self.palette.name == "torc-mono"
            plain = style._replace(fg=None, bg=None) if mono else style
            found = self._styles[style] = rich_style(plain)
        return found
