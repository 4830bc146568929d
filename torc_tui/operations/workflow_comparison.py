"""Compare a stored workflow with the plan of a file, and number what is new.

Input: a connection inside a transaction, a plan. Output: what changes, and the rows that the plan
would have in this workflow. The comparison itself is `plan.changes`; `workflow_update` writes it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from torc_tui.lifecycle.freshness import EVERYTHING, Aspect
from torc_tui.lifecycle.update_effect import Effect, effect
from torc_tui.model import Plan, Workflow
from torc_tui.plan.changes import (
    Change,
    Matched,
    SectionChanges,
    compare_named,
    differences,
    match,
    of_file,
)
from torc_tui.status import JobStatus
from torc_tui.store import creation, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.plan_rows import (
    Columns,
    EdgeRow,
    PlanIds,
    action_columns,
    edge_rows,
    handler_columns,
    job_columns,
    record_columns,
    requirement_columns,
    scheduler_columns,
)

if TYPE_CHECKING:
    StoredJob = sql.StoredJobsRow

_NOT_COMPARED = {"id", "status", "removed", "planned", "resource_class", "labels", "edited"}

Allocate = Callable[[str, int], Sequence[int]]
"""Returns a number of new ids of a table."""


class JobChange(NamedTuple):
    """A job whose definition changes.

    ``edited`` is what is left of the edits of users, ``shown`` the changes as the file writes them.
    """

    id: int
    name: str
    status: JobStatus
    columns: Mapping[str, Change]
    effect: Effect
    edited: str | None
    shown: Mapping[str, Change]


class OldJob(NamedTuple):
    """A job that leaves the workflow, or comes back."""

    id: int
    name: str
    status: JobStatus


@dataclass(slots=True, kw_only=True)
class WorkflowChanges:
    """What an update changes. ``rerun`` are other jobs that run again, by id with their names."""

    workflow_id: int
    name: str
    jobs_added: list[str] = field(default_factory=list)
    jobs_removed: list[OldJob] = field(default_factory=list)
    jobs_changed: list[JobChange] = field(default_factory=list)
    jobs_restored: list[OldJob] = field(default_factory=list)
    sections: dict[str, SectionChanges] = field(default_factory=dict)
    actions: tuple[int, int] = (0, 0)
    dependencies: tuple[int, int] = (0, 0)
    workflow: Mapping[str, Change] = field(default_factory=dict)
    rerun: dict[int, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        jobs = (self.jobs_added, self.jobs_removed, self.jobs_changed, self.jobs_restored)
        others = (self.workflow, any(self.actions), any(self.dependencies))
        return any(map(bool, (*jobs, *others, *self.sections.values())))


class Comparison:
    """The parts of a stored workflow, matched with those of a plan."""

    def __init__(
        self, conn: Connection, workflow: Workflow, plan: Plan, allocate: Allocate
    ) -> None:
        self.conn = conn
        self.workflow = workflow
        self.plan = plan
        self.changes = WorkflowChanges(workflow_id=workflow.id, name=workflow.name)
        self._allocate = allocate
        self._name_of: dict[str, Mapping[int, Any]] = {}
        self.new: dict[str, list[int]] = {}
        """The new ids of each table."""
        self._read()
        self.ids = self._match()
        self._compare()

    # -- what is stored

    def _read(self) -> None:
        conn, number = self.conn, self.workflow.id
        self.jobs = {row.id: row for row in conn.rows(sql.STORED_JOBS, workflow_id=number)}
        self.files = {
            (row.name, row.path): row.id for row in conn.rows(sql.ALL_FILES, workflow_id=number)
        }
        self.records = {row.name: row for row in conn.rows(sql.STORED_RECORDS, workflow_id=number)}
        self.requirements = {
            row.name: row for row in conn.rows(sql.REQUIREMENTS, workflow_id=number)
        }
        self.handlers = {
            row.name: row for row in conn.rows(sql.FAILURE_HANDLERS, workflow_id=number)
        }
        self.schedulers = {
            row.name: row for row in conn.rows(sql.SLURM_SCHEDULERS, workflow_id=number)
        }
        self.actions = conn.rows(sql.ACTIONS, workflow_id=number)
        edges = conn.rows(sql.EDGES, workflow_id=number)
        self.edges = {(on, job, kind, via) for job, on, kind, via in edges}
        self.file_groups = _groups(conn.rows(sql.EXPORT_FILE_GROUPS, workflow_id=number))
        self.record_groups = _groups(conn.rows(sql.EXPORT_DATA_GROUPS, workflow_id=number))

    # -- ids of the plan

    def _match(self) -> PlanIds:
        plan, spec = self.plan, self.plan.spec
        file = self._numbered("file", [self.files.get((one.name, one.path)) for one in plan.files])
        records = match(
            {name: row.id for name, row in self.records.items()},
            [(one.name, one.was) for one in plan.user_data],
        )
        self.renamed_records = records.renamed
        record = self._numbered("user_data", records.ids)
        jobs = self._match_jobs()
        self.matched = jobs
        job = self._numbered("job", jobs.ids)
        return PlanIds(
            job=job,
            gate=self._match_gates(job, file, record),
            file=file,
            file_group=self._match_groups("file_group", plan.file_groups, file, self.file_groups),
            user_data=record,
            user_data_group=self._match_groups(
                "user_data_group", plan.user_data_groups, record, self.record_groups
            ),
            resource_requirements=self._named(
                "resource_requirements", self.requirements, plan.requirements
            ),
            failure_handler=self._named("failure_handler", self.handlers, spec.failure_handlers),
            slurm_scheduler=self._named("slurm_scheduler", self.schedulers, spec.slurm_schedulers),
            action=(),
        )

    def _numbered(self, table: str, found: Sequence[int | None]) -> list[int]:
        """Return ids with new ones in the place of None."""
        missing = sum(one is None for one in found)
        numbers = iter(self._allocate(table, missing) if missing else ())
        ids = [next(numbers) if one is None else one for one in found]
        self.new[table] = [number for number, one in zip(ids, found, strict=True) if one is None]
        return ids

    def _named(self, table: str, stored: Mapping[str, Any], wanted: Iterable[Any]) -> list[int]:
        rows = [stored.get(one.name) for one in wanted]
        return self._numbered(table, [None if row is None else row.id for row in rows])

    def _match_jobs(self) -> Matched:
        """Match the jobs by the names that they have, or get when their attempt has ended."""
        stored: dict[str, int] = {}
        added_by_hand: dict[str, int] = {}
        for row in self.jobs.values():
            name = loads(row.planned).get("name", row.name) if row.planned else row.name
            by_hand = row.edited is not None and loads(row.edited).get("name", "") is None
            (added_by_hand if by_hand else stored)[name] = row.id
        wanted = [(job.spec.name, job.spec.was) for job in self.plan.jobs]
        names = {name for name, _ in wanted}
        stored |= {name: one for name, one in added_by_hand.items() if name in names}
        return match(stored, wanted)

    def _match_groups(
        self,
        table: str,
        wanted: Sequence[Sequence[int]],
        ids: Sequence[int],
        stored: Mapping[tuple[int, ...], int],
    ) -> list[int]:
        members = [tuple(sorted(ids[one] for one in group)) for group in wanted]
        return self._numbered(table, [stored.get(one) for one in members])

    def _match_gates(
        self, job: Sequence[int], file: Sequence[int], record: Sequence[int]
    ) -> list[int]:
        sides: dict[int, tuple[set[int], set[int]]] = {}
        for on, waits, _, _ in self.edges:
            if waits < 0:
                sides.setdefault(-waits, (set(), set()))[0].add(on)
            elif on < 0:
                sides.setdefault(-on, (set(), set()))[1].add(waits)
        self.gates = {
            (frozenset(members), frozenset(waiting)): number
            for number, (members, waiting) in sides.items()
        }
        found = [
            self.gates.get(
                (
                    frozenset(job[one] for one in gate.members),
                    frozenset(job[one] for one in gate.waiting),
                )
            )
            for gate in self.plan.gates
        ]
        return self._numbered("gate", found)

    # -- what changes

    def _compare(self) -> None:
        plan, sections = self.plan, self.changes.sections
        self.handler_columns, self.scheduler_columns = (
            handler_columns(plan),
            scheduler_columns(plan),
        )
        self.requirement_columns = requirement_columns(plan.requirements)
        self.columns = job_columns(plan, self.ids, self.conn.columns(sql.INSERT_JOBS))
        self.edge_rows = edge_rows(plan, self.ids)
        self.new_edges = set(self.edge_rows)
        added, removed = self.new_edges - self.edges, self.edges - self.new_edges
        self.added_edges: list[EdgeRow] = sorted(added)
        self.removed_edges: list[EdgeRow] = list(removed)
        self.changes.dependencies = len(added), len(removed)
        self.changes.workflow = self._compare_workflow()
        sections["files"] = self._compare_files()
        sections["user_data"] = self._compare_records()
        sections["resource_requirements"] = self._compare_requirements()
        sections["failure_handlers"] = compare_named(
            {name: {"rules": row.rules} for name, row in self.handlers.items()},
            [one.name for one in plan.spec.failure_handlers],
            {"rules": self.handler_columns["rules"]},
        )
        sections["slurm_schedulers"] = compare_named(
            {name: {"settings": row.settings} for name, row in self.schedulers.items()},
            [one.name for one in plan.spec.slurm_schedulers],
            {"settings": self.scheduler_columns["settings"]},
        )
        self._compare_actions()
        self._compare_jobs()

    def _compare_workflow(self) -> Mapping[str, Change]:
        row = self.conn.one(sql.WORKFLOW, workflow_id=self.workflow.id)
        assert row is not None
        self.definition = creation.definition_columns(self.plan.spec)
        told = {
            name: value
            for name, value in self.definition.items()
            if name not in ("file", "format", "real_path", "file_hash")
        }
        return differences(row._asdict(), told)

    def _compare_files(self) -> SectionChanges:
        names = [one.name for one in self.plan.files]
        paths = dict.fromkeys(name for name, _ in self.files)
        stored: dict[str, dict[str, Any]] = {
            name: {"path": path} for name, path in self.files if name in paths
        }
        found = compare_named(stored, names, {"path": [one.path for one in self.plan.files]})
        used = set(self.ids.file)
        self.old_files = [number for number in self.files.values() if number not in used]
        return found

    def _compare_records(self) -> SectionChanges:
        self.record_columns = record_columns(self.plan)
        stored = {name: row._asdict() for name, row in self.records.items()}
        names = [one.name for one in self.plan.user_data]
        for number, old in self.renamed_records.items():
            new = names[list(self.ids.user_data).index(number)]
            stored[new] = stored.pop(old)
        columns = ("is_ephemeral", "json_schema", "declared", "file_data", "name")
        found = compare_named(stored, names, {one: self.record_columns[one] for one in columns})
        found.removed = []  # records keep their history, also without the file
        return found

    def _compare_requirements(self) -> SectionChanges:
        stored = {
            name: of_file(row._asdict(), loads(row.edited) or {})
            for name, row in self.requirements.items()
        }
        columns = self.requirement_columns
        found = compare_named(stored, columns["name"], columns)
        found.removed = []  # users may have added entries
        return found

    def _compare_actions(self) -> None:
        columns = action_columns(self.plan, self.ids)
        rows = list(zip(*columns.values(), strict=True)) if columns["job_ids"] else []
        stored = {
            number: tuple(getattr(row, name) for name in columns)
            for row in self.actions
            for number in (row.id,)
        }
        self.new_actions: list[Columns] = []
        for values in rows:
            known = next((one for one, old in stored.items() if _equal(old, values)), None)
            if known is None:
                self.new_actions.append(dict(zip(columns, values, strict=True)))
            else:
                del stored[known]
        self.old_actions = list(stored)
        self.changes.actions = len(self.new_actions), len(self.old_actions)

    def _compare_jobs(self) -> None:
        changes, stored = self.changes, self.jobs
        for place, row, values in self._job_rows():
            if row is None:
                changes.jobs_added.append(self.plan.jobs[place].spec.name)
                continue
            if row.removed:
                name, status = self.plan.jobs[place].spec.name, JobStatus(row.status)
                changes.jobs_restored.append(OldJob(row.id, name, status))
            self._compare_job(place, row, values)
        for number in self.matched.gone:
            row = stored[number]
            leaves = row.planned is not None and loads(row.planned).get("removed")
            if not row.removed and not leaves:
                old = OldJob(number, row.name, JobStatus(row.status))
                changes.jobs_removed.append(old)

    def _job_rows(self) -> Iterator[tuple[int, StoredJob | None, Mapping[str, Any]]]:
        """Yield the jobs of the plan that are new or may differ: place, stored row, new values."""
        names = [one for one in _fields(self.jobs) if one not in _NOT_COMPARED]
        absent = [None] * len(self.plan.jobs)
        lists = [self.columns.get(name, absent) for name in names]
        pick = itemgetter(*(_fields(self.jobs).index(name) for name in names))
        for place, values in enumerate(zip(*lists, strict=True)):
            row = self.jobs.get(self.ids.job[place])
            if row is not None and pick(row) == values and _is_plain(row):
                continue
            yield place, row, dict(zip(names, values, strict=True))

    def _compare_job(self, place: int, row: StoredJob, values: Mapping[str, Any]) -> None:
        planned = loads(row.planned) if row.planned else {}
        present = row._asdict() | planned
        edits = loads(present["edited"]) if present["edited"] else {}
        columns = differences(of_file(present, edits), values)
        if not columns:
            return
        left = {name: value for name, value in edits.items() if name not in columns}
        told = {
            **columns,
            **({"env": Change(None, None)} if "env" in self.changes.workflow else {}),
        }
        status = JobStatus(row.status)
        self.changes.jobs_changed.append(
            JobChange(
                row.id,
                row.name,
                status,
                columns,
                effect(status, told, self.rerun_on(place)),
                dumps(left) if left else None,
                {
                    _WORDS.get(name, name): Change(
                        self._shown(name, one.before), self._shown(name, one.after)
                    )
                    for name, one in columns.items()
                    if name != "script"
                },
            )
        )

    def _shown(self, column: str, value: Any) -> Any:
        """Return a value of a column as the file writes it: names instead of ids."""
        if value is None:
            return None
        table = _TABLES.get(column)
        if table is not None:
            return self._names(table).get(value, value)
        if isinstance(value, str) and value[:1] in ("{", "[") and column not in _TEXTS:
            return loads(value)
        return value

    def _names(self, table: str) -> Mapping[int, Any]:
        """Return the names of the entries of a table, or the lists of names of its groups."""
        if table not in self._name_of:
            self._name_of[table] = _NAMES[table](self)
        return self._name_of[table]

    def gained_dependencies(self) -> list[int]:
        """Return the stored jobs that wait for jobs which they did not wait for before."""
        chosen = {job for _, job, _, _ in self.added_edges if job > 0 and job in self.jobs}
        if not chosen:
            return []
        before, after = _upstream(self.edges, chosen), _upstream(self.new_edges, chosen)
        return sorted(job for job in chosen if after[job] - before[job])

    def rerun_on(self, place: int) -> frozenset[Aspect]:
        """Return what makes a job of the plan stale."""
        spec = self.plan.spec
        given = self.plan.jobs[place].spec.options.get("rerun_on", spec.settings.get("rerun_on"))
        return EVERYTHING if given is None else frozenset(map(Aspect, given))


_TEXTS = frozenset({"command", "invocation_script", "name"})
_TABLES = {
    "requirement_id": "resource_requirements",
    "failure_handler_id": "failure_handler",
    "input_files": "file_group",
    "output_files": "file_group",
    "input_user_data": "user_data_group",
    "output_user_data": "user_data_group",
}
_WORDS = {
    "requirement_id": "resource_requirements",
    "failure_handler_id": "failure_handler",
    "parameter_values": "parameters",
}
"""Column -> key of the file, where they differ."""


def _requirement_names(one: Comparison) -> dict[int, Any]:
    new = zip(one.ids.resource_requirements, one.plan.requirements, strict=True)
    return {row.id: row.name for row in one.requirements.values()} | {i: e.name for i, e in new}


def _handler_names(one: Comparison) -> dict[int, Any]:
    new = zip(one.ids.failure_handler, one.plan.spec.failure_handlers, strict=True)
    return {row.id: row.name for row in one.handlers.values()} | {i: e.name for i, e in new}


def _file_names(one: Comparison) -> dict[int, Any]:
    names = {number: name for (name, _), number in one.files.items()}
    names |= {i: e.name for i, e in zip(one.ids.file, one.plan.files, strict=True)}
    return _group_names(
        one.file_groups, one.ids.file_group, one.plan.file_groups, one.ids.file, names
    )


def _record_names(one: Comparison) -> dict[int, Any]:
    names = {row.id: row.name for row in one.records.values()}
    names |= {i: e.name for i, e in zip(one.ids.user_data, one.plan.user_data, strict=True)}
    groups = one.plan.user_data_groups
    return _group_names(
        one.record_groups, one.ids.user_data_group, groups, one.ids.user_data, names
    )


def _group_names(
    stored: Mapping[tuple[int, ...], int],
    ids: Sequence[int],
    groups: Sequence[Sequence[int]],
    members: Sequence[int],
    names: Mapping[int, str],
) -> dict[int, Any]:
    found: dict[int, Any] = {
        group: [names.get(one, str(one)) for one in all_] for all_, group in stored.items()
    }
    for group, all_ in zip(ids, groups, strict=True):
        found[group] = [names[members[one]] for one in all_]
    return found


_NAMES: Mapping[str, Callable[[Comparison], Mapping[int, Any]]] = {
    "resource_requirements": _requirement_names,
    "failure_handler": _handler_names,
    "file_group": _file_names,
    "user_data_group": _record_names,
}


def _is_plain(row: StoredJob) -> bool:
    """Return whether neither users nor updates have left anything at a job."""
    return not (row.planned or row.edited or row.removed)


def _groups(rows: Iterable[Any]) -> dict[tuple[int, ...], int]:
    """Return the ids of groups by their members."""
    members: dict[int, list[int]] = {}
    for group, one in rows:
        members.setdefault(group, []).append(one)
    return {tuple(sorted(found)): group for group, found in members.items()}


def _upstream(edges: Set[EdgeRow], jobs: Set[int]) -> dict[int, set[int]]:
    """Return the jobs that each of these jobs waits for, also behind gates."""
    found: dict[int, set[int]] = {job: set() for job in jobs}
    behind: dict[int, set[int]] = {}
    for on, job, _, _ in edges:
        if job < 0:
            behind.setdefault(job, set()).add(on)
    for on, job, _, _ in edges:
        if job in found:
            found[job] |= behind.get(on, set()) if on < 0 else {on}
    return found


def _fields(rows: Mapping[int, Any]) -> Sequence[str]:
    fields: Sequence[str] = next(iter(rows.values()))._fields if rows else ()
    return fields


def _equal(old: Sequence[Any], new: Sequence[Any]) -> bool:
    names = [str(place) for place in range(len(old))]
    return not differences(dict(zip(names, old, strict=True)), dict(zip(names, new, strict=True)))


def next_numbers() -> Allocate:
    """Return a function that gives ids without storing them, for a dry run."""
    numbers = count(1 << 40)
    return lambda table, number: [next(numbers) for _ in range(number)]


def compare(conn: Connection, workflow_id: int, plan: Plan, allocate: Allocate) -> Comparison:
    """Return how a stored workflow differs from a plan."""
    collecting = gc.isenabled()
    gc.disable()  # many small records and no garbage: collecting would double the time
    try:
        return Comparison(conn, workflows.read_workflow(conn, workflow_id), plan, allocate)
    finally:
        if collecting:
            gc.enable()
