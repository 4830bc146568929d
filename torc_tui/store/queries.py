"""What stands in the store, as plain dicts for people and programs (shapes: reference facts, 7.5).

What comes in: a store and ids. What goes out: dicts that JSON can hold, and ids that names stand
for. Relations between jobs are in ``relations``, and may be had from here. Nothing is written.

It is long because every kind of record has its shape here; there is nothing else in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from torc_tui.errors import NotFound, UsageError
from torc_tui.model import Json, cause_word
from torc_tui.reasons import decode
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement, Store
from torc_tui.store.encoding import loads
from torc_tui.store.event_log import no_workflow
from torc_tui.store.relations import Dependency as Dependency
from torc_tui.store.relations import Edge as Edge
from torc_tui.store.relations import JobIO as JobIO
from torc_tui.store.relations import dependencies as dependencies
from torc_tui.store.relations import dependents as dependents
from torc_tui.store.relations import edges as edges
from torc_tui.store.relations import job_io as job_io
from torc_tui.store.relations import relationships
from torc_tui.units import format_duration, format_memory

Record = dict[str, Json]

LIMIT = 100_000
"""Records of a list, unless the caller says otherwise."""


# -- lists in general ------------------------------------------------------------------------------


class _Query:
    """A SELECT that grows by what the caller asks for. Columns are ours; values are always
    parameters."""

    def __init__(self, text: str, *values: Any) -> None:
        self.text = text
        self.values: list[Any] = list(values)

    def where(self, condition: str, *values: Any) -> None:
        self.text += f" AND {condition}"
        self.values += values

    def page(
        self, sorts: Mapping[str, str], sort_by: str, reverse: bool, limit: int | None, offset: int
    ) -> None:
        if sort_by not in sorts:
            raise UsageError(
                f"this list cannot be sorted by {sort_by!r}", hint="one of " + ", ".join(sorts)
            )
        direction = " DESC" if reverse else ""
        first = sorts["id"]
        order = f"{sorts[sort_by]}{direction}" + (
            "" if sort_by == "id" else f", {first}{direction}"
        )
        self.text += f" ORDER BY {order} LIMIT ? OFFSET ?"
        self.values += [LIMIT if limit is None else limit, offset]

    def rows(self, conn: Connection) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = Statement(self.text).run(conn, tuple(self.values)).all()
        return rows


def _like(store: Store, column: str) -> str:
    """A pattern's condition, without regard to case."""
    return f"{column} LIKE ?" if store.dialect == "sqlite" else f"{column} ILIKE ?"


_EXISTS = Statement("SELECT 1 FROM workflow WHERE id = ?")


def _check(conn: Connection, workflow_id: int, rows: Sequence[Any]) -> None:
    """NotFound for a workflow that is not there; asked only when a list is empty."""
    if not rows and _EXISTS.run(conn, (workflow_id,)).first() is None:
        raise no_workflow(workflow_id)


def status_of(word: str | int | JobStatus) -> JobStatus:
    """The state that ``word`` names, or whose number it is; UsageError with the words there are."""
    try:
        return JobStatus.from_word(word) if isinstance(word, str) else JobStatus(word)
    except (KeyError, ValueError):
        words = ", ".join(status.word for status in JobStatus)
        raise UsageError(f"there is no job state {word!r}", hint=f"one of {words}") from None


# -- jobs ------------------------------------------------------------------------------------------

