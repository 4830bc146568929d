"""Show the machine in a panel: its load over time, and the jobs of all workflows on it."""

from __future__ import annotations

from torc_tui.tui.frame.ports import HasApp
from torc_tui.tui.look.terminal import shows_braille
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.sides import FramedSide


class MachinePanel(FramedSide):
    """The machine below the list of workflows."""

    DEFAULT_CSS = """
    MachinePanel LineCanvas { height: 1fr; }
    """

    def __init__(self, screen: HasApp) -> None:
        self.canvas = LineCanvas(empty="")
        self.canvas.can_focus = False
        super().__init__(self.canvas, title="Machine", id="machine")
        self._screen = screen

    def on_resize(self) -> None:
        super().on_resize()
        self.write()

    def write(self) -> None:
        """Update the panel if it is shown."""
        torc = self._screen.torc
        if torc.machine.host is None or not self.size.width or not self.display:
            return
        from torc_tui.tui.machine.machine_sheet import draw  # not before the first paint

        width, height = self.size.width - 1, self.size.height
        lines, _ = draw(torc.machine, None, width, height, braille=shows_braille(torc.environ))
        self.canvas.set_drawing(TextDrawing(lines))
