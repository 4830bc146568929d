"""Read what is stored as plain dicts, for people and programs.

Input: a database and ids. Output: dicts that JSON can hold, and the ids that names stand for.
Nothing is written. `relations` reads how jobs depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from torc_tui.errors import NotFound, UsageError
from torc_tui.model import Json, cause_word
from torc_tui.quoting import nearest
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import loads
from torc_tui.store.event_log import check_workflow
from torc_tui.store.prepared import record
from torc_tui.store.relations import no_job, relationships
from torc_tui.store.selection import ListSelection
from torc_tui.units import format_duration, format_memory, in_thousandths
from torc_tui.wording import timestamp

Record = dict[str, Json]
R = TypeVar("R")


def _list(
    store: Store, listing: sql.Listing[R], workflow_id: int, wanted: ListSelection
) -> list[R]:
    """Return rows of a list; raise NotFound for an unknown workflow."""
    with store.read() as conn:
        rows = conn.page(listing, wanted, workflow_id=workflow_id)
        _check(conn, workflow_id, rows)
    return rows


def _rows(store: Store, statement: Callable[..., R], workflow_id: int) -> list[R]:
    """Return the rows of a statement about a workflow; raise NotFound for an unknown one."""
    with store.read() as conn:
        rows = conn.rows(statement, workflow_id=workflow_id)
        _check(conn, workflow_id, rows)
    return rows


def _one(store: Store, statement: Callable[..., R], what: str, **number: int) -> R:
    """Return the row with an id; raise NotFound, which names what it is."""
    with store.read() as conn:
        row = conn.one(statement, **number)
    if row is None:
        command = what.replace(" ", "-")
        hint = f"`torc {command}s list WORKFLOW` shows all {what}s"
        raise NotFound(f"there is no {what} {next(iter(number.values()))}", hint=hint)
    return row


def _check(conn: Connection, workflow_id: int, rows: Sequence[Any]) -> None:
    """Raise NotFound for an unknown workflow; only asked if a list is empty."""
    if not rows:
        check_workflow(conn, workflow_id)


# -- jobs ------------------------------------------------------------------------------------------


def list_groups(store: Store, workflow_id: int) -> dict[str, int]:
    """Return the job groups of a workflow, and how many jobs each has."""
    with store.read() as conn:
        rows = conn.rows(sql.GROUP_COUNTS, workflow_id=workflow_id)
    return {row.group: row.number for row in rows}


def list_jobs(
    store: Store,
    workflow_id: int,
    wanted: ListSelection | None = None,
    *,
    include_relationships: bool = False,
) -> list[Record]:
    """Return the jobs of a workflow; ``upstream_job_id`` as a filter selects those behind it."""
    with store.read() as conn:
        rows = _list(store, sql.LIST_JOBS, workflow_id, wanted or ListSelection())
        if include_relationships:
            return [record(row) | relationships(conn, row.id) for row in rows]
    return [record(row) for row in rows]


def get_job(store: Store, job_id: int) -> Record:
    """Return one job with its relations; raise NotFound."""
    with store.read() as conn:
        row = conn.one(sql.JOB, job_id=job_id)
        if row is None:
            raise no_job(job_id)
        return record(row) | relationships(conn, row.id)


def workflows_with_job(store: Store, name: str) -> set[int]:
    """Return the ids of the workflows that have a job of that name."""
    with store.read() as conn:
        return {row.id for row in conn.rows(sql.WORKFLOWS_WITH_JOB, name=name)}


def find_job(store: Store, workflow_id: int | None, ref: int | str) -> int:
    """Return the id of the job ``ref``.

    ``ref`` is a name in the workflow, or else an id (of a job of the workflow, if one is given).
    """
    text = str(ref)
    number = int(text) if text.isdecimal() and text.isascii() and len(text) <= 10 else None
    with store.read() as conn:
        if workflow_id is not None:
            found = conn.value(sql.JOB_OF_NAME, workflow_id=workflow_id, name=text)
            if found is not None:
                return int(found)
        if number is not None and number < 1 << 31:
            owner = conn.value(sql.WORKFLOW_OF_JOB, job_id=number)
            if owner is not None and workflow_id in (None, owner):
                return number
        if workflow_id is not None:
            raise NotFound(
                f"workflow {workflow_id} has no job {text!r}",
                hint=_nearest_job(conn, workflow_id, text),
            )
    if number is not None:
        raise no_job(number)
    raise UsageError(
        f"{text!r} is a name: say in which workflow", hint="a number is an id and needs none"
    )


def _nearest_job(conn: Connection, workflow_id: int, name: str) -> str:
    names = [row.name for row in conn.rows(sql.FIRST_JOB_NAMES, workflow_id=workflow_id)]
    _check(conn, workflow_id, names)
    near = nearest(name, names)
    return f"did you mean {near}?" if near else f"`torc jobs list {workflow_id}` shows all jobs"


# -- files -----------------------------------------------------------------------------------------


def list_files(store: Store, workflow_id: int, wanted: ListSelection | None = None) -> list[Record]:
    """Return the files of a workflow, with the times and sizes that were seen last."""
    rows = _list(store, sql.LIST_FILES, workflow_id, wanted or ListSelection())
    return [record(row) for row in rows]


def get_file(store: Store, file_id: int) -> Record:
    """Return one file; raise NotFound."""
    return record(_one(store, sql.FILE, "file", file_id=file_id))


def required_files(store: Store, workflow_id: int) -> list[Record]:
    """Return the files that must exist before jobs run.

    These are inputs that no job makes, and outputs of completed jobs.
    """
    return [record(row) for row in _rows(store, sql.FILES_NEEDED, workflow_id)]


# -- results ---------------------------------------------------------------------------------------


def list_results(
    store: Store, workflow_id: int, wanted: ListSelection | None = None
) -> list[Record]:
    """Return the results of a workflow, by default the newest one of each job that has ended."""
    rows = _list(store, sql.LIST_RESULTS, workflow_id, wanted or ListSelection(current=True))
    return [_result(row) for row in rows]


def get_result(store: Store, result_id: int) -> Record:
    """Return one result; raise NotFound."""
    return _result(_one(store, sql.RESULT, "result", result_id=result_id))


def _result(row: sql.ResultRow) -> Record:
    return record(row) | {
        "exec_time_minutes": (row.ended_at - row.started_at) / 60,
        "completion_time": timestamp(row.ended_at),
        "cause": cause_word(row.cause),
    }


# -- requirements, handlers, actions, nodes --------------------------------------------------------


def list_requirements(store: Store, workflow_id: int) -> list[Record]:
    """Return the resource requirements of a workflow.

    ``memory`` and ``runtime`` are as workflow files write them, and None where not declared.
    """
    return [_requirement(row) for row in _rows(store, sql.REQUIREMENTS, workflow_id)]


def get_requirements(store: Store, requirement_id: int) -> Record:
    """Return one entry, with the number of jobs that use it; raise NotFound."""
    with store.read() as conn:
        row = conn.one(sql.REQUIREMENT, requirement_id=requirement_id)
        if row is None:
            hint = "`torc resource-requirements list WORKFLOW` shows all entries"
            raise NotFound(f"there are no resource requirements {requirement_id}", hint=hint)
        used = conn.rows(
            sql.JOBS_WITH_REQUIREMENTS, workflow_id=row.workflow_id, requirement_id=row.id
        )
    return _requirement(row) | {"jobs": sum(one.number for one in used)}


def _requirement(row: sql.RequirementRow) -> Record:
    memory, runtime = row.memory, row.runtime
    return {
        "id": row.id,
        "workflow_id": row.workflow_id,
        "name": row.name,
        "num_cpus": in_thousandths(row.num_cpus),
        "num_gpus": in_thousandths(row.num_gpus),
        "num_nodes": row.num_nodes,
        "memory": None if memory is None else format_memory(memory),
        "runtime": None if runtime is None else format_duration(runtime),
        "memory_bytes": memory,
        "runtime_s": runtime,
        "gpu_memory": None if row.gpu_memory is None else format_memory(row.gpu_memory),
        "gpu_model": row.gpu_model,
    }


def list_failure_handlers(store: Store, workflow_id: int) -> list[Record]:
    """Return the failure handlers of a workflow; ``rules`` is text that holds JSON."""
    return [row._asdict() for row in _rows(store, sql.FAILURE_HANDLERS, workflow_id)]


def list_actions(store: Store, workflow_id: int) -> list[Record]:
    """Return the actions of a workflow, and the run in which each was executed last."""
    return [record(row) for row in _rows(store, sql.ACTIONS, workflow_id)]


def list_compute_nodes(store: Store, workflow_id: int) -> list[Record]:
    """Return the runners that a workflow has and had."""
    return [_node(row) for row in _rows(store, sql.COMPUTE_NODES, workflow_id)]


def get_compute_node(store: Store, node_id: int) -> Record:
    """Return one runner; raise NotFound."""
    return _node(_one(store, sql.COMPUTE_NODE, "compute node", node_id=node_id))


def place_of_runner(store: Store, node_id: int | None) -> Record | None:
    """Return the host, the node and the allocation of a runner, also of one that has ended."""
    if node_id is None:
        return None
    with store.read() as conn:
        row = conn.one(sql.PLACE_OF_RUNNER, node_id=node_id)
    return None if row is None else record(row)


def _node(row: sql.ComputeNodeRow) -> Record:
    return record(row) | {
        "memory_gb": round(row.memory_bytes / (1 << 30), 3),
        "gpus": (gpus := loads(row.gpus) or []),
        "num_gpus": len(gpus),
        "num_nodes": 1,
        "start_time": timestamp(row.started_at),
        "duration_seconds": (row.ended_at or row.heartbeat_at) - row.started_at,
    }
