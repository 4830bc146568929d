"""Define the statements that read and write user data.

Invariant: the statements of ``torc user-data get`` and ``update`` use only columns that every
earlier version of the schema has, because these commands never migrate.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from torc_tui.model import EdgeKind
from torc_tui.status import FINISHED, HELD, JobStatus
from torc_tui.store.schema import (
    dependency,
    job,
    user_data,
    user_data_group,
    user_data_version,
    workflow,
)
from torc_tui.store.statements.terms import (
    Bulk,
    ByDialect,
    Paged,
    among,
    byte_length,
    change,
    columns,
    count_if,
    is_listed,
    matches,
    of_workflow,
    param,
    pick,
    required,
)

_record = pick(user_data, "id workflow_id name is_ephemeral data version")
_of_workflow = of_workflow(user_data)

USER_DATA_BY_ID = _record.where(user_data.c.id == param("id"))
USER_DATA_BY_NAME = _record.where(_of_workflow, user_data.c.name == param(user_data.c.name))
WORKFLOWS_WITH_USER_DATA = select(user_data.c.workflow_id).where(
    user_data.c.name == param(user_data.c.name)
)
USER_DATA_OF_WORKFLOW = _record.where(_of_workflow).order_by(user_data.c.id)
USER_DATA_NAMES = (
    select(user_data.c.name).where(_of_workflow).order_by(user_data.c.id).limit(10_000)
)
USER_DATA_SCHEMA = select(user_data.c.json_schema).where(user_data.c.id == param("id"))


def _in_group_of(column: Column[Any]) -> Any:
    """Return the condition that a record is in the group that a column of the job ``name`` has."""
    groups = (
        select(user_data_group.c.user_data_id)
        .join(job, column == user_data_group.c.group_id)
        .where(job.c.id == param("consumer" if column is job.c.input_user_data else "producer"))
    )
    return user_data.c.id.in_(groups)


LIST_USER_DATA = Paged(
    _record.where(_of_workflow),
    sorts={name: user_data.c[name] for name in ("id", "name", "is_ephemeral", "data", "version")},
    filters={
        "name": matches(user_data.c.name),
        "is_ephemeral": user_data.c.is_ephemeral == param(user_data.c.is_ephemeral),
        "consumer": _in_group_of(job.c.input_user_data),
        "producer": _in_group_of(job.c.output_user_data),
    },
)

UPDATE_USER_DATA = change(
    user_data, "name is_ephemeral data version", user_data.c.id == param("id")
)
INSERT_USER_DATA = Bulk(user_data)
INSERT_USER_DATA_VERSIONS = Bulk(user_data_version)
DELETE_USER_DATA = delete(user_data).where(user_data.c.id == param("id"))
UNGROUP_USER_DATA = delete(user_data_group).where(user_data_group.c.user_data_id == param("id"))

_versions = pick(user_data_version, "version data written_at actor job_id run_id attempt_id")
USER_DATA_HISTORY = _versions.where(user_data_version.c.user_data_id == param("id")).order_by(
    user_data_version.c.version
)
USER_DATA_AT_VERSION = select(user_data_version.c.data).where(
    user_data_version.c.user_data_id == param("id"),
    user_data_version.c.version == param(user_data_version.c.version),
)


def _grouped_by(column: Column[Any], *conditions: Any) -> Any:
    """Return the ids of records in the groups of these jobs of the workflow."""
    groups = select(column).where(of_workflow(job), *conditions)
    return select(user_data_group.c.user_data_id).where(user_data_group.c.group_id.in_(groups))


MISSING_USER_DATA = (
    select(user_data.c.id)
    .where(
        _of_workflow,
        user_data.c.data.is_(None),
        user_data.c.id.in_(_grouped_by(job.c.input_user_data)),
        user_data.c.id.not_in(_grouped_by(job.c.output_user_data, ~among(job.c.status, FINISHED))),
    )
    .order_by(user_data.c.id)
)
"""Records without a value that a job reads and no job will write."""

# -- links between records and jobs ----------------------------------------------------------------

JOB_DATA_GROUPS = pick(job, "workflow_id status input_user_data output_user_data").where(
    job.c.id == param("job_id")
)
COPY_DATA_GROUP = insert(user_data_group).from_select(
    ["group_id", "user_data_id", "workflow_id"],
    select(param("group_id"), user_data_group.c.user_data_id, user_data_group.c.workflow_id).where(
        user_data_group.c.group_id == param("from_group")
    ),
)
INSERT_USER_DATA_GROUPS = Bulk(user_data_group)
SET_DATA_GROUPS = change(job, "input_user_data output_user_data", job.c.id == param("job_id"))

_up = select(cast(param("producer"), Integer()).label("id")).cte("up", recursive=True)
_up = _up.union(select(dependency.c.depends_on_id).join(_up, dependency.c.job_id == _up.c.id))
WAITS_FOR = select(_up.c.id).where(_up.c.id == param("consumer"))
"""Whether the consumer is among the jobs that the producer waits for, directly or not."""


def _depend(dialect_insert: Any) -> Any:
    return (
        dialect_insert(dependency)
        .values(
            {
                dependency.c.depends_on_id: param("producer"),
                dependency.c.job_id: param("consumer"),
                dependency.c.kind: int(EdgeKind.USER_DATA),
                dependency.c.via: param("record_id"),
                dependency.c.workflow_id: param("workflow_id"),
            }
        )
        .on_conflict_do_nothing()
        .inline()
    )


DEPEND_ON_DATA = ByDialect(_depend(sqlite.insert), _depend(postgresql.insert))

# -- overview --------------------------------------------------------------------------------------

_writer = (
    *columns(user_data_version, "written_at actor job_id run_id attempt_id"),
    job.c.name.label("job"),
)
_newest = and_(
    user_data_version.c.user_data_id == user_data.c.id,
    user_data_version.c.version == user_data.c.version,
)
USER_DATA_OVERVIEW = (
    select(
        *columns(user_data, "id name is_ephemeral version"),
        byte_length(user_data.c.data).label("size"),
        func.substr(user_data.c.data, 1, param("head_length")).label("head"),
        required("has_schema", user_data.c.json_schema.is_not(None)),
        *_writer,
        workflow.c.created_at,
    )
    .join(workflow, workflow.c.id == user_data.c.workflow_id)
    .outerjoin(user_data_version, _newest)
    .outerjoin(job, job.c.id == user_data_version.c.job_id)
    .where(_of_workflow)
    .order_by(user_data.c.id)
)
USER_DATA_DETAILS = (
    select(user_data.c.json_schema, *_writer, byte_length(user_data.c.data).label("size"))
    .select_from(user_data)
    .outerjoin(user_data_version, _newest)
    .outerjoin(job, job.c.id == user_data_version.c.job_id)
    .where(user_data.c.id == param("id"))
)
USER_DATA_VERSIONS = (
    select(
        user_data_version.c.version,
        byte_length(user_data_version.c.data).label("size"),
        *_writer,
    )
    .select_from(user_data_version)
    .outerjoin(job, job.c.id == user_data_version.c.job_id)
    .where(user_data_version.c.user_data_id == param("id"))
    .order_by(user_data_version.c.version.desc())
)


def _users(column: Column[Any]) -> Any:
    """Return how many jobs use each record. Jobs are counted by group first: many share one."""
    groups = (
        select(
            column.label("group_id"),
            func.count().label("jobs"),
            func.min(job.c.id).label("first"),
            count_if(among(job.c.status, HELD | {JobStatus.READY})).label("waiting"),
            count_if(~among(job.c.status, FINISHED)).label("unfinished"),
        )
        .where(of_workflow(job), column.is_not(None))
        .group_by(column)
        .subquery("s")
    )
    records = (
        select(
            user_data_group.c.user_data_id.label("record_id"),
            func.sum(groups.c.jobs).label("jobs"),
            func.sum(groups.c.waiting).label("waiting"),
            func.sum(groups.c.unfinished).label("unfinished"),
            func.min(groups.c.first).label("first"),
        )
        .join(groups, user_data_group.c.group_id == groups.c.group_id)
        .group_by(user_data_group.c.user_data_id)
        .subquery("a")
    )
    return select(
        required("record_id", records.c.record_id),
        required("jobs", records.c.jobs),
        required("waiting", records.c.waiting),
        required("unfinished", records.c.unfinished),
        job.c.name,
    ).join(job, job.c.id == records.c.first)


USER_DATA_READERS = _users(job.c.input_user_data)
USER_DATA_PRODUCERS = _users(job.c.output_user_data)


def _of_job(column: Column[Any]) -> Any:
    group = select(column).where(job.c.id == param("job_id")).scalar_subquery()
    return select(user_data_group.c.user_data_id).where(user_data_group.c.group_id == group)


VALUES_WRITTEN_BY = (
    select(job.c.id.label("job_id"), required("data", user_data.c.data))
    .select_from(job)
    .join(user_data_group, user_data_group.c.group_id == job.c.output_user_data)
    .join(user_data, user_data.c.id == user_data_group.c.user_data_id)
    .where(
        is_listed(job.c.id, param("job_ids", Text())),
        byte_length(user_data.c.data) <= param("max_length", Integer()),
    )
    .order_by(job.c.id, user_data.c.id)
)
"""The values of the records that these jobs write, except large ones."""
USER_DATA_READ_BY = _of_job(job.c.input_user_data)
USER_DATA_WRITTEN_BY = _of_job(job.c.output_user_data)
