"""Read an exported workflow: a document of torc, or of upstream's program, as a plan.

Input: the document, which may hold anything. Output: a plan, and the results and events as rows.
Commands that name records by id get the new ids. The jobs of a document without ``dependencies``
have ``depends_on_job_ids``.

`document_entries` checks the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.errors import UsageError
from torc_tui.model import (
    DEFAULT_REQUIREMENTS,
    ExecutionConfig,
    FileSpec,
    Json,
    Plan,
    PlannedJob,
    Script,
    WorkflowSpec,
)
from torc_tui.plan.edge_reasons import edge_arrays
from torc_tui.plan.topology import find_cycles
from torc_tui.quoting import quoted, shorten
from torc_tui.reasons import decode
from torc_tui.records import dataclass
from torc_tui.status import JobStatus
from torc_tui.store.document_entries import (
    ANY_WHOLE,
    HINT,
    Check,
    DocumentEntry,
    JobOrigin,
    action_of,
    entries_of,
    execution_config,
    handler_of,
    is_not,
    job_spec,
    json_mapping,
    json_value,
    listed,
    origin_of,
    requirements_of,
    scheduler_of,
    user_data_of,
    variables,
    workflow_settings,
)
from torc_tui.store.document_graph import Places, read_graph
from torc_tui.workflow_file import checks
from torc_tui.workflow_file.values import InvalidValue, string


@dataclass(frozen=True, slots=True)
class Transfer:
    """An imported workflow: its plan, and rows whose jobs are places in the plan."""

    plan: Plan
    origins: dict[int, JobOrigin]
    results: list[dict[str, Any]]
    events: list[tuple[str, int | None, dict[str, Json] | None, float, str | None]]


def read_document(document: Mapping[str, Json]) -> Transfer:
    """Check a document and return what is to be stored."""
    places = Places(document)
    plan = _plan(document, places)
    _check_plan(plan)
    results = _results(document, places)
    last_run = max((row["run_id"] for row in results), default=0)
    origins = {
        place: origin
        for place, entry in enumerate(places.lists["jobs"])
        if (origin := origin_of(entry, places.of("jobs"), last_run)) is not None
    }
    _check_origins(places.lists["jobs"], origins)
    return Transfer(
        plan,
        origins,
        results,
        [_event(entry, places) for entry in entries_of(document, "events")],
    )


def _plan(document: Mapping[str, Json], places: Places) -> Plan:
    head = DocumentEntry(document.get("workflow"), "workflow")
    requirements = [requirements_of(entry) for entry in places.lists["resource_requirements"]]
    if not any(entry.name == "default" for entry in requirements):
        requirements.append(DEFAULT_REQUIREMENTS)
    default = next(i for i, entry in enumerate(requirements) if entry.name == "default")
    groups: tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], int]] = ({}, {})
    jobs = [_job(entry, places, default, groups) for entry in places.lists["jobs"]]
    edges, gates = read_graph(document, places)
    action_entries = entries_of(document, "workflow_actions")
    spec = WorkflowSpec(
        name=head.get("name", checks.name),
        description=head.get("description", string, None),
        user=head.get("user", string, None),
        project=head.get("project", string, None),
        metadata=head.get("metadata", json_value, None),
        jobs=[job.spec for job in jobs],
        files=[
            FileSpec(name=one.get("name", checks.name), path=one.get("path", checks.nonempty))
            for one in places.lists["files"]
        ],
        user_data=[user_data_of(entry) for entry in places.lists["user_data"]],
        resource_requirements=requirements,
        failure_handlers=[handler_of(entry) for entry in places.lists["failure_handlers"]],
        slurm_schedulers=[scheduler_of(one) for one in entries_of(document, "slurm_schedulers")],
        actions=[action_of(entry) for entry in action_entries],
        env=head.get("env", variables, {}),
        execution_config=head.get("execution_config", execution_config, ExecutionConfig()),
        use_pending_failed=head.get("use_pending_failed", checks.boolean, False),
        require_user_data=head.get("require_user_data", checks.boolean, False),
        settings=head.get("settings", workflow_settings, {}),
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


def _job(
    entry: DocumentEntry,
    places: Places,
    default: int,
    groups: tuple[dict[tuple[int, ...], int], dict[tuple[int, ...], int]],
) -> PlannedJob:
    def group(key: str, name: str) -> int | None:
        known = groups[name == "user_data"]
        members = entry.get(key, places.all_of(name), ())
        return known.setdefault(members, len(known)) if members else None

    command, invocation = _scripts(entry, places)
    return PlannedJob(
        job_spec(entry),
        command,
        invocation,
        entry.get("resource_requirements_id", places.of("resource_requirements"), default),
        entry.get("failure_handler_id", places.of("failure_handlers"), None),
        group("input_file_ids", "files"),
        group("output_file_ids", "files"),
        group("input_user_data_ids", "user_data"),
        group("output_user_data_ids", "user_data"),
    )


def _scripts(entry: DocumentEntry, places: Places) -> tuple[Script, Script | None]:
    script = entry.get("script", listed, None)
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


def _check_plan(plan: Plan) -> None:
    """Refuse two entries with the same name, and jobs that wait for each other."""
    for what, names in (
        ("jobs", [job.spec.name for job in plan.jobs]),
        ("files", [file.name for file in plan.files]),
        ("records", [record.name for record in plan.user_data]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise UsageError(
                    f"the exported workflow has two {what} with the name {quoted(name)}", hint=HINT
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


def _check_origins(jobs: Sequence[DocumentEntry], origins: Mapping[int, JobOrigin]) -> None:
    """Refuse jobs that, through others, have added themselves."""
    good: set[int | None] = {None}
    for start in origins:
        path: dict[int, None] = {}
        place: int | None = start
        while place is not None and place not in good:
            if place in path:
                raise jobs[place].error("spawned_by", "leads back to the job itself")
            path[place] = None
            place = origins[place].parent if place in origins else None
        good.update(path)


# -- results and events ----------------------------------------------------------------------------


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise InvalidValue(is_not("a number", value))
    return float(value)


def _status(value: Any) -> int:
    try:
        return int(JobStatus.from_word(string(value)))
    except KeyError:
        raise InvalidValue(f"is {value!r}, which is not a status") from None


def _reason(value: Any) -> str | None:
    """Return a reason as the database stores it; a sentence of an earlier version is a reason."""
    found = decode(value if isinstance(value, str) else json_mapping(value))
    return found.encode() if found else None


_RUN = checks.integer(0)
_RESULT: dict[str, Check] = {
    "return_code": checks.integer(-(1 << 31)),
    "cause": string,
    "reason": _reason,
    "cpu_time": _number,
    "peak_memory": ANY_WHOLE,
    "avg_memory": ANY_WHOLE,
    "peak_cpu_percent": _number,
    "avg_cpu_percent": _number,
    "peak_gpu_memory": ANY_WHOLE,
    "avg_gpu_percent": _number,
    "allocation": json_value,
}
"""Optional columns; those in bytes have the suffix ``_bytes`` in a document."""


def _results(document: Mapping[str, Json], places: Places) -> list[dict[str, Any]]:
    """Return the results as rows; UsageError for two results of one attempt."""
    found: dict[tuple[int, int, int], dict[str, Any]] = {}
    for entry in entries_of(document, "results"):
        row = _result(entry, places)
        attempt = row["job_id"], row["run_id"], row["attempt_id"]
        if attempt in found:
            raise entry.error("attempt_id", "is that of an earlier result of the job in this run")
        found[attempt] = row
    return list(found.values())


def _result(entry: DocumentEntry, places: Places) -> dict[str, Any]:
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
    entry: DocumentEntry, places: Places
) -> tuple[str, int | None, dict[str, Json] | None, float, str | None]:
    return (
        entry.get("event_type", checks.nonempty),
        entry.get("job_id", places.of("jobs"), None),
        entry.get("data", json_mapping, None),
        entry.get("timestamp", _number),
        entry.get("actor", string, None),
    )
