"""The moves of jobs that a runner makes, in SQL: claim, start, end. The hot path of the engine.

What comes in: a connection inside a write transaction, and values. What goes out: rows as records,
and the events that describe what was done (the caller appends them, in the same transaction). No
decision is made here: what becomes of a job is for `lifecycle.decide`; what fits where is for
`resources`.

Laws
* Rows move only by compare-and-set on state, attempt and node; a report about anything else is
  dropped.
* Statements are written once, with literal states, so that the partial indexes serve them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torc_tui.lifecycle.decide import Outcome
from torc_tui.model import Allocation, Exited, GpuGrant, Json, Started
from torc_tui.reasons import Reason
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement
from torc_tui.store.dependency_counters import CHANGE_EVENTS, EventRow, settle_ended
from torc_tui.store.encoding import dumps


def encode_allocation(allocation: Allocation) -> str:
    """The text that ``job.allocation`` and ``result.allocation`` hold."""
    gpus = [[grant.uuid, grant.share, grant.memory] for grant in allocation.gpus]
    return dumps([allocation.num_cpus, allocation.memory, gpus])


def decode_allocation(text: str | None) -> Allocation:
    """The inverse of `encode_allocation`; nothing held for None."""
    if not text:
        return Allocation()
    num_cpus, memory, gpus = json.loads(text)
    return Allocation(num_cpus, memory, tuple(GpuGrant(*grant) for grant in gpus))


# -- the workflow's own row ------------------------------------------------------------------------


class WorkflowFlags(NamedTuple):
    run_id: int
    is_canceled: bool
    is_paused: bool
    is_archived: bool


FLAGS = Statement("SELECT run_id, is_canceled, is_paused, is_archived FROM workflow WHERE id = ?")


def flags(conn: Connection, workflow_id: int) -> WorkflowFlags | None:
    """What a runner must know before it moves anything; None when the workflow is gone."""
    row = FLAGS.direct(conn, (workflow_id,)).fetchone()
    return WorkflowFlags(row[0], bool(row[1]), bool(row[2]), bool(row[3])) if row else None


# -- claiming --------------------------------------------------------------------------------------


class ReadyJob(NamedTuple):
    """A job that may start, with all that an order and its end need."""

    id: int
    name: str
    command: str
    invocation_script: str | None
    attempt_id: int
    retries: int
    priority: int
    requirement_id: int
    env: str | None
    stdio: str | None
    output_files: int | None
    output_user_data: int | None
    require_user_data: bool | None
    failure_handler_id: int | None
    resource_class: int


READY_COLUMNS = ", ".join(ReadyJob._fields)
FIRST_CLASS = Statement(
    "SELECT min(resource_class) FROM job WHERE workflow_id = ? AND status = 2 AND NOT held"
)
NEXT_CLASS = Statement(
    "SELECT min(resource_class) FROM job WHERE workflow_id = ? AND resource_class > ? AND status = 2 AND NOT held"
)
READY = Statement(
    f"SELECT {READY_COLUMNS} FROM job WHERE workflow_id = ? AND resource_class = ? AND status = 2 AND NOT held"
    " AND (not_before IS NULL OR not_before <= ?) ORDER BY priority DESC, id LIMIT ?"
)
CLAIM = Statement(
    "UPDATE job SET status = 3, compute_node_id = ?, allocation = ?, output_dir = ?, pid = NULL,"
    " process_started = NULL, started_at = NULL, ended_at = NULL, return_code = NULL, reason = NULL,"
    " stop_requested = NULL, not_before = NULL WHERE id = ? AND status = 2 AND attempt_id = ?"
)
HELD_BY_OTHERS = Statement(
    "SELECT j.allocation, j.pid, j.process_started, n.boot_id, n.pid, n.process_started"
    " FROM job j JOIN compute_node n ON n.id = j.compute_node_id"
    " WHERE j.status IN (3, 4) AND j.compute_node_id <> ? AND n.hostname = ?"
)


def ready_classes(conn: Connection, workflow_id: int) -> list[int]:
    """The resource classes of which a job is ready, the largest requests first."""
    classes = []
    current = FIRST_CLASS.direct(conn, (workflow_id,)).fetchone()[0]
    while current is not None:
        classes.append(current)
        current = NEXT_CLASS.direct(conn, (workflow_id, current)).fetchone()[0]
    return classes


def ready_jobs(
    conn: Connection, workflow_id: int, resource_class: int, now: float, limit: int
) -> list[ReadyJob]:
    """The first jobs of one class, by priority."""
    return [ReadyJob(*row) for row in READY.direct(conn, (workflow_id, resource_class, now, limit))]


class HeldElsewhere(NamedTuple):
    """What an attempt of another runner holds (as text), and the two processes that may be behind
    it."""

    allocation: str
    pid: int | None
    process_started: int | None
    boot_id: str
    runner_pid: int
    runner_started: int


def held_by_others(conn: Connection, node_id: int, hostname: str) -> list[HeldElsewhere]:
    """What other runners hold on this host, in any workflow of this store."""
    return [
        HeldElsewhere(*row) for row in HELD_BY_OTHERS.direct(conn, (node_id, hostname)) if row[0]
    ]


def lock(conn: Connection, workflow_id: int, hostname: str) -> None:
    """Runners of one workflow, and runners of one host, take their steps one after the other.
    SQLite has one writer anyway."""
    if conn.dialect == "postgresql":
        conn.raw.execute("SELECT 1 FROM workflow WHERE id = $1 FOR UPDATE", (workflow_id,))
        conn.raw.execute("SELECT pg_advisory_xact_lock(hashtext($1))", (f"torc:{hostname}",))


def claim(
    conn: Connection,
    node_id: int,
    run_id: int,
    output_dir: str,
    placed: Sequence[tuple[ReadyJob, str | None]],
) -> list[EventRow]:
    """Take these ready jobs for the node; each with its allocation as text, None for a job that
    gets it later."""
    CLAIM.run_many(
        conn,
        [(node_id, allocation, output_dir, job.id, job.attempt_id) for job, allocation in placed],
    )
    return [
        (
            "job_claimed",
            job.id,
            {
                "node": node_id,
                "run": run_id,
                "attempt": job.attempt_id,
                "allocation": json.loads(allocation or "null"),
            },
        )
        for job, allocation in placed
    ]


GRANT = Statement("UPDATE job SET allocation = ? WHERE id = ? AND status = 3 AND attempt_id = ?")


def grant(conn: Connection, taken_over: Sequence[tuple[str, int, int]]) -> None:
    """Jobs that were claimed ahead hold something now: (allocation as text, job id, attempt)."""
    GRANT.run_many(conn, list(taken_over))


# -- reports ---------------------------------------------------------------------------------------

HELD_JOBS = Statement(
    "SELECT id, attempt_id, status, stop_requested FROM job WHERE compute_node_id = ? AND status IN (3, 4)"
)
START = Statement(
    "UPDATE job SET status = 4, pid = ?, process_started = ?, started_at = ?"
    " WHERE id = ? AND status = 3 AND attempt_id = ?"
)
UNCLAIM = Statement(
    "UPDATE job SET status = 2, compute_node_id = NULL, allocation = NULL, stop_requested = NULL"
    " WHERE id = ? AND status = 3 AND attempt_id = ?"
)
END = Statement(
    "UPDATE job SET status = ?, attempt_id = ?, retries = ?, started_at = ?, ended_at = ?, return_code = ?, reason = ?,"
    " stop_requested = ?, not_before = ?, pid = NULL, allocation = NULL WHERE id = ?"
)
RESULT = Statement(
    "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, compute_node_id, status, return_code, cause, reason,"
    " started_at, ended_at, cpu_time, peak_memory, avg_memory, peak_cpu_percent, avg_cpu_percent, peak_gpu_memory,"
    " avg_gpu_percent, allocation, output_dir) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
EMPTY_OUTPUT_DATA = Statement(
    "SELECT r.name FROM user_data_group g JOIN user_data r ON r.id = g.user_data_id"
    " WHERE g.group_id = ? AND r.data IS NULL"
)
UNSETTLED = Statement(
    "SELECT 1 FROM job WHERE workflow_id = ? AND status IN (0, 1, 2, 3, 4, 10) LIMIT 1"
)


class HeldJob(NamedTuple):
    attempt_id: int
    status: int
    stop_requested: str | None


def held_jobs(conn: Connection, node_id: int) -> dict[int, HeldJob]:
    """The jobs that this node holds: what its reports may speak of."""
    return {row[0]: HeldJob(row[1], row[2], row[3]) for row in HELD_JOBS.direct(conn, (node_id,))}


def start(conn: Connection, node_id: int, reports: Sequence[Started]) -> list[EventRow]:
    """Record processes that run now."""
    START.run_many(
        conn, [(r.pid, r.process_started, r.at, r.key.job_id, r.key.attempt_id) for r in reports]
    )
    return [started_event(node_id, report) for report in reports]


def started_event(node_id: int, report: Started) -> EventRow:
    """The event of a start, also for an attempt whose end comes in the same breath."""
    return (
        "job_started",
        report.key.job_id,
        {"pid": report.pid, "node": node_id, "attempt": report.key.attempt_id, "at": report.at},
    )


def unclaim(conn: Connection, attempts: Sequence[tuple[int, int]]) -> list[EventRow]:
    """Give back (job id, attempt) that were claimed and never started."""
    UNCLAIM.run_many(conn, list(attempts))
    return [("job_ready", job_id, None) for job_id, _ in attempts]


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended, and what that means."""

    exited: Exited
    outcome: Outcome
    retries: int
    allocation: str
    output_dir: str
    not_before: float | None = None
    warnings: Sequence[Reason] = ()


