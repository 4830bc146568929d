"""Show the left side of the workflow screen: the job table, and the activity below it.

Input: the height of the side, the number of rows of the table. Output: the activity, if the rows
leave room. Invariant: a hidden activity costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from textual.app import ComposeResult

from torc_tui.tui.jobs.activity import Activity, PanelRoom
from torc_tui.tui.jobs.job_table import JobTable, WorkflowHost
from torc_tui.tui.jobs.log_tails import read_tails
from torc_tui.tui.jobs.page import LinkedLines
from torc_tui.tui.widgets.empty_state import EmptyState
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.sides import FramedSide, Side
from torc_tui.tui.widgets.split import Split

ACTIVITY_FROM = 9
"""Minimum number of lines that the job table must leave for the activity."""
EMPTY = 3
"""Lines in which an empty table explains why it is empty."""
FRAME = 2
"""Lines of a frame."""


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
            key = self._host.torc.keymap.key("workflow-run")
            self.nothing.show("no job has run yet", f"{key} starts a runner")
        self._ask_tails(activity)

    def _ask_tails(self, activity: Activity) -> None:
        wanted = activity.untold
        if not wanted:
            return
        activity.tails |= dict.fromkeys(wanted, "")  # requested only once

        def take(found: dict[int, str]) -> None:
            activity.tails |= found

        self._host.torc.reader.ask(
            ("tails", tuple(wanted)), lambda source: read_tails(source.store, wanted), take
        )

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self._host.go_to_job(event.what)


class JobsSide(Side):
    """The job table, its filter, and the activity."""

    def __init__(self, host: WorkflowHost, filter_line: FilterLine, table: JobTable) -> None:
        super().__init__(id="jobs-pane")
        self.filter_line = filter_line
        self.table = table
        self.jobs = FramedSide(filter_line, table, title="Jobs")
        self.activity = ActivityPanel(host)
        table.rows_changed = self.place
        self.activity.display = False

    def compose(self) -> ComposeResult:
        yield self.jobs
        yield self.activity

    @property
    def is_framed(self) -> bool:
        return self.jobs.is_framed

    def set_framed(self, framed: bool) -> None:
        self.jobs.set_framed(framed)
        self.activity.set_framed(framed)
        self.place()

    def on_resize(self) -> None:
        self.table.page = max(0, self.size.height - 2 - FRAME * self.is_framed)
        self.place()

    def place(self) -> None:
        """Show the activity if the rows of the table leave room for it."""
        rows = len(self.table.order) or EMPTY
        needed = rows + 1 + self.filter_line.display + FRAME * self.is_framed
        shows = self.is_framed and self.size.height - needed >= ACTIVITY_FROM
        self.jobs.styles.height = needed if shows else "1fr"
        if self.activity.display is not shows:
            self.activity.display = shows
        if isinstance(self.parent, Split):
            self.parent.limit_first(needed + 1)

    def loaded(self, jobs: int) -> None:
        """Handle a new snapshot."""
        self.jobs.set_title("Jobs", str(jobs))
        self.activity.write()
