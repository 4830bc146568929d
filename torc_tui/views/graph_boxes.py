"""Paint the boxes of a graph.

Input: a drawing, a window, the number of a box, and what is selected. Output: cells of the window,
with roles as in `graph_drawing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torc_tui.tuples import NamedTuple
from torc_tui.views.graph_grid import MemberGrid
from torc_tui.views.graph_scene import GraphNode
from torc_tui.views.graph_wires import CellWindow
from torc_tui.views.status_bar import strip
from torc_tui.views.text_cells import shorten

if TYPE_CHECKING:
    from torc_tui.views.graph_drawing import GraphDrawing

STRIP_WIDTH = 6
_FRAMES = {
    "job": "╭─╮│╰╯",
    "more": "╭┄╮┆╰╯",
    "file": "┌─┐│└┘",
    "user_data": "╔═╗║╚╝",
    "selected": "┏━┓┃┗┛",
}
_ASCII_FRAMES = {
    "job": "+-+|++",
    "more": "+.+:++",
    "file": ".-.|''",
    "user_data": "/=\\I\\/",
    "selected": "######",
}
_BRACKETS = {"job": "[]", "more": "[]", "file": "()", "user_data": "{}"}


class Spot(NamedTuple):
    """A box; in a grid, ``job`` is the job of a cell."""

    node: int
    job: int | None = None


def has_strip(node: GraphNode) -> bool:
    """Return whether a box shows how many of its jobs have which status."""
    return node.count > 1 and bool(node.counts)


def grid_size(grid: MemberGrid, title: int) -> tuple[int, int]:
    """Return width and height of a box with a grid below a title of that width."""
    width = max(grid.columns * grid.cell_width, title + 4)
    return width + 2, grid.rows + 2 + (1 if grid.more else 0)


class BoxPainter:
    """Paints one box into a window; ``lit`` says whether it is on the highlighted path."""

    def __init__(
        self,
        drawing: GraphDrawing,
        window: CellWindow,
        at: int,
        selected: Spot | None,
        *,
        lit: bool,
    ) -> None:
        self.drawing = drawing
        self.window = window
        self.at = at
        self.node = drawing.scene.nodes[at]
        self.box = drawing.box(at)
        self.status = self.node.status
        self.selected = selected is not None and selected.node == at
        self.job = selected.job if selected is not None and self.selected else None
        self.own_role = f"job:{self.status.word}" if self.status is not None else self.node.kind
        self.role = "selected" if self.selected else "lit" if lit else self.own_role

    def paint(self) -> None:
        """Paint the frame and the content."""
        if self.node.grid is not None:
            self._frame()
            self._grid(self.node.grid)
        elif self.drawing.zoom == 0:
            self._name_alone()
        else:
            self._frame()
            self._content()

    def _name_alone(self) -> None:
        ends = _BRACKETS[self.node.kind]
        sign = "" if self.status is None else self.drawing.sign(self.status)
        label = f"{sign} {self.drawing.label(self.at)}" if sign else self.drawing.label(self.at)
        if self.selected:
            self._write(0, 0, f"{ends[0]}{label}{ends[1]}", "cell")
        else:
            end = self._write(self._write(0, 0, ends[0], self.role), 0, label, self.own_role)
            self._write(end, 0, ends[1], self.role)

    def _content(self) -> None:
        inner = 2
        if sign := self._sign():
            inner = self._write(inner, 1, f"{sign} ", self.own_role)
        name = self.node.kind if self.status is None else self.status.word
        end = self._write(inner, 1, self.drawing.label(self.at), f"name:{name}")
        if not has_strip(self.node):
            if self.drawing.zoom > 1:
                text = shorten(self._state(), self.box.w - 4, mark=self.drawing.cut_mark)
                self._write(2, 2, text, self.role)
        elif self.drawing.zoom == 1:
            self._strip(end + 1, 1, min(STRIP_WIDTH, self.node.count))
        else:
            self._strip(2, 2, self.box.w - 6)

    def _grid(self, grid: MemberGrid) -> None:
        """Paint the name of the group into the frame, its jobs, and how many more there are."""
        self._write(2, 0, f" {self.drawing.label(self.at)} ", self.role)
        for place, job in enumerate(grid.shown(self.job)):
            row, column = divmod(place, grid.columns)
            self._cell(grid, job, 1 + column * grid.cell_width, 1 + row)
        if grid.more:
            text = f"{grid.more} more"
            end = self._write(2, 1 + grid.rows, text, "more")
            if end + 4 + STRIP_WIDTH < self.box.w:
                width = min(self.box.w - end - 6, grid.columns * grid.cell_width)
                self._strip(end + 2, 1 + grid.rows, min(width, 3 * STRIP_WIDTH))

    def _cell(self, grid: MemberGrid, job: int, x: int, y: int) -> None:
        status = grid.status(job)
        label = grid.label(job, self.drawing.cut_mark)
        if job == self.job:
            self._write(x, y, f" {self.drawing.sign(status)} {label} ", "cell")
            return
        end = self._write(x + 1, y, f"{self.drawing.sign(status)} ", f"job:{status.word}")
        self._write(end, y, label, f"name:{status.word}")

    def _write(self, x: int, y: int, text: str, role: str) -> int:
        """Write at a cell of the box, and return the column behind it."""
        return self.window.write(self.box.x + x, self.box.y + y, text, role, self.at) - self.box.x

    def _sign(self) -> str:
        single = self.status is not None and self.node.count == 1
        return self.drawing.sign(self.status) if single and self.status is not None else ""

    def _state(self) -> str:
        if self.status is not None:
            return self.status.word
        return self.node.state or self.node.kind.replace("_", " ")

    def _frame(self) -> None:
        kind = "selected" if self.selected else self.node.kind
        frame = (_ASCII_FRAMES if self.drawing.plain else _FRAMES)[kind]
        width, bottom = self.box.w - 2, self.box.h - 1
        self._write(0, 0, f"{frame[0]}{frame[1] * width}{frame[2]}", self.role)
        for row in range(1, bottom):
            self._write(0, row, f"{frame[3]}{' ' * width}{frame[3]}", self.role)
        self._write(0, bottom, f"{frame[4]}{frame[1] * width}{frame[5]}", self.role)
        if not self.drawing.plain:
            self._exit("┯┠" if self.selected else "╤╟" if kind == "user_data" else "┬├")

    def _exit(self, signs: str) -> None:
        """Mark the cell of the frame where links leave; ``signs`` are for down and right."""
        box = self.box
        if self.drawing.direction == "down":
            x, y, exit_ = box.w // 2, box.h - 1, (box.y + box.h - 1, box.x + box.w // 2)
        else:
            x, y, exit_ = box.w - 1, box.h // 2, (box.x + box.w - 1, box.y + box.h // 2)
        if self.drawing.has_exit(*exit_):
            self._write(x, y, signs[self.drawing.direction == "right"], self.role)

    def _strip(self, x: int, y: int, width: int) -> None:
        ends = "[]" if self.drawing.plain else "▕▏"
        x = self._write(x, y, ends[0], "strip")
        for char, status in strip(self.node.counts, width, plain=self.drawing.plain):
            x = self._write(x, y, char, f"strip:{status.word}")
        self._write(x, y, ends[1], "strip")
