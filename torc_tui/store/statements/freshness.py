"""Define the statements about what was recorded of attempts, and about jobs that are stale."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from torc_tui.model import EdgeKind
from torc_tui.reasons import MAY_BE_KEPT
from torc_tui.status import JobStatus
from torc_tui.store.schema import (
    action,
    dependency,
    file_group,
    file_hash,
    fingerprint,
    job,
    result,
    user_data,
    user_data_group,
    user_data_version,
)
from torc_tui.store.statements.terms import (
    ByDialect,
    among,
    columns,
    given,
    is_listed,
    move,
    of_workflow,
    param,
    pick,
)

_job_id = param("job_id")
_own = of_workflow(job)


def _upsert(insert: Any, table: Any, key: str) -> Any:
    names = table.columns.keys()
    statement = insert(table).values(given(table, " ".join(names)))
    changed = {name: statement.excluded[name] for name in names if name not in key.split()}
    return statement.on_conflict_do_update(index_elements=key.split(), set_=changed).inline()


def _saved(table: Any, key: str) -> ByDialect:
    return ByDialect(_upsert(sqlite.insert, table, key), _upsert(postgresql.insert, table, key))


SAVE_FINGERPRINT = _saved(fingerprint, "job_id")
SAVE_FILE_HASH = _saved(file_hash, "device inode")
FILE_HASH = pick(file_hash, "size mtime_ns ctime_ns hash").where(
    file_hash.c.device == param(file_hash.c.device), file_hash.c.inode == param(file_hash.c.inode)
)

# -- facts -----------------------------------------------------------------------------------------

_facts = (
    select(
        *columns(
            job,
            "id name status command invocation_script env options started_at stop_requested "
            "ignored reason input_files output_files input_user_data output_user_data",
        ),
        *columns(fingerprint, "recorded_at data:recorded"),
    )
    .select_from(job)
    .outerjoin(fingerprint, fingerprint.c.job_id == job.c.id)
)
FRESHNESS_OF_WORKFLOW = _facts.where(_own, ~job.c.removed).order_by(job.c.id)
FRESHNESS_OF_JOB = _facts.where(job.c.id == _job_id)
RECORDS_OF_GROUPS = (
    select(
        user_data_group.c.group_id,
        *columns(user_data, "id name version"),
        user_data_version.c.job_id,
    )
    .select_from(user_data_group)
    .join(user_data, user_data.c.id == user_data_group.c.user_data_id)
    .outerjoin(
        user_data_version,
        and_(
            user_data_version.c.user_data_id == user_data.c.id,
            user_data_version.c.version == user_data.c.version,
        ),
    )
    .where(is_listed(user_data_group.c.group_id, param("group_ids", Text())))
    .order_by(user_data_group.c.group_id, user_data.c.id)
)
"""The records of groups, each with the job that wrote its present version, if one did."""
PRODUCED_RECORDS = select(user_data_group.c.user_data_id).where(
    user_data_group.c.group_id.in_(select(job.c.output_user_data).where(_own))
)
FINGERPRINTS_OF_WRITERS = (
    pick(fingerprint, "recorded_at data")
    .join(job, job.c.id == fingerprint.c.job_id)
    .where(
        _own,
        job.c.output_files.in_(
            select(file_group.c.group_id).where(file_group.c.file_id == param("file_id"))
        ),
    )
)
_near, _far = dependency.alias("d"), dependency.alias("m")
_order = (int(EdgeKind.EXPLICIT), int(EdgeKind.REGEX))
ENDS_BEFORE = (
    select(job.c.name, fingerprint.c.data)
    .select_from(fingerprint)
    .join(job, job.c.id == fingerprint.c.job_id)
    .where(
        or_(
            job.c.id.in_(
                select(_near.c.depends_on_id).where(
                    _near.c.job_id == _job_id, _near.c.kind.in_(_order)
                )
            ),
            job.c.id.in_(
                select(_far.c.depends_on_id)
                .select_from(_near)
                .join(_far, _far.c.job_id == _near.c.depends_on_id)
                .where(
                    _near.c.job_id == _job_id, _near.c.depends_on_id < 0, _near.c.kind.in_(_order)
                )
            ),
        )
    )
)
"""The jobs that a job follows, except through files and data, with their records."""

# -- what a runner records -------------------------------------------------------------------------

WRITERS_SINCE = pick(
    user_data_version,
    "version job_id",
    user_data_version.c.user_data_id == param("id"),
    user_data_version.c.version > param("version", user_data_version.c.version.type),
).order_by(user_data_version.c.version)

# -- a new run of what is stale --------------------------------------------------------------------

MARK_MAY_BE_KEPT = (
    update(job)
    .where(job.c.id == _job_id, job.c.status == int(JobStatus.BLOCKED))
    .values(reason=MAY_BE_KEPT)
)
_undecided = and_(
    among(job.c.status, {JobStatus.BLOCKED}), job.c.reason == MAY_BE_KEPT, job.c.unmet == 0
)
ANY_MAY_BE_KEPT = (
    select(job.c.id)
    .where(_own, among(job.c.status, {JobStatus.BLOCKED}), job.c.reason == MAY_BE_KEPT)
    .limit(1)
)
UNDECIDED = pick(job, "id unsuccessful").where(_own, _undecided).order_by(job.c.id)
KEEP_JOB = (
    move(JobStatus.COMPLETED, {JobStatus.BLOCKED})
    .where(job.c.id == _job_id, job.c.reason == MAY_BE_KEPT)
    .values(
        given(job, "started_at ended_at compute_node_id output_dir")
        | {job.c.return_code: 0, job.c.reason: None}
    )
)
LAST_SUCCESS = (
    pick(result, "attempt_id started_at ended_at compute_node_id output_dir")
    .where(result.c.job_id == _job_id, among(result.c.status, {JobStatus.COMPLETED}))
    .order_by(result.c.id.desc())
    .limit(1)
)
KEEP_ACTIONS = (
    update(action)
    .where(of_workflow(action), action.c.executed_run_id == param("run_id") - 1)
    .values(executed_run_id=param("run_id"))
)
"""Count the actions of the last run as executed in this one."""
