"""Filter, sort and fold the rows of the job table. No Textual, no clock.

Input: the view of a workflow, a filter, the ids of changed jobs, the time. Output: keys and cells
for the table. Keys are job ids, and names of groups where groups are folded.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from torc_tui.model import Job
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.tui.jobs.column_widths import OPTIONAL, WIDEST, ColumnWidths
from torc_tui.tui.jobs.job_columns import COLUMNS, plain_cell, with_parameters
from torc_tui.tui.jobs.job_groups import JobGroup, JobGroups
from torc_tui.tui.jobs.job_order import NATURAL, JobOrder, MatchingJobs, Test, arranged
from torc_tui.tui.jobs.job_reasons import JobReasons
from torc_tui.tui.look.status_icons import STATUS, of_job
from torc_tui.tui.look.text_layout import Span, bar, fit
from torc_tui.tui.widgets.table_model import MANY, Cell, Key, Sort, TableColumn
from torc_tui.views.job_parameters import parameter_names, widest_values
from torc_tui.views.status_bar import MOST_TELLING, strip
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import clock, elapsed, elapsed_in_column

FOLD_FROM = 20
"""Groups with more jobs are folded at first; without such a group nothing is folded."""


class JobRows:
    """The rows of one workflow. ``reasons`` explains the status of each job."""

    def __init__(self, view: WorkflowView, *, now: float = 0.0) -> None:
        self.view = view
        self.reasons = JobReasons(view, now=now)
        self.groups = JobGroups(view.jobs.values())
        sizes = {name: len(group.jobs) for name, group in self.groups.by_name.items()}
        self.folds = any(size > FOLD_FROM for size in sizes.values())
        self.groups.opened = {name for name, size in sizes.items() if size <= FOLD_FROM}
        self._longest = max((len(job.name) for job in view.jobs.values()), default=0)
        self._id_width = len(str(max(view.jobs, default=0)))
        self.parameters = parameter_names(view.jobs.values())
        self._parameter_widths = widest_values(view.jobs.values())
        self.widths = ColumnWidths()
        self.columns: Sequence[TableColumn] = ()
        self.matching: MatchingJobs | None = None
        """The jobs that match the filter; None: there is no filter."""
        self.known: JobOrder | None = None
        """The order of many jobs, which `JobArranger` computes; None: that of the workflow."""
        self.page = 0
        """Rows on screen: if a filter has fewer matches, groups are not folded."""
        self.is_flat = not self.folds
        self.measure()
        self._leads: dict[str, int] = {}

    @property
    def now(self) -> float:
        """Return the time that the cells show."""
        return self.reasons.now

    @now.setter
    def now(self, now: float) -> None:
        self.reasons.now = now

    def measure(self) -> None:
        """Fit the columns to their contents."""
        folds = self._has_group_rows = not self.is_flat
        columns = self.widths.columns(self._name_width(), self._id_width, folds=folds)
        if not self.widths.sees_groups_only:
            columns = with_parameters(columns, self.parameters, self._parameter_widths)
        self.columns = columns

    def fit(self, keys: Sequence[Key]) -> bool:
        """Fit the columns to these rows too; return whether that changed them."""
        widest = WIDEST | OPTIONAL
        fitted = [column for column in COLUMNS if column.key in widest]
        for key in keys:
            self.cells(key, fitted, [widest[column.key] for column in fitted])
        outgrown = self.widths.are_outgrown or self._has_group_rows is self.is_flat
        if outgrown:
            self.measure()
        return outgrown

    def _name_width(self) -> int:
        groups = self.groups.by_name.items()
        many = [name for name, group in groups if len(group.jobs) > 1]
        many = [] if self.is_flat else many
        if not many:
            return self._longest
        return max(self._longest, *(len(name) + 7 for name in many)) + 2

    # -- filter and order --------------------------------------------------------------------------

    @property
    def has_many(self) -> bool:
        """Whether filtering and sorting take too long for the thread of the app."""
        return len(self.view.jobs) >= MANY

    @property
    def shown(self) -> int:
        """Return how many jobs match the filter."""
        return len(self.view.jobs if self.matching is None else self.matching)

    def passes(self, job_id: int) -> bool:
        """Return whether a job matches the filter."""
        return self.matching is None or job_id in self.matching

    def filter(self, test: Test | None, *, unless_empty: bool = False) -> bool:
        """Show the jobs that pass the test.

        With ``unless_empty``, a test that no job passes is not used, and False is returned.
        """
        matching = None if test is None else MatchingJobs(test, self.view.jobs.values())
        if unless_empty and not matching:
            return False
        self.take(matching, None)
        return True

    def take(self, matching: MatchingJobs | None, known: JobOrder | None) -> None:
        """Show the matching jobs in an order."""
        if matching is not self.matching:
            self.widths.forget()
        self.matching, self.known = matching, known

    def update(self, changed: Collection[int]) -> bool:
        """Handle changed jobs; return whether other jobs match the filter now."""
        return self.matching is not None and self.matching.update(changed, self.view.jobs)

    def arranged(self, matching: MatchingJobs | None, sort: Sort) -> JobOrder:
        """Return matching jobs in an order; called in any thread."""
        return arranged(self.view, self.groups, matching, sort, self.now)

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        found = self.known
        if found is None or not self.has_many:
            wanted = NATURAL if self.has_many else (sort, reverse)
            found = self.arranged(self.matching, wanted)
        keys = found.keys
        is_short = self.matching is not None and len(keys) <= self.page
        self.is_flat = not self.folds or is_short
        if self.is_flat:
            return keys
        rows = self.groups.rows(found.groups)
        return [row if isinstance(row, int) else row.name for row in rows]

    # -- groups ------------------------------------------------------------------------------------

    def group(self, key: Key) -> JobGroup | None:
        """Return the group of a group row; None for the row of a job."""
        return self.groups.by_name.get(key) if isinstance(key, str) else None

    def jobs_of(self, key: Key) -> Sequence[int]:
        """Return the job of a row, or the jobs of a group that match the filter."""
        if not isinstance(key, str):
            return (key,) if isinstance(key, int) and key in self.view.jobs else ()
        group = self.group(key)
        if group is None:
            return ()
        matching = self.matching
        if matching is None:
            return group.jobs
        # Actions do not affect hidden jobs.
        return [job_id for job_id in group.jobs if job_id in matching]

    def lead(self, key: Key) -> int | None:
        """Return the job of a row, or the most important job of a group.

        Failed jobs come before running ones, and those before waiting ones.
        """
        if not isinstance(key, str):
            return key if isinstance(key, int) and key in self.view.jobs else None
        group = self.group(key)
        if group is None:
            return None
        counts = self.counts_of(group)
        statuses = (status for status in MOST_TELLING if counts[status])
        found = (self._first(group, status) for status in statuses)
        return next((job_id for job_id in found if job_id is not None), None)

    def counts_of(self, group: JobGroup) -> Sequence[int]:
        """Return the number per `JobStatus` of the jobs of a group that match the filter."""
        return group.counts if self.matching is None else self.matching.counts_of(group.name)

    def _first(self, group: JobGroup, status: JobStatus) -> int | None:
        jobs, known = self.view.jobs, self._leads.get(group.name)
        if known in jobs and jobs[known].status is status and self.passes(known):
            return known
        for job_id in group.jobs:
            if jobs[job_id].status is status and self.passes(job_id):
                self._leads[group.name] = job_id
                return job_id
        return None

    def keep_folds(self, before: JobRows) -> None:
        """Fold the groups as they were before a reload; many jobs keep their order."""
        self.folds = before.folds
        if self.has_many and before.view.jobs.keys() == self.view.jobs.keys():
            self._keep_order(before)
        self.measure()
        self.groups.opened = {name for name in before.groups.opened if name in self.groups.by_name}

    def _keep_order(self, before: JobRows) -> None:
        """Show the jobs as before, until a filter and an order are applied to the new ones."""
        known, groups = before.known, self.groups.by_name
        self.matching = before.matching
        if known is not None and before.groups.by_name.keys() == groups.keys():
            kept = [(groups[group.name], ids) for group, ids in known.groups]
            self.known = JobOrder(known.keys, kept)

    def touched_groups(self, changed: Collection[int]) -> set[str]:
        """Update the counts; return the names of the groups that changed."""
        return self.groups.apply(changed, self.view.jobs) if changed else set()

    def toggle(self, key: Key) -> str | None:
        """Fold or open the group of a row; return its name, or None if it has no group."""
        ids = self.jobs_of(key)
        group = self.groups.of(ids[0]) if ids else None
        if group is None or len(group.jobs) < 2:
            return None
        if self.folds:
            self.groups.toggle(group.name)
        else:
            self.folds = True
            self.groups.opened = set(self.groups.by_name) - {group.name}
        self.measure()
        return group.name

    def toggle_all(self) -> None:
        """Fold all groups; if all are folded, list all jobs."""
        self.folds = not (self.folds and not self.groups.opened)
        if self.folds:
            self.groups.opened = set()
        self.measure()

    # -- cells -------------------------------------------------------------------------------------

    def cells(
        self, key: Key, columns: Sequence[TableColumn], widths: Sequence[int]
    ) -> Sequence[Cell]:
        group = self.group(key)
        if group is not None:
            cell = partial(self._group_cell, group)
        else:
            cell = partial(self._cell, self.view.jobs[key])  # type: ignore[index]  # a job id
        cells = [cell(column.key, width) for column, width in zip(columns, widths, strict=True)]
        for column, one in zip(columns, cells, strict=True):
            if group is None or column.key == "why":
                self.widths.see(column.key, one)
        return cells

    def _cell(self, job: Job, column: str, width: int) -> Cell:
        sign = of_job(job)
        match column:
            case "sign":
                return (sign.sign, sign.style)
            case "id":
                return (str(job.id), "faint")
            case "name":
                return self._name(job)
            case "status":
                # Next to the status bars of groups, the word may not fit: the icon stays.
                return (sign.word if width >= len(sign.word) else "", sign.style)
            case "why":
                return self._why(job, width)
            case "time":
                return self._time(job)
        return plain_cell(column, job, self.view.requirements.get(job.requirement_id))

    def _name(self, job: Job) -> Span:
        group = self.groups.of(job.id)
        member = not self.is_flat and group is not None and len(group.jobs) > 1
        style = "disabled" if job.status is JobStatus.DISABLED else "text"
        return (f"  {job.name}" if member else job.name, style)

    def _why(self, job: Job, width: int) -> Cell:
        if job.status is JobStatus.RUNNING and job.started_at is not None:
            text = self.reasons.attempt(job)
            return (text, "muted") if text else self._expected(job, width)
        text = self.reasons.why(job)
        if job.status in TROUBLED:
            return (text, "muted" if job.was_stopped else "failed")
        return (text, "warning" if self.reasons.is_unschedulable(job) else "muted")

    def _expected(self, job: Job, width: int) -> Cell:
        """Return the estimated progress of a running job, by the mean run time of its group."""
        known = self.view.durations.get(job.group)
        if known is None or not known.is_known or job.started_at is None:
            return ("", "muted")
        time = self.now - job.started_at
        if known.is_overdue(time):
            return (f"usually {elapsed(known.mean)}", "warning")
        share = min(0.99, time / known.mean)
        cells = max(4, min(12, width - 12))
        return [*bar(share, cells, style="running"), (f" ~{elapsed(known.mean)}", "faint")]

    def _time(self, job: Job) -> Span:
        if job.started_at is None:
            return ("", "")
        if job.ended_at is None:
            return (clock(self.now - job.started_at), "running")
        return (elapsed_in_column(job.ended_at - job.started_at), "muted")

    def _group_cell(self, group: JobGroup, column: str, width: int) -> Cell:
        match column:
            case "sign":
                sign = STATUS[_loudest(self.counts_of(group))]
                return (sign.sign, sign.style)
            case "name":
                return self._group_name(group, width)
            case "status":
                parts = strip(self.counts_of(group), width)
                return [(text, status.word) for text, status in parts]
            case "why":
                return self._group_why(group)
        return ("", "")

    def _group_name(self, group: JobGroup, width: int) -> Cell:
        mark = "▾" if group.name in self.groups.opened else "▸"
        many = f" ×{len(group.jobs)}"
        if self.matching is not None:
            many = f" ×{sum(self.counts_of(group))} of {len(group.jobs)}"
        room = width - 2 - len(many)
        name = fit(group.name, max(4, room)) if len(group.name) > room else group.name
        return [(f"{mark} ", "faint"), (name, "group"), (many, "accent")]

    def _group_why(self, group: JobGroup) -> Cell:
        spans: list[Span] = []
        counts = self.counts_of(group)
        for status in MOST_TELLING:
            if counts[status]:
                spans += [(" · ", "faint")] if spans else []
                spans.append((f"{counts[status]} {status.word}", status.word))
        lead = self.lead(group.name)
        reason = "" if lead is None else self.reasons.why(self.view.jobs[lead])
        return [*spans, (f"  {reason}", "faint")] if reason else spans


def _loudest(counts: Sequence[int]) -> JobStatus:
    return next((status for status in MOST_TELLING if counts[status]), JobStatus.COMPLETED)
