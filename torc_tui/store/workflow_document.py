"""Read an exported workflow: a document of ours, or of upstream's program, as a plan.

Input: the document, which may hold anything. Output: a plan, and the results and events as rows.
Commands that name records by id get the new ids. Documents without ``dependencies`` have them in
``depends_on_job_ids`` of their jobs.

Invariant: every value passes the check of the same key in a workflow file; UsageError names the
place of the first one that does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from torc_tui.errors import UsageError
from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    Action,
    EdgeKind,
    ExecutionConfig,
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
from torc_tui.quoting import quoted, shorten
from torc_tui.status import JobStatus
from torc_tui.store.encoding import dumps
from torc_tui.workflow_file import checks
from torc_tui.workflow_file.invalid_value import InvalidValue, kind_of
from torc_tui.workflow_file.schema import (
    ACTION,
    EXECUTION,
    JOB,
    JOB_OPTIONS,
    REQUIREMENTS,
    RULE,
    STDIO,
)
from torc_tui.workflow_file.spelling import string

Check = Callable[[Any], Any]

HINT = "`torc workflows export` writes such files"
_ANY_WHOLE = checks.integer(-(1 << 63), (1 << 63) - 1)
_PRIORITY = checks.integer(-checks.INTEGER_LIMIT)  # a command may set one below 0, a file may not
_REQUIRED: Any = object()


class Entry:
    """A mapping of the document; ``place`` is where it stands, such as ``jobs[3]``."""

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise UsageError(
                f"this is not an exported workflow: {place} {_is_not('a mapping', value)}",
                hint=HINT,
            )
        self.values, self.place = value, place

    def get(self, key: str, check: Check, default: Any = _REQUIRED) -> Any:
        """Return a checked value; ``default`` if there is none or null."""
        value = self.values.get(key)
        if value is None:
            if default is _REQUIRED:
                raise self.error(key, "is missing")
            return default
        try:
            return check(value)
        except InvalidValue as wrong:
            raise self.error(key, wrong.message) from None

    def error(self, key: str, words: str) -> UsageError:
        """Return the error for a value of this entry."""
        return UsageError(
            f"this is not an exported workflow: {self.place}: {key!r} {words}", hint=HINT
        )


def _is_not(wanted: str, value: Any) -> str:
    return f"must be {wanted}, not {kind_of(value)}"


def _entries(document: Mapping[str, Json], key: str) -> list[Entry]:
    found = document.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        words = f"this is not an exported workflow: {key!r} {_is_not('a list', found)}"
        raise UsageError(words, hint=HINT)
    return [Entry(value, f"{key}[{i}]") for i, value in enumerate(found)]


@dataclass(frozen=True, slots=True)
class Transfer:
    """An imported workflow: its plan, and rows whose jobs are places in the plan."""

    plan: Plan
    results: list[dict[str, Any]]
    events: list[tuple[str, int | None, dict[str, Json] | None, float, str | None]]


def read_document(document: Mapping[str, Json]) -> Transfer:
    """Check a document and return what is to be stored."""
    places = _Places(document)
    plan = _plan(document, places)
    _check_plan(plan)
    return Transfer(
        plan,
        [_result(entry, places) for entry in _entries(document, "results")],
        [_event(entry, places) for entry in _entries(document, "events")],
    )


class _Places:
    """The entries of each list of the document, and their places by id."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        names = ["files", "user_data", "jobs", "resource_requirements", "failure_handlers", "gates"]
        self.lists = {name: _entries(document, name) for name in names}
        self.by_id = {
            name: {entry.get("id", _ANY_WHOLE, None): i for i, entry in enumerate(found)}
            for name, found in self.lists.items()
        }

    def of(self, name: str) -> Check:
        """Return a check that takes an id and returns the place of that entry."""

        def check(value: Any) -> int:
            place = self.by_id[name].get(_ANY_WHOLE(value))
            if place is None:
                raise InvalidValue(f"is {value}, which {name} does not contain")
            return place

        return check

    def all_of(self, name: str) -> Check:
        one = self.of(name)

        def check(value: Any) -> tuple[int, ...]:
            return tuple(dict.fromkeys(one(item) for item in _listed(value)))

        return check


