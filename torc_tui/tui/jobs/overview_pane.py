"""What the selected job (or family) is, why it is where it is, what it used, and neighbours that
can be gone to."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event, Job
from torc_tui.status import JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_details import CARE, TROUBLE, Details, Page, family_page, page
from torc_tui.tui.jobs.job_groups import Family
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.dialogs import TextDrawing
from torc_tui.tui.widgets.line_canvas import LineCanvas

PATIENCE = 3
"""Ticks that a newly selected job waits for its details before it is shown without them."""
SAID = 6
"""Lines of what a failed job said last."""
READ = 200
"""So many neighbours of a job are handed over, for the count of their states."""


class LinkedText(TextDrawing):
    """Lines of which some lead to jobs; one of them may be under the cursor."""

    def __init__(self, shown: Page, cursor: int | None) -> None:
        super().__init__(shown.lines)
        self.links = shown.links
        self.cursor = cursor

    def draw(self, x: int, y: int, width: int, height: int) -> Sequence[Line]:
        lines = list(super().draw(x, y, width, height))
        at = -1 if self.cursor is None else self.cursor - y
        if 0 <= at < len(lines) and x == 0 and lines[at]:
            lines[at] = [("▸ ", "accent bold"), *lines[at][1:]]
        return lines

    def hit(self, x: int, y: int) -> int | None:  # type: ignore[override]  # texts without links hit nothing
        return self.links.get(y)


class OverviewCanvas(LineCanvas):
    CONTEXT: ClassVar[tuple[str, ...]] = ("details", "canvas")  # type: ignore[assignment]  # one or several


class OverviewPane(Pane):
    NAME = "overview"
    TITLE = "Overview"

    def __init__(self) -> None:
        super().__init__()
        self.details: Details | None = None
        self.shown = Page()
        self.cursor: int | None = None
        """The number of the line under the cursor, among those that lead to jobs."""
        self._shows = 0
        self._late = 0
        self._turned = False
        self._width = 0

    def compose(self) -> ComposeResult:
        yield OverviewCanvas(empty="no job selected")

    @property
    def canvas(self) -> OverviewCanvas:
        return self.query_one(OverviewCanvas)

    @property
    def family(self) -> Family | None:
        """The family that is selected as one row."""
        rows, key = self.owner.rows, self.owner.table.cursor
        return (
            rows.families.families.get(key) if rows is not None and isinstance(key, str) else None
        )

    def freshen(self) -> None:
        job = self.job
        if self.family is not None:
            if self._shows:
                self._shows = self._late = 0
                self.cursor = None
                self.canvas.do_cursor_top()
            self.paint()
            return
        if job is not None:
            self.ask_details(job.id)
            if self._shows != job.id:
                # Mostly the details are there with the next tick: painted once, with them.
                self._shows, self.details, self.cursor = job.id, None, None
                self._late = PATIENCE
                self.canvas.do_cursor_top()
                return
        if not self._late:
            self.paint()

    def ask_details(self, job_id: int) -> None:
        self.ask("job", lambda source: (job_id, read(source.store, job_id)))

    def take(self, what: str, value: Any) -> None:
        job_id, details = value
        job = self.job
        if job is not None and job.id == job_id:
            self.details, self._late = details, 0
            self.paint()

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        family = self.family
        if family is None:
            super().data_changed(changed, events)
        if family is not None:
            self._turned = self._turned or bool(changed)  # it may be large: painted once a second
        elif not self.stale and self.display and not changed.isdisjoint(self.shown.links.values()):
            self.paint()

    @property
    def busy(self) -> bool:
        return self._late > 0

    def every_tick(self) -> None:
        if self._late:
            self._late -= 1
            if not self._late:
                self.paint()

    def reasons_changed(self) -> None:
        if not self._late:
            self.paint()

    def every_second(self, now: float) -> None:
        job = self.job
        if self._turned or (job is not None and job.status is JobStatus.RUNNING):
            self._turned = False
            self.paint()

    def on_resize(self) -> None:
        if self.is_attached and self.size.width != self._width:
            self.paint()

    def paint(self) -> None:
        job = self.job
        self._width = self.size.width
        if job is None:
            self.shown = Page()
            self.canvas.set_drawing(None)
            return
        family, width = self.family, max(30, self._width)
        linked = None if self.cursor is None else self.shown.links.get(self.cursor)
        self.shown = self.page(job, width) if family is None else self.family_page(family, width)
        if self.cursor is not None and self.shown.links.get(self.cursor) != linked:
            self.cursor = next(
                (line for line, job_id in self.shown.links.items() if job_id == linked), None
            )
        self.canvas.set_drawing(LinkedText(self.shown, self.cursor))

    def page(self, job: Job, width: int) -> Page:
        owner = self.owner
        view = owner.view
        assert view is not None
        host = owner.torc.machine.host
        return page(
            job,
            reasons=owner.reasons(job),
            requirement=view.requirements.get(job.requirement_id),
            details=self.details
            if self.details is not None and self.details.record["id"] == job.id
            else None,
            jobs=view.jobs,
            now=owner.now,
            width=width,
            cards={} if host is None else {gpu.uuid: gpu.index for gpu in host.machine.gpus},
        )

    def family_page(self, family: Family, width: int) -> Page:
        view, rows = self.owner.view, self.owner.rows
        assert view is not None and rows is not None
        return family_page(
            family.name,
            family.jobs,
            family.counts,
            view.jobs,
            strip=[(text, status.word) for text, status in family.strip(min(60, width - 4))],
            durations=view.durations.get(family.name),
            reason=rows.why,
            width=width,
        )

    # -- going to the neighbours -------------------------------------------------------------------

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        if isinstance(event.what, int):
            self.owner.go_to_job(event.what, focus=False)

    def do_details_next(self) -> None:
        self._step(1)

    def do_details_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        """The next link that is in view, or will be after a short way; where there is none, the
        text moves."""
        canvas = self.canvas
        top, height = canvas.scroll_offset.y, canvas.size.height
        places = sorted(self.shown.links)
        here = (
            self.cursor if self.cursor is not None and top <= self.cursor < top + height else None
        )
        if here is None:
            start = top - 1 if by > 0 else top + height
            ahead = [place for place in places if (place > start if by > 0 else place < start)]
        else:
            ahead = [place for place in places if (place > here if by > 0 else place < here)]
        target = None if not ahead else ahead[0] if by > 0 else ahead[-1]
        if target is None or not top - 3 <= target < top + height + 3:
            canvas.do_pan_down() if by > 0 else canvas.do_pan_up()
            return
        self.cursor = target
        if target < top or target >= top + height:
            canvas.do_pan_down() if by > 0 else canvas.do_pan_up()
        self.paint()

    def do_details_open(self) -> None:
        if self.cursor is not None and self.cursor in self.shown.links:
            self.owner.go_to_job(self.shown.links[self.cursor], focus=False)
        else:
            self.owner.do_job_why()


def read(store: Any, job_id: int) -> Details:
    """In the reader thread: all that the store tells about a job."""
    from torc_tui.operations import stderr_tail
    from torc_tui.store import queries, relations

    record = queries.get_job(store, job_id)
    before, after = relations.dependencies(store, job_id), relations.dependents(store, job_id)
    io = relations.job_io(store, job_id)
    trouble = JobStatus.from_word(str(record["status"])) in TROUBLE
    said = stderr_tail.of_job(store, job_id, SAID) if trouble else None
    results = queries.list_results(
        store, record["workflow_id"], job_id=job_id, all_runs=True, reverse=True, limit=50
    )
    return Details(
        record=record,
        results=results,
        before=sorted(before, key=lambda one: CARE[one.status])[:READ],
        before_count=len(before),
        after=sorted(after, key=lambda one: CARE[one.status])[:READ],
        after_count=len(after),
        said=() if said is None else said.lines,
        io={
            "files in": [str(one["path"]) for one in io.input_files],
            "files out": [str(one["path"]) for one in io.output_files],
            "data in": [str(one["name"]) for one in io.input_user_data],
            "data out": [str(one["name"]) for one in io.output_user_data],
        },
    )
