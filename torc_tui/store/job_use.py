"""Read what jobs requested and what their last attempts used.

Input: a database and a workflow. Output: records. Nothing is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from torc_tui.errors import NotFound
from torc_tui.model import AttemptUse, Cause, JobUse, ResourceRequirements, cause_word
from torc_tui.records import fields
from torc_tui.status import JobStatus
from torc_tui.store import sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.tuples import NamedTuple

_ATTEMPT = [one.name for one in fields(AttemptUse) if one.name not in ("status", "cause")]


class WorkflowUse(NamedTuple):
    """All jobs of a workflow, and what they request now."""

    workflow_id: int
    name: str
    run_id: int
    jobs: list[JobUse]
    requirements: Mapping[int, ResourceRequirements]


def workflow_use(store: Store, workflow_id: int, run_id: int | None = None) -> WorkflowUse:
    """Return the use of all jobs by their last attempts, or by the last ones of a run.

    Raise NotFound if there is no such workflow or run.
    """
    with store.read() as conn:
        return read_use(conn, workflow_id, run_id)


def read_use(conn: Connection, workflow_id: int, run_id: int | None = None) -> WorkflowUse:
    """Do the same as `workflow_use`, inside a transaction."""
    workflow = workflows.read_workflow(conn, workflow_id)
    if run_id is None:
        rows = conn.rows(sql.JOB_USE, workflow_id=workflow_id)
    elif run_id > workflow.run_id:
        raise NotFound(
            f"workflow {workflow_id} has no run {run_id}", hint=f"its last run is {workflow.run_id}"
        )
    else:
        rows = conn.rows(sql.JOB_USE_IN_RUN, workflow_id=workflow_id, run_id=run_id)
    requirements = workflows.read_requirements(conn, workflow_id)
    return WorkflowUse(
        workflow_id, workflow.name, workflow.run_id, list(map(_job, rows)), requirements
    )


def group_use(store: Store, workflow_id: int, group: str) -> WorkflowUse:
    """Return the use of the jobs of one group that have run; raise NotFound."""
    with store.read() as conn:
        workflow = workflows.read_workflow(conn, workflow_id)
        rows = conn.rows(sql.JOB_USE_OF_GROUP, workflow_id=workflow_id, group=group)
        requirements = workflows.read_requirements(conn, workflow_id)
    return WorkflowUse(
        workflow_id, workflow.name, workflow.run_id, list(map(_job, rows)), requirements
    )


def _job(row: sql.JobUseRow) -> JobUse:
    attempt = None
    if row.run_id is not None:
        values = row._asdict()
        attempt = AttemptUse(
            status=row.result_status or JobStatus.UNINITIALIZED,
            cause=cause_word(row.cause) or Cause.EXIT.value,
            **{name: values[name] for name in _ATTEMPT},
        )
    return JobUse(
        id=row.id,
        name=row.name,
        group=row.group,
        status=row.status,
        requirement_id=row.requirement_id,
        attempt=attempt,
        parameters=json.loads(row.parameter_values) if row.parameter_values else {},
        is_ignored=bool(row.ignored),
    )
