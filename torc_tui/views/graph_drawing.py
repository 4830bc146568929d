"""Draw a scene as text.

Input: `Scene`, a zoom, a window. Output: the rows of the window, as runs with a role and a box.
Roles are words such as ``edge``, ``lit``, ``near``, ``job:failed``, ``strip:running``, ``file`` and
``selected``; the app gives them colors, a plain terminal ignores them. ``cell`` is what is selected
without a frame of its own. Only what the window shows is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from torc_tui.status import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_boxes import STRIP_WIDTH, BoxPainter, Spot, grid_size, has_strip
from torc_tui.views.graph_grid import JOINERS
from torc_tui.views.graph_layout import Box, Direction, layout
from torc_tui.views.graph_routing import Hop
from torc_tui.views.graph_scene import GraphNode, Scene
from torc_tui.views.graph_wires import CellWindow, Run, Wires
from torc_tui.views.text_cells import shorten, width_of

_LABEL_WIDTH = 30
_DETAIL_WIDTH = 14


def no_sign(_status: JobStatus) -> str:
    """Return no sign for any status."""
    return ""


class GraphDrawing:
    """A scene with its layout.

    ``zoom`` is 0 for names only, 1 for names and statuses, 2 for details. ``sign`` gives the sign
    of a status.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        zoom: int = 1,
        direction: Direction = "down",
        plain: bool = False,
        sign: Callable[[JobStatus], str] = no_sign,
    ) -> None:
        self.scene = scene
        self.zoom = zoom
        self.direction = direction
        self.plain = plain
        self.cut_mark = "~" if plain else "…"
        self.sign = sign
        self._labels = [self._label(node) for node in scene.nodes]
        sizes = [self._size(at) for at in range(len(scene.nodes))]
        gap, dense = (3, False) if zoom else (2, True)
        self.layout = layout(sizes, scene.links, direction=direction, gap=gap, dense=dense)
        self.width, self.height = self.layout.width, self.layout.height
        self._rows = _Intervals(
            (box.y, box.y + box.h - 1, at) for at, box in enumerate(self.layout.boxes)
        )
        self._hops = _Intervals((hop.start, hop.end, at) for at, hop in enumerate(self.layout.hops))
        self._exits = {(hop.start - 1, hop.exit) for hop in self.layout.hops}

    @property
    def boxes(self) -> Sequence[Box]:
        """Return the cells of all boxes."""
        return self.layout.boxes

    def box(self, node: int) -> Box:
        """Return the cells of a box."""
        return self.layout.boxes[node]

    def at(self, x: int, y: int) -> int | None:
        """Return the index of the box at a cell."""
        for node in self._rows.touching(y, y):
            box = self.layout.boxes[node]
            if box.x <= x < box.x + box.w and box.y <= y < box.y + box.h:
                return node
        return None

    def is_free(self, area: Box) -> bool:
        """Return whether no box is in an area."""
        near = (self.layout.boxes[at] for at in self._rows.touching(area.y, area.y + area.h - 1))
        return not any(box.x < area.x + area.w and area.x < box.x + box.w for box in near)

    def member_at(self, x: int, y: int, selected: Spot | None = None) -> int | None:
        """Return the job whose cell in a grid is at a place."""
        node = self.at(x, y)
        grid = None if node is None else self.scene.nodes[node].grid
        if node is None or grid is None:
            return None
        box, job = self.box(node), selected.job if selected and selected.node == node else None
        column, row = (x - box.x - 1) // grid.cell_width, y - box.y - 1
        shown = grid.shown(job)
        at = row * grid.columns + column
        inside = 0 <= column < grid.columns and 0 <= row < grid.rows and at < len(shown)
        return shown[at] if inside else None

    def cell(self, spot: Spot) -> Box:
        """Return the cells of a box, or of the job in its grid."""
        box, grid = self.box(spot.node), self.scene.nodes[spot.node].grid
        shown = [] if grid is None else grid.shown(spot.job)
        if grid is None or spot.job not in shown:
            return box
        row, column = divmod(shown.index(spot.job), grid.columns)
        return Box(box.x + 1 + column * grid.cell_width, box.y + 1 + row, grid.cell_width, 1)

    def lines(
        self,
        x: int = 0,
        y: int = 0,
        width: int | None = None,
        height: int | None = None,
        *,
        selected: Spot | None = None,
        lit: Sequence[int] = (),
    ) -> list[list[Run]]:
        """Return the rows of a window.

        ``lit`` are the boxes of a path in order: they and the links from each to the next have that
        role.
        """
        width = self.width - x if width is None else width
        height = self.height - y if height is None else height
        window = CellWindow(x, y, max(0, width), max(0, height))
        nodes = frozenset(lit)
        self._draw_wires(window, frozenset(pairwise(lit)), selected)
        for node in self._rows.touching(y, y + window.h - 1):
            box = self.layout.boxes[node]
            if box.x < x + window.w and box.x + box.w > x:
                BoxPainter(self, window, node, selected, lit=node in nodes).paint()
        return window.runs()

    def _draw_wires(
        self, window: CellWindow, lit: frozenset[tuple[int, int]], selected: Spot | None
    ) -> None:
        """Draw the lines; those of the path come first, then those of the selected box."""
        wires = Wires(window, down=self.direction == "down", plain=self.plain)
        own = None if selected is None else selected.node
        hops: dict[str, list[Hop]] = {"lit": [], "near": [], "edge": []}
        for at in self._hops.touching(*wires.ranks):
            link = self.scene.links[self.layout.hops[at].link]
            role = "lit" if link in lit else "near" if own in link else "edge"
            hops[role].append(self.layout.hops[at])
        for role, lines in hops.items():
            for hop in lines:
                wires.add(hop, role)
        wires.draw()

    def minimap(self, width: int, height: int, view: Box) -> list[list[Run]]:
        """Return the whole graph in a few cells; the part in the window has the role ``view``."""
        window = CellWindow(0, 0, width, height)
        wide, high = max(1, self.width), max(1, self.height)
        left, right = view.x * width // wide, (view.x + view.w - 1) * width // wide
        top, bottom = view.y * height // high, (view.y + view.h - 1) * height // high
        for row in range(max(0, top), min(height - 1, bottom) + 1):
            for column in range(max(0, left), min(width - 1, right) + 1):
                window.put(column, row, " ", "view")
        for node, box in enumerate(self.layout.boxes):
            column = min(width - 1, (box.x + box.w // 2) * width // wide)
            row = min(height - 1, (box.y + box.h // 2) * height // high)
            inside = left <= column <= right and top <= row <= bottom
            status = self.scene.nodes[node].status
            mark = ("#" if inside else "o") if self.plain else ("■" if inside else "▪")
            role = f"job:{status.word}" if status is not None else "file"
            window.put(column, row, mark, role, node)
        return window.runs()

    def _label(self, node: GraphNode) -> str:
        name = one_line(node.label).translate(JOINERS)
        label = shorten(name, _LABEL_WIDTH, "middle", self.cut_mark)
        if node.kind in ("job", "more") and node.count > 1:
            label += f" {'x' if self.plain else '×'}{node.count}"
        return label

    def label(self, node: int) -> str:
        """Return the label of a box."""
        return self._labels[node]

    def has_exit(self, rank: int, cross: int) -> bool:
        """Return whether a link leaves a box at a cell of its frame."""
        return (rank, cross) in self._exits

    def _size(self, at: int) -> tuple[int, int]:
        node = self.scene.nodes[at]
        inner = width_of(self._labels[at])
        if node.grid is not None:
            return grid_size(node.grid, inner)
        if node.counts and (node.count == 1 or not self.zoom) and self.sign is not no_sign:
            inner += 1 + max(width_of(self.sign(status)) for status in JobStatus)
        if self.zoom == 0:
            return inner + 2, 1
        if self.zoom == 1:
            return inner + (min(STRIP_WIDTH, node.count) + 3 if has_strip(node) else 0) + 4, 3
        return max(inner, _DETAIL_WIDTH) + 4, 4


class _Intervals:
    """Intervals (first, last, item), to be found by a range that they touch."""

    STEP = 64

    def __init__(self, intervals: Iterable[tuple[int, int, int]]) -> None:
        self._cells: dict[int, list[tuple[int, int, int]]] = {}
        for first, last, item in intervals:
            for cell in range(first // self.STEP, last // self.STEP + 1):
                self._cells.setdefault(cell, []).append((first, last, item))

    def touching(self, first: int, last: int) -> list[int]:
        """Return the items whose interval meets first … last, in order."""
        found = {
            item
            for cell in range(first // self.STEP, last // self.STEP + 1)
            for low, high, item in self._cells.get(cell, ())
            if low <= last and high >= first
        }
        return sorted(found)
