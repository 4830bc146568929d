"""Store a plan as a new workflow: all of it, or nothing.

Input: a plan, whose names are resolved. Output: the id of the workflow. Jobs are left
``uninitialized``; initialization counts their dependencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from torc_tui.model import (
    EdgeKind,
    ExecutionConfig,
    JobSpec,
    Json,
    Plan,
    PlannedJob,
    ResourceRequirements,
    WorkflowSpec,
    render,
)
from torc_tui.resources.pool import rank
from torc_tui.store import event_log, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps

_Ids = Mapping[str, int]
"""The first ids of the parts of a workflow, by table."""


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
        "workflow": 1,
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
        ids = {table: conn.allocate(table, count) for table, count in counts.items()}
    jobs = _job_columns(plan, ids, store.connection().columns(sql.INSERT_JOBS))
    edges = _edge_columns(plan, ids)
    with store.write() as conn:
        _insert_workflow(conn, spec, ids["workflow"], name or spec.name, user, directory, at)
        insert_requirements(conn, ids["workflow"], ids["resource_requirements"], plan.requirements)
        _insert_handlers(conn, plan, ids)
        conn.insert(sql.INSERT_JOBS, workflow_id=ids["workflow"], **jobs)
        _insert_gates(conn, plan, ids)
        conn.insert(sql.INSERT_DEPENDENCIES, workflow_id=ids["workflow"], **edges)
        _insert_files(conn, plan, ids)
        _insert_user_data(conn, plan, ids, at, actor)
        told = {"name": name or spec.name, "jobs": len(plan.jobs)}
        news = [("workflow_created", None, told)]
        event_log.append(conn, ids["workflow"], news, at=at, actor=actor)
    return ids["workflow"]


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
        description=spec.description,
        project=spec.project,
        metadata=None if spec.metadata is None else dumps(spec.metadata),
        directory=directory,
        file=spec.file,
        format=spec.format,
        created_at=at,
        env=dumps(dict(spec.env)),
        execution_config=dumps(execution_dict(spec.execution_config)),
        use_pending_failed=spec.use_pending_failed,
        require_user_data=spec.require_user_data,
        settings=dumps(_settings(spec)),
    )
    if spec.text is not None:
        conn.insert(sql.INSERT_WORKFLOW_TEXT, workflow_id=workflow_id, text=spec.text)


FILE_SETTINGS = {
    "rerun_check": "rerun_check",
    "report": "report",
    "file_output_check": "output_check",
}
"""Keys of files that are settings of the workflow, by the names of the files: setting -> key."""


def _settings(spec: WorkflowSpec) -> dict[str, Json]:
    """Return the settings of a workflow, with the keys of its files that have no column."""
    found = dict(spec.settings)
    for key, name in FILE_SETTINGS.items():
        values = ((file.name, getattr(file, name)) for file in spec.files)
        if given := {name: value for name, value in values if value is not None}:
            found[key] = given
    return found


REQUIREMENT_FIELDS = tuple(
    field.name for field in fields(ResourceRequirements) if field.name != "source"
)


def _part(first: int, found: Sequence[Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the ids of a part of a workflow, and the attributes that are columns."""
    values = {name: [getattr(one, name) for one in found] for name in names}
    return {"id": range(first, first + len(found)), **values}


def insert_requirements(
    conn: Connection, workflow_id: int, first: int, found: Sequence[ResourceRequirements]
) -> None:
    """Store requirements of a workflow, with ids that start at ``first``."""
    columns = {name: [getattr(one, name) for one in found] for name in REQUIREMENT_FIELDS}
    conn.insert(
        sql.INSERT_REQUIREMENTS,
        id=range(first, first + len(found)),
        workflow_id=workflow_id,
        **columns,
    )


def _insert_handlers(conn: Connection, plan: Plan, ids: _Ids) -> None:
    """Store failure handlers, Slurm schedulers and actions."""
    handlers, schedulers = plan.spec.failure_handlers, plan.spec.slurm_schedulers
    actions = plan.spec.actions
    conn.insert(
        sql.INSERT_FAILURE_HANDLERS,
        **_part(ids["failure_handler"], handlers, ["name"]),
        workflow_id=ids["workflow"],
        rules=[
            dumps(
                [{one.name: getattr(rule, one.name) for one in fields(rule)} for rule in each.rules]
            )
            for each in handlers
        ],
    )
    conn.insert(
        sql.INSERT_SLURM_SCHEDULERS,
        **_part(ids["slurm_scheduler"], schedulers, ["name"]),
        workflow_id=ids["workflow"],
        settings=[dumps(dict(scheduler.settings)) for scheduler in schedulers],
    )
    conn.insert(
        sql.INSERT_ACTIONS,
        **_part(ids["action"], actions, ["trigger_type", "action_type", "persistent"]),
        workflow_id=ids["workflow"],
        job_ids=[dumps([ids["job"] + job for job in jobs]) for jobs in plan.action_jobs],
        commands=[dumps(list(action.commands)) for action in actions],
        settings=[dumps(dict(action.settings)) for action in actions],
    )


def _insert_gates(conn: Connection, plan: Plan, ids: _Ids) -> None:
    conn.insert(
        sql.INSERT_GATES,
        **_part(ids["gate"], plan.gates, ()),
        workflow_id=ids["workflow"],
        size=[len(gate.members) for gate in plan.gates],
        via=[gate.via if isinstance(gate.via, str) else None for gate in plan.gates],
    )


