"""Tabs that list records of the store: results and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.status import JobStatus
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.jobs.job_details import stamp
from torc_tui.tui.jobs.job_rows import lasted
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.widgets.virtual_table import Cell, Column, ListRows, VirtualTable
from torc_tui.units import show_bytes

Record = Mapping[str, Any]


class RecordPane(Pane):
    """A table of records; ``read`` runs in the reader thread."""

    COLUMNS: ClassVar[Sequence[Column]] = ()
    PER_JOB = False
    NOTHING: ClassVar[str] = "nothing here"
    RELOADS: ClassVar[frozenset[str]] = frozenset()
    """Kinds of events after which the records are read again."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = ListRows(self.COLUMNS, self.cell, self.value)

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.rows, empty="reading …")

    def freshen(self) -> None:
        view = self.owner.view
        if view is not None:
            workflow_id = view.workflow.id
            self.ask("records", lambda source: self.read(source.store, workflow_id))

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if not self.stale and any(event.kind in self.RELOADS for event in events):
            self.stale = True

    def take(self, what: str, value: Any) -> None:
        self.rows.records = {record["id"]: record for record in value}
        table = self.query_one(VirtualTable)
        table.empty = self.NOTHING
        table.reload()

    def read(self, store: Any, workflow_id: int) -> Sequence[Record]:
        raise NotImplementedError

    def cell(self, record: Record, column: str, width: int) -> Cell:
        raise NotImplementedError

    def value(self, record: Record, column: str) -> Any:
        return record.get(column)


class ResultsPane(RecordPane):
    NAME = "results"
    TITLE = "Results"
    NOTHING = "no job has ended yet"
    RELOADS = frozenset({"job_completed", "job_failed", "job_terminated", "job_canceled"})
    COLUMNS = (
        Column("job_name", "job", 24, minimum=12, importance=0, grow=2),
        Column("run_id", "run", 4, minimum=3, importance=4, align="right"),
        Column("attempt_id", "try", 4, minimum=3, importance=5, align="right"),
        Column("status", "status", 12, minimum=9, importance=1),
        Column("return_code", "exit", 5, minimum=4, importance=2, align="right"),
        Column("exec_time_minutes", "time", 9, minimum=7, importance=2, align="right"),
        Column("peak_memory_bytes", "peak mem", 10, minimum=8, importance=3, align="right"),
        Column("peak_cpu_percent", "peak cpu", 9, minimum=7, importance=6, align="right"),
        Column("peak_gpu_memory_bytes", "gpu mem", 10, minimum=8, importance=8, align="right"),
        Column("avg_gpu_percent", "gpu use", 8, minimum=7, importance=9, align="right"),
        Column("completion_time", "ended", 20, minimum=16, importance=7),
    )

    def take(self, what: str, value: Any) -> None:
        measured = any(record["peak_gpu_memory_bytes"] is not None for record in value)
        columns = [column for column in self.COLUMNS if measured or "gpu" not in column.key]
        if len(columns) != len(self.rows.columns):
            self.rows.columns = columns
            self.query_one(VirtualTable).set_rows(self.rows)
        super().take(what, value)

    def read(self, store: Any, workflow_id: int) -> Sequence[Record]:
        from torc_tui.store import queries

        return queries.list_results(store, workflow_id, all_runs=True)

    def cell(self, record: Record, column: str, width: int) -> Cell:
        value = record.get(column)
        match column:
            case "status":
                sign = STATUS[JobStatus.from_word(str(value))]
                return (f"{sign.sign} {sign.word}", sign.style)
            case "return_code":
                return ("" if value is None else str(value), "failed" if value else "faint")
            case "exec_time_minutes":
                return ("" if value is None else lasted(value * 60), "muted")
            case "peak_memory_bytes" | "peak_gpu_memory_bytes":
                return (show_bytes(value) if value else "", "muted")
            case "peak_cpu_percent" | "avg_gpu_percent":
                return (f"{value:.0f} %" if value is not None else "", "muted")
            case "completion_time":
                return (str(value or "").replace("T", " ")[:19], "faint")
        return (
            str(value if value is not None else ""),
            "text" if column == "job_name" else "faint",
        )


class FilesPane(RecordPane):
    NAME = "files"
    TITLE = "Files"
    NOTHING = "no job names a file"
    RELOADS = frozenset({"job_completed", "job_failed"})
    COLUMNS = (
        Column("name", "name", 24, minimum=12, importance=0, grow=1),
        Column("path", "path", 34, minimum=14, importance=1, grow=2),
        Column("st_size", "size", 10, minimum=8, importance=2, align="right"),
        Column("st_mtime", "modified", 19, minimum=16, importance=3),
    )

    def read(self, store: Any, workflow_id: int) -> Sequence[Record]:
        from torc_tui.store import queries

        return queries.list_files(store, workflow_id)

    def cell(self, record: Record, column: str, width: int) -> Cell:
        value = record.get(column)
        match column:
            case "st_size":
                return (show_bytes(value) if value is not None else "", "muted")
            case "st_mtime":
                return (stamp(value), "faint") if value is not None else ("not seen yet", "warning")
        return (str(value or ""), "text" if column == "name" else "muted")
