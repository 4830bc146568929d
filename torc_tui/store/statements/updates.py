"""Define the statements that compare a stored workflow with a file, and change it to the file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, Text, and_, delete, update

from torc_tui.status import UNHELD, JobStatus
from torc_tui.store.schema import (
    JOB_DEFINITION,
    action,
    dependency,
    failure_handler,
    file,
    file_group,
    gate,
    job,
    slurm_scheduler,
    user_data,
    user_data_group,
    user_data_version,
    workflow,
    workflow_text,
)
from torc_tui.store.statements.terms import (
    change,
    cleared,
    given,
    is_listed,
    move,
    of_workflow,
    param,
    pick,
)

_ids = param("ids", Text())

STORED_JOBS = pick(
    job, f"id status removed planned grown {JOB_DEFINITION}", of_workflow(job)
).order_by(job.c.id)
STORED_RECORDS = pick(
    user_data,
    "id name is_ephemeral json_schema declared file_data data version",
    of_workflow(user_data),
).order_by(user_data.c.id)
CLEAR_PATTERNS = (
    update(job)
    .where(of_workflow(job), job.c.patterns.is_not(None), job.c.spawned_by.is_(None))
    .values(patterns=None)
)
EDITED_JOBS = pick(
    job, f"id {JOB_DEFINITION}", of_workflow(job), job.c.edited.is_not(None), ~job.c.removed
).order_by(job.c.id)
EDITED_RECORDS = (
    pick(user_data, "id name data file_data")
    .join(
        user_data_version,
        and_(
            user_data_version.c.user_data_id == user_data.c.id,
            user_data_version.c.version == user_data.c.version,
        ),
    )
    .where(
        of_workflow(user_data),
        user_data_version.c.job_id.is_(None),
        user_data.c.data.is_distinct_from(user_data.c.file_data),
    )
    .order_by(user_data.c.id)
)
"""The records whose present value was written by a user and is not that of the file."""
FILE_HASH_OF_WORKFLOW = pick(workflow, "file_hash set_values", of_workflow(workflow))


def _listed(statement: Any, column: Any) -> Any:
    return statement.where(is_listed(column, _ids))


def _deleted(table: Table) -> Any:
    return _listed(delete(table), table.c.id)


DELETE_LISTED_FILES = _deleted(file)
DELETE_LISTED_GATES = _deleted(gate)
DELETE_LISTED_HANDLERS = _deleted(failure_handler)
DELETE_LISTED_SCHEDULERS = _deleted(slurm_scheduler)
DELETE_LISTED_ACTIONS = _deleted(action)
DELETE_LISTED_FILE_GROUPS = _listed(delete(file_group), file_group.c.group_id)
DELETE_LISTED_DATA_GROUPS = _listed(delete(user_data_group), user_data_group.c.group_id)
DELETE_DEPENDENCY = delete(dependency).where(
    dependency.c.depends_on_id == param("depends_on_id"), dependency.c.job_id == param("job_id")
)
_id = param("id")
UPDATE_HANDLER = change(failure_handler, "rules", failure_handler.c.id == _id)
UPDATE_SCHEDULER = change(slurm_scheduler, "settings", slurm_scheduler.c.id == _id)
UPDATE_RECORD = change(
    user_data, "name is_ephemeral json_schema declared file_data", user_data.c.id == _id
)
UPDATE_WORKFLOW_DEFINITION = change(
    workflow,
    "description project metadata file format real_path set_values file_hash env"
    " execution_config use_pending_failed require_user_data settings",
    of_workflow(workflow),
)
DELETE_WORKFLOW_TEXT = delete(workflow_text).where(of_workflow(workflow_text))

REMOVE_JOBS = (
    move(JobStatus.DISABLED, UNHELD, keeps=True)
    .where(is_listed(job.c.id, _ids))
    .values(
        given(job, "reason")
        | cleared(job, "input_files output_files input_user_data output_user_data planned")
        | {job.c.removed: True, job.c.held: False}
    )
)
"""Take jobs out of the workflow; their rows remain for their history."""
RESTORE_JOBS = update(job).where(is_listed(job.c.id, _ids)).values(removed=False)
"""Let removed jobs be jobs of the workflow again; the caller resets them."""