def _insert_files(conn: Connection, plan: Plan, ids: _Ids) -> None:
    files = _part(ids["file"], plan.files, ["name", "path"])
    conn.insert(sql.INSERT_FILES, workflow_id=ids["workflow"], **files)
    members = [(group, one) for group, all_ in enumerate(plan.file_groups) for one in all_]
    conn.insert(
        sql.INSERT_FILE_GROUPS,
        group_id=[ids["file_group"] + group for group, _ in members],
        file_id=[ids["file"] + one for _, one in members],
        workflow_id=ids["workflow"],
    )


def _insert_user_data(
    conn: Connection, plan: Plan, ids: _Ids, at: float, actor: str | None
) -> None:
    records = plan.user_data
    texts = [None if one.data is None else dumps(one.data) for one in records]
    conn.insert(
        sql.INSERT_USER_DATA,
        **_part(ids["user_data"], records, ["name", "is_ephemeral", "declared"]),
        workflow_id=ids["workflow"],
        data=texts,
        version=[int(text is not None) for text in texts],
        json_schema=[None if one.schema is None else dumps(one.schema) for one in records],
    )
    conn.insert(
        sql.INSERT_USER_DATA_VERSIONS,
        user_data_id=[i for i, text in enumerate(texts, ids["user_data"]) if text is not None],
        version=1,
        data=[text for text in texts if text is not None],
        written_at=at,
        actor=actor,
    )
    members = [(group, one) for group, all_ in enumerate(plan.user_data_groups) for one in all_]
    conn.insert(
        sql.INSERT_USER_DATA_GROUPS,
        group_id=[ids["user_data_group"] + group for group, _ in members],
        user_data_id=[ids["user_data"] + one for _, one in members],
        workflow_id=ids["workflow"],
    )


_JOB_FIELDS = {field.name: field.name for field in fields(JobSpec)} | {"parameter_values": "values"}
"""Column -> field of a `JobSpec`. A column that a plan determines is in `_ID_COLUMNS`."""
_ID_COLUMNS = {
    "requirement_id": ("requirement", "resource_requirements"),
    "failure_handler_id": ("failure_handler", "failure_handler"),
    "input_files": ("input_files", "file_group"),
    "output_files": ("output_files", "file_group"),
    "input_user_data": ("input_user_data", "user_data_group"),
    "output_user_data": ("output_user_data", "user_data_group"),
}
"""Column -> attribute of a planned job, table of its ids."""


def _job_columns(plan: Plan, ids: _Ids, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the columns of all jobs; ``kinds`` are all columns with their kinds."""
    jobs, first_record, ranks = plan.jobs, ids["user_data"], rank(plan.requirements)
    specs = [job.spec for job in jobs]
    columns: dict[str, Any] = {"id": range(ids["job"], ids["job"] + len(jobs))}
    for column in _JOB_FIELDS.keys() & kinds.keys():
        values = list(map(attrgetter(_JOB_FIELDS[column]), specs))
        if kinds[column] != "json":
            columns[column] = values
        elif any(values):
            columns[column] = [dumps(dict(one)) if one else None for one in values]
    for column, (name, table) in _ID_COLUMNS.items():
        first, places = ids[table], list(map(attrgetter(name), jobs))
        columns[column] = [None if place is None else first + place for place in places]
    return columns | {
        "group": [spec.group or spec.name for spec in specs],
        "command": [render(job.command, first_record) for job in jobs],
        "invocation_script": [
            None if job.invocation_script is None else render(job.invocation_script, first_record)
            for job in jobs
        ],
        "script": [_script(job, first_record) for job in jobs],
        "resource_class": [ranks[job.requirement] for job in jobs],
    }


def _script(job: PlannedJob, first_record: int) -> str | None:
    """Return command and invocation script in pieces, with the ids of records as numbers.

    None if they name no record. With it, an export can tell an id from any other number.
    """
    scripts = (job.command, job.invocation_script)
    if not isinstance(scripts[0], tuple) and not isinstance(scripts[1], tuple):
        return None
    return dumps(
        [
            [part if isinstance(part, str) else first_record + part for part in script]
            if isinstance(script, tuple)
            else script
            for script in scripts
        ]
    )


def _edge_columns(plan: Plan, ids: _Ids) -> dict[str, Sequence[Any]]:
    """Return the edges in the order of the primary key, which inserts fastest."""
    first = ids["job"]
    bases = {EdgeKind.FILE: ids["file"], EdgeKind.USER_DATA: ids["user_data"]}
    offsets = [bases.get(kind, 0) for kind in range(max(EdgeKind) + 1)]  # type: ignore[call-overload] # a number finds its enum
    rows = [
        (first + on, first + job, int(kind), None if via is None else offsets[kind] + via)
        for job, on, kind, via in plan.edges
    ]
    for i, gate in enumerate(plan.gates):
        mark, kind = -(ids["gate"] + i), int(gate.kind)
        via = gate.via + offsets[kind] if isinstance(gate.via, int) else None
        rows += [(first + member, mark, kind, via) for member in gate.members]
        rows += [(mark, first + waiter, kind, via) for waiter in gate.waiting]
    rows.sort(key=_by_key)
    names = ("depends_on_id", "job_id", "kind", "via")
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * 4, strict=True))


def _by_key(row: tuple[Any, ...]) -> tuple[int, int]:
    return row[0], row[1]


def execution_dict(config: ExecutionConfig) -> dict[str, Json]:
    """Return the fields of ``config`` as JSON."""
    found = {field.name: getattr(config, field.name) for field in fields(config)}
    found["settings"] = dict(config.settings)
    return found


def execution_of(values: Mapping[str, Json]) -> ExecutionConfig:
    """Return the inverse of `execution_dict`; keys of a later version are left out."""
    known = {field.name for field in fields(ExecutionConfig)}
    return ExecutionConfig(**{key: value for key, value in values.items() if key in known})
