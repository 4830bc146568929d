"""Record that a runner claims, starts and ends jobs. The engine calls this for every job.

Input: a connection inside a write transaction, and values. Output: rows, and the events that
describe the changes; the caller appends them in the same transaction. `lifecycle.decide` decides
about jobs that have ended, `resources` about jobs that may start.

Invariant: a row changes only if its status and attempt are those that the runner knows; a report
about another attempt is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from torc_tui.lifecycle.decide import Outcome
from torc_tui.model import (
    Allocation,
    AttemptKey,
    AttemptUsage,
    Cause,
    Exited,
    GpuGrant,
    Json,
    Started,
)
from torc_tui.reasons import Reason
from torc_tui.records import fields
from torc_tui.status import JobStatus
from torc_tui.store import job_definitions, sql, user_actions, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import CHANGE_EVENTS, EventRow, settle_ended
from torc_tui.store.encoding import dumps
from torc_tui.store.log_files import attempt_stem
from torc_tui.store.prepared import StatementRow
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    ReadyJob = sql.ReadyJobsRow
    """A job that may start, with the columns that its order and its end need."""
    HeldElsewhere = sql.HeldByOthersRow
    """The allocation of an attempt of another runner as text, and the processes of both."""
    HeldJob = sql.HeldJobsRow
else:
    ReadyJob = HeldElsewhere = HeldJob = StatementRow


def encode_allocation(allocation: Allocation) -> str:
    """Return the text that ``job.allocation`` and ``result.allocation`` hold."""
    gpus = [[grant.uuid, grant.share, grant.memory] for grant in allocation.gpus]
    return dumps([allocation.num_cpus, allocation.memory, gpus])


def decode_allocation(text: str | None) -> Allocation:
    """Return the inverse of `encode_allocation`; an empty allocation for None."""
    if not text:
        return Allocation()
    num_cpus, memory, gpus = json.loads(text)
    return Allocation(num_cpus, memory, tuple(GpuGrant(*grant) for grant in gpus))


def lock(conn: Connection, workflow_id: int, location: str) -> None:
    """Wait until no other runner of the workflow or of the location is in a step.

    SQLite has one writer at a time.
    """
    if conn.dialect == "postgresql":
        conn.send(sql.LOCK_WORKFLOW, workflow_id=workflow_id)
        conn.send(sql.LOCK_LOCATION, name=f"torc:{location}")


# -- claiming --------------------------------------------------------------------------------------


def claim(
    conn: Connection,
    node_id: int,
    run_id: int,
    output_dir: str,
    placed: Sequence[tuple[ReadyJob, str | None]],
) -> list[EventRow]:
    """Claim ready jobs for the node, each with its allocation as text.

    The allocation is None for a job that gets it later, by `grant`.
    """
    conn.many(
        sql.CLAIM,
        [
            {
                "node_id": node_id,
                "allocation": allocation,
                "output_dir": output_dir,
                "job_id": job.id,
                "attempt_id": job.attempt_id,
            }
            for job, allocation in placed
        ],
    )
    return [
        (
            "job_claimed",
            job.id,
            {
                "node": node_id,
                "run": run_id,
                "attempt": job.attempt_id,
                "allocation": None if allocation is None else json.loads(allocation),
            },
        )
        for job, allocation in placed
    ]


# -- reports ---------------------------------------------------------------------------------------


def start(conn: Connection, node_id: int, reports: Sequence[Started]) -> list[EventRow]:
    """Record processes that have started."""
    conn.many(
        sql.START,
        [
            {
                "pid": report.pid,
                "process_started": report.process_started,
                "started_at": report.at,
                "job_id": report.key.job_id,
                "attempt_id": report.key.attempt_id,
            }
            for report in reports
        ],
    )
    return [started_event(node_id, report) for report in reports]


def started_event(node_id: int, report: Started) -> EventRow:
    """Return the event of a start, also for an attempt that ended in the same batch."""
    return (
        "job_started",
        report.key.job_id,
        {"pid": report.pid, "node": node_id, "attempt": report.key.attempt_id, "at": report.at},
    )


def unclaim(conn: Connection, attempts: Sequence[tuple[int, int]]) -> list[EventRow]:
    """Release attempts (job id, attempt id) that were claimed and never started."""
    conn.many(
        sql.UNCLAIM, [{"job_id": job_id, "attempt_id": attempt} for job_id, attempt in attempts]
    )
    ids = [job_id for job_id, _ in attempts]
    changed = job_definitions.apply_planned(conn, ids) if ids else []
    return [*changed, *(("job_ready", job_id, None) for job_id in ids)]


class EndedAttempt(NamedTuple):
    """An attempt that has ended, and the decision about its job.

    ``grown`` tells by how much the request of the job was increased.
    """

    exited: Exited
    outcome: Outcome
    retries: int
    allocation: str
    output_dir: str
    signature: str | None = None
    warnings: Sequence[Reason] = ()
    planned: bool = False
    """Whether the job changes when this attempt has ended."""
    grown: Mapping[str, Json] | None = None

    @property
    def not_before(self) -> float | None:
        """When the next attempt may start at the earliest; None: at once."""
        delay = self.outcome.delay
        return self.exited.ended_at + delay if self.outcome.retry and delay else None


def end(
    conn: Connection,
    node_id: int,
    ended: Sequence[EndedAttempt],
    *,
    may_have_children: bool = True,
) -> list[EventRow]:
    """Record attempts that have ended, and change their dependents.

    Where no job has added others, the jobs that these attempts have added are not searched.
    """
    conn.many(sql.END, map(_job_row, ended))
    if any(one.outcome.grown for one in ended):
        from torc_tui.store import growth  # few workflows need it

        ended = growth.grow_ended(conn, ended)
    conn.many(sql.ADD_RESULT, [_result_row(node_id, one) for one in ended])
    events = [event for one in ended for event in _end_events(one)]
    changed = [one.exited.key.job_id for one in ended if one.planned]
    events += job_definitions.apply_planned(conn, changed) if changed else []
    at = max(one.exited.ended_at for one in ended)
    if may_have_children:
        events += _end_children(conn, ended, at)
    released = [
        (one.exited.key.job_id, one.outcome.seen_status)
        for one in ended
        if one.outcome.releases and not one.outcome.retry
    ]
    events += settle_ended(conn, released, at)
    again = [one.exited.key for one in ended if one.outcome.rerun]
    return events + (_rerun(conn, again, at) if again else [])


def _end_children(conn: Connection, ended: Sequence[EndedAttempt], at: float) -> list[EventRow]:
    """Discard the jobs that unsuccessful attempts have added."""
    ids = dumps([one.exited.key.job_id for one in ended])
    if not conn.rows(sql.CHILDREN, job_ids=ids):
        return []
    from torc_tui.store import spawned  # few workflows need it

    ends = []
    for one in ended:
        key, outcome = one.exited.key, one.outcome
        succeeded = outcome.seen_status is JobStatus.COMPLETED and not outcome.retry
        ends.append((key.job_id, (key.run_id, key.attempt_id), succeeded))
    return spawned.end_attempts(conn, ends, at)


def _rerun(conn: Connection, attempts: Sequence[AttemptKey], at: float) -> list[EventRow]:
    """Reset jobs that were stopped because a user reruns them."""
    ids = [key.job_id for key in attempts]
    user_actions.reset(conn, ids)
    return user_actions.put_back(conn, attempts[0].workflow_id, ids, at, ("job_rerun", None))


_USAGE = tuple(field.name for field in fields(AttemptUsage))
_usage_values = attrgetter(*_USAGE)


def _job_row(one: EndedAttempt) -> dict[str, Any]:
    exited, outcome, key = one.exited, one.outcome, one.exited.key
    retries = 1 if outcome.retry else 0
    return {
        "status": int(JobStatus.READY if outcome.retry else outcome.status),
        "attempt_id": key.attempt_id + retries,
        "retries": one.retries + retries,
        "started_at": exited.started_at,
        "ended_at": exited.ended_at,
        "return_code": outcome.return_code,
        "reason": outcome.reason.encode() if outcome.reason else None,
        "stop_requested": "stopped" if outcome.interrupted else None,
        "not_before": one.not_before,
        "ignored": outcome.ignored,
        "times_lost": int(outcome.cause in (Cause.LOST, Cause.GPU_LOST)),
        "job_id": key.job_id,
    }


def _result_row(node_id: int, one: EndedAttempt) -> dict[str, Any]:
    exited, outcome, key, usage = one.exited, one.outcome, one.exited.key, one.exited.usage
    return {
        "workflow_id": key.workflow_id,
        "job_id": key.job_id,
        "run_id": key.run_id,
        "attempt_id": key.attempt_id,
        "compute_node_id": node_id,
        "status": int(outcome.status),
        "return_code": outcome.return_code,
        "cause": outcome.cause.value,
        "reason": outcome.reason.encode() if outcome.reason else None,
        "started_at": exited.started_at,
        "ended_at": exited.ended_at,
        **dict(zip(_USAGE, _usage_values(usage), strict=True)),
        "allocation": one.allocation,
        "output_dir": one.output_dir,
        "log_stem": attempt_stem(
            one.output_dir, key.workflow_id, key.job_id, key.run_id, key.attempt_id
        ),
        "signature": one.signature,
    }


def _end_events(one: EndedAttempt) -> list[EventRow]:
    """Return the warnings about an attempt, its end, and its retry."""
    outcome, key = one.outcome, one.exited.key
    events: list[EventRow] = [
        ("job_warning", key.job_id, {"message": warning.to_json(), "attempt": key.attempt_id})
        for warning in (*one.warnings, *outcome.warnings)
    ]
    data = _end_data(one)
    events.append((CHANGE_EVENTS[outcome.status], key.job_id, data))
    if outcome.retry:
        retried: dict[str, Json] = {
            "attempt": key.attempt_id + 1,
            "number": one.retries + 2,  # of `of`: losses do not count
            "of": outcome.retry.max_retries + 1,
            "reason": data.get("reason"),
            "not_before": one.not_before,
        }
        if one.grown:
            retried |= one.grown
        events.append(("job_retried", key.job_id, retried))
    return events


def _end_data(one: EndedAttempt) -> dict[str, Json]:
    exited, outcome, usage = one.exited, one.outcome, one.exited.usage
    data: dict[str, Json] = {
        "attempt": exited.key.attempt_id,
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
    if outcome.ignored:
        data["ignored"] = True
    return data


def unsettled(conn: Connection, workflow_id: int) -> bool:
    """Return whether any job still has to run or be decided; interrupted jobs run again."""
    if conn.value(sql.ANY_UNSETTLED, workflow_id=workflow_id) is not None:
        return True
    return workflows.interrupted(conn, workflow_id) > 0


def set_file_times(conn: Connection, times: Iterable[tuple[float | None, int | None, int]]) -> None:
    """Record (st_mtime, st_size, file id) as seen on disk."""
    conn.many(
        sql.SET_FILE_TIMES,
        [{"st_mtime": mtime, "st_size": size, "file_id": one} for mtime, size, one in times],
    )
