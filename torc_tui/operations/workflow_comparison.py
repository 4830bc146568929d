"""Compare a stored workflow with the plan of its file.

Input: a connection inside a transaction, a plan. Output: what changes, and the rows that the plan
would have in this workflow. The comparison itself is `plan.changes`; `workflow_update` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torc_tui.collection import collection_paused
from torc_tui.lifecycle.failure_policy import CHANGING
from torc_tui.lifecycle.freshness import EVERYTHING, Aspect
from torc_tui.lifecycle.update_effect import effect
from torc_tui.model import Plan, Workflow
from torc_tui.operations.stored_names import StoredNames
from torc_tui.operations.workflow_changes import JobChange, OldJob, WorkflowChanges
from torc_tui.operations.workflow_matching import Allocate, Matching
from torc_tui.plan.changes import (
    ColumnChange,
    SectionChanges,
    compare_named,
    differences,
    key_of,
    of_file,
)
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store import creation, sql, workflows
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.plan_rows import (
    Columns,
    EdgeRow,
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

_NOT_COMPARED = {
    *("id", "status", "removed", "planned", "resource_class", "edited", "grown"),
}


class WorkflowComparison(Matching):
    """The differences between the parts of a stored workflow and those of a plan."""

    def __init__(
        self, conn: Connection, workflow: Workflow, plan: Plan, allocate: Allocate
    ) -> None:
        super().__init__(conn, workflow, plan, allocate)
        self.changes = WorkflowChanges(workflow_id=workflow.id, name=workflow.name)
        self._stored_names = StoredNames(self)
        self._compare()

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

    def _compare_workflow(self) -> Mapping[str, ColumnChange]:
        row = self.conn.one(sql.WORKFLOW, workflow_id=self.workflow.id)
        assert row is not None
        spec = self.plan.spec
        monitor = loads(row.settings).get("resource_monitor") or {}
        if monitor.get(creation.BY_OPTION):
            spec = replace(spec, settings=creation.without_monitoring(spec.settings))
        self.definition = creation.definition_columns(spec)
        if spec.real_path is not None and not Path(spec.file or "").is_absolute():
            # As at the creation: relative to the directory of the workflow, not to the present one.
            self.definition["file"] = os.path.relpath(spec.real_path, self.workflow.directory)
        compared = {
            name: value
            for name, value in self.definition.items()
            if name not in ("file", "format", "real_path", "file_hash")
        }
        return differences(row._asdict(), compared)

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
        if row.grown is not None and self._is_other_request(edits.get("requirement_id")):
            del edits["requirement_id"]  # what has grown by retries was based on the old request
        columns = differences(of_file(present, edits), values)
        if not columns:
            return
        left = {name: value for name, value in edits.items() if name not in columns}
        compared = {
            **columns,
            **({"env": ColumnChange(None, None)} if "env" in self.changes.workflow else {}),
        }
        status = JobStatus(row.status)
        self.changes.jobs_changed.append(
            JobChange(
                row.id,
                row.name,
                status,
                columns,
                effect(status, compared, self.rerun_on(place)),
                dumps(left) if left else None,
                {
                    key_of(name): ColumnChange(
                        self._stored_names.shown(name, one.before),
                        self._stored_names.shown(name, one.after),
                    )
                    for name, one in columns.items()
                    if name != "script"
                },
            )
        )

    def _is_other_request(self, requirement_id: int | None) -> bool:
        """Return whether the file changes the amounts of an entry of requirements."""
        changed = self.changes.sections["resource_requirements"].changed
        return any(
            self.requirements[name].id == requirement_id and not columns.keys().isdisjoint(CHANGING)
            for name, columns in changed.items()
        )

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


def _is_plain(row: StoredJob) -> bool:
    """Return whether neither users nor updates have left anything at a job."""
    return not (row.planned or row.edited or row.removed)


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


def compare(
    conn: Connection, workflow_id: int, plan: Plan, allocate: Allocate
) -> WorkflowComparison:
    """Return how a stored workflow differs from a plan."""
    with collection_paused():
        return WorkflowComparison(conn, workflows.read_workflow(conn, workflow_id), plan, allocate)
