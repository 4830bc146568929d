"""Define the statements about edges between jobs, and about what jobs read and write."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Text,
    case,
    cast,
    null,
    or_,
    select,
    union_all,
)

from torc_tui.model import EdgeKind
from torc_tui.store.schema import (
    dependency,
    file,
    file_group,
    gate,
    job,
    user_data,
    user_data_group,
)
from torc_tui.store.statements.terms import columns, is_listed, of_workflow, param, pick, required

_job_id = param("job_id")


def _named(edges: Any) -> Any:
    """Return the jobs at the other ends of edges, with the name of what makes the edge."""
    one = edges.subquery("e")
    via = case(
        (
            one.c.kind == int(EdgeKind.FILE),
            select(file.c.name).where(file.c.id == one.c.via).scalar_subquery(),
        ),
        (
            one.c.kind == int(EdgeKind.USER_DATA),
            select(user_data.c.name).where(user_data.c.id == one.c.via).scalar_subquery(),
        ),
        else_=one.c.pattern,
    )
    return (
        select(
            *columns(job, "id:job_id name status"), required("kind", one.c.kind), via.label("via")
        )
        .join(one, job.c.id == one.c.other)
        .order_by(job.c.id)
    )


def _neighbors(own: str, other: str) -> Any:
    """Return the edges of a job in one direction, directly and through gates."""
    near, far = dependency.alias("d"), dependency.alias("m")
    direct = select(
        near.c[other].label("other"),
        near.c.kind,
        near.c.via,
        cast(null(), Text()).label("pattern"),
    ).where(near.c[own] == _job_id, near.c[other] > 0)
    through = (
        select(far.c[other], far.c.kind, far.c.via, gate.c.via)
        .select_from(near)
        .join(far, far.c[own] == near.c[other])
        .join(gate, gate.c.id == -near.c[other])
        .where(near.c[own] == _job_id, near.c[other] < 0)
    )
    return _named(union_all(direct, through))


DEPENDENCIES = _neighbors("job_id", "depends_on_id")
DEPENDENTS = _neighbors("depends_on_id", "job_id")

_own_jobs = select(job.c.id).where(of_workflow(job))
_own_gates = select(-gate.c.id).where(of_workflow(gate))
EDGES = (
    pick(dependency, "job_id depends_on_id kind via")
    .where(dependency.c.depends_on_id.in_(union_all(_own_jobs, _own_gates)))
    .order_by(dependency.c.depends_on_id, dependency.c.job_id)
)
FILE_NAMES = pick(file, "id name").where(of_workflow(file))
USER_DATA_IDS = pick(user_data, "id name").where(of_workflow(user_data))
GATE_PATTERNS = pick(gate, "id via").where(of_workflow(gate), gate.c.via.is_not(None))

_groups = (job.c.input_files, job.c.output_files, job.c.input_user_data, job.c.output_user_data)
JOB_GROUPS = select(*_groups).where(job.c.id == _job_id)
GROUPS_OF_JOBS = select(job.c.id, *_groups).where(
    of_workflow(job), or_(*(column.is_not(None) for column in _groups))
)
FILES_OF_GROUPS = (
    select(file_group.c.group_id, *columns(file, "id name path"))
    .select_from(file_group)
    .join(file, file.c.id == file_group.c.file_id)
    .where(is_listed(file_group.c.group_id, param("group_ids", Text())))
    .order_by(file_group.c.group_id, file.c.id)
)
FILES_OF_GROUP = (
    pick(file, "id name path st_mtime st_size")
    .select_from(file_group)
    .join(file, file.c.id == file_group.c.file_id)
    .where(file_group.c.group_id == param("group_id"))
    .order_by(file.c.id)
)
USER_DATA_OF_GROUP = (
    select(
        *columns(user_data, "id name version"),
        required("is_null", user_data.c.data.is_(None)),
    )
    .select_from(user_data_group)
    .join(user_data, user_data.c.id == user_data_group.c.user_data_id)
    .where(user_data_group.c.group_id == param("group_id"))
    .order_by(user_data.c.id)
)
GROUPED_FILES = (
    select(file.c.id, file.c.name, file_group.c.group_id)
    .join(file_group, file_group.c.file_id == file.c.id)
    .where(of_workflow(file))
    .order_by(file.c.id)
)
GROUPED_USER_DATA = (
    select(
        user_data.c.id,
        user_data.c.name,
        required("is_null", user_data.c.data.is_(None)),
        user_data_group.c.group_id,
    )
    .join(user_data_group, user_data_group.c.user_data_id == user_data.c.id)
    .where(of_workflow(user_data))
    .order_by(user_data.c.id)
)


def upstream_pairs(job_ids: Any) -> Any:
    """Return (job_id, depends_on_id) for listed jobs, with the jobs behind gates."""
    near, far = dependency.alias("d"), dependency.alias("m")
    return union_all(
        pick(dependency, "job_id depends_on_id").where(
            is_listed(dependency.c.job_id, job_ids), dependency.c.depends_on_id > 0
        ),
        select(near.c.job_id, far.c.depends_on_id)
        .select_from(near)
        .join(far, far.c.job_id == near.c.depends_on_id)
        .where(is_listed(near.c.job_id, job_ids), near.c.depends_on_id < 0),
    )


def members_of(group: Column[Any], *conditions: Any) -> Any:
    """Return the ids of files or records in the groups that a column of the jobs names."""
    table = file_group if group.name.endswith("files") else user_data_group
    member = table.c.file_id if table is file_group else table.c.user_data_id
    groups = select(group).where(of_workflow(job), *conditions)
    return select(member).where(table.c.group_id.in_(groups))


UPSTREAM_PAIRS = upstream_pairs(param("job_ids", Text()))
