"""Show the results of all attempts as a table."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.status import JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.frame.row_order import order_rows
from torc_tui.tui.jobs.page import Record, ended_until
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.wording import elapsed_in_column, size_in_column

if TYPE_CHECKING:
    from torc_tui.store.database import Store


class ResultsTable(Pane):
    """A table with the results of all attempts; ``read`` runs in the reader thread."""

    NAME: ClassVar[str] = "results"
    PER_JOB: ClassVar[bool] = False
    NOTHING: ClassVar[str] = "no job has finished yet"
    RELOADS: ClassVar[frozenset[str]] = frozenset(
        {"job_completed", "job_failed", "job_terminated", "job_canceled"}
    )
    """Kinds of events after which the results are reloaded."""
    COLUMNS: ClassVar[Sequence[TableColumn]] = (
        TableColumn("job_name", "job", 24, minimum=12, importance=0, grow=2),
        TableColumn("run_id", "run", 4, minimum=3, importance=4, align="right"),
        TableColumn("attempt_id", "attempt", 7, minimum=7, importance=5, align="right"),
        TableColumn("status", "status", 12, importance=1),
        TableColumn("return_code", "exit", 5, minimum=4, importance=2, align="right"),
        TableColumn("exec_time_minutes", "time", 9, minimum=7, importance=2, align="right"),
        TableColumn("peak_memory_bytes", "peak mem", 10, minimum=8, importance=3, align="right"),
        TableColumn("peak_cpu_percent", "peak cpu", 9, minimum=7, importance=6, align="right"),
        TableColumn("peak_gpu_memory_bytes", "gpu mem", 10, minimum=8, importance=8, align="right"),
        TableColumn("avg_gpu_percent", "gpu use", 8, minimum=7, importance=9, align="right"),
        TableColumn("completion_time", "ended", 19, importance=7),
    )

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.rows = ListRows(self.COLUMNS, self.cell, lambda record, column: record.get(column))
        self._records: Sequence[Record] = ()
        self.table = VirtualTable(self.rows, empty="loading …")
        self.table.order_rows = self._order

    def compose(self) -> ComposeResult:
        yield self.table

    def refresh_content(self) -> None:
        view = self.host.view
        if view is not None:
            workflow_id = view.workflow.id
            self.ask("records", lambda source: self.read(source.store, workflow_id), self.show)

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        replayed = bool(changed) and self.host.moment is not None
        if replayed or any(event.kind in self.RELOADS for event in events):
            self.stale = True

    def show(self, records: Sequence[Record]) -> None:
        """Show the results."""
        records = ended_until(records, self.host.moment)
        measured = any(record["peak_gpu_memory_bytes"] is not None for record in records)
        columns = [column for column in self.COLUMNS if measured or "gpu" not in column.key]
        if len(columns) != len(self.rows.columns):
            self.rows.columns = columns
            self.table.set_rows(self.rows)
        self.listed = len(records)
        self.table.empty = self.NOTHING
        self._records = records
        self._order()

    def _order(self) -> None:
        records = self._records
        order_rows(
            self, self.table, self.rows, len(records), lambda: {one["id"]: one for one in records}
        )

    def read(self, store: Store, workflow_id: int) -> Sequence[Record]:
        """Return the results; called in the reader thread."""
        from torc_tui.store import queries
        from torc_tui.store.selection import ListSelection

        return queries.list_results(store, workflow_id, ListSelection())

    def cell(self, record: Record, column: str, width: int) -> Cell:
        """Return the cell of a column."""
        value = record.get(column)
        if value is None:
            return ("", "faint")
        match column:
            case "status":
                sign = STATUS[JobStatus.from_word(str(value))]
                return (f"{sign.sign} {sign.word}", sign.style)
            case "return_code":
                return (str(value), "failed" if value else "faint")
            case "exec_time_minutes":
                return (elapsed_in_column(value * 60), "muted")
            case "peak_memory_bytes" | "peak_gpu_memory_bytes":
                return (size_in_column(value) if value else "", "muted")
            case "peak_cpu_percent" | "avg_gpu_percent":
                return (f"{value:.0f} %", "muted")
            case "completion_time":
                return (str(value).replace("T", " ")[:19], "faint")
        return (str(value), "text" if column == "job_name" else "faint")
