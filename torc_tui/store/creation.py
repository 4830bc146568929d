"""Store a plan as a new workflow: all of it, or nothing.

Input: a plan, whose names are resolved. Output: the id of the workflow. Jobs are left
``uninitialized``; initialization counts their dependencies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.collection import collection_paused
from torc_tui.model import ExecutionConfig, Json, Plan, ResourceRequirements, WorkflowSpec
from torc_tui.records import fields
from torc_tui.store import event_log, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps
from torc_tui.store.plan_rows import (
    Columns,
    EdgeRow,
    PlanIds,
    action_columns,
    edge_rows,
    gate_columns,
    group_members,
    handler_columns,
    job_columns,
    record_columns,
    requirement_columns,
    scheduler_columns,
)


def create(
    store: Store,
    plan: Plan,
    *,
    user: str,
    directory: str,
    at: float,
    name: str | None = None,
    actor: str | None = None,
) -> int:
    """Store ``plan`` as a new workflow of ``user`` and return its id: all of it, or nothing.

    ``directory`` (absolute) is where its jobs will run, ``at`` the time of creation, ``name``
    replaces the name of the plan.
    """
    spec = plan.spec
    counts = {
        "job": len(plan.jobs),
        "gate": len(plan.gates),
        "file": len(plan.files),
        "file_group": len(plan.file_groups),
        "user_data": len(plan.user_data),
        "user_data_group": len(plan.user_data_groups),
        "resource_requirements": len(plan.requirements),
        "failure_handler": len(spec.failure_handlers),
        "slurm_scheduler": len(spec.slurm_schedulers),
        "action": len(spec.actions),
    }
    with store.write() as conn:  # a separate transaction: unused ids cost nothing, a long lock does
        workflow_id = conn.allocate("workflow")
        ids = PlanIds(**{table: allocate(conn, table, number) for table, number in counts.items()})
    with collection_paused():
        jobs = job_columns(plan, ids, store.connection().columns(sql.INSERT_JOBS))
        edges = edge_rows(plan, ids)
    with collection_paused(), store.write() as conn:
        _insert_workflow(conn, spec, workflow_id, name or spec.name, user, directory, at)
        insert_requirements(conn, workflow_id, ids.resource_requirements, plan.requirements)
        _insert_handlers(conn, workflow_id, plan, ids)
        conn.insert(sql.INSERT_JOBS, workflow_id=workflow_id, **jobs)
        conn.insert(sql.INSERT_GATES, id=ids.gate, workflow_id=workflow_id, **gate_columns(plan))
        insert_edges(conn, workflow_id, edges)
        _insert_files(conn, workflow_id, plan, ids)
        insert_records(conn, workflow_id, ids.user_data, record_columns(plan), at, actor)
        members = group_members(plan.user_data_groups, ids.user_data_group, ids.user_data)
        insert_group_members(conn, workflow_id, "user_data", members)
        about = {"name": name or spec.name, "jobs": len(plan.jobs)}
        news = [("workflow_created", None, about)]
        event_log.append(conn, workflow_id, news, at=at, actor=actor)
    return workflow_id


def allocate(conn: Connection, table: str, number: int) -> Sequence[int]:
    """Return new ids of a table."""
    if not number:
        return ()
    first = conn.allocate(table, number)
    return range(first, first + number)


def _insert_workflow(
    conn: Connection,
    spec: WorkflowSpec,
    workflow_id: int,
    name: str,
    user: str,
    directory: str,
    at: float,
) -> None:
    conn.insert(
        sql.INSERT_WORKFLOW,
        id=workflow_id,
        name=name,
        user=user,
        directory=directory,
        created_at=at,
        **definition_columns(spec),
    )
    if spec.text is not None:
        conn.insert(sql.INSERT_WORKFLOW_TEXT, workflow_id=workflow_id, text=spec.text)


FILE_SETTINGS = {
    "rerun_check": "rerun_check",
    "report": "report",
    "file_output_check": "output_check",
}
"""Keys of files that are settings of the workflow, by the names of the files: setting -> key."""


BY_OPTION = "disabled_by_option"
"""Marks a ``resource_monitor`` that was disabled by an option, not by the file."""


def definition_columns(spec: WorkflowSpec) -> dict[str, Any]:
    """Return the columns of a workflow that its file determines, without the name."""
    return {
        "description": spec.description,
        "project": spec.project,
        "metadata": None if spec.metadata is None else dumps(spec.metadata),
        "file": spec.file,
        "format": spec.format,
        "real_path": spec.real_path,
        "set_values": encode_values(spec),
        "file_hash": spec_hash(spec),
        "env": dumps(dict(spec.env)),
        "execution_config": dumps(execution_dict(spec.execution_config)),
        "use_pending_failed": spec.use_pending_failed,
        "require_user_data": spec.require_user_data,
        "settings": dumps(_settings(spec)),
    }


def encode_values(spec: WorkflowSpec) -> str:
    """Return the values that were set from outside, as a workflow is identified by them."""
    return dumps(dict(sorted(spec.set_values.items())))


def spec_hash(spec: WorkflowSpec) -> str | None:
    """Return a hash of the text of a workflow file and of its files with values."""
    if spec.text is None:
        return None
    from _blake2 import blake2b  # that of hashlib, without OpenSSL

    found = blake2b(spec.text.encode(), digest_size=16)
    for name, text in spec.value_files.items():
        found.update(dumps([name, text]).encode())
    return found.hexdigest()


def _settings(spec: WorkflowSpec) -> dict[str, Json]:
    """Return the settings of a workflow, with the keys of its files that have no column."""
    found = dict(spec.settings)
    for key, name in FILE_SETTINGS.items():
        values = ((file.name, getattr(file, name)) for file in spec.files)
        if given := {name: value for name, value in values if value is not None}:
            found[key] = given
    return found


def without_monitoring(settings: Mapping[str, Json]) -> dict[str, Json]:
    """Return settings that record no resource use, for an option of the command line."""
    own = settings.get("resource_monitor") or {}
    return {**settings, "resource_monitor": {**own, "enabled": False, BY_OPTION: True}}


def insert_requirements(
    conn: Connection, workflow_id: int, ids: Sequence[int], found: Sequence[ResourceRequirements]
) -> None:
    """Store requirements of a workflow."""
    columns = requirement_columns(found)
    conn.insert(sql.INSERT_REQUIREMENTS, id=ids, workflow_id=workflow_id, **columns)


def _insert_handlers(conn: Connection, workflow_id: int, plan: Plan, ids: PlanIds) -> None:
    """Store failure handlers, Slurm schedulers and actions."""
    for statement, numbers, columns in (
        (sql.INSERT_FAILURE_HANDLERS, ids.failure_handler, handler_columns(plan)),
        (sql.INSERT_SLURM_SCHEDULERS, ids.slurm_scheduler, scheduler_columns(plan)),
        (sql.INSERT_ACTIONS, ids.action, action_columns(plan, ids)),
    ):
        conn.insert(statement, id=numbers, workflow_id=workflow_id, **columns)


def insert_edges(conn: Connection, workflow_id: int, rows: Sequence[EdgeRow]) -> None:
    """Store dependencies."""
    names = ("depends_on_id", "job_id", "kind", "via")
    columns = dict(zip(names, zip(*rows, strict=True) if rows else [()] * 4, strict=True))
    conn.insert(sql.INSERT_DEPENDENCIES, workflow_id=workflow_id, **columns)


def _insert_files(conn: Connection, workflow_id: int, plan: Plan, ids: PlanIds) -> None:
    conn.insert(
        sql.INSERT_FILES,
        id=ids.file,
        workflow_id=workflow_id,
        name=[file.name for file in plan.files],
        path=[file.path for file in plan.files],
    )
    members = group_members(plan.file_groups, ids.file_group, ids.file)
    insert_group_members(conn, workflow_id, "file", members)


def insert_group_members(
    conn: Connection, workflow_id: int, what: str, members: Sequence[tuple[int, int]]
) -> None:
    """Store the members of groups: of files, or of ``user_data``."""
    statement = sql.INSERT_FILE_GROUPS if what == "file" else sql.INSERT_USER_DATA_GROUPS
    columns = {
        "group_id": [group for group, _ in members],
        f"{what}_id": [member for _, member in members],
    }
    conn.insert(statement, workflow_id=workflow_id, **columns)


def insert_records(
    conn: Connection,
    workflow_id: int,
    ids: Sequence[int],
    columns: Columns,
    at: float,
    actor: str | None,
) -> None:
    """Store records of user data, with their first versions."""
    conn.insert(sql.INSERT_USER_DATA, id=ids, workflow_id=workflow_id, **columns)
    written = [(i, text) for i, text in zip(ids, columns["data"], strict=True) if text is not None]
    conn.insert(
        sql.INSERT_USER_DATA_VERSIONS,
        user_data_id=[number for number, _ in written],
        version=1,
        data=[text for _, text in written],
        written_at=at,
        actor=actor,
    )


def execution_dict(config: ExecutionConfig) -> dict[str, Json]:
    """Return the fields of ``config`` as JSON."""
    found = {field.name: getattr(config, field.name) for field in fields(config)}
    found["settings"] = dict(config.settings)
    return found


def execution_of(values: Mapping[str, Json]) -> ExecutionConfig:
    """Return the inverse of `execution_dict`; keys of a later version are left out."""
    known = {field.name for field in fields(ExecutionConfig)}
    return ExecutionConfig(**{key: value for key, value in values.items() if key in known})
