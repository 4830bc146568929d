"""Change what jobs are: what they request, their command, environment, priority and labels.

Input: changes as a user writes them (``x2``, ``+4g``, ``s/a/b/``), and a connection inside a write
transaction. Output: what each job gets, refusals, events.

The same mechanism serves an update and a retry with changes. Jobs that a runner holds get their
changes when the attempt has ended.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torc_tui.errors import Conflict, UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.patterns import Pattern, PatternError
from torc_tui.records import dataclass, field, replace
from torc_tui.status import HELD
from torc_tui.store import additions, job_definitions, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.user_actions import JobState
from torc_tui.units import in_thousandths, parse_duration, parse_memory

_FACTOR = re.compile(r"[x*](\d{1,6}(?:\.\d{1,6})?)")
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_SUBSTITUTION = re.compile(r"s([^\w\s\\])")
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL | re.ASCII)
_MOST_MEMORY = 1 << 60
_MOST_RUNTIME = 1e10
_MOST_COUNT = 1_000_000


@dataclass(frozen=True, slots=True)
class Amount:
    """A new size, number or duration: absolute, or ``factor`` and ``plus`` for the present one."""

    absolute: float | None = None
    factor: float = 1.0
    plus: float = 0.0

    def of(self, current: float | None) -> float | None:
        """Return the new value; None if it depends on one that the job does not declare."""
        if self.absolute is not None:
            return self.absolute
        return None if current is None else current * self.factor + self.plus


@dataclass(frozen=True, slots=True)
class Substitution:
    """A part of a command and what replaces it."""

    pattern: Pattern
    replacement: str
    everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanges:
    """What changes; None and empty values stay as they are.

    ``env`` holds new variables, ``unset`` names of those that are removed. ``labels`` are added,
    after the present ones were removed with ``clear_labels``.
    """

    amounts: Mapping[str, Amount] = field(default_factory=dict)
    command: str | Substitution | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    unset: Sequence[str] = ()
    priority: int | None = None
    labels: Sequence[str] = ()
    clear_labels: bool = False
    name: str | None = None
    requirement_id: int | None = None

    def __bool__(self) -> bool:
        return self != JobChanges()


@dataclass(slots=True)
class PlannedChanges:
    """The new values of columns of each job, by id, and refusals for the others.

    ``requirements`` are for jobs that get an entry of their own.
    """

    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    requirements: dict[int, ResourceRequirements] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


# -- what a user writes ----------------------------------------------------------------------------


def parse_changes(given: Mapping[str, Any]) -> JobChanges:
    """Return changes as the options of a command give them, by name; UsageError for wrong ones."""
    amounts = {
        column: _amount(name, given[name])
        for name, column in _COLUMNS.items()
        if given.get(name) is not None
    }
    command, name = given.get("command"), given.get("name")
    if name is not None and not name.strip():
        raise UsageError("a job needs a name")
    return JobChanges(
        amounts=amounts,
        command=None if command is None else _command(command),
        env=dict(map(_variable, given.get("env") or ())),
        unset=tuple(given.get("unset") or ()),
        priority=given.get("priority"),
        labels=tuple(given.get("label") or ()),
        clear_labels=bool(given.get("clear_labels")),
        name=name,
        requirement_id=given.get("resource_requirements_id"),
    )


_COLUMNS = {"cpus": "num_cpus", "memory": "memory", "gpus": "num_gpus", "runtime": "runtime"}
"""Option -> field of the requirements."""
_USUAL = {
    "cpus": "4, 0.5, +2 or x2",
    "memory": "16g, +4g or x2",
    "gpus": "2, 0.5, +1 or x2",
    "runtime": "PT2H, +PT30M or x2",
}


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return float(text)


_PARSERS: Mapping[str, Callable[[str], float]] = {
    "cpus": _number,
    "memory": parse_memory,
    "gpus": _number,
    "runtime": parse_duration,
}


def _amount(name: str, text: str) -> Amount:
    factor = _FACTOR.fullmatch(text)
    if factor is not None:
        if not float(factor[1]):
            raise UsageError(f"--{name}: the factor must be greater than 0")
        return Amount(factor=float(factor[1]))
    try:
        value = _PARSERS[name](text.removeprefix("+"))
    except ValueError as error:
        raise UsageError(f"--{name}: {error.args[0]}", hint=f"write {_USUAL[name]}") from None
    if text.startswith("+"):
        return Amount(plus=value)
    if value == 0 and name != "gpus":
        raise UsageError(f"--{name}: must be greater than 0", hint=f"write {_USUAL[name]}")
    return Amount(value)


def _variable(text: str) -> tuple[str, str]:
    found = _VARIABLE.fullmatch(text)
    if found is None:
        raise UsageError(f"--env: {text!r} is not NAME=VALUE")
    return found[1], found[2]


def _command(text: str) -> str | Substitution:
    """Return a command, or the substitution that ``s/PATTERN/TEXT/`` means."""
    found = _SUBSTITUTION.match(text)
    if found is None:
        if not text.strip():
            raise UsageError("--command must not be empty")
        return text
    mark = re.escape(found[1])
    part = rf"((?:[^\\{mark}]|\\.)*)"
    parts = re.fullmatch(rf"s{mark}{part}{mark}{part}{mark}([gi]*)", text, re.DOTALL)
    if parts is None:
        raise UsageError(
            f"--command: {text!r} is not a substitution", hint="write s/PATTERN/TEXT/ or s/…/…/g"
        )
    pattern, replacement = (one.replace(f"\\{found[1]}", found[1]) for one in parts.group(1, 2))
    try:
        compiled = Pattern(pattern, ignore_case="i" in parts[3])
        compiled.replaced("", replacement)
    except PatternError as error:
        raise UsageError(f"--command: {pattern!r}: {error}") from None
    return Substitution(compiled, replacement, "g" in parts[3])


# -- what each job gets ----------------------------------------------------------------------------


def plan_changes(
    conn: Connection, workflow_id: int, jobs: Sequence[JobState], changes: JobChanges
) -> PlannedChanges:
    """Return the new values of each job; change nothing."""
    planned = PlannedChanges()
    known = workflows.read_requirements(conn, workflow_id)
    _check(conn, workflow_id, jobs, changes, known)
    found = job_definitions.definitions(conn, [job.id for job in jobs])
    for job in jobs:
        row = found[job.id]
        try:
            if changes.amounts:
                current = known[changes.requirement_id or row.requirement_id]
                planned.requirements[job.id] = new_requirements(current, changes.amounts)
            planned.values[job.id] = _values(row, changes)
        except Refusal as refusal:
            planned.refused[job.id] = f"cannot change {job.name}: {refusal}"
            planned.requirements.pop(job.id, None)
    return planned


def _check(
    conn: Connection,
    workflow_id: int,
    jobs: Sequence[JobState],
    changes: JobChanges,
    known: Mapping[int, ResourceRequirements],
) -> None:
    """Raise an error for a name that is taken, and for unknown requirements."""
    if changes.requirement_id is not None and changes.requirement_id not in known:
        raise UsageError(
            f"workflow {workflow_id} has no resource requirements {changes.requirement_id}",
            hint=f"`torc resource-requirements list {workflow_id}` shows those that are there",
        )
    if changes.name is None:
        return
    if len(jobs) > 1:
        raise UsageError("--name is for one job")
    if jobs and additions.name_is_taken(conn, workflow_id, changes.name, jobs[0].id):
        raise Conflict(
            f"workflow {workflow_id} already has a job {changes.name!r}", hint="use another name"
        )


class Refusal(UsageError):
    """Why a change does not apply to a job."""


def new_requirements(
    current: ResourceRequirements, amounts: Mapping[str, Amount]
) -> ResourceRequirements:
    """Return requirements with new amounts; Refusal if they would not be valid."""
    changed: dict[str, Any] = {name: _new(current, name, one) for name, one in amounts.items()}
    return replace(current, **changed)


def _new(current: ResourceRequirements, name: str, amount: Amount) -> float:
    found = amount.of(getattr(current, name))
    match name:
        case _ if found is None:
            usual = "--memory 8g" if name == "memory" else "--runtime PT2H"
            raise Refusal(f"it declares no {name}; give a value such as {usual}")
        case "memory":
            return min(math.ceil(found), _MOST_MEMORY)
        case "runtime":
            return min(found, _MOST_RUNTIME)
        case "num_cpus":
            return min(max(in_thousandths(found), 0.001), _MOST_COUNT)
    if found > 1 and found != int(found):
        raise Refusal(f"it cannot get {found:g} GPUs: give a whole number, or a share below 1")
    return int(found) if found == int(found) else found


def _values(row: sql.JobDefinitionsRow, changes: JobChanges) -> dict[str, Any]:
    """Return the columns of a job that change."""
    found: dict[str, Any] = {}
    if changes.command is not None:
        # The new command contains no ids of records, unlike the old one.
        found |= {"command": _new_command(row.command, changes.command), "script": None}
    if changes.env or changes.unset:
        env = {**(loads(row.env) or {}), **changes.env}
        kept = {name: value for name, value in env.items() if name not in changes.unset}
        found["env"] = dumps(kept) if kept else None
    if changes.labels or changes.clear_labels:
        found["labels"] = dumps(sorted(set(changes.labels))) if changes.labels else None
    for name in ("name", "priority", "requirement_id"):
        if (value := getattr(changes, name)) is not None:
            found[name] = value
    return found


def _new_command(current: str, change: str | Substitution) -> str:
    try:
        found = changed_command(current, change)
    except PatternError as error:
        raise Refusal(str(error)) from None
    if found is None:
        assert isinstance(change, Substitution)
        raise Refusal(f"its command does not contain {change.pattern.text!r}")
    return found


def changed_command(current: str, change: str | Substitution) -> str | None:
    """Return the new command; None if the pattern of the change does not match the present one."""
    if isinstance(change, str):
        return change
    if not change.pattern.search(current):
        return None
    count = 0 if change.everywhere else 1
    return change.pattern.replaced(current, change.replacement, count)


def apply_changes(
    conn: Connection, workflow_id: int, jobs: Sequence[JobState], planned: PlannedChanges
) -> list[EventRow]:
    """Write what was planned for these jobs, for held ones as a plan; return the events."""
    ids: dict[object, int] = {}
    for job in jobs:
        if (wanted := planned.requirements.get(job.id)) is not None:
            key = (wanted.name, wanted.memory, wanted.runtime, wanted.num_cpus, wanted.num_gpus)
            if key not in ids:
                ids[key] = additions.requirement(conn, workflow_id, wanted)
            planned.values[job.id]["requirement_id"] = ids[key]
    held = {job.id for job in jobs if job.status in HELD}
    values = {job.id: planned.values[job.id] for job in jobs if planned.values.get(job.id)}
    values = job_definitions.edited(conn, values)
    now = {job_id: one for job_id, one in values.items() if job_id not in held}
    job_definitions.change(conn, now)
    job_definitions.plan(conn, {job_id: values[job_id] for job_id in held & values.keys()})
    if any("requirement_id" in one for one in now.values()):
        additions.classify(conn, workflow_id)
    return [
        (
            "job_update_planned" if job_id in held else "job_updated",
            job_id,
            job_definitions.event_data(one),
        )
        for job_id, one in values.items()
    ]
