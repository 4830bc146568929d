"""Show a sweep as a table that is sorted by any column; its marks are those of the job table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import ClassVar

from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_table import WorkflowHost, mark_jobs, marked_jobs
from torc_tui.tui.results.sweep_reader import SweepReader
from torc_tui.tui.results.sweep_rows import SweepRows
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.table_model import Key, next_sort
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.sweep import Sweep


class SweepTable(VirtualTable):
    """The table. ``mark`` marks jobs in the job table; the marks come back from there."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("sweep", *VirtualTable.CONTEXTS)

    rows: SweepRows

    def __init__(
        self, rows: SweepRows, mark: Callable[[set[Key]], None], sort: Callable[[], None]
    ) -> None:
        super().__init__(rows, empty="loading …")
        self._mark = mark
        self._sort = sort

    def set_marks(self, marks: set[Key]) -> None:
        self._mark(marks)

    def take_marks(self, marks: set[Key]) -> None:
        """Show the marks of the job table."""
        if marks != self.marks:
            super().set_marks(marks)

    def sort_by(self, column: str | None, reverse: bool = False) -> None:
        self.sort, self.reverse = column, reverse
        self.refresh()
        self._sort()

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **super().handlers(),
            "sort-next": lambda: self.sort_by(next_sort(self.rows.columns, self.sort)),
        }


class SweepPart:
    """The table of a sweep, sorted in the reader thread."""

    def __init__(self, pane: Pane, host: WorkflowHost, reader: SweepReader) -> None:
        self._pane = pane
        self._host = host
        self._reader = reader
        self.rows = SweepRows()
        self.table = SweepTable(self.rows, self._mark, lambda: self.sort(to_top=True))
        self._is_unsorted = False

    def show(self) -> None:
        """Show the sweep of the reader, with all its values."""
        sweep, table = self._reader.sweep, self.table
        if sweep is not self.rows.sweep:
            self.rows.show(sweep)
            table.sort, table.reverse = None, False
        self.rows.now = self._host.model.now
        self.rows.measure()
        if table.sort not in {column.key for column in self.rows.columns}:
            table.sort = None
        table.set_rows(self.rows)
        self.marks_changed()
        if table.sort is not None:
            self.sort()

    def changed(self, job_ids: Collection[int]) -> None:
        """Repaint these jobs."""
        self.rows.now = self._host.model.now
        self.table.changed(set(job_ids))
        self._is_unsorted = self._is_unsorted or self.table.sort is not None

    def every_second(self) -> None:
        """Repaint running jobs, and sort changed ones."""
        view = self._host.view
        if view is None:
            return
        self.rows.now = self._host.model.now
        self.table.changed(view.running)
        if self._is_unsorted:
            self.sort()

    def sort(self, *, to_top: bool = False) -> None:
        """Sort in the reader thread; with ``to_top``, go to the first row."""
        sweep, column, reverse = self.rows.sweep, self.table.sort, self.table.reverse
        self._is_unsorted = False
        if sweep is None:
            return
        now = self.rows.now

        def take(order: list[int]) -> None:
            if self.rows.sweep is sweep:
                self.rows.order = order
                self.table.reorder()
                if to_top:
                    self.table.move_to(0)

        self._pane.ask("order", lambda _: sweep.ordered(column, now, reverse=reverse), take)

    # -- marks -------------------------------------------------------------------------------------

    def _mark(self, marks: set[Key]) -> None:
        if self.rows.sweep is not None:
            chosen = {key for key in marks if isinstance(key, int)}
            mark(self._host, chosen, self.rows.sweep)
            self.marks_changed()

    def marks_changed(self) -> None:
        """Show the marks of the job table."""
        sweep = self.rows.sweep
        if sweep is not None:
            self.table.take_marks(set(marks_of(self._host, sweep)))


def marks_of(host: WorkflowHost, sweep: Sweep) -> set[int]:
    """Return the marked jobs of a sweep."""
    marked = marked_jobs(host.table)
    return marked.intersection(sweep.ids) if marked else marked


def mark(host: WorkflowHost, chosen: set[int], sweep: Sweep) -> None:
    """Mark these jobs of a sweep in the job table; a filter that hides one of them is removed."""
    table = host.table
    if not all(map(table.rows.passes, chosen)):
        host.torc.run_command("filter-clear")
    mark_jobs(table, chosen, sweep.name)
