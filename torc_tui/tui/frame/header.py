"""The line at the top: which workflow, how it stands, what the machine does, and whether the store
is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torc_tui.tui.look.status_icons import Sign
from torc_tui.tui.look.text_layout import Line, Span, bar, sanitize, shares
from torc_tui.tui.widgets.painted import Painted, joined


@dataclass(frozen=True, slots=True)
class Load:
    """One meter: ``CPU 14/16``; ``high`` colours it."""

    name: str
    used: str
    total: str
    high: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderState:
    """What the header says. ``lost`` is why the store cannot be read, None while it can. ``parts``
    are counts with styles, for the bar. ``watches``: how much the user will be told of when it
    ends. ``orphaned``: jobs are marked as running, and nobody watches them."""

    title: str
    state: Sign | None = None
    run: int | None = None
    done: int = 0
    total: int = 0
    failed: int = 0
    running: int = 0
    parts: Sequence[tuple[int, str]] = ()
    eta: str = ""
    loads: tuple[Load, ...] = ()
    lost: str | None = None
    read_only: bool = False
    watches: int = 0
    note: str = ""
    orphaned: bool = False


class HeaderBar(Painted):
    """Paints a ``HeaderState``; what has no room leaves by importance."""

    BASE = "header"
    DEFAULT_CSS = """
    HeaderBar { dock: top; height: 1; }
    """

    def __init__(self, state: HeaderState | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state or HeaderState(title="torc")

    @property
    def state(self) -> HeaderState:
        return self._state

    @state.setter
    def state(self, state: HeaderState) -> None:
        if state != self._state:
            self._state = state
            self.repaint()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        state = self._state
        items: list[tuple[int, Line]] = [(0, [(sanitize(state.title), "header-strong")])]
        if state.lost is not None:
            items.append(
                (0, [(f"✖ store lost: {sanitize(state.lost)} (trying again)", "error bold")])
            )
        if state.read_only:
            items.append((3, [("read-only", "warning")]))
        if state.watches:
            items.append((5, [(f"◆ {state.watches} watched", "accent")]))
        if state.state is not None:
            items.append(
                (
                    0 if width >= 30 else 1,
                    [(f"{state.state.sign} {state.state.word}", state.state.style)],
                )
            )
        if state.orphaned:
            items.append((1, [("no runner", "error bold")]))
        if state.run is not None:
            items.append((7, [(f"run {state.run}", "")]))
        if state.total:
            cells = 8 if width < 100 else 16 if width < 160 else 24
            meter: list[Span] = (
                shares(state.parts, cells) if state.parts else bar(state.done / state.total, cells)
            ) + [(" ", "")]
            count: Line = [(f"{state.done}/{state.total}", "header-strong")]
            items.append((1, [*meter, *count] if width >= 60 else count))
        if state.running:
            items.append((6, [(f"{state.running} running", "running")]))
        if state.failed:
            items.append((2, [(f"{state.failed} failed", "failed")]))
        if state.eta:
            items.append((4, [("ETA ", ""), (state.eta, "header-strong")]))
        for place, load in enumerate(state.loads):
            style = "load-high" if load.high else "load"
            items.append((8 + place, [(f"{load.name} ", ""), (f"{load.used}/{load.total}", style)]))
        if state.note:
            items.append((5, [(sanitize(state.note), "")]))
        return [[(" ", ""), *joined(items, width - 2)]]
