"""The job table: the selected and the chosen jobs, folding, and when rows move."""

from __future__ import annotations

import time
from collections.abc import Set
from typing import ClassVar

from torc_tui.model import Job
from torc_tui.tui.jobs.job_columns import COLUMNS, VOLATILE
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.widgets.virtual_table import VirtualTable

REORDER_EVERY = 0.5
"""Seconds between two moves of rows, at least: what moves cannot be read."""
REORDER_SHARE = 30
"""The pause is also this many times as long as the move took: 100,000 rows take a while."""


class Reordering:
    """When the rows of the table are sorted again."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._pause = REORDER_EVERY

    @property
    def is_due(self) -> bool:
        """Whether rows wait to be moved."""
        return self._at is not None

    def schedule(self, now: float) -> None:
        """Sort again after the pause."""
        if self._at is None:
            self._at = now + self._pause

    def run(self, table: VirtualTable, now: float) -> bool:
        """Sort again if the pause is over; return whether it was."""
        if self._at is None or now < self._at:
            return False
        self._at = None
        begin = time.perf_counter()
        table.reorder()
        self._pause = max(REORDER_EVERY, REORDER_SHARE * (time.perf_counter() - begin))
        return True


class JobTable(VirtualTable):
    """See the module."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("jobs", "list")

    def __init__(self, rows: JobRows, *, empty: str) -> None:
        super().__init__(rows, empty=empty, id="jobs")
        self.job_rows = rows
        self.reordering = Reordering()

    def show(self, rows: JobRows) -> None:
        """Show the rows of another model, or of the same one after it was folded."""
        self.job_rows = rows
        self.set_rows(rows)

    def sort_as_before(self, column: str, reverse: bool) -> None:
        """Sort as the user chose it the last time."""
        if any(known.key == column and known.sortable for known in COLUMNS):
            self.sort = column
        self.reverse = reverse

    @property
    def selected_job(self) -> Job | None:
        """Return the job under the cursor, or the one that tells most about the group there."""
        lead = self.job_rows.lead(self.cursor)
        return None if lead is None else self.job_rows.view.jobs.get(lead)

    @property
    def selected_group(self) -> JobGroup | None:
        """Return the group under the cursor; None where a single job is."""
        return self.job_rows.group(self.cursor)

    @property
    def chosen_jobs(self) -> list[Job]:
        """Return the jobs of the marked rows, or of the row under the cursor."""
        rows, jobs = self.job_rows, self.job_rows.view.jobs
        ids = dict.fromkeys(
            job_id for key in self.marked_or_selected for job_id in rows.jobs_of(key)
        )
        return [jobs[job_id] for job_id in ids]

    def rows_changed(self, changed: Set[int | str], *, moved: bool, now: float) -> None:
        """Paint rows again, and sort again where that may move some."""
        self.changed(changed)
        if moved or (changed and self.sort in VOLATILE):
            self.reordering.schedule(now)

    def reveal(self, job_id: int) -> bool:
        """Put the cursor on a job, and open its group for that; False if the filter hides it."""
        rows = self.job_rows
        if rows.folds and not self.select(job_id, tell=False):
            group = rows.groups.of(job_id)
            if group is not None and group.name not in rows.groups.opened:
                rows.groups.toggle(group.name)
                self.reload()
        return self.select(job_id)