def _json(value: Any) -> Any:
    """Check that the database can hold a value; half of a surrogate pair is stored as an escape."""
    dumps(value)
    return value


def _json_mapping(value: Any) -> Any:
    return _json(checks.mapping(value))


def _variables(value: Any) -> dict[str, str]:
    return {checks.name(key): string(one) for key, one in checks.mapping(value).items()}


def _schema(value: Any) -> Any:
    return _json(value if isinstance(value, bool) else checks.mapping(value))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidValue(_is_not("a list", value))
    return value


def _plan(document: Mapping[str, Json], places: _Places) -> Plan:
    head = Entry(document.get("workflow"), "workflow")
    requirements = [_requirements(entry) for entry in places.lists["resource_requirements"]]
    if not any(entry.name == "default" for entry in requirements):
        requirements.append(DEFAULT_REQUIREMENTS)
    default = next(i for i, entry in enumerate(requirements) if entry.name == "default")
    groups: tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], int]] = ({}, {})
    jobs = [_job(entry, places, default, groups) for entry in places.lists["jobs"]]
    edges, gates = _graph(document, places)
    action_entries = _entries(document, "workflow_actions")
    spec = WorkflowSpec(
        name=head.get("name", checks.name),
        description=head.get("description", string, None),
        user=head.get("user", string, None),
        project=head.get("project", string, None),
        metadata=head.get("metadata", _json, None),
        jobs=[job.spec for job in jobs],
        files=[
            FileSpec(name=one.get("name", checks.name), path=one.get("path", checks.nonempty))
            for one in places.lists["files"]
        ],
        user_data=[_user_data(entry) for entry in places.lists["user_data"]],
        resource_requirements=requirements,
        failure_handlers=[_handler(entry) for entry in places.lists["failure_handlers"]],
        slurm_schedulers=[_scheduler(one) for one in _entries(document, "slurm_schedulers")],
        actions=[_action(entry) for entry in action_entries],
        env=head.get("env", _variables, {}),
        execution_config=head.get("execution_config", _execution, ExecutionConfig()),
        use_pending_failed=head.get("use_pending_failed", checks.boolean, False),
        require_user_data=head.get("require_user_data", checks.boolean, False),
        settings=head.get("settings", _json_mapping, {}),
        file=head.get("file", string, None),
        format=head.get("format", checks.choice("yaml", "json", "json5", "kdl"), None),
        text=head.get("text", string, None),
    )
    return Plan(
        spec,
        jobs,
        spec.files,
        spec.user_data,
        requirements,
        list(groups[0]),
        list(groups[1]),
        edges,
        gates,
        action_jobs=[one.get("job_ids", places.all_of("jobs"), ()) for one in action_entries],
    )


# -- entries ---------------------------------------------------------------------------------------


def _job(
    entry: Entry,
    places: _Places,
    default: int,
    groups: tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], int]],
) -> PlannedJob:
    def group(key: str, name: str) -> int | None:
        known = groups[name == "user_data"]
        members = entry.get(key, places.all_of(name), ())
        return known.setdefault(members, len(known)) if members else None

    command, invocation = _scripts(entry, places)
    return PlannedJob(
        _job_spec(entry),
        command,
        invocation,
        entry.get("resource_requirements_id", places.of("resource_requirements"), default),
        entry.get("failure_handler_id", places.of("failure_handlers"), None),
        group("input_file_ids", "files"),
        group("output_file_ids", "files"),
        group("input_user_data_ids", "user_data"),
        group("output_user_data_ids", "user_data"),
    )


