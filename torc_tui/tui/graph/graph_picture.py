"""Draw the graph for the line canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import ClassVar

from textual.message import Message

from torc_tui.tui.graph.graph_notes import LEAST_ROOM, MOST_ROOM
from torc_tui.tui.look.text_layout import Line, Span, fit_line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_layout import Box
from torc_tui.views.graph_scene import Scene
from torc_tui.views.graph_walk import STEPS, Heading, first_spot, walk
from torc_tui.views.graph_wires import Run

ROLES = {
    "edge": "edge",
    "lit": "critical",
    "near": "strong",
    "file": "node-file",
    "user_data": "node-data",
    "selected": "accent bold",
    "cell": "accent bold reverse",
    "view": "cursor",
    "label": "text",
    "name": "text",
}
"""Roles of the drawing and the styles of the palette."""
GAP = 2
"""Empty lines between a small graph and the notes below it, at least."""
MINIMAP_FROM = (50, 14)
"""Smallest width and height of a pane with a minimap."""


def style_of(role: str) -> str:
    """Return the palette style of a role."""
    kind, _, word = role.partition(":")
    if kind in ("job", "strip", "state", "more") and word:
        return word
    return ROLES.get(role, ROLES.get(kind, "muted"))


class GraphPicture:
    """A laid-out scene, with the selected box, the highlighted boxes and a minimap."""

    def __init__(self, drawing: GraphDrawing) -> None:
        self.drawing = drawing
        self.selected: Spot | None = None
        self.lit: Sequence[int] = ()
        self.minimap = True
        self.notes: Callable[[Spot, tuple[int, int]], Sequence[Line]] | None = None
        """Returns lines about the selected box, for the room below a small graph."""
        self._at = (0, 0)
        """The offset of a drawing that is smaller than the view."""

    @property
    def scene(self) -> Scene:
        return self.drawing.scene

    @property
    def size(self) -> tuple[int, int]:
        return self.drawing.width, self.drawing.height

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        wide, high = self.size
        below = self._room_below(width, height)
        middle = (height - below - high) // 2
        self._at = left, top = (
            max(0, (width - wide) // 2),
            max(0, middle if below else min(2, middle)),
        )
        lines = self._lines(Box(x, y, width - left, height - top))
        if left or top:
            indent = (" " * left, "")
            lines = [[] for _ in range(top)] + [[indent, *line] for line in lines]
        if below:
            del lines[height - below :]
            lines += [[] for _ in range(height - below - len(lines))] + self._notes(width, below)
        if self._wants_minimap(width, height):
            self._add_minimap(lines, Box(x, y, width, height))
        return lines

    def _room_below(self, width: int, height: int) -> int:
        """Return how many lines below a small graph tell about the selected box."""
        wide, high = self.size
        free = height - high - GAP
        if self.notes is None or wide > width or free < LEAST_ROOM:
            return 0
        return min(free, MOST_ROOM)

    def _notes(self, width: int, height: int) -> list[list[Span]]:
        if self.notes is None or self.selected is None:
            return []
        rule: list[Span] = [(" ", ""), ("─" * (width - 2), "rule")]
        return [rule, *map(list, self.notes(self.selected, (width - 1, height - 1)))]

    def _lines(self, area: Box) -> list[list[Span]]:
        """Return the spans of an area of the drawing."""
        rows = self.drawing.lines(*area, selected=self.selected, lit=self.lit)
        return [[(run.text, style_of(run.role)) for run in row] for row in rows]

    def _wants_minimap(self, width: int, height: int) -> bool:
        wide, high = self.size
        too_large = wide > width or high > height
        roomy = width >= MINIMAP_FROM[0] and height >= MINIMAP_FROM[1]
        return self.minimap and too_large and roomy

    def _add_minimap(self, lines: list[list[Span]], view: Box) -> None:
        """Put the minimap into a corner where it hides no box; without one, leave it out."""
        wide, high = self.size
        small_w, small_h = min(24, view.w // 4), min(8, view.h // 3)
        frame_w, frame_h = small_w + 2, small_h + 2
        for left, top in product((view.w - frame_w - 1, 0), (view.h - frame_h, 0)):
            behind = Box(view.x + left - self._at[0], view.y + top - self._at[1], frame_w, frame_h)
            if self.drawing.is_free(behind):
                break
        else:
            return
        seen = Box(view.x, view.y, min(view.w, wide), min(view.h, high))
        small = _framed(self.drawing.minimap(small_w, small_h, seen), small_w)
        after = Box(behind.x + frame_w, behind.y, view.w - left - frame_w, frame_h)
        lines += [[] for _ in range(view.h - len(lines))]
        for at, row, rest in zip(range(top, view.h), small, self._lines(after), strict=False):
            lines[at] = [*_cropped(lines[at], left), *row, *rest]

    def hit(self, x: int, y: int) -> int | None:
        """Return the number of a box, or the negative id of a job in a grid."""
        place = x - self._at[0], y - self._at[1]
        job = self.drawing.member_at(*place, self.selected)
        return self.drawing.at(*place) if job is None else -job

    def spot_at(self, hit: int) -> Spot | None:
        """Return what a number of `hit` stands for."""
        return self.spot_of(-hit) if hit < 0 else first_spot(self.drawing, hit)

    def spot_of(self, job: int) -> Spot | None:
        """Return the box or the cell of a job."""
        node = self.scene.node_of(job)
        if node is None:
            return None
        return Spot(node, None if self.scene.nodes[node].grid is None else job)

    def job_of(self, spot: Spot) -> int | None:
        """Return the job of a cell, or the first job of a box."""
        node = self.scene.nodes[spot.node]
        if spot.job is not None or node.kind not in ("job", "more"):
            return spot.job
        return node.jobs[0]


def _framed(rows: Sequence[Sequence[Run]], width: int) -> list[Line]:
    edge = ("─" * width, "faint")
    out: list[Line] = [[("╭", "faint"), edge, ("╮", "faint")]]
    for row in rows:
        spans = [(run.text, style_of(run.role)) for run in row]
        used = sum(len(text) for text, _ in spans)
        out.append([("│", "faint"), *spans, (" " * (width - used), ""), ("│", "faint")])
    return [*out, [("╰", "faint"), edge, ("╯", "faint")]]


def _cropped(line: Line, width: int) -> Line:
    spans = fit_line(line, width)
    return [
        (text.replace("…", " ") if text.endswith("…") else text, style) for text, style in spans
    ]


class GraphCanvas(LineCanvas):
    """The part of the graph that is on screen."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("graph", "canvas")

    class Resized(Message):
        """The canvas has another size."""

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id, empty=empty)
        self._before: int | None = None
        """The box from which the last step came."""

    def handlers(self) -> Mapping[str, Handler]:
        steps = {f"graph-{heading}": partial(self._walk, heading) for heading in STEPS}
        return {**super().handlers(), **steps, "graph-minimap": self._toggle_minimap}

    def _toggle_minimap(self) -> None:
        if isinstance(self.drawing, GraphPicture):
            self.drawing.minimap = not self.drawing.minimap
            self.redraw()

    def on_resize(self) -> None:
        self.redraw()
        self.post_message(self.Resized())

    def _walk(self, heading: Heading) -> None:
        """Select the next box in a direction."""
        picture = self.drawing
        if not isinstance(picture, GraphPicture):
            return
        spot = walk(picture.drawing, picture.selected, heading, self._before)
        if spot is None:
            return
        if picture.selected is not None and picture.selected.node != spot.node:
            self._before = picture.selected.node
        picture.selected = spot
        self.reveal_selected()
        self.post_message(self.Hit(spot.node if spot.job is None else -spot.job, double=False))

    def reveal_selected(self) -> None:
        """Scroll the selected box into view, and paint it."""
        picture = self.drawing
        if isinstance(picture, GraphPicture) and picture.selected is not None:
            box, room = picture.drawing.box(picture.selected.node), self.scrollable_content_region
            whole = box.w <= room.width and box.h <= room.height
            self.show_area(*(box if whole else picture.drawing.cell(picture.selected)))
        self.redraw()
