"""A log as it is read: its end first, following it, searched as a whole, whatever its size.

What comes in: a path, ticks. What goes out: painted lines. Everything is found by byte offsets from the line at the
top, so that a file of any size opens at once; numbers of lines come when the index has reached them. Reads are a few
blocks around what is shown; the index grows by some blocks with each tick; the search has its own thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from torc_tui.tui.cells import Span, cut, line_width, paint, width_of
from torc_tui.tui.models.log import Change, LogFile, LogLine, Search
from torc_tui.tui.theme import DEFAULT, Palette
from torc_tui.views.ansi import PLAIN, Decoder, Style

BLOCKS_PER_TICK = 8
"""Blocks of 256 KiB that the index grows by with each tick: about a millisecond."""


def rich_name(style: Style) -> str:
    """A style of the log's own colours as words that Rich reads, behind a mark that palettes know no word of."""
    flags = ("bold", "dim", "italic", "underline", "reverse", "strike")
    words = [flag for flag in flags if getattr(style, flag)]
    if style.fg is not None:
        words.append(style.fg if isinstance(style.fg, str) else f"color({style.fg})")
    if style.bg is not None:
        words += ["on", style.bg if isinstance(style.bg, str) else f"color({style.bg})"]
    return " ".join(words)


class LogView(Widget, can_focus=True):
    """See the module. ``follow`` holds while the end is shown; it ends with scrolling up and comes back at the end."""

    CONTEXT: ClassVar[str] = "log"
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LogView { width: 1fr; height: 1fr; background: $background; color: $foreground; }
    """

    class Moved(Message):
        """The place, the size or the search changed: who shows a status line shows it anew."""

    def __init__(self, *, id: str | None = None, empty: str = "no log yet") -> None:
        super().__init__(id=id)
        self.empty = empty
        self.log_file: LogFile | None = None
        self.follow = True
        self.wrap = False
        self.left = 0
        self.search: Search | None = None
        self.pattern = ""
        self._top = 0
        self._rows: list[list[Span]] | None = None
        self._lines: list[LogLine] = []
        self._styles: dict[str, RichStyle] = {}
        self._hit = -1

    @property
    def palette(self) -> Palette:
        return getattr(self.app, "palette", DEFAULT)

    def _style(self, name: str) -> RichStyle:
        found = self._styles.get(name)
        if found is None:
            if name.startswith("ansi:"):
                found = RichStyle.parse(name[5:] or "none")
            else:
                found = self.palette(name)
            self._styles[name] = found
        return found

    # -- what the owner calls -----------------------------------------------------------------------------------------

    def open(self, path: str | None) -> None:
        """Show that file from its end; None: nothing."""
        self.close()
        self.follow, self.left = True, 0
        if path is not None:
            self.log_file = LogFile(path)
        self._changed()

    def close(self) -> None:
        if self.search is not None:
            self.search.stop()
        self.search, self.pattern = None, ""
        if self.log_file is not None:
            self.log_file.close()
            self.log_file = None

    def tick(self) -> None:
        """See whether the file grew, and go on with the index."""
        log = self.log_file
        if log is None:
            return
        change = log.refresh()
        if change is Change.REPLACED:
            self._top, self.follow = 0, True
            self._changed()
        elif change is Change.GREW and (self.follow or len(self._lines) < self.size.height):
            self._changed()
        elif change is Change.GREW:
            self.post_message(self.Moved())
        if not log.complete:
            log.advance(BLOCKS_PER_TICK)
            if log.complete:
                self.post_message(self.Moved())

    @property
    def working(self) -> bool:
        """Whether ticks have something to do besides looking at the size."""
        log = self.log_file
        return log is not None and (not log.complete or (self.search is not None and not self.search.hits.done))

    def status(self) -> list[Span]:
        """Where the view stands, in a few words."""
        log = self.log_file
        if log is None or not log.exists:
            return [(self.empty, "faint")]
        out: list[Span] = []
        if self.search is not None:
            hits = self.search.hits
            place = f"{self._hit + 1} of " if self._hit >= 0 else ""
            more = "" if hits.done else f" … {100 * hits.searched // max(1, hits.size)} %"
            found = f"{place}{hits.total} lines with {self.pattern}{more}"
            out += [(hits.error or found, "error" if hits.error else "accent"), ("  ", "")]
        first = self._lines[0].start if self._lines else 0
        number = log.number_of(first)
        total = log.line_count
        if number is not None:
            out.append((f"line {number + 1}" + (f" of {total}" if total is not None else ""), "muted"))
        elif log.size:
            out.append((f"{100 * first // log.size} %", "muted"))
        out.append(("  ", ""))
        out.append(("following", "success") if self.follow else ("not following", "warning"))
        if self.wrap:
            out.append(("  wrapped", "muted"))
        return out

    # -- painting -----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._rows = None
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        self._rows = None

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._rows = None

    def _spans(self, line: LogLine) -> list[Span]:
        decoder = Decoder()
        done = decoder.feed(line.data + b"\n")
        spans: list[Span] = [
            (span.text, "" if span.style == PLAIN else "ansi:" + rich_name(span.style))
            for span in (done[0] if done else ())
        ]
        if line.missing:
            spans.append((f" … {line.missing} more bytes", "warning"))
        if self.pattern:
            spans = highlighted(spans, self.pattern)
        return spans

    def _lay_out(self) -> list[list[Span]]:
        log = self.log_file
        width, height = max(1, self.size.width - 2), max(1, self.size.height)
        if log is None or not log.exists:
            self._lines = []
            return []
        self._lines = log.tail(height) if self.follow else log.after(self._top, height)
        if not self.follow and len(self._lines) < height and self._top > 0:
            self._lines = log.tail(height)
        rows: list[list[Span]] = []
        for line in self._lines:
            spans = self._spans(line)
            if self.wrap:
                rows += wrapped(spans, width)
            else:
                rows.append(shifted(spans, self.left, width))
        if self.follow:
            rows = rows[-height:]
        if self._lines:
            self._top = self._lines[0].start
        return rows

    def render_line(self, y: int) -> Strip:
        if self._rows is None:
            self._rows = self._lay_out()
        width = self.size.width
        base = self.rich_style
        if not self._rows:
            return paint([(f"  {self.empty}" if y == 1 else "", "muted")], self._style, base, width)
        spans = self._rows[y] if y < len(self._rows) else []
        body = paint([(" ", ""), *spans], self._style, base, width - 1)
        return Strip([*body, *paint([self._thumb(y)], self._style, base, 1)], width)

    def _thumb(self, y: int) -> Span:
        log, height = self.log_file, self.size.height
        if log is None or not self._lines or log.size <= 0:
            return (" ", "")
        shown = self._lines[-1].end - self._lines[0].start
        if shown >= log.size:
            return (" ", "")
        size = max(1, round(height * shown / log.size))
        top = round((height - size) * self._lines[0].start / max(1, log.size - shown))
        return ("▐", "faint") if top <= y < top + size else ("▕", "rule")

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    # -- moving -------------------------------------------------------------------------------------------------------

    def _move(self, lines: int) -> None:
        log = self.log_file
        if log is None or not self._lines:
            return
        if lines < 0:
            back = log.before(self._top, -lines)
            if back:
                self._top = back[0].start
                self.follow = False
        else:
            ahead = log.after(self._lines[-1].end, lines)
            if len(ahead) < lines or (ahead and ahead[-1].end >= log.size):
                self.follow = True
            elif lines < len(self._lines):
                self._top = self._lines[lines].start
            else:
                skipped = log.after(self._top, lines + 1)
                self._top = skipped[-1].start
        self._changed()

    def go_to(self, offset: int) -> None:
        """Show the line that starts there, a little below the top."""
        log = self.log_file
        if log is None:
            return
        before = log.before(offset, max(1, self.size.height // 3))
        self._top = before[0].start if before else offset
        self.follow = False
        self._changed()

    def do_log_up(self) -> None:
        self._move(-1)

    def do_log_down(self) -> None:
        self._move(1)

    def do_page_up(self) -> None:
        self._move(-max(1, self.size.height - 2))

    def do_page_down(self) -> None:
        self._move(max(1, self.size.height - 2))

    def do_cursor_top(self) -> None:
        self._top, self.follow = 0, False
        self._changed()

    def do_cursor_bottom(self) -> None:
        self.follow = True
        self._changed()

    def do_log_follow(self) -> None:
        self.follow = not self.follow
        self._changed()

    def do_log_wrap(self) -> None:
        self.wrap = not self.wrap
        self.left = 0
        self._changed()

    def do_scroll_left(self) -> None:
        self.left = max(0, self.left - 16)
        self._changed()

    def do_scroll_right(self) -> None:
        if not self.wrap:
            self.left += 16
            self._changed()

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move(-3)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._move(3)

    # -- searching ----------------------------------------------------------------------------------------------------

    def look_for(self, pattern: str) -> None:
        """Search the whole file, in a thread; an empty pattern ends the search."""
        if self.search is not None:
            self.search.stop()
        self.pattern, self._hit = pattern, -1
        self.search = Search(self.log_file.path, pattern) if pattern and self.log_file is not None else None
        self._changed()

    def do_log_next(self) -> None:
        self._to_hit(1)

    def do_log_previous(self) -> None:
        self._to_hit(-1)

    def _to_hit(self, by: int) -> None:
        if self.search is None:
            return
        starts = self.search.hits.starts
        if not starts:
            return
        if self._hit < 0:
            from bisect import bisect_left

            self._hit = bisect_left(starts, self._top) - (1 if by < 0 else 0)
        else:
            self._hit += by
        self._hit %= len(starts)
        self.go_to(starts[self._hit])


def highlighted(spans: Sequence[Span], pattern: str) -> list[Span]:
    """The spans with every occurrence of ``pattern`` in the style ``match``; lower case matches any case."""
    fold = pattern == pattern.lower()
    text = "".join(part for part, _ in spans)
    where = text.lower() if fold else text
    if len(where) != len(text):  # some letters change their length in lower case: then only exact matches are shown
        where = text
    marks: list[tuple[int, int]] = []
    at = where.find(pattern)
    while at >= 0:
        marks.append((at, at + len(pattern)))
        at = where.find(pattern, at + len(pattern))
    if not marks:
        return list(spans)
    out: list[Span] = []
    position = 0
    for part, style in spans:
        end = position + len(part)
        here = position
        for start, stop in marks:
            if stop <= here or start >= end:
                continue
            if start > here:
                out.append((text[here:start], style))
            out.append((text[max(here, start) : min(end, stop)], "match"))
            here = min(end, stop)
        if here < end:
            out.append((text[here:end], style))
        position = end
    return out


def shifted(spans: Sequence[Span], left: int, width: int) -> list[Span]:
    """What of a line stands in ``width`` cells from cell ``left`` on; a mark where it goes on."""
    out: list[Span] = []
    skip = left
    room = width
    whole = line_width(spans)
    for text, style in spans:
        size = width_of(text)
        if skip >= size:
            skip -= size
            continue
        if skip:
            text = text[len(cut(text, skip)) :]
            skip = 0
        part = cut(text, room)
        out.append((part, style))
        room -= width_of(part)
        if room <= 0:
            break
    if whole - left > width and out:
        text, style = out[-1]
        out[-1] = (text[:-1], style)
        out.append(("›", "accent"))
    return out


def wrapped(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """A line broken to rows of at most ``width`` cells."""
    rows: list[list[Span]] = [[]]
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
