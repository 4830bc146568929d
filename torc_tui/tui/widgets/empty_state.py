"""Show a pane without content: one sentence in the middle, and a possible remedy."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from torc_tui.tui.look.text_layout import Line, width_of
from torc_tui.tui.widgets.painted import Painted


class EmptyState(Painted, can_focus=True):
    """Shows a sentence, and below it a hint. It takes the focus, so that keys of its pane work."""

    DEFAULT_CSS = """
    EmptyState { height: 1fr; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.sentence = ""
        self.hint = ""

    def show(self, sentence: str, hint: str = "") -> None:
        """Show another sentence."""
        if (sentence, hint) != (self.sentence, self.hint):
            self.sentence, self.hint = sentence, hint
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        room = max(20, min(60, width - 4))
        lines = [(text, "text") for text in wrap(self.sentence, room)]
        hints = [(text, "faint") for text in wrap(self.hint, room)]
        gap: list[tuple[str, str]] = (
            [("", "")] if hints and height > len(lines) + len(hints) else []
        )
        shown = [*lines, *gap, *hints][: max(1, height)]
        above = max(0, (height - len(shown)) // 2)
        centred: list[Line] = [
            [(" " * max(0, (width - width_of(text)) // 2), ""), (text, style)]
            for text, style in shown
        ]
        return [*([()] * above), *centred]
