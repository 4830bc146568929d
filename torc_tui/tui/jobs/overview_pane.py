"""Show the page about the selected job or group, with links to its neighbors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.status import HELD, TROUBLED, JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.job_page import JobPageInput, attention, group_page, job_page
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.jobs.page import Details, LinkedLines
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing

if TYPE_CHECKING:
    from torc_tui.lifecycle.rerun_plan import JobVerdict
    from torc_tui.store.database import Store
    from torc_tui.views.resource_use import GroupUse

DETAILS_TICKS = 3
"""Ticks that a newly selected job waits for its details before it is shown without them."""
STDERR_LINES = 6
"""Lines of the standard error of a failed job."""
REREAD = 5000
"""Jobs of a group whose use of resources is read again while they run."""
PLANNED = 20_000
"""Jobs of a workflow whose plan is computed for the page; the tab Rerun has no such limit."""
READ = 200
"""Neighbors that are read, for the counts of their statuses."""


class LinkedText(TextDrawing):
    """Lines with links to jobs, one of which may be under the cursor."""

    def __init__(self, shown: LinkedLines, cursor: int | None) -> None:
        super().__init__(shown.lines, shown.links)
        self.cursor = cursor

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        lines = list(super().draw(x, y, width, height))
        at = -1 if self.cursor is None else self.cursor - y
        if 0 <= at < len(lines) and x == 0 and lines[at]:
            lines[at] = [("▸ ", "accent bold"), *lines[at][1:]]
        return lines


class OverviewCanvas(LineCanvas):
    """The part of the page that is on screen."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("details", "canvas")


class OverviewPane(Pane):
    """What the selected job or group is, and why it waits or failed."""

    NAME: ClassVar[str] = "overview"

    def __init__(self, host: WorkflowHost) -> None:
        super().__init__(host)
        self.model = host.model
        self.table = host.table
        self.plans = host.plans
        self._shown_verdict: JobVerdict | None = None
        """The verdict that the page was last written for."""
        self.details: Details | None = None
        self.shown = LinkedLines()
        self.cursor: int | None = None
        """The line under the cursor, one of those with a link."""
        self.canvas = OverviewCanvas(empty="no job selected")
        self._group_use: tuple[str, list[GroupUse]] = ("", [])
        self._shown_job = 0
        self._ticks_left = 0
        self._turned = False
        self._width = 0

    def compose(self) -> ComposeResult:
        yield self.canvas

    @property
    def group(self) -> JobGroup | None:
        """Return the group under the cursor of the table."""
        return self.table.selected_group

    # -- what the tab host calls -------------------------------------------------------------------

    def refresh_content(self) -> None:
        job = self.job
        if self.group is not None:
            if self._shown_job:
                self._shown_job = self._ticks_left = 0
                self.cursor = None
                self.canvas.to_top()
            if self._group_use[0] != self.group.name:
                self._group_use = self.group.name, []
                self._ask_use(self.group)
            self.paint()
            return
        if job is not None:
            self._ask_details(job.id)
            self._request_plan()
            if self._shown_job != job.id:
                # The details mostly arrive with the next tick: paint once, with them.
                self._shown_job, self.details, self.cursor = job.id, None, None
                self._ticks_left = DETAILS_TICKS
                self.canvas.to_top()
                return
        if not self._ticks_left:
            self.paint()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if self.group is not None:
            # A group may be large: it is painted once a second.
            self._turned = self._turned or bool(changed)
            return
        super().data_changed(changed, events)
        if not self.stale and self.display and not changed.isdisjoint(self.shown.links.values()):
            self.paint()

    @property
    def busy(self) -> bool:
        return self._ticks_left > 0

    def every_tick(self) -> None:
        if self._ticks_left:
            self._ticks_left -= 1
            if not self._ticks_left:
                self.paint()

    def reasons_changed(self) -> None:
        if not self._ticks_left:
            self.paint()

    def plan_changed(self) -> None:
        job = self.job
        if job is None or self.group is not None or self._ticks_left:
            return
        verdict = self._stale_verdict(job)
        if verdict != self._shown_verdict:
            self._shown_verdict = verdict
            self.paint()

    def every_second(self, now: float) -> None:
        self._request_plan()
        job = self.job
        if self._turned or (job is not None and job.status is JobStatus.RUNNING):
            self._turned = False
            if self.group is not None and len(self.group.jobs) <= REREAD:
                self._ask_use(self.group)
            self.paint()

    def on_resize(self) -> None:
        if self.is_attached and self.size.width != self._width:
            self.paint()

    # -- the page ----------------------------------------------------------------------------------

    def _ask_details(self, job_id: int) -> None:
        self.ask(
            "job",
            lambda source: (job_id, read_details(source.store, job_id)),
            lambda answer: self._take_details(*answer),
        )

    def _take_details(self, job_id: int, details: Details) -> None:
        job = self.job
        if job is not None and job.id == job_id:
            self.details, self._ticks_left = details, 0
            self.paint()

    def _ask_use(self, group: JobGroup) -> None:
        name, workflow_id = group.name, self.model.workflow_id
        self.ask(
            "group use",
            lambda source: read_use(source.store, workflow_id, name),
            lambda answer: self._take_use(name, answer),
        )

    def _take_use(self, name: str, use: list[GroupUse]) -> None:
        self._group_use = name, use
        if self.group is not None and self.group.name == name:
            self.paint()

    def paint(self) -> None:
        """Write and paint the page."""
        job, group = self.job, self.group
        self._width = self.size.width
        if job is None:
            self.shown = LinkedLines()
            self.canvas.set_drawing(None)
            return
        width = max(30, self._width)
        linked = None if self.cursor is None else self.shown.links.get(self.cursor)
        self.shown = self._job_page(job, width) if group is None else self._group_page(group, width)
        if self.cursor is not None and self.shown.links.get(self.cursor) != linked:
            same = (line for line, job_id in self.shown.links.items() if job_id == linked)
            self.cursor = next(same, None)
        self.canvas.set_drawing(LinkedText(self.shown, self.cursor))

    def _job_page(self, job: Job, width: int) -> LinkedLines:
        view, details = self.model.view, self.details
        self._shown_verdict = self._stale_verdict(job)
        if details is not None and details.record["id"] != job.id:
            details = None
        facts = JobPageInput(
            job=job,
            reasons=self.host.reasons(job),
            requirement=view.requirements.get(job.requirement_id),
            details=details,
            jobs=view.jobs,
            gpus=self.torc.machine.gpu_numbers(),
            now=self.model.now,
            stale=self._shown_verdict,
        )
        return job_page(facts, width)

    def _stale_verdict(self, job: Job) -> JobVerdict | None:
        """Return why a completed job would run again; None if it would not, or if unknown."""
        forecast = self.plans.forecast
        if forecast is None or job.status is not JobStatus.COMPLETED:
            return None
        return forecast.stale.get(job.id)

    def _request_plan(self) -> None:
        """Ask for the rerun plan if the page shows a completed job."""
        job, view = self.job, self.model.view
        if job is None or self.group is not None or job.status is not JobStatus.COMPLETED:
            return
        if len(view.jobs) <= PLANNED and (self.plans.is_cheap or not view.count(*HELD)):
            self.plans.request(self.torc)

    def _group_page(self, group: JobGroup, width: int) -> LinkedLines:
        view = self.model.view
        return group_page(
            group,
            view.jobs,
            durations=view.durations.get(group.name),
            use=self._group_use[1] if self._group_use[0] == group.name else (),
            reason=self.model.rows.reasons.why,
            width=width,
        )

    # -- going to neighbors -----------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "details-next": lambda: self._step(1),
            "details-previous": lambda: self._step(-1),
            "details-open": self._open_link,
        }

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self.host.go_to_job(event.what, focus=False)

    def _step(self, by: int) -> None:
        """Go to the next link that is on screen or near it; otherwise scroll."""
        canvas = self.canvas
        top, height = canvas.scroll_offset.y, canvas.size.height
        target = self._next_link(by, top, height)
        if target is None:
            self.canvas.pan(0, 3 * by)
            return
        self.cursor = target
        if target < top or target >= top + height:
            self.canvas.pan(0, 3 * by)
        self.paint()

    def _next_link(self, by: int, top: int, height: int) -> int | None:
        visible = self.cursor is not None and top <= self.cursor < top + height
        start = self.cursor if visible else (top - 1 if by > 0 else top + height)
        assert start is not None
        ahead = [place for place in sorted(self.shown.links) if (place - start) * by > 0]
        target = None if not ahead else ahead[0] if by > 0 else ahead[-1]
        near = target is not None and top - 3 <= target < top + height + 3
        return target if near else None

    def _open_link(self) -> None:
        if self.cursor is not None and self.cursor in self.shown.links:
            self.host.go_to_job(self.shown.links[self.cursor], focus=False)
        else:
            self.host.explain_job()


