"""Draw a scene as text.

Input: `Scene`, a zoom, a window. Output: the rows of the window, as runs with a role and a box.
Roles are words such as ``edge``, ``lit``, ``job:failed``, ``strip:running``, ``file`` and
``selected``; the app gives them colors, a plain terminal ignores them. Only what the window shows
is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from torc_tui.status import JobStatus
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_layout import Box, Direction, layout
from torc_tui.views.graph_scene import GraphNode, Scene
from torc_tui.views.graph_wires import CellWindow, Run, Wires
from torc_tui.views.status_bar import strip
from torc_tui.views.text_cells import shorten, width_of

_LABEL_WIDTH = 30
_STRIP_WIDTH = 6
_DETAIL_WIDTH = 14
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
_JOINERS = dict.fromkeys((0x200D, *range(0xFE00, 0xFE10)))
"""Characters that join others to one sign; terminals disagree about its width."""


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
        gap = 3 if zoom else 2
        self.layout = layout(sizes, scene.links, direction=direction, gap=gap)
        self.width, self.height = self.layout.width, self.layout.height
        self._rows = _Intervals(
            (box.y, box.y + box.h - 1, at) for at, box in enumerate(self.layout.boxes)
        )
        self._hops = _Intervals((hop.start, hop.end, at) for at, hop in enumerate(self.layout.hops))
        self._exits = {(hop.start - 1, hop.exit) for hop in self.layout.hops}

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

    def lines(
        self,
        x: int = 0,
        y: int = 0,
        width: int | None = None,
        height: int | None = None,
        *,
        selected: int | None = None,
        lit: Sequence[int] = (),
    ) -> list[list[Run]]:
        """Return the rows of a window.

        ``lit`` are the boxes of a path in order: they and the links from each to the next have that
        role.
        """
        width = self.width - x if width is None else width
        height = self.height - y if height is None else height
        window = CellWindow(x, y, max(0, width), max(0, height))
        self._draw_wires(window, frozenset(pairwise(lit)))
        nodes = frozenset(lit)
        for node in self._rows.touching(y, y + window.h - 1):
            box = self.layout.boxes[node]
            if box.x < x + window.w and box.x + box.w > x:
                role = "selected" if selected == node else "lit" if node in nodes else None
                _Painter(self, window, node, role).paint()
        return window.runs()

    def _draw_wires(self, window: CellWindow, lit: frozenset[tuple[int, int]]) -> None:
        wires = Wires(window, down=self.direction == "down", plain=self.plain)
        found = [self.layout.hops[at] for at in self._hops.touching(*wires.ranks)]
        marked = [(self.scene.links[hop.link] in lit, hop) for hop in found]
        for is_lit, hop in sorted(marked, key=lambda pair: not pair[0]) if lit else marked:
            wires.add(hop, lit=is_lit)
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
        label = shorten(one_line(node.label).translate(_JOINERS), _LABEL_WIDTH, mark=self.cut_mark)
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
        if self.zoom == 0:
            return inner + 2, 1
        if node.counts and node.count == 1 and self.sign is not no_sign:
            inner += 1 + max(width_of(self.sign(status)) for status in JobStatus)
        if self.zoom == 1:
            return inner + (min(_STRIP_WIDTH, node.count) + 3 if has_strip(node) else 0) + 4, 3
        return max(inner, _DETAIL_WIDTH) + 4, 4


def has_strip(node: GraphNode) -> bool:
    """Return whether a box shows how many of its jobs have which status."""
    return node.count > 1 and bool(node.counts)


class _Painter:
    """Paints one box into a window."""

    def __init__(
        self, drawing: GraphDrawing, window: CellWindow, at: int, role: str | None
    ) -> None:
        self.drawing = drawing
        self.window = window
        self.at = at
        self.node = drawing.scene.nodes[at]
        self.box = drawing.box(at)
        self.status = self.node.status
        self.selected = role == "selected"
        self.own_role = f"job:{self.status.word}" if self.status is not None else self.node.kind
        self.role = role or self.own_role

    def paint(self) -> None:
        """Paint the frame and the content."""
        if self.drawing.zoom == 0:
            plain = self.drawing.plain or not self.selected
            ends = _BRACKETS[self.node.kind] if plain else "▶◀"
            self._write(0, 0, f"{ends[0]}{self.drawing.label(self.at)}{ends[1]}", self.role)
            return
        self._frame()
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
            self._strip(end + 1, 1, min(_STRIP_WIDTH, self.node.count))
        else:
            self._strip(2, 2, self.box.w - 6)

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
