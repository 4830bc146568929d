"""A plan becomes rows: a new workflow, all of it or nothing.

What comes in: a plan, whose names are resolved. What goes out: the id of the workflow. Jobs are
left ``uninitialized``; their counters are the business of the scheduling beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from torc_tui.model import ExecutionConfig, Json, Plan, PlannedJob, ResourceRequirements, render
from torc_tui.resources.placement import rank
from torc_tui.store import events
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store, insert
from torc_tui.store.encoding import dumps

_JOB_COLUMNS = (
    "id workflow_id name command invocation_script script status held priority resource_class unmet unsuccessful "
    "cancel_on_blocking_job_failure attempt_id retries requirement_id failure_handler_id scheduler family "
    "parameter_values env stdio supports_termination require_user_data "
    "input_files output_files input_user_data output_user_data"
)


@dataclass(frozen=True, slots=True)
class _Ids:
    """The first ids of what a plan becomes."""

    workflow: int
    job: int
    gate: int
    file: int
    file_group: int
    user_data: int
    user_data_group: int
    resource_requirements: int
    failure_handler: int
    slurm_scheduler: int
    action: int


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
    """Store ``plan`` as a new workflow of ``user``; its id. Jobs are ``uninitialized``. All of it
    or nothing is stored.

    ``directory`` (absolute) is where its jobs will run, ``at`` the time of creation, ``name``
    replaces the plan's.
    """
    spec = plan.spec
    with (
        store.write() as conn
    ):  # ids first, by themselves: ids that end unused cost nothing, a long lock does
        ids = _Ids(
            conn.allocate("workflow"),
            conn.allocate("job", len(plan.jobs)),
            conn.allocate("gate", len(plan.gates)),
            conn.allocate("file", len(plan.files)),
            conn.allocate("file_group", len(plan.file_groups)),
            conn.allocate("user_data", len(plan.user_data)),
            conn.allocate("user_data_group", len(plan.user_data_groups)),
            conn.allocate("resource_requirements", len(plan.requirements)),
            conn.allocate("failure_handler", len(spec.failure_handlers)),
            conn.allocate("slurm_scheduler", len(spec.slurm_schedulers)),
            conn.allocate("action", len(spec.actions)),
        )
    wf = ids.workflow
    jobs = _job_rows(plan, ids)
    edges = _edge_rows(plan, ids)
    records = [
        (
            ids.user_data + i,
            wf,
            r.name,
            r.is_ephemeral,
            None if r.data is None else dumps(r.data),
            r.declared,
            r.schema,
        )
        for i, r in enumerate(plan.user_data)
    ]
    with store.write() as conn:
        _insert_workflow(
            conn, plan, ids, user=user, directory=directory, at=at, name=name or spec.name
        )
        insert(
            conn,
            "resource_requirements",
            REQUIREMENT_COLUMNS,
            [
                requirement_row(ids.resource_requirements + i, wf, r)
                for i, r in enumerate(plan.requirements)
            ],
        )
        _insert_handlers(conn, plan, ids)
        insert(conn, "job", _JOB_COLUMNS, jobs)
        insert(
            conn,
            "gate",
            "id workflow_id size unmet unsuccessful via",
            [
                (ids.gate + i, wf, len(g.members), 0, 0, g.via if isinstance(g.via, str) else None)
                for i, g in enumerate(plan.gates)
            ],
        )
        insert(conn, "dependency", "depends_on_id job_id kind via workflow_id", edges)
        insert(
            conn,
            "file",
            "id workflow_id name path",
            [(ids.file + i, wf, f.name, f.path) for i, f in enumerate(plan.files)],
        )
        insert(
            conn,
            "file_group",
            "group_id file_id workflow_id",
            [
                (ids.file_group + g, ids.file + f, wf)
                for g, group in enumerate(plan.file_groups)
                for f in group
            ],
        )
        insert(
            conn,
            "user_data",
            "id workflow_id name is_ephemeral data version declared json_schema",
            [
                (
                    i,
                    w,
                    n,
                    ephemeral,
                    data,
                    int(data is not None),
                    declared,
                    None if schema is None else dumps(schema),
                )
                for i, w, n, ephemeral, data, declared, schema in records
            ],
        )
        insert(
            conn,
            "user_data_version",
            "user_data_id version data written_at actor",
            [(i, 1, data, at, actor) for i, _, _, _, data, _, _ in records if data is not None],
        )
        insert(
            conn,
            "user_data_group",
            "group_id user_data_id workflow_id",
            [
                (ids.user_data_group + g, ids.user_data + r, wf)
                for g, group in enumerate(plan.user_data_groups)
                for r in group
            ],
        )
        events.append(
            conn,
            wf,
            [("workflow_created", None, {"name": name or spec.name, "jobs": len(plan.jobs)})],
            at=at,
            actor=actor,
        )
    return wf


def _insert_workflow(
    conn: Connection, plan: Plan, ids: _Ids, *, user: str, directory: str, at: float, name: str
) -> None:
    spec = plan.spec
    insert(
        conn,
        "workflow",
        (
            "id name user description project metadata directory file format created_at run_id is_canceled "
            "is_archived is_paused last_seq env execution_config use_pending_failed require_user_data settings"
        ),
        [
            (
                *(ids.workflow, name, user, spec.description, spec.project),
                *(None if spec.metadata is None else dumps(spec.metadata), directory),
                *(spec.file, spec.format, at, 0, False, False, False, 0),
                *(dumps(dict(spec.env)), dumps(execution_dict(spec.execution_config))),
                *(spec.use_pending_failed, spec.require_user_data, dumps(dict(spec.settings))),
            )
        ],
    )
    insert(
        conn,
        "workflow_text",
        "workflow_id text",
        [(ids.workflow, spec.text)] if spec.text is not None else [],
    )


def _insert_handlers(conn: Connection, plan: Plan, ids: _Ids) -> None:
    spec, wf = plan.spec, ids.workflow
    insert(
        conn,
        "failure_handler",
        "id workflow_id name rules",
        [
            (
                *(ids.failure_handler + i, wf, handler.name),
                dumps(
                    [
                        {
                            "exit_codes": list(rule.exit_codes),
                            "match_all_exit_codes": rule.match_all_exit_codes,
                            "recovery_script": rule.recovery_script,
                            "max_retries": rule.max_retries,
                        }
                        for rule in handler.rules
                    ]
                ),
            )
            for i, handler in enumerate(spec.failure_handlers)
        ],
    )
    insert(
        conn,
        "slurm_scheduler",
        "id workflow_id name settings",
        [
            (ids.slurm_scheduler + i, wf, scheduler.name, dumps(dict(scheduler.settings)))
            for i, scheduler in enumerate(spec.slurm_schedulers)
        ],
    )
    insert(
        conn,
        "action",
        "id workflow_id trigger_type action_type job_ids commands persistent settings",
        [
            (
                *(ids.action + i, wf, action.trigger_type, action.action_type),
                *(
                    dumps([ids.job + job for job in plan.action_jobs[i]]),
                    dumps(list(action.commands)),
                    action.persistent,
                ),
                dumps(dict(action.settings)),
            )
            for i, action in enumerate(spec.actions)
        ],
    )


def _job_rows(plan: Plan, ids: _Ids) -> list[tuple[Any, ...]]:
    ranks = rank(plan.requirements)
    wf, first_record = ids.workflow, ids.user_data
    rows = []
    for i, job in enumerate(plan.jobs, ids.job):
        spec = job.spec
        rows.append(
            (
                i,
                wf,
                spec.name,
                render(job.command, first_record),
                None
                if job.invocation_script is None
                else render(job.invocation_script, first_record),
                _script(job, first_record),
                0,
                False,
                spec.priority,
                ranks[job.requirement],
                0,
                0,
                spec.cancel_on_blocking_job_failure,
                1,
                0,
                ids.resource_requirements + job.requirement,
                None if job.failure_handler is None else ids.failure_handler + job.failure_handler,
                spec.scheduler,
                spec.family or spec.name,
                dumps(dict(spec.values)) if spec.values else None,
                dumps(dict(spec.env)) if spec.env else None,
                dumps(dict(spec.stdio)) if spec.stdio else None,
                spec.supports_termination,
                spec.require_user_data,
                None if job.input_files is None else ids.file_group + job.input_files,
                None if job.output_files is None else ids.file_group + job.output_files,
                None if job.input_user_data is None else ids.user_data_group + job.input_user_data,
                None
                if job.output_user_data is None
                else ids.user_data_group + job.output_user_data,
            )
        )
    return rows


def _script(job: PlannedJob, first_record: int) -> str | None:
    """Command and invocation script in pieces, with the ids of records as numbers; None where none
    is spoken of. So an export can tell an id from any other number."""
    scripts = (job.command, job.invocation_script)
    if not any(isinstance(script, tuple) for script in scripts):
        return None
    return dumps(
        [
            [part if isinstance(part, str) else first_record + part for part in script]
            if isinstance(script, tuple)
            else script
            for script in scripts
        ]
    )


def _edge_rows(plan: Plan, ids: _Ids) -> list[tuple[Any, ...]]:
    """Rows (waits for, waits, kind, via, workflow), in the order of the primary key, which inserts
    fastest."""
    wf, first = ids.workflow, ids.job
    via_base = {3: ids.file, 4: ids.user_data}
    bases = [0, 0, 0, ids.file, ids.user_data]
    rows: list[tuple[Any, ...]] = [
        (first + on, first + job, int(kind), None if via is None else bases[kind] + via, wf)
        for job, on, kind, via in plan.edges
    ]
    for i, gate in enumerate(plan.gates):
        mark, kind = -(ids.gate + i), int(gate.kind)
        via = gate.via + via_base.get(kind, 0) if isinstance(gate.via, int) else None
        rows += [(first + member, mark, kind, via, wf) for member in gate.members]
        rows += [(mark, first + waiter, kind, via, wf) for waiter in gate.waiting]
    rows.sort(key=_by_key)
    return rows


def _by_key(row: tuple[Any, ...]) -> tuple[int, int]:
    return row[0], row[1]


def execution_dict(config: ExecutionConfig) -> dict[str, Json]:
    """The fields of ``config`` as JSON."""
    found = {field.name: getattr(config, field.name) for field in fields(config)}
    found["settings"] = dict(config.settings)
    return found


def execution_of(values: Mapping[str, Json]) -> ExecutionConfig:
    """The inverse of ``execution_dict``; keys of a later version are left out."""
    known = {field.name for field in fields(ExecutionConfig)}
    return ExecutionConfig(**{key: value for key, value in values.items() if key in known})


REQUIREMENT_COLUMNS = (
    "id workflow_id name num_cpus memory num_gpus gpu_memory gpu_model num_nodes runtime enforced"
)


def requirement_row(number: int, workflow_id: int, r: ResourceRequirements) -> tuple[Any, ...]:
    """Return a row of the table of requirements, in the order of ``REQUIREMENT_COLUMNS``.

    A memory or runtime that is not declared is stored as 0; both columns are not nullable.
    """
    enforced = r.memory is not None or r.runtime is not None
    return (
        *(number, workflow_id, r.name, r.num_cpus, r.memory or 0, float(r.num_gpus)),
        *(r.gpu_memory, r.gpu_model, r.num_nodes, float(r.runtime or 0), enforced),
    )