def read_use(store: Store, workflow_id: int, group: str) -> list[GroupUse]:
    """Return requested and used of a job group; called in the reader thread."""
    from torc_tui.store.job_use import group_use
    from torc_tui.views.resource_use import by_group

    found = group_use(store, workflow_id, group)
    return by_group(found.jobs, found.requirements)


def read_details(store: Store, job_id: int) -> Details:
    """Return what the database knows about a job; called in the reader thread."""
    from torc_tui.operations import stderr_tail
    from torc_tui.store import queries, relations
    from torc_tui.store.feed import warnings_of
    from torc_tui.store.selection import ListSelection
    from torc_tui.wording import sentence

    record = queries.get_job(store, job_id)
    before, after = relations.dependencies(store, job_id), relations.dependents(store, job_id)
    io = relations.job_io(store, job_id)
    troubled = JobStatus.from_word(str(record["status"])) in TROUBLED
    tail = stderr_tail.of_job(store, job_id, STDERR_LINES) if troubled else None
    wanted = ListSelection(job_id=job_id, reverse=True, limit=50)
    results = queries.list_results(store, record["workflow_id"], wanted)
    return Details(
        record=record,
        results=results,
        before=sorted(before, key=lambda one: attention(one.status))[:READ],
        before_count=len(before),
        after=sorted(after, key=lambda one: attention(one.status))[:READ],
        after_count=len(after),
        stderr_tail=() if tail is None else tail.lines,
        warnings=[sentence(one) for one in warnings_of(store, record["workflow_id"], job_id)],
        io={
            "files in": [str(one["path"]) for one in io.input_files],
            "files out": [str(one["path"]) for one in io.output_files],
            "data in": [str(one["name"]) for one in io.input_user_data],
            "data out": [str(one["name"]) for one in io.output_user_data],
        },
    )
