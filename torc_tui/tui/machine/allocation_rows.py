"""The rows of the allocations of a workflow: state, nodes, time left, jobs, reason. Pure.

Input: the allocations as they were read. Output: rows, those that run or wait first.
"""

from __future__ import annotations

from torc_tui.operations.cluster_state import ClusterState
from torc_tui.resources.allocation_states import OPEN, AllocationState
from torc_tui.store.allocations import AllocationRow
from torc_tui.tui.look.status_icons import of_allocation
from torc_tui.tui.look.text_layout import Span, bar, sanitize
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.wording import clock
from torc_tui.wording.cluster_sentences import slurm_reason
from torc_tui.wording.quantities import start_time

ENDED_SHOWN = 5
"""Ended allocations that are listed after the open ones."""
_FAR_SECONDS = 20 * 3600.0
COLUMNS = (
    TableColumn("slurm", "Slurm", 8, minimum=5, importance=0),
    TableColumn("group", "group", 12, minimum=6, importance=2),
    TableColumn("state", "state", 30, minimum=22, importance=0, grow=1),
    TableColumn("nodes", "nodes", 10, minimum=5, importance=2),
    TableColumn("time", "time left", 17, minimum=12, importance=1),
    TableColumn("jobs", "jobs", 7, minimum=5, importance=1, align="right"),
    TableColumn("about", "reason", 40, minimum=30, importance=5),
)


class AllocationLine(NamedTuple):
    """An allocation with the number of jobs that have started and that run."""

    row: AllocationRow
    started: int
    runs: int
    at: float
    is_paused: bool
    is_ending: bool = False


class AllocationRows(ListRows):
    """The allocations by their ids."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, _cell, _value)

    def show(self, cluster: ClusterState) -> None:
        """Show the open allocations, and the last ones that ended."""
        is_open = {state.value for state in OPEN}
        ended = [row for row in cluster.rows if row.state not in is_open]
        rows = [*cluster.open, *reversed(ended[-ENDED_SHOWN:])]
        ending = {row.id for row in cluster.ending}
        self.records = {
            row.id: AllocationLine(
                row,
                *cluster.jobs_of(row),
                cluster.at,
                is_paused=row.queue_group in cluster.paused,
                is_ending=row.id in ending,
            )
            for row in rows
        }


def _cell(line: AllocationLine, column: str, width: int) -> Cell:
    row = line.row
    match column:
        case "slurm":
            return (sanitize(row.native_id or f"({row.id})"), "text")
        case "group":
            words = sanitize(row.queue_group or "")
            return [(words, "muted"), (" ‖", "warning")] if line.is_paused else (words, "muted")
        case "state":
            sign = of_allocation("ending" if line.is_ending else row.state, row.outcome)
            reason = _reason(row)
            return [(f"{sign.sign} {sign.word}", sign.style), (reason and f" ({reason})", "muted")]
        case "nodes":
            return (sanitize(row.nodelist or str(row.nodes or "")), "text")
        case "time":
            return _time(line, width)
        case "jobs":
            if row.state == AllocationState.RUNNING.value:
                return [(f"{line.runs}", "running"), (f"/{line.started}", "muted")]
            return (str(line.started) if line.started else "", "muted")
    return (slurm_reason(row.reason or ""), "muted")


def _time(line: AllocationLine, width: int) -> Cell:
    row = line.row
    if row.state == AllocationState.RUNNING.value:
        return time_bar(row.started_at, row.ends_at, line.at, width)
    if row.state in (AllocationState.QUEUED.value, AllocationState.REQUESTED.value):
        if row.starts_at is None:
            return ("", "")
        far = row.starts_at - line.at > _FAR_SECONDS
        return (f"est. {start_time(row.starts_at, far=far)}", "pending")
    if row.started_at is None or row.ended_at is None:
        return ("", "")
    return (f"ran {clock(row.ended_at - row.started_at)}", "faint")


def time_bar(began: float | None, ends_at: float | None, at: float, width: int) -> list[Span]:
    """Return a bar of the time that was used, and the time that is left."""
    if ends_at is None:
        return [("no limit", "faint")]
    left = max(0.0, ends_at - at)
    words = f" {clock(left)}"
    room = width - max(len(words), 6)
    total = ends_at - (at if began is None else began)
    if room < 3 or total <= 0:
        return [(words.strip(), "text")]
    used = min(1.0, max(0.0, 1 - left / total))
    style = "load-high" if used >= 0.9 else "load"
    return [*bar(used, room, style=style), (words.rjust(width - room), "text")]


def _reason(row: AllocationRow) -> str:
    """Return the reason of the cluster, unless the state says it."""
    is_running = row.state == AllocationState.RUNNING.value
    if is_running or not row.reason or row.outcome in ("done", "canceled"):
        return ""
    return "" if row.reason == "None" else sanitize(row.reason)


def _value(line: AllocationLine, column: str) -> str | float | None:
    row = line.row
    values: dict[str, str | float | None] = {
        "slurm": row.id, "group": row.queue_group,
        "state": of_allocation(row.state, row.outcome).word,
        "nodes": row.nodelist or str(row.nodes or ""), "time": row.ends_at or row.starts_at,
        "jobs": line.started, "about": row.reason,
    }  # fmt: skip
    return values[column]
