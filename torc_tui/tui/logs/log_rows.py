"""Rows of a log: a line with its styles, cut, wrapped and highlighted. Pure."""

from __future__ import annotations

import re

from rich.segment import Segment
from rich.style import Style as RichStyle

from torc_tui.tui.look.text_layout import cut, width_of
from torc_tui.views.ansi_style import PLAIN, Style

Spans = list[tuple[str, RichStyle]]
"""Text and its style, ready to paint."""


def rich_style(style: Style) -> RichStyle:
    """Return a style of a log as Rich paints it."""
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


def highlighted(spans: Spans, matches: re.Pattern[str], style: RichStyle) -> Spans:
    """Return the spans with every match in ``style``."""
    text = "".join(part for part, _ in spans)
    marks = [found.span() for found in matches.finditer(text)]
    if not marks:
        return spans
    out: Spans = []
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
