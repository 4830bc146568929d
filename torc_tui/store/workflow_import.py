"""An exported document becomes a workflow again.

What comes in: a document as ``export`` makes it, or upstream's program. What goes out: a new
workflow. It goes the way of every creation, through a plan: new ids for everything, all jobs
``uninitialized``. Commands that speak of records by id get the new ids. Documents without
``dependencies`` say them in ``depends_on_job_ids`` of their jobs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from torc_tui.errors import UsageError
from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    Action,
    EdgeKind,
    FailureHandler,
    FailureRule,
    FileSpec,
    Gate,
    JobSpec,
    Json,
    Plan,
    PlannedJob,
    ResourceRequirements,
    Script,
    SlurmScheduler,
    UserDataSpec,
    WorkflowSpec,
)
from torc_tui.plan.edge_reasons import edge_arrays
from torc_tui.plan.topology import find_cycles
from torc_tui.status import JobStatus
from torc_tui.store import events, workflows
from torc_tui.store.creation import create, execution_of
from torc_tui.store.database import Statement, Store, insert
from torc_tui.store.encoding import dumps
from torc_tui.store.workflow_export import Document
from torc_tui.store.workflow_export import export_workflow as export_workflow
from torc_tui.units import parse_duration, parse_memory


def import_workflow(
    store: Store,
    data: Mapping[str, Json],
    *,
    user: str,
    directory: str,
    at: float,
    name: str | None = None,
    actor: str | None = None,
) -> int:
    """A new workflow of ``user`` from an exported document, with the results and events it holds;
    its id. UsageError for a document that is not one, or that speaks of things it does not hold;
    then nothing is stored."""
    plan, jobs = read_document(data)
    results = [_result(entry, jobs) for entry in _list(data, "results")]
    told = [_event(entry, jobs) for entry in _list(data, "events")]
    workflow_id = create(store, plan, user=user, directory=directory, at=at, name=name, actor=actor)
    if not results and not told:
        return workflow_id
    try:
        with store.write() as conn:
            text = "SELECT min(id) FROM job WHERE workflow_id = ?"
            first: int = Statement(text).run(conn, (workflow_id,)).scalar_one() or 0
            insert(
                conn,
                "result",
                _RESULT_COLUMNS,
                [(workflow_id, first + row[0], *row[1:]) for row in results],
            )
            for kind, job, values, moment, who in told:
                entry = (kind, None if job is None else first + job, values)
                events.append(conn, workflow_id, [entry], at=moment, actor=who)
    except BaseException:
        workflows.delete(store, [workflow_id])
        raise
    return workflow_id


def read_document(data: Mapping[str, Json]) -> tuple[Plan, dict[int, int]]:
    """The plan that a document describes, and the place in it of each job by the id it had."""
    try:
        return _plan(data)
    except UsageError:
        raise
    except KeyError as error:
        raise UsageError(
            f"the exported workflow lacks or does not hold {error.args[0]!r}", hint=_HINT
        ) from error
    except (TypeError, ValueError, AttributeError, IndexError, re.error) as error:
        raise UsageError(f"this is not an exported workflow: {error}", hint=_HINT) from error


_HINT = "`torc workflows export` writes such files"


def _plan(data: Mapping[str, Json]) -> tuple[Plan, dict[int, int]]:
    head = data["workflow"]
    files, records_in = _list(data, "files"), _list(data, "user_data")
    jobs_in = _list(data, "jobs")
    place = {
        key: {entry["id"]: i for i, entry in enumerate(_list(data, key))}
        for key in (
            "files",
            "user_data",
            "jobs",
            "resource_requirements",
            "failure_handlers",
            "gates",
        )
    }
    requirements = [_requirements(entry) for entry in _list(data, "resource_requirements")]
    if not any(entry.name == "default" for entry in requirements):
        requirements.append(DEFAULT_REQUIREMENTS)
    default = next(i for i, entry in enumerate(requirements) if entry.name == "default")
    groups: tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], int]] = ({}, {})

    def group(entry: Document, key: str, kind: int) -> int | None:
        ids = tuple(place[("files", "user_data")[kind]][member] for member in entry.get(key) or ())
        return groups[kind].setdefault(ids, len(groups[kind])) if ids else None

    planned = []
    for entry in jobs_in:
        asked, handler = entry.get("resource_requirements_id"), entry.get("failure_handler_id")
        command, invocation = _scripts(entry, place["user_data"])
        planned.append(
            PlannedJob(
                _job_spec(entry),
                command,
                invocation,
                default if asked is None else place["resource_requirements"][asked],
                None if handler is None else place["failure_handlers"][handler],
                group(entry, "input_file_ids", 0),
                group(entry, "output_file_ids", 0),
                group(entry, "input_user_data_ids", 1),
                group(entry, "output_user_data_ids", 1),
            )
        )
    edges, gates = _graph(data, place)
    actions = _list(data, "workflow_actions")
    spec = WorkflowSpec(
        name=_word(head, "name"),
        description=head.get("description"),
        user=head.get("user"),
        project=head.get("project"),
        metadata=head.get("metadata"),
        jobs=[job.spec for job in planned],
        files=[FileSpec(name=_word(entry, "name"), path=_word(entry, "path")) for entry in files],
        user_data=[
            UserDataSpec(
                name=_word(entry, "name"),
                data=entry.get("data"),
                is_ephemeral=bool(entry.get("is_ephemeral")),
                schema=entry.get("schema"),
                declared=bool(entry.get("declared", True)),
            )
            for entry in records_in
        ],
        resource_requirements=requirements,
        failure_handlers=[_handler(entry) for entry in _list(data, "failure_handlers")],
        slurm_schedulers=[
            SlurmScheduler(
                name=_word(entry, "name"),
                settings=entry.get("settings")
                or {k: v for k, v in entry.items() if k not in ("id", "workflow_id", "name")},
            )
            for entry in _list(data, "slurm_schedulers")
        ],
        actions=[
            Action(
                trigger_type=_word(entry, "trigger_type"),
                action_type=_word(entry, "action_type"),
                commands=tuple(entry.get("commands") or ()),
                persistent=bool(entry.get("persistent")),
                settings=dict(entry.get("settings") or {}),
            )
            for entry in actions
        ],
        env=dict(head.get("env") or {}),
        execution_config=execution_of(head.get("execution_config") or {}),
        use_pending_failed=bool(head.get("use_pending_failed")),
        require_user_data=bool(head.get("require_user_data")),
        settings=dict(head.get("settings") or {}),
        file=head.get("file"),
        format=head.get("format"),
        text=head.get("text"),
    )
    plan = Plan(
        spec,
        planned,
        spec.files,
        spec.user_data,
        requirements,
        list(groups[0]),
        list(groups[1]),
        edges,
        gates,
        action_jobs=[
            tuple(place["jobs"][job] for job in entry.get("job_ids") or ()) for entry in actions
        ],
    )
    _check(plan)
    return plan, place["jobs"]


def _graph(
    data: Mapping[str, Json], place: Mapping[str, Mapping[int, int]]
) -> tuple[list[tuple[int, int, int, int | None]], list[Gate]]:
    """The edges and gates of the document, by place."""
    jobs = place["jobs"]
    found: dict[tuple[int, int], tuple[int, int, int, int | None]] = {}
    members: list[list[int]] = [[] for _ in place["gates"]]
    waiting: list[list[int]] = [[] for _ in place["gates"]]
    kinds: dict[int, tuple[EdgeKind, int | None]] = {}
    for waiter, on, kind_number, via_id in _list(data, "dependencies"):
        kind = EdgeKind(kind_number)
        via = None
        if via_id is not None and kind in (EdgeKind.FILE, EdgeKind.USER_DATA):
            via = place["files" if kind is EdgeKind.FILE else "user_data"].get(via_id)
        if waiter < 0:
            gate = place["gates"][-waiter]
            members[gate].append(jobs[on])
            kinds[gate] = (kind, via)
        elif on < 0:
            gate = place["gates"][-on]
            waiting[gate].append(jobs[waiter])
        else:
            found[jobs[waiter], jobs[on]] = (jobs[waiter], jobs[on], kind, via)
    if "dependencies" not in data:
        for entry in _list(data, "jobs"):
            for on in entry.get("depends_on_job_ids") or ():
                pair = (jobs[entry["id"]], jobs[on])
                found[pair] = (*pair, EdgeKind.EXPLICIT, None)
    patterns = [entry.get("via") for entry in _list(data, "gates")]
    gates = []
    for i, pattern in enumerate(patterns):
        kind, via = kinds.get(i, (EdgeKind.REGEX, None))
        gates.append(
            Gate(tuple(members[i]), tuple(waiting[i]), kind, pattern if via is None else via)
        )
    return list(found.values()), gates


def _check(plan: Plan) -> None:
    """Refuse what no plan of ours would hold: a name twice, jobs that wait for each other."""
    for what, names in (
        ("job", [job.spec.name for job in plan.jobs]),
        ("file", [file.name for file in plan.files]),
        ("user data", [record.name for record in plan.user_data]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise UsageError(
                    f"the exported workflow has two of the name {name!r} ({what})", hint=_HINT
                )
            seen.add(name)
    count = len(plan.jobs)
    cycles = find_cycles(count + len(plan.gates), *edge_arrays(plan), 1)
    if cycles:
        path = [plan.jobs[node].spec.name for node in cycles[0] if node < count]
        raise UsageError(
            "the jobs of the exported workflow wait for each other: "
            + " -> ".join([*path, path[0]])
        )


def _scripts(entry: Document, place: Mapping[int, int]) -> tuple[Script, Script | None]:
    script = entry.get("script")
    if script is None:
        command, invocation = _word(entry, "command"), entry.get("invocation_script")
        return command, None if invocation is None else str(invocation)
    both = [
        tuple(part if isinstance(part, str) else place[part] for part in half)
        if isinstance(half, list)
        else half
        for half in script
    ]
    return both[0], both[1]


def _job_spec(entry: Document) -> JobSpec:
    values = entry.get("parameters") or {}
    return JobSpec(
        name=_word(entry, "name"),
        command=_word(entry, "command"),
        invocation_script=entry.get("invocation_script"),
        cancel_on_blocking_job_failure=bool(entry.get("cancel_on_blocking_job_failure", True)),
        supports_termination=bool(entry.get("supports_termination")),
        scheduler=entry.get("scheduler"),
        priority=int(entry.get("priority") or 0),
        env=dict(entry.get("env") or {}),
        stdio=entry.get("stdio"),
        require_user_data=entry.get("require_user_data"),
        family=str(entry.get("family") or entry["name"]),
        values=tuple(values.items()),
    )


def _requirements(entry: Document) -> ResourceRequirements:
    name = _word(entry, "name")
    memory, runtime = entry.get("memory"), entry.get("runtime")
    if name == DEFAULT_REQUIREMENTS.name and (memory, runtime) == ("1m", "PT1M"):
        memory = runtime = None  # Torc's record for jobs that declare nothing
    gpu_memory = entry.get("gpu_memory")
    return ResourceRequirements(
        name=name,
        num_cpus=int(entry["num_cpus"]),
        memory=None if memory is None else parse_memory(memory),
        num_gpus=entry.get("num_gpus") or 0,
        gpu_memory=None if gpu_memory is None else parse_memory(gpu_memory),
        gpu_model=entry.get("gpu_model"),
        num_nodes=int(entry.get("num_nodes") or 1),
        runtime=None if runtime is None else _duration(runtime),
    )


def _duration(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else parse_duration(value)


def _handler(entry: Document) -> FailureHandler:
    rules = entry.get("rules") or []
    if isinstance(rules, str):
        rules = json.loads(rules)
    return FailureHandler(
        name=_word(entry, "name"),
        rules=tuple(
            FailureRule(
                exit_codes=tuple(rule.get("exit_codes") or ()),
                match_all_exit_codes=bool(rule.get("match_all_exit_codes")),
                recovery_script=rule.get("recovery_script"),
                max_retries=int(rule.get("max_retries", 3)),
            )
            for rule in rules
        ),
    )


_RESULT_COLUMNS = (
    "workflow_id job_id run_id attempt_id status return_code cause reason started_at ended_at cpu_time peak_memory "
    "avg_memory peak_cpu_percent avg_cpu_percent peak_gpu_memory avg_gpu_percent allocation"
)


def _result(entry: Document, jobs: Mapping[int, int]) -> tuple[Any, ...]:
    """A row of the table of results, without its workflow and with the place of its job."""
    try:
        ended = entry["ended_at"]
        allocation = entry.get("allocation")
        return (
            jobs[entry["job_id"]],
            int(entry["run_id"]),
            int(entry["attempt_id"]),
            int(JobStatus.from_word(entry["status"])),
            *(entry.get(key) for key in ("return_code", "cause", "reason")),
            *(entry.get("started_at", ended), ended),
            *(
                entry.get(key)
                for key in ("cpu_time", "peak_memory_bytes", "avg_memory_bytes", "peak_cpu_percent")
            ),
            *(
                entry.get(key)
                for key in ("avg_cpu_percent", "peak_gpu_memory_bytes", "avg_gpu_percent")
            ),
            None if allocation is None else dumps(allocation),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"a result of the exported workflow cannot be read: {error}", hint="--skip-results"
        ) from error


def _event(
    entry: Document, jobs: Mapping[int, int]
) -> tuple[str, int | None, Mapping[str, Json] | None, float, str | None]:
    try:
        job = entry.get("job_id")
        place = None if job is None else jobs[job]
        return (
            str(entry["event_type"]),
            place,
            entry.get("data"),
            float(entry["timestamp"]),
            entry.get("actor"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"an event of the exported workflow cannot be read: {error}", hint="--skip-events"
        ) from error


def _list(data: Mapping[str, Json], key: str) -> list[Any]:
    found = data.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise UsageError(f"{key!r} of the exported workflow is not a list", hint=_HINT)
    return found


def _word(entry: Mapping[str, Json], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value:
        raise UsageError(f"{key!r} of the exported workflow is not a text: {value!r}", hint=_HINT)
    return value
