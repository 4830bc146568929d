"""Show a replay: whether it plays, its moment, its speed, and a slider."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from torc_tui.records import dataclass
from torc_tui.tui.look.text_layout import Line, Span, line_width
from torc_tui.tui.widgets.painted import Painted
from torc_tui.wording import time_of_day

SHORTEST_SLIDER = 8
"""Cells of the slider; with less room it is left out."""


@dataclass(frozen=True, slots=True)
class ReplayState:
    """The content of the line; ``share`` is how much of the run has passed."""

    moment: float
    end: float
    share: float
    speed: float
    plays: bool
    hint: str
    """How to leave the replay."""


class ReplayBar(Painted):
    """The line of a replay; its slider can be clicked and dragged."""

    BASE = "header"
    state: ReplayState | None = None

    def __init__(self, scrub: Callable[[float], None]) -> None:
        """Prepare the line; ``scrub`` is called with the share that the slider was moved to."""
        super().__init__()
        self._moved = scrub
        self._slider = range(0)
        self._drags = False

    def show(self, state: ReplayState | None) -> None:
        """Show a state; None hides the line."""
        if state != self.state:
            self.state = state
            self.display = state is not None
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        state = self.state
        if state is None:
            return []
        moment = f"{time_of_day(state.moment)} / {time_of_day(state.end)}"
        head: list[Span] = [(f" {'▶' if state.plays else '‖'} replay {moment} ", "button")]
        head.append((f" ×{state.speed:g} ", "accent"))
        hint: Line = [(f" {state.hint} ", "muted")]
        room = width - line_width(head) - line_width(hint)
        if room < SHORTEST_SLIDER:
            self._slider = range(0)
            return [[*head, *hint]]
        self._slider = range(line_width(head), line_width(head) + room)
        return [[*head, *_slider(state.share, room), *hint]]

    # -- the mouse ---------------------------------------------------------------------------------

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        if event.x in self._slider:
            self._drags = True
            self.capture_mouse()
            self._scrub(event.x)

    def _on_mouse_move(self, event: events.MouseMove) -> None:
        if self._drags:
            self._scrub(event.x)

    async def _on_mouse_up(self, event: events.MouseUp) -> None:
        if self._drags:
            self._drags = False
            self.release_mouse()

    def _scrub(self, x: int) -> None:
        slider = self._slider
        if slider:
            share = (x - slider.start) / max(1, len(slider) - 1)
            self._moved(max(0.0, min(1.0, share)))


def _slider(share: float, width: int) -> list[Span]:
    place = round(share * (width - 1))
    return [("━" * place, "accent"), ("●", "accent bold"), ("─" * (width - 1 - place), "rule")]
