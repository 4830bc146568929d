"""Show the tab of the machine."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.machine.machine_sheet import draw
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing


class ResourcesPane(Pane):
    """The machine and the jobs that hold its resources; a click on a job selects it."""

    NAME: ClassVar[str] = "resources"
    PER_JOB: ClassVar[bool] = False

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.canvas = LineCanvas(empty="loading …")

    def compose(self) -> ComposeResult:
        yield self.canvas

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Ignore events, which do not concern the machine."""

    def machine_changed(self) -> None:
        self.refresh_content()

    def on_resize(self) -> None:
        self.refresh_content()

    def refresh_content(self) -> None:
        machine = self.torc.machine
        if machine.host is None or not self.size.width:
            return
        width, height = self.size.width - 1, self.size.height
        lines, jobs = draw(machine, self.host.workflow_id, width, height)
        self.canvas.set_drawing(TextDrawing(lines, jobs))

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self.host.go_to_job(event.what, focus=False)
