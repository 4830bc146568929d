"""Change what jobs request and which command they run, together with their retry.

Input: changes as a user writes them (``x2``, ``+4g``, ``s/a/b/``), and a connection inside a write
transaction. Output: what each job gets, refusals, events. The jobs are those of one workflow, and
no runner holds one of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torc_tui.errors import UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.patterns import Pattern, PatternError
from torc_tui.store import additions, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.user_actions import JobState
from torc_tui.units import parse_duration, parse_memory

_FACTOR = re.compile(r"[x*](\d{1,6}(?:\.\d{1,6})?)")
_SUBSTITUTION = re.compile(r"s([^\w\s\\])")
_MOST_MEMORY = 1 << 60
_MOST_RUNTIME = 1e10


@dataclass(frozen=True, slots=True)
class Amount:
    """A new size or duration: absolute, or ``factor`` and ``plus`` for the one that a job has."""

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


@dataclass(frozen=True, slots=True)
class JobChanges:
    """What changes: memory in bytes, runtime in seconds, and a command or a part of it."""

    memory: Amount | None = None
    runtime: Amount | None = None
    command: str | Substitution | None = None

    def __bool__(self) -> bool:
        return any(one is not None for one in (self.memory, self.runtime, self.command))


@dataclass(slots=True)
class PlannedChanges:
    """The new values of each job, by id, and refusals for the others."""

    requirements: dict[int, ResourceRequirements] = field(default_factory=dict)
    commands: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


def parse_changes(memory: str | None, runtime: str | None, command: str | None) -> JobChanges:
    """Return changes as the options of a command give them; UsageError for wrong ones."""
    return JobChanges(
        memory=None if memory is None else _amount("memory", memory),
        runtime=None if runtime is None else _amount("runtime", runtime),
        command=None if command is None else _command(command),
    )


def _amount(name: str, text: str) -> Amount:
    factor = _FACTOR.fullmatch(text)
    if factor is not None:
        if not float(factor[1]):
            raise UsageError(f"--{name}: the factor must be greater than 0")
        return Amount(factor=float(factor[1]))
    parse = parse_memory if name == "memory" else parse_duration
    try:
        value = parse(text.removeprefix("+"))
    except ValueError as error:
        usual = "16g, +4g or x2" if name == "memory" else "PT2H, +PT30M or x2"
        raise UsageError(f"--{name}: {error.args[0]}", hint=f"write {usual}") from None
    return Amount(plus=value) if text.startswith("+") else Amount(value)


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


def plan_changes(
    conn: Connection, workflow_id: int, jobs: Sequence[JobState], changes: JobChanges
) -> PlannedChanges:
    """Return the new values of each job; change nothing."""
    planned = PlannedChanges()
    known = workflows.read_requirements(conn, workflow_id)
    for job in jobs:
        definition = additions.definition(conn, job.id)
        try:
            if changes.memory is not None or changes.runtime is not None:
                current = known[definition.requirement_id]
                planned.requirements[job.id] = _requirements(current, changes)
            if changes.command is not None:
                planned.commands[job.id] = _new_command(definition.command, changes.command)
        except _Refusal as refusal:
            planned.refused[job.id] = f"cannot change {job.name}: {refusal}"
    return planned


class _Refusal(Exception):
    """Why a change does not apply to a job."""


def _requirements(current: ResourceRequirements, changes: JobChanges) -> ResourceRequirements:
    memory, runtime = current.memory, current.runtime
    if changes.memory is not None:
        found = changes.memory.of(memory)
        if found is None:
            raise _Refusal("it declares no memory; give a size such as --memory 8g")
        memory = min(math.ceil(found), _MOST_MEMORY)
    if changes.runtime is not None:
        runtime = changes.runtime.of(runtime)
        if runtime is None:
            raise _Refusal("it declares no runtime; give a duration such as --runtime PT2H")
        runtime = min(runtime, _MOST_RUNTIME)
    return replace(current, memory=memory, runtime=runtime)


def _new_command(current: str, change: str | Substitution) -> str:
    if isinstance(change, str):
        return change
    try:
        if not change.pattern.search(current):
            raise _Refusal(f"its command does not contain {change.pattern.text!r}")
        count = 0 if change.everywhere else 1
        return change.pattern.replaced(current, change.replacement, count)
    except PatternError as error:
        raise _Refusal(str(error)) from None


def apply_changes(
    conn: Connection, workflow_id: int, jobs: Sequence[JobState], planned: PlannedChanges
) -> list[EventRow]:
    """Write what was planned for these jobs; return the events."""
    ids: dict[object, int] = {}
    rows: list[EventRow] = []
    for job in jobs:
        command = planned.commands.get(job.id)
        requirement_id = None
        if (wanted := planned.requirements.get(job.id)) is not None:
            key = (wanted.name, wanted.memory, wanted.runtime)
            if key not in ids:
                ids[key] = additions.requirement(conn, workflow_id, wanted)
            requirement_id = ids[key]
        additions.change_job(
            conn, job.id, name=None, command=command, requirement_id=requirement_id
        )
        data = {"command": command, "requirement_id": requirement_id}
        given = {key: value for key, value in data.items() if value is not None}
        if given:
            rows.append(("job_updated", job.id, given))
    if ids:
        additions.classify(conn, workflow_id)
    return rows