def end(conn: Connection, node_id: int, ended: Sequence[Ended]) -> list[EventRow]:
    """Record attempts that have ended: rows, results, events; then everything that follows for
    their dependents."""
    rows: list[tuple[Any, ...]] = []
    results: list[tuple[Any, ...]] = []
    events: list[EventRow] = []
    for one in ended:
        exited, outcome, key = one.exited, one.outcome, one.exited.key
        usage = exited.usage
        status = JobStatus.READY if outcome.retry else outcome.status
        attempt_id = key.attempt_id + 1 if outcome.retry else key.attempt_id
        reason = outcome.reason.encode() if outcome.reason else None
        rows.append(
            (
                int(status),
                attempt_id,
                one.retries + 1 if outcome.retry else one.retries,
                exited.started_at,
                exited.ended_at,
                outcome.return_code,
                reason,
                "stopped" if outcome.interrupted else None,
                one.not_before,
                key.job_id,
            )
        )
        results.append(
            (
                key.workflow_id,
                key.job_id,
                key.run_id,
                key.attempt_id,
                node_id,
                int(outcome.status),
                outcome.return_code,
                outcome.cause.value,
                reason,
                exited.started_at,
                exited.ended_at,
                usage.cpu_time,
                usage.peak_memory,
                usage.avg_memory,
                usage.peak_cpu_percent,
                usage.avg_cpu_percent,
                usage.peak_gpu_memory,
                usage.avg_gpu_percent,
                one.allocation,
                one.output_dir,
            )
        )
        data: dict[str, Json] = {
            "attempt": key.attempt_id,
            "return_code": outcome.return_code,
            "started_at": exited.started_at,
            "ended_at": exited.ended_at,
        }
        if usage.cpu_time is not None:
            data["cpu_time"] = round(usage.cpu_time, 6)
        if usage.peak_memory is not None:
            data["peak_memory"] = usage.peak_memory
        if usage.peak_gpu_memory is not None:
            data["peak_gpu_memory"] = usage.peak_gpu_memory
        if outcome.reason:
            data["cause"], data["reason"] = outcome.cause.value, outcome.reason.to_json()
        if outcome.interrupted:
            data["interrupted"] = True
        events += [
            ("job_warning", key.job_id, {"message": warning.to_json(), "attempt": key.attempt_id})
            for warning in (*one.warnings, *outcome.warnings)
        ]
        events.append((CHANGE_EVENTS[outcome.status], key.job_id, data))
        if outcome.retry:
            events.append(
                (
                    "job_retried",
                    key.job_id,
                    {
                        "attempt": attempt_id,
                        "of": outcome.retry.max_retries + 1,
                        "reason": data.get("reason"),
                        "not_before": one.not_before,
                    },
                )
            )
    END.run_many(conn, rows)
    RESULT.run_many(conn, results)
    released = [
        (one.exited.key.job_id, one.outcome.status)
        for one in ended
        if one.outcome.releases and not one.outcome.retry
    ]
    at = max(one.exited.ended_at for one in ended)
    return events + settle_ended(conn, released, at)


def empty_output_data(conn: Connection, group_id: int) -> list[str]:
    """The names of the records of a group that are still null."""
    return [row[0] for row in EMPTY_OUTPUT_DATA.direct(conn, (group_id,))]


def unsettled(conn: Connection, workflow_id: int) -> bool:
    """Whether any job has still something before it."""
    return UNSETTLED.direct(conn, (workflow_id,)).fetchone() is not None


GROUP_PATHS = Statement(
    "SELECT f.id, f.name, f.path FROM file_group g JOIN file f ON f.id = g.file_id WHERE g.group_id = ? ORDER BY f.id"
)
SET_MTIME = Statement("UPDATE file SET st_mtime = ?, st_size = ? WHERE id = ?")


def group_paths(conn: Connection, group_id: int) -> list[tuple[int, str, str]]:
    """The files of a group: id, name, path as written."""
    return [tuple(row) for row in GROUP_PATHS.direct(conn, (group_id,))]


def set_file_times(conn: Connection, times: Iterable[tuple[float | None, int | None, int]]) -> None:
    """Record (st_mtime, st_size, file id) as seen on disk."""
    SET_MTIME.run_many(conn, list(times))