_JOB = (
    "SELECT j.id, j.workflow_id, j.name, j.command, j.invocation_script, j.status, "
    "j.cancel_on_blocking_job_failure, j.supports_termination, j.requirement_id, "
    "(SELECT s.id FROM slurm_scheduler s WHERE s.workflow_id = j.workflow_id AND s.name = j.scheduler), "
    "j.failure_handler_id, j.attempt_id, j.priority, j.held, j.family, j.parameter_values, j.env, "
    "j.compute_node_id, j.pid, j.started_at, j.ended_at, j.return_code, j.reason, j.not_before, j.allocation, "
    "j.input_files, j.output_files, j.input_user_data, j.output_user_data FROM job j"
)
_FAILED = (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
_JOB_SORTS = {
    "id": "j.id",
    "name": "j.name",
    "status": "j.status",
    "command": "j.command",
    "priority": "j.priority",
    "started_at": "j.started_at",
    "ended_at": "j.ended_at",
    "return_code": "j.return_code",
    "attempt_id": "j.attempt_id",
}


def list_jobs(
    store: Store,
    workflow_id: int,
    *,
    status: str | JobStatus | None = None,
    failed: bool = False,
    name: str | None = None,
    upstream_job_id: int | None = None,
    limit: int | None = None,
    offset: int = 0,
    sort_by: str = "id",
    reverse: bool = False,
    include_relationships: bool = False,
) -> list[Record]:
    """The jobs of a workflow. ``failed`` gives those that failed, also while they wait for a
    decision, or were terminated; ``name`` is a pattern of SQL's LIKE; ``upstream_job_id`` gives
    those that wait for it."""
    query = _Query(f"{_JOB} WHERE j.workflow_id = ?", workflow_id)
    if status is not None:
        query.where("j.status = ?", int(status_of(status)))
    if failed:
        query.where("j.status IN (?, ?, ?)", *map(int, _FAILED))
    if name is not None:
        query.where(_like(store, "j.name"), name)
    if upstream_job_id is not None:
        query.where(
            "j.id IN (SELECT job_id FROM dependency WHERE depends_on_id = ? UNION SELECT w.job_id FROM dependency m "
            "JOIN dependency w ON w.depends_on_id = m.job_id WHERE m.depends_on_id = ? AND m.job_id < 0)",
            upstream_job_id,
            upstream_job_id,
        )
    query.page(_JOB_SORTS, sort_by, reverse, limit, offset)
    with store.read() as conn:
        rows = query.rows(conn)
        _check(conn, workflow_id, rows)
        if not include_relationships:
            return [_job(row) for row in rows]
        return [_job(row) | relationships(conn, row[0], row[25:29]) for row in rows]


def get_job(store: Store, job_id: int) -> Record:
    """One job with its relations; NotFound."""
    with store.read() as conn:
        row = Statement(f"{_JOB} WHERE j.id = ?").run(conn, (job_id,)).first()
        if row is None:
            raise _no_job(job_id)
        return _job(row) | relationships(conn, row[0], row[25:29])


_WITH_JOB = Statement(
    "SELECT id FROM workflow WHERE EXISTS"
    " (SELECT 1 FROM job WHERE job.workflow_id = workflow.id AND job.name = ?)"
)


def workflows_with_job(store: Store, name: str) -> set[int]:
    """Return the ids of the workflows that have a job of that name."""
    with store.read() as conn:
        return {row[0] for row in _WITH_JOB.run(conn, (name,))}


def find_job(store: Store, workflow_id: int | None, ref: int | str) -> int:
    """Return the id of the job ``ref``: a name in the workflow, or else an id (of the workflow, if
    one is given)."""
    number = (
        int(ref)
        if isinstance(ref, int) or (ref.isdecimal() and ref.isascii() and len(ref) <= 10)
        else None
    )
    with store.read() as conn:
        if workflow_id is not None:
            text = "SELECT id FROM job WHERE workflow_id = ? AND name = ? ORDER BY id LIMIT 1"
            row = Statement(text).run(conn, (workflow_id, str(ref))).first()
            if row is not None:
                return int(row[0])
        if number is not None and number < 1 << 31:
            row = Statement("SELECT workflow_id FROM job WHERE id = ?").run(conn, (number,)).first()
            if row is not None and workflow_id in (None, row[0]):
                return number
        if workflow_id is None:
            if number is not None:
                raise _no_job(number)
            raise UsageError(
                f"{ref!r} is a name: say in which workflow", hint="a number is an id and needs none"
            )
        import difflib

        names = Statement("SELECT name FROM job WHERE workflow_id = ? ORDER BY id LIMIT 20000").run(
            conn, (workflow_id,)
        )
        found = [row[0] for row in names.all()]
        _check(conn, workflow_id, found)
    near = difflib.get_close_matches(str(ref), found, 1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"`torc jobs list {workflow_id}` shows what there is"
    )
    raise NotFound(f"workflow {workflow_id} has no job {str(ref)!r}", hint=hint)


def _no_job(job_id: int) -> NotFound:
    return NotFound(
        f"there is no job {job_id}", hint="`torc jobs list WORKFLOW` shows those that are there"
    )


def _job(row: Sequence[Any]) -> Record:
    return {
        "id": row[0],
        "workflow_id": row[1],
        "name": row[2],
        "command": row[3],
        "invocation_script": row[4],
        "status": JobStatus(row[5]).word,
        "cancel_on_blocking_job_failure": bool(row[6]),
        "supports_termination": bool(row[7]),
        "resource_requirements_id": row[8],
        "scheduler_id": row[9],
        "failure_handler_id": row[10],
        "attempt_id": row[11],
        "priority": row[12],
        "held": bool(row[13]),
        "family": row[14],
        "parameters": loads(row[15]),
        "env": loads(row[16]),
        "compute_node_id": row[17],
        "pid": row[18],
        "started_at": row[19],
        "ended_at": row[20],
        "return_code": row[21],
        "reason": decode(row[22]),
        "not_before": row[23],
        "allocation": loads(row[24]),
    }


# -- files -----------------------------------------------------------------------------------------

_FILE = "SELECT f.id, f.workflow_id, f.name, f.path, f.st_mtime, f.st_size FROM file f"
_FILE_SORTS = {"id": "f.id", "name": "f.name", "path": "f.path", "st_mtime": "f.st_mtime"}


def list_files(
    store: Store,
    workflow_id: int,
    *,
    produced_by_job_id: int | None = None,
    limit: int | None = None,
    offset: int = 0,
    sort_by: str = "id",
    reverse: bool = False,
) -> list[Record]:
    """The files of a workflow, with the times and sizes that were seen last."""
    query = _Query(f"{_FILE} WHERE f.workflow_id = ?", workflow_id)
    if produced_by_job_id is not None:
        query.where(
            "f.id IN (SELECT g.file_id FROM file_group g JOIN job j ON j.output_files = g.group_id WHERE j.id = ?)",
            produced_by_job_id,
        )
    query.page(_FILE_SORTS, sort_by, reverse, limit, offset)
    with store.read() as conn:
        rows = query.rows(conn)
        _check(conn, workflow_id, rows)
        return [_file(row) for row in rows]


def get_file(store: Store, file_id: int) -> Record:
    """One file; NotFound."""
    with store.read() as conn:
        row = Statement(f"{_FILE} WHERE f.id = ?").run(conn, (file_id,)).first()
    if row is None:
        raise NotFound(
            f"there is no file {file_id}",
            hint="`torc files list WORKFLOW` shows those that are there",
        )
    return _file(row)


_REQUIRED = Statement(
    f"{_FILE} WHERE f.workflow_id = ? AND ("
    "f.id IN (SELECT file_id FROM file_group WHERE group_id IN (SELECT input_files FROM job WHERE workflow_id = ?)) "
    "AND f.id NOT IN ("
    "SELECT file_id FROM file_group WHERE group_id IN (SELECT output_files FROM job WHERE workflow_id = ?)) "
    "OR f.id IN (SELECT file_id FROM file_group WHERE group_id IN ("
    "SELECT output_files FROM job WHERE workflow_id = ? AND status = 5))) ORDER BY f.id"
)


def required_files(store: Store, workflow_id: int) -> list[Record]:
    """The files that must be there before jobs run: inputs that nobody makes, and outputs of
    completed jobs."""
    with store.read() as conn:
        rows = _REQUIRED.run(conn, (workflow_id,) * 4).all()
        _check(conn, workflow_id, rows)
        return [_file(row) for row in rows]


def _file(row: Sequence[Any]) -> Record:
    return dict(zip(("id", "workflow_id", "name", "path", "st_mtime", "st_size"), row, strict=True))


# -- results ---------------------------------------------------------------------------------------

_RESULT = (
    "SELECT r.id, r.job_id, j.name, r.workflow_id, r.run_id, r.attempt_id, r.compute_node_id, r.return_code, "
    "r.started_at, r.ended_at, r.peak_memory, r.avg_memory, r.peak_cpu_percent, r.avg_cpu_percent, r.status, "
    "r.cause, r.reason, r.cpu_time, r.peak_gpu_memory, r.avg_gpu_percent, r.allocation "
    "FROM result r LEFT JOIN job j ON j.id = r.job_id"
)
_RESULT_SORTS = {
    "id": "r.id",
    "job_id": "r.job_id",
    "job_name": "j.name",
    "run_id": "r.run_id",
    "attempt_id": "r.attempt_id",
    "return_code": "r.return_code",
    "status": "r.status",
    "exec_time_minutes": "(r.ended_at - r.started_at)",
    "completion_time": "r.ended_at",
    "peak_memory_bytes": "r.peak_memory",
    "peak_cpu_percent": "r.peak_cpu_percent",
}


def list_results(
    store: Store,
    workflow_id: int,
    *,
    job_id: int | None = None,
    run_id: int | None = None,
    return_code: int | None = None,
    failed: bool = False,
    status: str | JobStatus | None = None,
    compute_node_id: int | None = None,
    all_runs: bool = False,
    limit: int | None = None,
    offset: int = 0,
    sort_by: str = "id",
    reverse: bool = False,
) -> list[Record]:
    """The results of a workflow: of each job that has ended the newest one, or all with
    ``all_runs`` or a ``run_id``. ``failed`` gives those with another return code than 0, or
    none."""
    query = _Query(f"{_RESULT} WHERE r.workflow_id = ?", workflow_id)
    if job_id is not None:
        query.where("r.job_id = ?", job_id)
    if run_id is not None:
        query.where("r.run_id = ?", run_id)
    elif not all_runs:
        query.where("j.status IN (5, 6, 7, 8, 10) AND r.status = j.status")
        query.where(
            "r.id = (SELECT max(newest.id) FROM result newest WHERE newest.job_id = r.job_id)"
        )
    if return_code is not None:
        query.where("r.return_code = ?", return_code)
    if failed:
        query.where("(r.return_code <> 0 OR r.return_code IS NULL OR r.status <> 5)")
    if status is not None:
        query.where("r.status = ?", int(status_of(status)))
    if compute_node_id is not None:
        query.where("r.compute_node_id = ?", compute_node_id)
    query.page(_RESULT_SORTS, sort_by, reverse, limit, offset)
    with store.read() as conn:
        rows = query.rows(conn)
        _check(conn, workflow_id, rows)
        return [_result(row) for row in rows]


def get_result(store: Store, result_id: int) -> Record:
    """One result; NotFound."""
    with store.read() as conn:
        row = Statement(f"{_RESULT} WHERE r.id = ?").run(conn, (result_id,)).first()
    if row is None:
        raise NotFound(
            f"there is no result {result_id}",
            hint="`torc results list WORKFLOW` shows those that are there",
        )
    return _result(row)


def _result(row: Sequence[Any]) -> Record:
    return {
        "id": row[0],
        "job_id": row[1],
        "job_name": row[2],
        "workflow_id": row[3],
        "run_id": row[4],
        "attempt_id": row[5],
        "compute_node_id": row[6],
        "return_code": row[7],
        "exec_time_minutes": (row[9] - row[8]) / 60,
        "completion_time": timestamp(row[9]),
        "started_at": row[8],
        "ended_at": row[9],
        "peak_memory_bytes": row[10],
        "avg_memory_bytes": row[11],
        "peak_cpu_percent": row[12],
        "avg_cpu_percent": row[13],
        "status": JobStatus(row[14]).word,
        "cause": cause_word(row[15]),
        "reason": decode(row[16]),
        "cpu_time": row[17],
        "peak_gpu_memory_bytes": row[18],
        "avg_gpu_percent": row[19],
        "allocation": loads(row[20]),
    }


# -- requirements, handlers, actions, nodes --------------------------------------------------------

_REQUIREMENTS = (
    "SELECT id, workflow_id, name, num_cpus, num_gpus, num_nodes, memory, runtime, gpu_memory, gpu_model, enforced "
    "FROM resource_requirements WHERE workflow_id = ? ORDER BY id"
)


def list_requirements(store: Store, workflow_id: int) -> list[Record]:
    """Return the resource requirements of a workflow.

    ``memory`` and ``runtime`` are as workflow files write them, and None where not declared.
    """
    return [_requirement(row) for row in _rows(store, _REQUIREMENTS, workflow_id)]


def _requirement(row: Sequence[Any]) -> Record:
    enforced = row[10]
    memory = row[6] or None if enforced else None  # 0 stands for what is not declared
    runtime = row[7] or None if enforced else None
    return {
        "id": row[0],
        "workflow_id": row[1],
        "name": row[2],
        "num_cpus": row[3],
        "num_gpus": int(row[4]) if row[4] == int(row[4]) else row[4],
        "num_nodes": row[5],
        "memory": None if memory is None else format_memory(memory),
        "runtime": None if runtime is None else format_duration(runtime),
        "memory_bytes": memory,
        "runtime_s": runtime,
        "gpu_memory": None if row[8] is None else format_memory(row[8]),
        "gpu_model": row[9],
    }


def list_failure_handlers(store: Store, workflow_id: int) -> list[Record]:
    """The failure handlers of a workflow; ``rules`` is text that holds JSON."""
    text = (
        "SELECT id, workflow_id, name, rules FROM failure_handler WHERE workflow_id = ? ORDER BY id"
    )
    return [
        dict(zip(("id", "workflow_id", "name", "rules"), row, strict=True))
        for row in _rows(store, text, workflow_id)
    ]


def list_actions(store: Store, workflow_id: int) -> list[Record]:
    """The actions of a workflow, and in which run each was carried out last."""
    text = (
        "SELECT id, workflow_id, trigger_type, action_type, job_ids, commands, persistent, settings, executed_run_id, "
        "executed_at FROM action WHERE workflow_id = ? ORDER BY id"
    )
    return [
        {
            "id": row[0],
            "workflow_id": row[1],
            "trigger_type": row[2],
            "action_type": row[3],
            "job_ids": loads(row[4]),
            "commands": loads(row[5]),
            "persistent": bool(row[6]),
            "settings": loads(row[7]),
            "executed_run_id": row[8],
            "executed_at": row[9],
        }
        for row in _rows(store, text, workflow_id)
    ]


_NODE = (
    "SELECT id, workflow_id, run_id, hostname, pid, num_cpus, memory, gpus, is_active, started_at, ended_at, "
    "heartbeat_at, options FROM compute_node"
)


def list_compute_nodes(store: Store, workflow_id: int) -> list[Record]:
    """The runners that a workflow has and had."""
    return [
        _node(row)
        for row in _rows(store, f"{_NODE} WHERE workflow_id = ? ORDER BY id", workflow_id)
    ]


def get_compute_node(store: Store, node_id: int) -> Record:
    """One runner; NotFound."""
    with store.read() as conn:
        row = Statement(f"{_NODE} WHERE id = ?").run(conn, (node_id,)).first()
    if row is None:
        hint = "`torc compute-nodes list WORKFLOW` shows those that are there"
        raise NotFound(f"there is no compute node {node_id}", hint=hint)
    return _node(row)


def _node(row: Sequence[Any]) -> Record:
    gpus = loads(row[7])
    return {
        "id": row[0],
        "workflow_id": row[1],
        "run_id": row[2],
        "hostname": row[3],
        "pid": row[4],
        "num_cpus": row[5],
        "memory_gb": round(row[6] / (1 << 30), 3),
        "memory_bytes": row[6],
        "num_gpus": len(gpus),
        "gpus": gpus,
        "num_nodes": 1,
        "is_active": bool(row[8]),
        "start_time": timestamp(row[9]),
        "duration_seconds": (row[10] if row[10] is not None else row[11]) - row[9],
        "started_at": row[9],
        "ended_at": row[10],
        "heartbeat_at": row[11],
        "options": loads(row[12]),
    }


def _rows(store: Store, text: str, workflow_id: int) -> Sequence[Sequence[Any]]:
    with store.read() as conn:
        rows: Sequence[Sequence[Any]] = Statement(text).run(conn, (workflow_id,)).all()
        _check(conn, workflow_id, rows)
        return rows


def timestamp(at: float) -> str:
    """A moment as ISO 8601 in UTC, to the millisecond: ``2026-01-31T12:00:00.000Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
