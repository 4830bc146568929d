"""Define the columns of the job table: their order, and the cells that need only the job.

No Textual, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torc_tui.model import Job, ResourceRequirements
from torc_tui.status import JobStatus
from torc_tui.tui.look.text_layout import Span
from torc_tui.tui.widgets.table_model import TableColumn
from torc_tui.units import format_memory
from torc_tui.views.job_parameters import parameters_of, parameters_text, place_of
from torc_tui.wording import optional_sentence

COLUMNS = (
    TableColumn("sign", "", 1, importance=0, sortable=False),
    TableColumn("id", "id", 6, minimum=4, importance=5, align="right"),
    TableColumn("name", "name", 24, minimum=16, importance=0, grow=2),
    TableColumn("status", "status", 13, minimum=10, importance=2),
    TableColumn("why", "why", 34, minimum=18, importance=1, grow=3),
    TableColumn("time", "time", 8, minimum=7, importance=3, align="right"),
    TableColumn("exit", "exit", 5, minimum=4, importance=7, align="right"),
    TableColumn("cpus", "cpus", 5, minimum=4, importance=8, align="right"),
    TableColumn("memory", "mem", 6, minimum=5, importance=9, align="right"),
    TableColumn("gpus", "gpus", 5, minimum=4, importance=10, align="right"),
    TableColumn("attempt", "attempt", 7, minimum=7, importance=11, align="right"),
    TableColumn("priority", "prio", 5, minimum=4, importance=12, align="right"),
    TableColumn("values", "parameters", 24, minimum=12, importance=13),
)

PARAMETER = "parameter "
"""Prefix of the key of a parameter's column."""
MOST_PARAMETERS = 6
"""Maximum number of parameters with separate columns; if there are more, one column shows all."""
WIDEST_PARAMETER = 12
"""Maximum width of the column of a parameter, in cells."""


def with_parameters(
    columns: Sequence[TableColumn], names: Sequence[str], widths: Mapping[str, int]
) -> list[TableColumn]:
    """Return the columns, with one column per parameter instead of one for all parameters."""
    if len(names) > MOST_PARAMETERS:
        return list(columns)
    own = [
        TableColumn(
            PARAMETER + name,
            name,
            min(WIDEST_PARAMETER, max(len(name) + 1, widths.get(name, 0))),
            importance=6,
            align="right",
        )
        for name in names
    ]
    at = next(place for place, column in enumerate(columns) if column.key == "exit")
    return [*columns[:at], *own, *(one for one in columns[at:] if one.key != "values")]


VOLATILE = frozenset({"status", "why", "time", "exit", "attempt"})
"""Columns whose values change while jobs run, so that sorted rows move."""

URGENCY = {
    status: place
    for place, status in enumerate(
        (
            JobStatus.RUNNING,
            JobStatus.PENDING,
            JobStatus.FAILED,
            JobStatus.TERMINATED,
            JobStatus.PENDING_FAILED,
            JobStatus.CANCELED,
            JobStatus.READY,
            JobStatus.BLOCKED,
            JobStatus.UNINITIALIZED,
            JobStatus.DISABLED,
            JobStatus.COMPLETED,
        )
    )
}
"""The order of the column *status*."""

SORTABLE = frozenset(column.key for column in COLUMNS if column.sortable)

Requirements = Mapping[int, ResourceRequirements]
Order = Callable[[Job], float | str | tuple[int, str, int] | tuple[int, float, str]]
NEVER = -1.0
"""Sorts jobs that have no value yet before all others."""


def order(column: str, requirements: Requirements, now: float) -> Order:
    """Return the sort key of a column."""
    simple = _ORDERS.get(column)
    if simple is not None:
        return simple
    if column == "time":
        return lambda job: _run_time(job, now)
    if column.startswith(PARAMETER):
        return lambda job: place_of(job, column.removeprefix(PARAMETER))
    amounts: Mapping[int, float] = {
        key: _amount(requirement, column) for key, requirement in requirements.items()
    }
    return lambda job: amounts.get(job.requirement_id, 0)


def _run_time(job: Job, now: float) -> float:
    """Return the run time of a job so far, or until its end."""
    if job.started_at is None:
        return NEVER
    return (now if job.ended_at is None else job.ended_at) - job.started_at


def _amount(requirement: ResourceRequirements, column: str) -> float:
    if column == "cpus":
        return requirement.num_cpus
    return (requirement.memory or 0) if column == "memory" else requirement.num_gpus


_ORDERS: Mapping[str, Order] = {
    "id": lambda job: job.id,
    "name": lambda job: job.name,
    "status": lambda job: URGENCY[job.status],
    "exit": lambda job: NEVER if job.return_code is None else job.return_code,
    "attempt": lambda job: job.attempt_id,
    "priority": lambda job: job.priority,
    "values": lambda job: job.values,
    "why": lambda job: (
        URGENCY[job.status],
        optional_sentence(job.reason) or "",
        job.unmet,
    ),
}


def plain_cell(column: str, job: Job, requirement: ResourceRequirements | None) -> Span:
    """Return the cell of a column that shows one attribute of the job or of its requirements."""
    match column:
        case "exit":
            code = job.return_code
            return ("" if code is None else str(code), "failed" if code else "faint")
        case "attempt":
            return (str(job.attempt_id) if job.attempt_id > 1 else "", "warning")
        case "priority":
            return (str(job.priority) if job.priority else "", "accent")
        case "values":
            return (parameters_text(job.values), "faint")
    if column.startswith(PARAMETER):
        return (parameters_of(job.values).get(column.removeprefix(PARAMETER), ""), "muted")
    return ("", "") if requirement is None else _requested(column, requirement)


def _requested(column: str, requirement: ResourceRequirements) -> Span:
    if column == "cpus":
        return (str(requirement.num_cpus), "faint")
    if column == "gpus" and requirement.num_gpus:
        return (f"{requirement.num_gpus:g}", "accent")
    memory = requirement.memory if column == "memory" else requirement.gpu_memory
    return (format_memory(memory) if memory else "", "faint" if column == "memory" else "accent")
