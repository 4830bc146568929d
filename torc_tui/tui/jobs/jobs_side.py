"""Show the left side of the workflow screen: the job table, and the activity below it.

Input: the height of the side, the number of rows of the table. Output: the activity, if the rows
leave room. Invariant: a hidden activity costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from torc_tui.tui.jobs.activity import Activity, PanelRoom
from torc_tui.tui.jobs.job_table import JobTable, WorkflowHost
from torc_tui.tui.jobs.log_tails import read_tails
from torc_tui.tui.jobs.page import LinkedLines
from torc_tui.tui.jobs.workflow_contents import WorkflowContents
from torc_tui.tui.widgets.empty_state import EmptyState
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.panel_side import FRAME, PanelSide
from torc_tui.tui.widgets.sides import FramedSide


class ActivityPanel(FramedSide):
    """Running jobs, newest failures, finished jobs over time; a click on a job selects it."""

    DEFAULT_CSS = """
    ActivityPanel LineCanvas { height: 1fr; }
    """

    def __init__(self, host: WorkflowHost) -> None:
        self._host = host
        self.canvas = LineCanvas(empty="")
        self.canvas.can_focus = False
        self.nothing = EmptyState()
        self.nothing.can_focus = False
        super().__init__(self.canvas, self.nothing, title="Activity", id="activity")
        self._activity: Activity | None = None
        self._page = LinkedLines()

    def loaded(self, activity: Activity) -> None:
        """Handle the activity of a new snapshot."""
        self._activity = activity if self.display else None
        self.write()

    def changed(self, jobs: Collection[int]) -> None:
        """Handle changed jobs."""
        if self._activity is not None:
            self._activity.update(jobs)

    def on_resize(self) -> None:
        super().on_resize()
        self.write()

    def write(self) -> None:
        """Update the activity; called only while visible."""
        view, room = self._host.view, self.size
        if view is None or not room.width or not self.display:
            return
        activity = self._activity
        if activity is None or activity.view is not view:
            activity = self._activity = Activity(view)
        self._page = activity.page(PanelRoom(room.width, room.height), self._host.model.now)
        self.canvas.display = bool(self._page.lines)
        self.nothing.display = not self._page.lines
        if self._page.lines:
            self.canvas.set_drawing(TextDrawing(self._page.lines, self._page.links))
        else:
            torc = self._host.torc
            next_step = f"{torc.keymap.key('workflow-run')} starts a runner"
            if torc.machine.cluster is not None:
                next_step = "the tab Machine shows the allocations"
            self.nothing.show("no job has run yet", next_step)
        self._ask_tails(activity)

    def _ask_tails(self, activity: Activity) -> None:
        wanted = activity.untold
        if not wanted:
            return
        activity.tails |= dict.fromkeys(wanted, "")  # requested only once

        def take(found: dict[int, str]) -> None:
            activity.tails |= found
            if activity is self._activity:
                self.write()

        self._host.torc.reader.ask(
            ("tails", tuple(wanted)), lambda source: read_tails(source.store, wanted), take
        )

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self._host.go_to_job(event.what)


class JobsSide(PanelSide):
    """The job table, its filter, and the activity."""

    def __init__(self, host: WorkflowHost, filter_line: FilterLine, table: JobTable) -> None:
        self.activity = ActivityPanel(host)
        super().__init__(filter_line, table, self.activity, title="Jobs", id="jobs-pane")
        self._jobs = table
        table.rows_changed = self.place

    def on_resize(self) -> None:
        self._jobs.page = max(0, self.size.height - 2 - FRAME * self.is_framed)
        super().on_resize()

    def loaded(self, contents: WorkflowContents) -> None:
        """Handle a new snapshot."""
        self.main.set_title("Jobs", str(len(contents.view.jobs)))
        self.activity.loaded(contents.activity)
