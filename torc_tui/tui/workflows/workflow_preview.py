"""Show a preview of the selected workflow: graph by groups, running jobs, newest failures.

Input: the workflow; the thread for slow questions reads the rest. Output: lines. A large workflow
is not read: its counts are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torc_tui.errors import NotFound
from torc_tui.model import Workflow
from torc_tui.status import JobStatus, number_of
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.jobs.activity import Activity, PanelRoom
from torc_tui.tui.jobs.log_tails import read_tails
from torc_tui.tui.look.status_icons import STATUS, workflow_state
from torc_tui.tui.look.text_layout import Line, Span, fit_line, line_width, sanitize
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.sides import FramedSide
from torc_tui.tui.widgets.table_model import fit_cell
from torc_tui.tui.workflows.workflow_rows import progress_bar
from torc_tui.tuples import NamedTuple
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.wording import ago

if TYPE_CHECKING:
    from torc_tui.views.graph_drawing import GraphDrawing
    from torc_tui.views.graph_layout import Direction

WAIT = 0.15
"""Seconds that the cursor must rest on a workflow before it is read."""
MOST_JOBS = 20_000
"""Maximum number of jobs of a workflow that is read for its preview."""
MOST_DRAWN = 5_000
"""Maximum number of jobs of a workflow whose graph is drawn."""
SHAPES: tuple[tuple[Direction, int], ...] = (("right", 1), ("right", 0), ("down", 1), ("down", 0))
"""Directions and zooms of the graph, the best first."""
LEAST_GRAPH, LEAST_ACTIVITY = 3, 8
"""Minimum lines for the graph, and lines that it must leave for the activity."""


class WorkflowReading(NamedTuple):
    """The data read for a preview: the activity, and the graph in both directions."""

    workflow: Workflow
    activity: Activity
    drawings: Sequence[GraphDrawing]


class WorkflowPreview(FramedSide):
    """The preview beside the list of workflows."""

    DEFAULT_CSS = """
    WorkflowPreview LineCanvas { height: 1fr; }
    """

    def __init__(self, screen: TorcScreen) -> None:
        self.canvas = LineCanvas(empty="")
        self.canvas.can_focus = False
        super().__init__(self.canvas, title="Preview", id="preview")
        self._screen = screen
        self._workflow: Workflow | None = None
        self._reading: WorkflowReading | None = None
        self._asked = 0
        self.now = 0.0

    def show(self, workflow: Workflow | None) -> None:
        """Show another workflow, or another state of the same one."""
        if workflow == self._workflow:
            return
        other = workflow is None or self._workflow is None or workflow.id != self._workflow.id
        self._workflow = workflow
        if other:
            self._reading = None
            self.set_title("Preview" if workflow is None else workflow.name)
        self.write()
        self._asked += 1
        if self.is_attached and workflow is not None:
            asked = self._asked
            self.set_timer(WAIT, lambda: self._ask(asked, workflow))

    def _ask(self, asked: int, workflow: Workflow) -> None:
        """Read the workflow, unless another workflow is now selected."""
        if asked != self._asked or not self.display or not self.size.width:
            return
        if sum(workflow.counts.values()) > MOST_JOBS:
            return

        def take(found: WorkflowReading | None) -> None:
            if asked == self._asked:
                self._reading = found
                self.write()

        self._screen.ask("preview", lambda source: read(source, workflow), take, slow=True)

    def on_resize(self) -> None:
        super().on_resize()
        self.write()
        if self._reading is None and self._workflow is not None:
            self._ask(self._asked, self._workflow)

    def write(self) -> None:
        """Write the preview for the present time and size."""
        workflow, width = self._workflow, self.size.width - 1
        if workflow is None or width < 1:
            self.canvas.set_drawing(None)
            return
        reading = self._reading
        ended = None if reading is None else reading.activity.last_end
        lines = [*head(workflow, width, self.now, ended), []]
        if reading is not None:
            left = self.size.height - len(lines)
            graph = graph_lines(reading.drawings, width, left - LEAST_ACTIVITY)
            lines += [*graph, []] if graph else []
            room = PanelRoom(width + 1, self.size.height - len(lines))
            lines += reading.activity.page(room, self.now).lines
        self.canvas.set_drawing(TextDrawing(lines[: self.size.height]))


def head(workflow: Workflow, width: int, now: float, ended: float | None) -> list[Line]:
    """Return the lines about the workflow as a whole; its last job finished at ``ended``."""
    sign = workflow_state(workflow)
    title: list[Span] = [(f" {sign.sign} {sign.word}", f"{sign.style} bold")]
    if workflow.run_id:
        title.append((f" · run {workflow.run_id}", "muted"))
    title.append((f" · created {ago(now - workflow.created_at)}", "muted"))
    if ended is not None:
        title.append((f" · last job finished {ago(now - ended)}", "muted"))
    out: list[Line] = [title]
    if workflow.description:
        out.append([(" ", ""), (sanitize(workflow.description), "text")])
    if workflow.directory:
        out.append([(" ", ""), (sanitize(workflow.directory), "faint")])
    if workflow.counts:
        bar = fit_cell(progress_bar(workflow, max(1, width - 2)), width - 2, "left")
        out += [[], [(" ", ""), *bar], _counts(workflow, width)]
    return [fit_line(line, width) for line in out]


def _counts(workflow: Workflow, width: int) -> Line:
    """Return the number of jobs by status; without the words if they do not fit."""
    found = [(STATUS[one], number_of(workflow.counts, (one,))) for one in MOST_TELLING]
    out: list[Span] = []
    for gap, words in ((3, True), (2, True), (2, False)):
        out = [(" ", "")]
        for sign, number in found:
            if number:
                word = f" {sign.word}" if words else ""
                out += [(f"{sign.sign} {number}{word}", sign.style), (" " * gap, "")]
        if line_width(out[:-1]) <= width:
            break
    return out[:-1]


def graph_lines(drawings: Sequence[GraphDrawing], width: int, height: int) -> list[Line]:
    """Return the graph that fits, preferably from left to right; none if neither fits."""
    from torc_tui.tui.graph.graph_picture import GraphPicture

    for drawing in drawings:
        if drawing.width <= width - 2 and drawing.height <= height and height >= LEAST_GRAPH:
            picture = GraphPicture(drawing)
            rows = picture.draw(0, 0, drawing.width, drawing.height)
            return [[(" ", ""), *row] for row in rows]
    return []


def read(source: FeedReader, workflow: Workflow) -> WorkflowReading | None:
    """Read a workflow and draw its graph; None if it was deleted. For a reader thread."""
    from torc_tui.tui.graph.graph_reading import read_graph
    from torc_tui.views.graph_drawing import GraphDrawing

    try:
        view = source.load(workflow.id)
    except NotFound:
        return None
    activity = Activity(view)
    activity.tails |= read_tails(source.store, activity.failed)
    drawings: list[GraphDrawing] = []
    if 0 < len(view.jobs) <= MOST_DRAWN:
        scene = read_graph(source, workflow.id, list(view.jobs.values())).scene()
        drawings = [
            GraphDrawing(scene, zoom=zoom, direction=direction, sign=_sign)
            for direction, zoom in SHAPES
        ]
        scene.refresh(view.jobs)
    return WorkflowReading(workflow, activity, drawings)


def _sign(status: JobStatus) -> str:
    return STATUS[JobStatus(status)].sign
