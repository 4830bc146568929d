"""The graph: read, folded and laid out by the reader thread, painted here; its selection is the
table's."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.status import JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.views.graph_drawing import Drawing, Run
from torc_tui.views.graph_layout import Box
from torc_tui.views.graph_view import Data, Graph, Scene

ROLES = {
    "edge": "edge",
    "lit": "critical",
    "file": "node-file",
    "user_data": "node-data",
    "selected": "accent bold",
    "view": "cursor",
    "label": "text",
    "name": "text",
}


def style_of(role: str) -> str:
    """The style of the palette for a role of the drawing."""
    kind, _, word = role.partition(":")
    if kind in ("job", "strip", "state", "more") and word:
        return word
    return ROLES.get(role, ROLES.get(kind, "muted"))


class GraphPicture:
    """A laid-out scene as a ``LineCanvas`` draws it."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.selected: int | None = None
        self.lit: frozenset[int] = frozenset()
        self.minimap = True
        self._at = (0, 0)
        """Where a drawing that is smaller than the view begins in it."""

    @property
    def scene(self) -> Scene:
        return self.drawing.scene

    @property
    def size(self) -> tuple[int, int]:
        return self.drawing.width, self.drawing.height

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        wide, high = self.size
        self._at = (max(0, (width - wide) // 2), max(0, min(2, (height - high) // 2)))
        left, top = self._at
        rows = self.drawing.lines(
            x, y, width - left, height - top, selected=self.selected, lit=self.lit
        )
        lines = [[(run.text, style_of(run.role)) for run in row] for row in rows]
        if left or top:
            indent = (" " * left, "")
            lines = [[] for _ in range(top)] + [[indent, *line] for line in lines]
        if self.minimap and (wide > width or high > height) and width >= 50 and height >= 14:
            small_w, small_h = min(24, width // 4), min(8, height // 3)
            view = Box(x, y, min(width, wide), min(height, high))
            small = self.drawing.minimap(small_w, small_h, view)
            for place, row in enumerate(_framed(small, small_w)):
                at = height - small_h - 2 + place
                if 0 <= at < len(lines):
                    lines[at] = [*_cropped(lines[at], width - small_w - 3), *row]
        return lines

    def hit(self, x: int, y: int) -> int | None:
        return self.drawing.at(x - self._at[0], y - self._at[1])


def _framed(rows: Sequence[Sequence[Run]], width: int) -> list[Line]:
    edge = ("─" * width, "faint")
    out: list[Line] = [[("╭", "faint"), edge, ("╮", "faint")]]
    for row in rows:
        spans = [(run.text, style_of(run.role)) for run in row]
        used = sum(len(text) for text, _ in spans)
        out.append([("│", "faint"), *spans, (" " * (width - used), ""), ("│", "faint")])
    return [*out, [("╰", "faint"), edge, ("╯", "faint")]]


def _cropped(line: Line, width: int) -> Line:
    from torc_tui.tui.look.text_layout import fit_line

    spans = fit_line(line, width)
    return [
        (text.replace("…", " ") if text.endswith("…") else text, style) for text, style in spans
    ]


class GraphCanvas(LineCanvas):
    CONTEXT: ClassVar[tuple[str, ...]] = ("graph", "canvas")  # type: ignore[assignment]  # one or several


class GraphPane(Pane):
    NAME = "graph"
    TITLE = "Graph"
    PER_JOB = False

    def __init__(self) -> None:
        super().__init__()
        self.graph: Graph | None = None
        self.picture: GraphPicture | None = None
        self.expanded: frozenset[str] = frozenset()
        self.zoom = 1
        self.data = False
        self.focus_on: tuple[int, bool, bool] | None = None  # job, upstream, downstream
        self.critical = False
        self.direct = False
        self._of: Any = None

    def compose(self) -> ComposeResult:
        yield GraphCanvas(empty="laying out …")

    @property
    def canvas(self) -> GraphCanvas:
        return self.query_one(GraphCanvas)

    def freshen(self) -> None:
        view = self.owner.view
        if view is None:
            return
        if self._of is not view:
            self._of = view
            self._ask_graph()
        elif self.picture is not None:
            self.picture.scene.refresh(view.jobs)
            self.canvas.redraw()

    def _ask_graph(self) -> None:
        view, data = self.owner.view, self.data
        if view is not None:
            jobs = list(view.jobs.values())
            workflow_id = view.workflow.id
            self.ask("graph", lambda source: _read(source, workflow_id, jobs, data))

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if not changed or self.picture is None or self._of is not self.owner.view:
            self.stale = self.stale or self._of is not self.owner.view
            return
        view = self.owner.view
        assert view is not None
        touched = False
        for job_id in changed:
            touched = (
                self.picture.scene.update(job_id, view.jobs[job_id].status) is not None or touched
            )
        if touched and self.display:
            self.canvas.redraw()

    def take(self, what: str, value: Any) -> None:
        if what == "graph":
            self.graph = value
            self.owner.graph = value
            self._lay_out()
            return
        drawing = value
        view = self.owner.view
        if view is None:
            return
        drawing.scene.refresh(view.jobs)
        self.picture = GraphPicture(drawing)
        if self.critical:
            self.picture.lit = frozenset(drawing.scene.critical_path())
        self.canvas.empty = "no jobs"
        self.canvas.set_drawing(self.picture)
        self._select(self.job)

    def job_changed(self) -> None:
        if self.display:
            self._select(self.job)
        else:
            self.stale = True

    def _select(self, job: Job | None) -> None:
        picture = self.picture
        if picture is None:
            return
        node = picture.scene.node_of(job.id) if job is not None else None
        picture.selected = node
        if node is not None:
            box = picture.drawing.box(node)
            self.canvas.centre_on(box.x + box.w // 2, box.y + box.h // 2)
        self.canvas.redraw()

    def _lay_out(self) -> None:
        graph = self.graph
        if graph is None:
            return
        expanded, data, zoom, focus_on, direct = (
            self.expanded,
            self.data,
            self.zoom,
            self.focus_on,
            self.direct,
        )

        def draw(_source: Any) -> Drawing:
            scene = graph.scene(expanded=expanded, data=data)
            if focus_on is not None:
                node = scene.node_of(focus_on[0])
                if node is not None:
                    scene = scene.only(scene.around(node, up=focus_on[1], down=focus_on[2]))
            if direct:
                scene = scene.direct()
            return Drawing(scene, zoom=zoom, sign=lambda status: STATUS[JobStatus(status)].sign)

        self.ask("scene", draw)

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        picture = self.picture
        if picture is None:
            return
        node = picture.scene.nodes[event.what]
        if node.jobs and node.kind in ("job", "more"):
            picture.selected = event.what
            self.canvas.redraw()
            self.owner.go_to_job(node.jobs[0], focus=False)
            if event.double:
                self.do_graph_expand()

    # -- commands ----------------------------------------------------------------------------------

    def do_graph_zoom_in(self) -> None:
        self._zoom(1)

    def do_graph_zoom_out(self) -> None:
        self._zoom(-1)

    def _zoom(self, by: int) -> None:
        zoom = max(0, min(2, self.zoom + by))
        if zoom != self.zoom:
            self.zoom = zoom
            self._lay_out()

    def do_graph_nodes(self) -> None:
        self.data = not self.data
        if self.data and self.graph is not None and not self.graph.data:
            self._ask_graph()  # files and records are read when they are first asked for
        else:
            self._lay_out()

    def do_graph_ancestors(self) -> None:
        self._focus(True, False)

    def do_graph_descendants(self) -> None:
        self._focus(False, True)

    def do_graph_all(self) -> None:
        self.focus_on = None
        self._lay_out()

    def _focus(self, up: bool, down: bool) -> None:
        if self.job is not None:
            self.focus_on = (self.job.id, up, down)
            self._lay_out()

    def do_graph_expand(self) -> None:
        picture, job = self.picture, self.job
        if picture is None or self.graph is None or job is None:
            return
        group = self.graph.group_of(job.id)
        if group is None or len(group.jobs) < 2:
            return
        self.expanded = self.expanded ^ {group.key}
        self._lay_out()

    def do_graph_next(self) -> None:
        """Select the box after this one, in reading order; after the last one the first."""
        picture = self.picture
        if picture is None:
            return
        nodes = picture.scene.nodes
        places = {
            at: picture.drawing.box(at)
            for at, node in enumerate(nodes)
            if node.kind in ("job", "more")
        }
        order = sorted(places, key=lambda at: (places[at].y, places[at].x))
        now = order.index(picture.selected) if picture.selected in order else -1
        if not order:
            return
        picture.selected = order[(now + 1) % len(order)]
        self.owner.go_to_job(nodes[picture.selected].jobs[0], focus=False)
        box = places[picture.selected]
        self.canvas.centre_on(box.x + box.w // 2, box.y + box.h // 2)
        self.canvas.redraw()

    def do_graph_export(self) -> None:
        from torc_tui.tui.workflows.workflow_dialogs import export_graph

        found = self.owner.current_workflow()
        if found is not None and self.picture is not None:
            export_graph(self.owner.torc, found[0], self.picture.scene)

    def do_graph_minimap(self) -> None:
        if self.picture is not None:
            self.picture.minimap = not self.picture.minimap
            self.canvas.redraw()

    def do_graph_direct(self) -> None:
        self.direct = not self.direct
        self._lay_out()

    def do_graph_critical(self) -> None:
        self.critical = not self.critical
        if self.picture is not None:
            self.picture.lit = (
                frozenset(self.picture.scene.critical_path()) if self.critical else frozenset()
            )
            self.canvas.redraw()


def _read(source: Any, workflow_id: int, jobs: list[Job], with_data: bool) -> Graph:
    from torc_tui.store import relations

    data = (
        [Data(*one) for one in relations.artifacts(source.store, workflow_id)] if with_data else []
    )
    return Graph(jobs, relations.edges(source.store, workflow_id), data)
