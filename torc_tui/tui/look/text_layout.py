"""Text in cells: cut, pad and paint. Pure.

Input: any text, such as names of jobs and lines of logs. Output: text that fits its width and
cannot move the cursor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from torc_tui.views.text_cells import INVISIBLE
from torc_tui.views.text_cells import cut as cut
from torc_tui.views.text_cells import fit as fit
from torc_tui.views.text_cells import shorten as shorten
from torc_tui.views.text_cells import width_of as width_of

S = TypeVar("S")
Span = tuple[str, str]
"""Text, and the name of its style in the palette."""

Line = Sequence[Span]

# Control characters would move the cursor; direction marks would reorder the rest of the line;
# the width of zero-width joiners depends on the terminal.
_REPLACED = dict.fromkeys((*range(32), *range(127, 160)), "�") | {0x09: " ", 0x0A: "⏎", 0x0D: "↵"}
_REPLACED |= dict.fromkeys(INVISIBLE, "")
# Bytes of file names that are no UTF-8 arrive as these; a terminal cannot be sent them.
_REPLACED |= dict.fromkeys(range(0xD800, 0xE000), "�")


def sanitize(text: str) -> str:
    """Return the text without control characters and invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_REPLACED)


def fit_line(line: Line, width: int, align: str = "left") -> list[Span]:
    """Return spans in exactly ``width`` cells."""
    out: list[Span] = []
    left = width
    for position, (text, style) in enumerate(line):
        size = width_of(text)
        if size > left or (size == left and any(more[0] for more in line[position + 1 :])):
            # An ellipsis ends what is shown: of this span, or for the spans that have no room.
            if left > 0:
                out.append((fit(text if size > left else text + " ", left), style))
            return out
        out.append((text, style))
        left -= size
    if left > 0:
        out.insert(0 if align == "right" else len(out), (" " * left, ""))
    return out


def line_width(line: Line) -> int:
    """Return the width of a line in cells."""
    return sum(width_of(text) for text, _ in line)


def without_start(line: Line, count: int) -> list[Span]:
    """Return a line without its first ``count`` characters."""
    out: list[Span] = []
    for text, style in line:
        if count >= len(text):
            count -= len(text)
            continue
        out.append((text[count:], style))
        count = 0
    return out


def paint(
    line: Iterable[Span],
    palette: Callable[[str], Style],
    base: Style,
    width: int,
    under: Style | None = None,
) -> Strip:
    """Return a strip of exactly ``width`` cells.

    ``base`` lies under every span, ``under`` replaces the backgrounds.
    """
    segments: list[Segment] = []
    used = 0
    for text, name in line:
        text = sanitize(text)
        size = width_of(text)
        if used + size > width:
            text = cut(text, width - used)
            size = width_of(text)
        used += size
        style = base + palette(name) if name else base
        if under is not None:
            style += under
        _append(segments, text, style)
    if used < width:
        _append(segments, " " * (width - used), base if under is None else base + under)
    return Strip(segments, width)


def _append(segments: list[Segment], text: str, style: Style) -> None:
    """Add a text; texts that look the same share a segment, which costs the terminal 40 bytes."""
    if segments:
        before, first, _ = segments[-1]
        if first is style:
            segments[-1] = Segment(before + text, style)
            return
        is_blank = text.isspace()
        if (is_blank or before.isspace()) and _blanks_look_alike(first, style):
            segments[-1] = Segment(before + text, first if is_blank else style)
            return
    segments.append(Segment(text, style))


@lru_cache(maxsize=4096)
def _blanks_look_alike(first: Style | None, second: Style) -> bool:
    """Return whether blanks of both styles show only the same background."""
    styles = (first or second, second)
    lines = any(one.reverse or one.underline or one.strike for one in styles)
    return styles[0].bgcolor == second.bgcolor and not lines


def broken(line: Line, width: int) -> list[Line]:
    """Return a line wrapped between words to lines of at most ``width`` cells."""
    lines: list[list[Span]] = [[]]
    used = 0
    for text, style in line:
        for word in sanitize(text).split(" "):
            size = width_of(word)
            if used and used + 1 + size > width:
                lines.append([])
                used = 0
            lines[-1] += [(" ", ""), (word, style)] if used else [(word, style)]
            used += size + bool(used)
    return list(lines)


def highlighted(
    spans: Sequence[tuple[str, S]], matches: re.Pattern[str], style: S
) -> list[tuple[str, S]]:
    """Return the spans with every match in ``style``."""
    text = "".join(part for part, _ in spans)
    marks = [found.span() for found in matches.finditer(text)]
    if not marks:
        return list(spans)
    out: list[tuple[str, S]] = []
    position = 0
    for part, own in spans:
        end, here = position + len(part), position
        for start, stop in marks:
            if stop <= here or start >= end:
                continue
            if start > here:
                out.append((text[here:start], own))
            out.append((text[max(here, start) : min(end, stop)], style))
            here = min(end, stop)
        if here < end:
            out.append((text[here:end], own))
        position = end
    return out


def bar(done: float, width: int, *, style: str = "bar", rest: str = "bar-rest") -> list[Span]:
    """Return a bar of ``width`` cells, ``done`` between 0 and 1, in eighths of a cell."""
    eighths = round(max(0.0, min(1.0, done)) * width * 8)
    full, part = divmod(eighths, 8)
    spans: list[Span] = [("█" * full, style)]
    if part and full < width:
        spans.append((" ▏▎▍▌▋▊▉"[part], f"{style} {rest}-under"))
        full += 1
    spans.append(("░" * (width - full), rest))
    return [span for span in spans if span[0]]


def shares(parts: Sequence[tuple[int, str]], width: int) -> list[Span]:
    """Return a bar of ``width`` cells divided by counts.

    Every count above zero is visible while there is room. The style ``bar-rest`` stands for what is
    to come, and differs without colors too.
    """
    total = sum(count for count, _ in parts)
    if total <= 0 or width <= 0:
        return [("░" * max(0, width), "bar-rest")]
    live = [(count, style) for count, style in parts if count > 0]
    cells = [max(1, count * width // total) for count, _ in live]
    while sum(cells) > width:
        widest = max(range(len(cells)), key=cells.__getitem__)
        if cells[widest] <= 1:
            cells = cells[:width]
            break
        cells[widest] -= 1
    rest = width - sum(cells)
    if rest and cells:
        order = sorted(range(len(live)), key=lambda i: -((live[i][0] * width) % total))
        for step in range(rest):
            cells[order[step % len(order)]] += 1
    return [
        (("░" if style == "bar-rest" else "█") * size, style)
        for size, (_, style) in zip(cells, live, strict=False)
    ]