def _job_spec(entry: Entry) -> JobSpec:
    name = entry.get("name", checks.name)
    values = entry.get("parameters", _json_mapping, {})
    return JobSpec(
        name=name,
        command=entry.get("command", checks.nonempty),
        env=entry.get("env", _variables, {}),
        stdio=entry.get("stdio", _stdio, None),
        options=entry.get("options", _options, {}),
        group=entry.get("group", checks.nonempty, entry.get("family", checks.nonempty, name)),
        values=tuple((key, _parameter(entry, key, value)) for key, value in values.items()),
        priority=entry.get("priority", _PRIORITY, 0),
        **{key: entry.get(key, JOB.keys[key].check, value) for key, value in _SCALARS.items()},
    )


_SCALARS: dict[str, Any] = {
    field.name: field.default
    for field in fields(JobSpec)
    if field.name in JOB.keys
    and JOB.keys[field.name].shape == "scalar"
    and field.name
    not in ("name", "command", "priority", "resource_requirements", "failure_handler")
}
"""Fields of a job with their defaults; a document names requirements and handlers by id."""


def _parameter(entry: Entry, key: str, value: Any) -> int | float | str:
    finite = not isinstance(value, float) or math.isfinite(value)
    if isinstance(value, (int, float, str)) and not isinstance(value, bool) and finite:
        return value
    raise entry.error("parameters", f"{key!r} {_is_not('a number or a text', value)}")


def _scripts(entry: Entry, places: _Places) -> tuple[Script, Script | None]:
    script = entry.get("script", _listed, None)
    if script is None:
        return entry.get("command", checks.nonempty), entry.get("invocation_script", string, None)
    if len(script) != 2 or script[0] is None:
        raise entry.error("script", "must be the parts of command and invocation_script")
    record = places.of("user_data")

    def half(value: Any) -> Script | None:
        if not isinstance(value, list):
            return None if value is None else str(string(value))
        return tuple(one if isinstance(one, str) else record(one) for one in value)

    try:
        return half(script[0]) or "", half(script[1])
    except InvalidValue as wrong:
        raise entry.error("script", wrong.message) from None


def _options(value: Any) -> dict[str, Json]:
    return _by_table(checks.mapping(value), {key: JOB.keys[key] for key in JOB_OPTIONS})


def _stdio(value: Any) -> dict[str, Json]:
    return _by_table(checks.mapping(value), STDIO.keys)


