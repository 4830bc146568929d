"""One line that says how something stands."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.painted import Painted


class StatusLine(Painted):
    """Shows what it was told by ``say``; painted again only if that differs."""

    BASE = "header"
    text: Line = ()

    def say(self, line: Line) -> None:
        if line != self.text:
            self.text = line
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        return [[(" ", ""), *self.text]]
