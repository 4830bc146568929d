"""Apply filters and orders to the rows of the job table; to many jobs in the reader thread.

Input: a test for jobs, the order of the table. Output: the rows in their new order.

Invariants: the filter and the order that were asked for last are shown. Jobs that change while
the thread works are tested again when its answer arrives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from torc_tui.model import Job
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.jobs.job_order import NATURAL, JobOrder, MatchingJobs, Test
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tui.jobs.job_table import JobTable
from torc_tui.tui.jobs.workflow_model import WorkflowModel
from torc_tui.tui.widgets.table_model import Sort
from torc_tui.tuples import NamedTuple


class Arranged(NamedTuple):
    """An answer of the reader thread; ``matching`` None: all jobs match."""

    matching: MatchingJobs | None
    order: JobOrder
    took: float
    """Seconds of work."""


class FilterRequest(NamedTuple):
    """A filter that is not applied yet."""

    test: Test | None
    unless_empty: bool
    then: Callable[[bool], None]


class ArrangeAsker(Protocol):
    """Asks the reader thread."""

    def __call__(
        self,
        key: str,
        read: Callable[[FeedReader], Arranged | None],
        then: Callable[[Arranged | None], None],
    ) -> None: ...


class JobArranger:
    """Filters and sorts the rows of a job table."""

    def __init__(self, model: WorkflowModel, table: JobTable, ask: ArrangeAsker) -> None:
        self._model = model
        self._table = table
        self._ask = ask
        self._asked = 0
        self._request: FilterRequest | None = None
        """The filter that the reader thread applies now."""
        self._late: set[int] | None = None
        """Jobs that changed since the thread was asked."""
        table.order_rows = self.arrange

    def filter(
        self,
        test: Test | None,
        then: Callable[[bool], None] = lambda applied: None,
        *,
        unless_empty: bool = False,
    ) -> None:
        """Show the jobs that pass a test; ``then`` is called when they are shown.

        With ``unless_empty``, a test that no job passes is not used, and ``then`` gets False.
        """
        self._request = FilterRequest(test, unless_empty, then)
        self.arrange()

    def restart(self) -> None:
        """Apply the filter and the order to reloaded rows."""
        self._request, rows = None, self._model.rows
        if rows.has_many:
            self.filter(None if rows.matching is None else rows.matching.test)

    def changed(self, jobs: Collection[int]) -> None:
        """Handle changed jobs."""
        if self._late is not None:
            self._late |= set(jobs)

    def arrange(self) -> None:
        """Apply the order of the table, and a filter that is not applied yet."""
        rows, request, self._asked = self._model.rows, self._request, self._asked + 1
        sort = self._table.sort, self._table.reverse
        matches_all = rows.matching is None if request is None else request.test is None
        if not rows.has_many:
            self._arrange_few(rows, request)
        elif matches_all and sort == NATURAL:
            self._show(None, None, request)
        else:
            self._arrange_many(rows, request, sort)

    def _arrange_few(self, rows: JobRows, request: FilterRequest | None) -> None:
        if request is None:
            self._table.reorder()
        elif rows.filter(request.test, unless_empty=request.unless_empty):
            self._show(rows.matching, None, request)
        else:
            self._request = None
            request.then(False)

    def _arrange_many(self, rows: JobRows, request: FilterRequest | None, sort: Sort) -> None:
        self._late, number = set(), self._asked

        def work(_source: FeedReader) -> Arranged | None:
            begin = time.perf_counter()
            matching = rows.matching
            if request is not None:
                matching = matching_jobs(list(rows.view.jobs.values()), request.test)
                if request.unless_empty and not matching:
                    return None
            return Arranged(matching, rows.arranged(matching, sort), time.perf_counter() - begin)

        def take(found: Arranged | None) -> None:
            if number == self._asked and rows is self._model.rows:
                self._take(found, request)

        self._ask("job order", work, take)

    def _take(self, found: Arranged | None, request: FilterRequest | None) -> None:
        late, self._late = self._late, None
        if found is None:
            self._request = None
            if request is not None:
                request.then(False)
            return
        self._table.reordering.took(found.took)
        self._show(found.matching, found.order, request)
        if late and self._model.rows.update(late):
            self._table.reordering.schedule(self._model.now)

    def _show(
        self, matching: MatchingJobs | None, order: JobOrder | None, request: FilterRequest | None
    ) -> None:
        """Show jobs in an order, and tell who asked for the filter."""
        rows, self._request = self._model.rows, None
        is_other = matching is not rows.matching
        rows.take(matching, order)
        if is_other or request is not None:
            self._table.reload()
        else:
            self._table.reorder()
        if request is not None:
            request.then(True)


def matching_jobs(jobs: Sequence[Job], test: Test | None) -> MatchingJobs | None:
    """Return the jobs that pass a test; None without one."""
    return None if test is None else MatchingJobs(test, jobs)
