"""Show the page about the selected job or group, with links to its neighbors."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.job_page import JobPageInput, attention, group_page, job_page
from torc_tui.tui.jobs.job_table import WorkflowHost
from torc_tui.tui.jobs.linked_canvas import LinkedCanvas
from torc_tui.tui.jobs.page import Details, LinkedLines
from torc_tui.tui.widgets.line_canvas import LineCanvas

if TYPE_CHECKING:
    from torc_tui.lifecycle.rerun_plan import JobVerdict
    from torc_tui.store.database import Store
    from torc_tui.views.resource_use import GroupUse

DETAILS_TICKS = 3
"""Ticks that a newly selected job waits for its details before it is shown without them."""
TAIL_LINES, COMPLETED_LINES = 6, 12
"""Lines of the output of a failed job and of a completed job, where they are the last part."""
REREAD = 5000
"""Jobs of a group whose use of resources is read again while they run."""
READ = 200
"""Neighbors that are read, for the counts of their statuses."""


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
        self.canvas = LinkedCanvas(empty="no job selected")
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
                self.canvas.begin_page()
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
                self._shown_job, self.details = job.id, None
                self._ticks_left = DETAILS_TICKS
                self.canvas.begin_page()
                return
        if not self._ticks_left:
            self.paint()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if self.group is not None:
            # A group may be large: it is painted once a second.
            self._turned = self._turned or bool(changed)
            return
        super().data_changed(changed, events)
        links = self.canvas.shown.links.values()
        if not self.stale and self.display and not changed.isdisjoint(links):
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
            self.canvas.erase()
            return
        width = max(30, self._width)
        self.canvas.write(
            self._job_page(job, width) if group is None else self._group_page(group, width)
        )

    def _job_page(self, job: Job, width: int) -> LinkedLines:
        view, details = self.model.view, self.details
        self._shown_verdict = self._stale_verdict(job)
        if details is not None and details.record["id"] != job.id:
            details = None
        details = None if details is None else details.until(self.host.moment)
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
        job = self.job
        if job is not None and self.group is None and job.status is JobStatus.COMPLETED:
            self.plans.request_if_light(self.torc, self.model.view)

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

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self.host.go_to_job(event.what, focus=False)

    def on_linked_canvas_link_opened(self, event: LinkedCanvas.LinkOpened) -> None:
        event.stop()
        if event.job_id is not None:
            self.host.go_to_job(event.job_id, focus=False)
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
    status = JobStatus.from_word(str(record["status"]))
    tail = stderr_tail.of_job(store, job_id, TAIL_LINES) if status in TROUBLED else None
    lines = COMPLETED_LINES if status is JobStatus.COMPLETED else TAIL_LINES
    shows_output = status is JobStatus.COMPLETED or (status in TROUBLED and tail is None)
    wanted = ListSelection(job_id=job_id, reverse=True, limit=50)
    results = queries.list_results(store, record["workflow_id"], wanted)
    ran_on = record["compute_node_id"] or (results[0]["compute_node_id"] if results else None)
    return Details(
        place=queries.place_of_runner(store, ran_on),
        record=record,
        results=results,
        before=sorted(before, key=lambda one: attention(one.status))[:READ],
        before_count=len(before),
        after=sorted(after, key=lambda one: attention(one.status))[:READ],
        after_count=len(after),
        stderr_tail=() if tail is None else tail.lines,
        stdout_tail=stderr_tail.stdout_of_job(store, job_id, lines) if shows_output else (),
        warnings=[sentence(one) for one in warnings_of(store, record["workflow_id"], job_id)],
        io={
            "files in": [str(one["path"]) for one in io.input_files],
            "files out": [str(one["path"]) for one in io.output_files],
            "data in": [str(one["name"]) for one in io.input_user_data],
            "data out": [str(one["name"]) for one in io.output_user_data],
        },
    )
