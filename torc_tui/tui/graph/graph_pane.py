"""Show the graph of the workflow; its selection is that of the job table.

The reader thread reads it, folds it and lays it out; only the visible part is painted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.status import JobStatus
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.graph.chain_search import ChainSearch
from torc_tui.tui.graph.graph_directions import chosen_direction, remember_direction
from torc_tui.tui.graph.graph_facts import legend_parts, shown_parts
from torc_tui.tui.graph.graph_file import export_graph
from torc_tui.tui.graph.graph_notes import box_notes
from torc_tui.tui.graph.graph_picture import GraphCanvas, GraphPicture
from torc_tui.tui.graph.graph_reading import read_graph
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.painted import TwoSidedLine
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import one_line
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_critical import CriticalChain, critical_chain
from torc_tui.views.graph_drawing import GraphDrawing
from torc_tui.views.graph_fit import GraphShape, fit_drawing
from torc_tui.views.graph_grid import Room
from torc_tui.views.graph_model import JobGraph
from torc_tui.views.graph_scene import GraphNode, Scene
from torc_tui.views.graph_walk import STEPS, next_in_turn, walk
from torc_tui.views.workflow_view import WorkflowView

ROOMY = 8
"""Smallest height of a pane with a line below the graph."""


def sign_of(status: JobStatus) -> str:
    """Return the sign of a status."""
    return STATUS[JobStatus(status)].sign


class GraphExcerpt(NamedTuple):
    """A part of the graph: what a box depends on (``up``), or what depends on it (``down``)."""

    key: str
    label: str
    up: bool
    down: bool


class GraphPane(Pane):
    """The graph of the workflow."""

    NAME: ClassVar[str] = "graph"
    PER_JOB: ClassVar[bool] = False

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.graph: JobGraph | None = None
        self.picture: GraphPicture | None = None
        self.expanded: frozenset[str] = frozenset()
        self.zoom: int | None = None
        """The zoom that the user chose; None: what fits."""
        self.data = False
        self.excerpt: GraphExcerpt | None = None
        self.critical = ChainSearch(self._search_chain, self._light_chain)
        self.direct = False
        self.canvas = GraphCanvas(empty="laying out …")
        self.line = TwoSidedLine()
        self._of: WorkflowView | None = None
        self._room = Room(0, 0)
        """The room for which the picture was laid out."""

    def compose(self) -> ComposeResult:
        yield self.canvas
        yield self.line

    def on_resize(self) -> None:
        self.line.display = self.size.height >= ROOMY

    # -- what the tab host calls -------------------------------------------------------------------

    def refresh_content(self) -> None:
        view = self.host.view
        if view is None:
            return
        if self._of is not view:
            self._of = view
            self._ask_graph(view)
        elif self.picture is not None:
            self.picture.scene.refresh(view.jobs)
            self._select(self.job)

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        view, picture = self.host.view, self.picture
        if view is None or not changed or picture is None or self._of is not view:
            self.stale = self.stale or self._of is not view
            return
        touched = [
            picture.scene.update(job_id, view.jobs[job_id].status) is not None for job_id in changed
        ]
        if any(touched):
            self.critical.jobs_changed()
            if self.display:
                self.canvas.redraw()
                self._show_line()

    def job_changed(self) -> None:
        if self.display:
            self._select(self.job)
        else:
            self.stale = True

    # -- reading and laying out --------------------------------------------------------------------

    def _ask_graph(self, view: WorkflowView) -> None:
        jobs, workflow_id, data = list(view.jobs.values()), view.workflow.id, self.data
        self.ask(
            "graph", lambda source: read_graph(source, workflow_id, jobs, data), self._take_graph
        )

    def _take_graph(self, graph: JobGraph) -> None:
        self.graph = graph
        self._lay_out()

    def _lay_out(self) -> None:
        graph = self.graph
        if graph is None:
            return
        make, room = self._scene_maker(graph), Room(*self.canvas.size)
        shape = GraphShape(self.zoom, chosen_direction(self.torc.state, room))
        self._room = room

        def draw(_source: FeedReader) -> GraphDrawing:
            return fit_drawing(make(room), room, shape, sign_of)

        self.ask("scene", draw, self._take_drawing)

    def on_graph_canvas_resized(self) -> None:
        if self.graph is not None and self._room != Room(*self.canvas.size):
            self._lay_out()

    def _scene_maker(self, graph: JobGraph) -> Callable[[Room | None], Scene]:
        """Return a function that makes the chosen scene; without room, jobs have boxes."""
        expanded, data, direct, excerpt = self.expanded, self.data, self.direct, self.excerpt

        def make(room: Room | None) -> Scene:
            scene = graph.scene(expanded=expanded, data=data, room=room)
            keys = [node.key for node in scene.nodes] if excerpt is not None else []
            if excerpt is not None and excerpt.key in keys:
                node = keys.index(excerpt.key)
                scene = scene.only(scene.around(node, up=excerpt.up, down=excerpt.down))
            return scene.direct() if direct else scene

        return make

    def _take_drawing(self, drawing: GraphDrawing) -> None:
        view = self.host.view
        if view is None:
            return
        drawing.scene.refresh(view.jobs)
        self.picture = picture = GraphPicture(drawing)
        picture.notes = lambda spot, room: box_notes(
            drawing.scene, spot, view.jobs, view.durations, room
        )
        self._light_chain()
        self.canvas.empty = "no jobs"
        self.canvas.set_drawing(self.picture)
        self._select(self.job)

    # -- the selection -----------------------------------------------------------------------------

    def _select(self, job: Job | None) -> None:
        """Show which box has a job; the other boxes stand for it."""
        if self.picture is not None:
            self.picture.selected = None if job is None else self.picture.spot_of(job.id)
            self.canvas.reveal_selected()
            self._show_line()

    def _choose(self, spot: Spot) -> None:
        """Select a box, and its first job in the table."""
        picture = self.picture
        if picture is None:
            return
        picture.selected = spot
        self.canvas.reveal_selected()
        self._show_line()
        job = picture.job_of(spot)
        if job is not None:
            self.host.go_to_job(job, focus=False)

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        spot = None if self.picture is None else self.picture.spot_at(event.what)
        if spot is not None:
            self._choose(spot)
            if event.double:
                self._expand()

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "graph-zoom-in": lambda: self._zoom(1),
            "graph-zoom-out": lambda: self._zoom(-1),
            "graph-nodes": self._toggle_data,
            "graph-ancestors": lambda: self._show_excerpt(up=True, down=False),
            "graph-descendants": lambda: self._show_excerpt(up=False, down=True),
            "graph-all": self._show_all,
            "graph-expand": self._expand,
            "graph-next": self._next_box,
            "graph-export": self._export,
            "graph-turn": self._turn,
            "graph-direct": self._toggle_direct,
            "graph-critical": self.critical.toggle,
        }

    def _zoom(self, by: int) -> None:
        picture = self.picture
        if picture is not None and 0 <= picture.drawing.zoom + by <= 2:
            self.zoom = picture.drawing.zoom + by
            self._lay_out()

    def _turn(self) -> None:
        """Draw the graph in the other direction, here and in other panes of this shape."""
        if self.picture is not None:
            turned = self.picture.drawing.direction == "down"
            remember_direction(self.torc.state, self._room, "right" if turned else "down")
            self._lay_out()

    def _toggle_data(self) -> None:
        self.data = not self.data
        view = self.host.view
        if self.data and self.graph is not None and not self.graph.data and view is not None:
            self._ask_graph(view)  # files and records are read when they are first shown
        else:
            self._lay_out()

    def _show_excerpt(self, *, up: bool, down: bool) -> None:
        node = self._selected_node()
        if node is not None:
            self.excerpt = GraphExcerpt(node.key, one_line(node.label, 40), up, down)
            self._lay_out()

    def _selected_node(self) -> GraphNode | None:
        picture = self.picture
        if picture is None or picture.selected is None:
            return None
        return picture.scene.nodes[picture.selected.node]

    def _show_all(self) -> None:
        self.excerpt = self.zoom = None
        self._lay_out()

    def _expand(self) -> None:
        """Expand the selected group in place, or fold it."""
        node = self._selected_node()
        if node is not None and node.group and node.count > 1:
            self.expanded = self.expanded ^ {node.group}
            self._lay_out()

    def _next_box(self) -> None:
        """Select the box after this one, in reading order; after the last one the first."""
        picture = self.picture
        spot = None if picture is None else next_in_turn(picture.drawing, picture.selected)
        if spot is not None:
            self._choose(spot)

    def _export(self) -> None:
        workflow = self.host.workflow
        view, graph = self.host.view, self.graph
        if workflow is not None and view is not None and graph is not None:
            scene = self._scene_maker(graph)(None)
            scene.refresh(view.jobs)
            export_graph(self.torc, workflow, scene)

    def _toggle_direct(self) -> None:
        self.direct = not self.direct
        self._lay_out()

    # -- the critical path -------------------------------------------------------------------------

    def _search_chain(self, take: Callable[[CriticalChain], None]) -> None:
        view, graph = self.host.view, self.graph
        if view is not None and graph is not None:
            jobs, durations, now = list(view.jobs.values()), dict(view.durations), time.time()
            self.ask(
                "chain",
                lambda _source: critical_chain(graph, jobs, durations, now),
                take,
                slow=True,
            )

    def _light_chain(self) -> None:
        """Highlight the boxes of the critical path, and say how long it is."""
        picture, chain = self.picture, self.critical.chain
        if picture is not None:
            picture.lit = () if chain is None else picture.scene.path_of(chain.jobs)
            self.canvas.redraw()
            self._show_line()

    def every_second(self, now: float) -> None:
        self.critical.every_second(now)

    def _show_line(self) -> None:
        picture, excerpt = self.picture, self.excerpt
        if picture is None:
            return
        words = {True: "only what it depends on", False: "only what depends on it"}
        about = "" if excerpt is None else f"{words[excerpt.up]}: {excerpt.label}"
        self.line.show(shown_parts(picture, about, self.critical.chain), legend_parts(picture))
        self._name_idle()

    def _name_idle(self) -> None:
        """Leave the commands out of the footer that would do nothing."""
        node, idle = self._selected_node(), set()
        if self.picture is not None:
            drawing, spot = self.picture.drawing, self.picture.selected
            dead = (heading for heading in STEPS if walk(drawing, spot, heading) is None)
            idle |= {f"graph-{heading}" for heading in dead}
        if node is None or node.count == 1:
            idle.add("graph-expand")
        if node is None:
            idle |= {"graph-ancestors", "graph-descendants"}
        if idle != self.idle and isinstance(self.screen, TorcScreen):
            self.idle = idle
            self.screen.show_keys()
