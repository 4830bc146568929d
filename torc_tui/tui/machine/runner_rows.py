"""The rows of the runners of a workflow: host, process, size, jobs, heartbeat. Pure.

Input: the runners on this machine and elsewhere, the jobs that each holds. Output: rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.store.runner_liveness import ActiveRunner
from torc_tui.tui.look.text_layout import sanitize
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.wording import clock, count, size

LATE = 15.0
"""Seconds without a heartbeat after which it is highlighted."""
COLUMNS = (
    TableColumn("id", "id", 5, importance=2, align="right"),
    TableColumn("host", "runner on", 18, minimum=8, importance=0, grow=1),
    TableColumn("size", "may use", 24, minimum=15, importance=2),
    TableColumn("jobs", "jobs", 5, minimum=4, importance=1, align="right"),
    TableColumn("pid", "pid", 8, importance=4, align="right"),
    TableColumn("heartbeat", "heartbeat", 11, minimum=9, importance=3, align="right"),
)


class RunnerRow(NamedTuple):
    """A runner, the number of jobs that it holds, and the time since its heartbeat in seconds."""

    runner: ActiveRunner
    jobs: int
    quiet: float


class RunnerRows(ListRows):
    """The runners by their ids."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, _cell, _value)

    def show(self, runners: list[ActiveRunner], held: Mapping[int, int], now: float) -> None:
        """Show these runners; ``held`` is the number of jobs by runner."""
        self.records = {
            one.node_id: RunnerRow(one, held.get(one.node_id, 0), max(0.0, now - one.heartbeat_at))
            for one in runners
        }


def _cell(row: RunnerRow, column: str, width: int) -> Cell:
    one = row.runner
    match column:
        case "id":
            return (str(one.node_id), "faint")
        case "host":
            return (sanitize(one.hostname), "text")
        case "size":
            gpus = f", {count(len(one.gpus), 'GPU')}" if one.gpus else ""
            return (f"{count(one.num_cpus, 'CPU')}, {size(one.memory)}{gpus}", "muted")
        case "jobs":
            return (str(row.jobs), "running" if row.jobs else "faint")
        case "pid":
            return (str(one.pid), "muted")
    if not one.heartbeat_at:
        return ("", "")
    return (f"{clock(row.quiet)} ago", "warning" if row.quiet >= LATE else "faint")


def _value(row: RunnerRow, column: str) -> str | float:
    one = row.runner
    values: dict[str, str | float] = {
        "id": one.node_id, "host": one.hostname, "size": one.num_cpus, "jobs": row.jobs,
        "pid": one.pid, "heartbeat": row.quiet,
    }  # fmt: skip
    return values[column]
