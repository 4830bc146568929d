"""A line of text with the state of something."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.painted import Painted


class StatusLine(Painted):
    """Shows the text of ``say``; paints only if it changed."""

    BASE = "header"
    text: Line = ()

    def say(self, line: Line) -> None:
        if line != self.text:
            self.text = line
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [[(" ", ""), *self.text]]