def _by_table(values: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of known keys, each checked; other keys are left out."""
    found = {}
    for key, value in values.items():
        if key in keys and value is not None:
            try:
                found[key] = keys[key].check(value)
            except InvalidValue as wrong:
                raise InvalidValue(f"{key!r} {wrong.message}") from None
    return found


_EXECUTION: dict[str, Any] = {
    **EXECUTION.keys,
    "stdio_mode": STDIO.keys["mode"],
    "delete_stdio_on_success": STDIO.keys["delete_on_success"],
}


def _execution(value: Any) -> ExecutionConfig:
    given = checks.mapping(value)
    known = {field.name for field in fields(ExecutionConfig)}
    values = {key: one for key, one in _by_table(given, _EXECUTION).items() if key in known}
    settings = given.get("settings")
    return ExecutionConfig(**values, settings={} if settings is None else _json_mapping(settings))


def _requirements(entry: Entry) -> ResourceRequirements:
    name = entry.get("name", checks.name)
    keys = REQUIREMENTS.keys
    values = {
        key: entry.get(key, keys[key].check)
        for key in ("num_cpus", "memory", "num_gpus", "gpu_memory", "gpu_model", "num_nodes")
        if key == "num_cpus" or entry.values.get(key) is not None
    }
    runtime = entry.get("runtime", _runtime, None)
    declared = (entry.values.get("memory"), entry.values.get("runtime"))
    if name == DEFAULT_REQUIREMENTS.name and declared == ("1m", "PT1M"):
        return ResourceRequirements(name=name)  # upstream's record for jobs that declare nothing
    return ResourceRequirements(name=name, runtime=runtime, **values)


def _runtime(value: Any) -> float:
    if isinstance(value, str):
        return float(checks.duration(value))
    return float(checks.seconds(value))


def _user_data(entry: Entry) -> UserDataSpec:
    return UserDataSpec(
        name=entry.get("name", checks.name),
        data=entry.get("data", _json, None),
        is_ephemeral=entry.get("is_ephemeral", checks.boolean, False),
        schema=entry.get("schema", _schema, None),
        declared=entry.get("declared", checks.boolean, True),
    )


def _handler(entry: Entry) -> FailureHandler:
    rules = [Entry(rule, f"{entry.place}.rules") for rule in entry.get("rules", _rules, [])]
    return FailureHandler(
        name=entry.get("name", checks.name),
        rules=tuple(
            FailureRule(
                **{
                    key: rule.get(key, RULE.keys[key].check)
                    for key in rule.values
                    if key in RULE.keys and rule.values[key] is not None
                }
            )
            for rule in rules
        ),
    )


def _rules(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidValue("must hold JSON") from None
    return _listed(value)


def _scheduler(entry: Entry) -> SlurmScheduler:
    own = {
        key: one for key, one in entry.values.items() if key not in ("id", "workflow_id", "name")
    }
    return SlurmScheduler(
        name=entry.get("name", checks.name),
        settings=entry.get("settings", _json_mapping, None) or _json_mapping(own),
    )


def _action(entry: Entry) -> Action:
    return Action(
        trigger_type=entry.get("trigger_type", ACTION.keys["trigger_type"].check),
        action_type=entry.get("action_type", ACTION.keys["action_type"].check),
        commands=entry.get("commands", checks.strings(), ()),
        persistent=entry.get("persistent", checks.boolean, False),
        settings=entry.get("settings", _json_mapping, {}),
    )


# -- graph -----------------------------------------------------------------------------------------

_Edges = list[tuple[int, int, int, int | None]]


def _graph(document: Mapping[str, Json], places: _Places) -> tuple[_Edges, list[Gate]]:
    """Return the edges and gates of the document, by place."""
    found: dict[tuple[int, int], tuple[int, int, int, int | None]] = {}
    gates = places.lists["gates"]
    members: list[dict[int, None]] = [{} for _ in gates]
    waiting: list[dict[int, None]] = [{} for _ in gates]
    kinds: dict[int, tuple[EdgeKind, int | None]] = {}
    job, gate_of = places.of("jobs"), places.of("gates")
    for waiter, on, kind, via in _dependencies(document, places):
        if waiter < 0:
            gate = gate_of(-waiter)
            members[gate][job(on)] = None
            kinds[gate] = (kind, via)
        elif on < 0:
            gate = gate_of(-on)
            waiting[gate][job(waiter)] = None
        else:
            found[job(waiter), job(on)] = (job(waiter), job(on), kind, via)
    made = []
    for i, entry in enumerate(gates):
        kind, via = kinds.get(i, (EdgeKind.REGEX, None))
        pattern = entry.get("via", string, None)
        made.append(
            Gate(tuple(members[i]), tuple(waiting[i]), kind, pattern if via is None else via)
        )
    return list(found.values()), made


def _dependencies(
    document: Mapping[str, Json], places: _Places
) -> Iterator[tuple[int, int, EdgeKind, int | None]]:
    """Yield (waits, waits for, kind, place of the file or record), with ids of jobs and gates."""
    if document.get("dependencies") is None:
        for entry in places.lists["jobs"]:
            entry.get("depends_on_job_ids", places.all_of("jobs"), ())
            for on in entry.values.get("depends_on_job_ids") or ():
                yield entry.get("id", _ANY_WHOLE), on, EdgeKind.EXPLICIT, None
        return
    edges = document["dependencies"]
    for i, edge in enumerate(edges if isinstance(edges, list) else [edges]):
        try:
            yield _dependency(edge, places)
        except InvalidValue as wrong:
            words = f"this is not an exported workflow: dependencies[{i}] {wrong.message}"
            raise UsageError(words, hint=HINT) from None


def _dependency(edge: Any, places: _Places) -> tuple[int, int, EdgeKind, int | None]:
    if not isinstance(edge, list) or len(edge) != 4:
        raise InvalidValue("must be [job, depends on, kind, via]")
    waiter, on, number = (_ANY_WHOLE(one) for one in edge[:3])
    if number not in list(EdgeKind):
        raise InvalidValue(f"has the unknown kind {number}")
    for one in (waiter, on):
        places.of("jobs" if one >= 0 else "gates")(abs(one))
    if waiter < 0 and on < 0:
        raise InvalidValue("connects two gates")
    kind = EdgeKind(number)
    if edge[3] is None or kind not in (EdgeKind.FILE, EdgeKind.USER_DATA):
        return waiter, on, kind, None
    return waiter, on, kind, places.of("files" if kind is EdgeKind.FILE else "user_data")(edge[3])


def _check_plan(plan: Plan) -> None:
    """Refuse two entries of one name, and jobs that wait for each other."""
    for what, names in (
        ("job", [job.spec.name for job in plan.jobs]),
        ("file", [file.name for file in plan.files]),
        ("user data", [record.name for record in plan.user_data]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise UsageError(
                    f"the exported workflow has two of the name {quoted(name)} ({what})", hint=HINT
                )
            seen.add(name)
    count = len(plan.jobs)
    cycles = find_cycles(count + len(plan.gates), *edge_arrays(plan), 1)
    if cycles:
        path = [shorten(plan.jobs[node].spec.name, 60) for node in cycles[0] if node < count]
        raise UsageError(
            "the jobs of the exported workflow wait for each other: "
            + " -> ".join([*path, path[0]])
        )


# -- results and events ----------------------------------------------------------------------------


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise InvalidValue(_is_not("a number", value))
    return float(value)


def _status(value: Any) -> int:
    try:
        return int(JobStatus.from_word(string(value)))
    except KeyError:
        raise InvalidValue(f"is {value!r}, which is not a status") from None


_RUN = checks.integer(0)
_RESULT: dict[str, Check] = {
    "return_code": checks.integer(-(1 << 31)),
    "cause": string,
    "reason": string,
    "cpu_time": _number,
    "peak_memory": _ANY_WHOLE,
    "avg_memory": _ANY_WHOLE,
    "peak_cpu_percent": _number,
    "avg_cpu_percent": _number,
    "peak_gpu_memory": _ANY_WHOLE,
    "avg_gpu_percent": _number,
    "allocation": _json,
}
"""Optional columns; those in bytes have the suffix ``_bytes`` in a document."""


def _result(entry: Entry, places: _Places) -> dict[str, Any]:
    ended = entry.get("ended_at", _number)
    row = {
        "job_id": entry.get("job_id", places.of("jobs")),
        "run_id": entry.get("run_id", _RUN),
        "attempt_id": entry.get("attempt_id", _RUN),
        "status": entry.get("status", _status),
        "started_at": entry.get("started_at", _number, ended),
        "ended_at": ended,
    }
    for column, check in _RESULT.items():
        key = f"{column}_bytes" if f"{column}_bytes" in entry.values else column
        row[column] = entry.get(key, check, None)
    return row


def _event(
    entry: Entry, places: _Places
) -> tuple[str, int | None, dict[str, Json] | None, float, str | None]:
    return (
        entry.get("event_type", checks.nonempty),
        entry.get("job_id", places.of("jobs"), None),
        entry.get("data", _json_mapping, None),
        entry.get("timestamp", _number),
        entry.get("actor", string, None),
    )
