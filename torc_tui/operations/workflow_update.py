"""Update a stored workflow to the current version of its file, in one transaction.

Input: an open store, a workflow, the plan of a file, the actor. Output: the changes.

Invariants
* Results that are still valid are kept. Jobs with a result of an old version run again, together
  with the jobs that used their output.
* Jobs that are no longer in the file keep their row and their history, but no longer count.
* A running job is changed after its attempt has ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torc_tui.model import Plan
from torc_tui.operations import catalog
from torc_tui.operations.rerun_jobs import reset_jobs
from torc_tui.operations.update_reruns import find_reruns, new_values
from torc_tui.operations.user_action import check_workflow
from torc_tui.operations.workflow_changes import JobChange, WorkflowChanges
from torc_tui.operations.workflow_comparison import WorkflowComparison, compare
from torc_tui.operations.workflow_matching import next_numbers
from torc_tui.reasons import Kind, because
from torc_tui.status import HELD, UNTOUCHED, JobStatus
from torc_tui.store import (
    additions,
    creation,
    job_definitions,
    sql,
    user_actions,
    user_data,
    workflows,
)
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow, hold_listed, resettle
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import append, lock
from torc_tui.store.plan_rows import REQUIREMENT_FIELDS, gate_columns, group_members

_NAMED = 50
"""How many jobs the event of an update names."""


def update_from_plan(
    store: Store,
    workflow_id: int,
    plan: Plan,
    *,
    dry_run: bool = False,
    keep: bool = False,
    actor: str | None = None,
) -> WorkflowChanges:
    """Update a workflow to match a plan and return the changes; without changes, write nothing.

    With ``keep``, no job that has a result runs again.
    """
    with store.read() as conn:
        workflow = workflows.read_workflow(conn, workflow_id)
        check_workflow(catalog.UPDATE_WORKFLOW, workflow)
        known = conn.one(sql.FILE_HASH_OF_WORKFLOW, workflow_id=workflow_id)
        if known is not None and (known.file_hash, known.set_values) == _identity(plan):
            return WorkflowChanges(workflow_id=workflow_id, name=workflow.name)
        if dry_run:
            compared = compare(conn, workflow_id, plan, next_numbers())
            find_reruns(conn, compared, keep=keep)
            return compared.changes
    return _write(store, workflow_id, plan, actor, keep=keep)


def _identity(plan: Plan) -> tuple[str | None, str]:
    return creation.spec_hash(plan.spec), creation.encode_values(plan.spec)


def _write(
    store: Store, workflow_id: int, plan: Plan, actor: str | None, *, keep: bool
) -> WorkflowChanges:
    now = time.time()
    with store.write() as conn:
        lock(conn, workflow_id)
        compared = compare(conn, workflow_id, plan, partial(creation.allocate, conn))
        if compared.changes:
            find_reruns(conn, compared, keep=keep)
            rows = _UpdateWriter(conn, compared, now, actor).write()
            append(conn, workflow_id, rows, at=now, actor=actor)
    return compared.changes


# -- writing ---------------------------------------------------------------------------------------


class _UpdateWriter:
    """Write the changes of one comparison; the caller holds the row of the workflow."""

    def __init__(
        self, conn: Connection, compared: WorkflowComparison, now: float, actor: str | None
    ) -> None:
        self.conn = conn
        self.compared = compared
        self.changes = compared.changes
        self.workflow_id = compared.workflow.id
        self.now = now
        self.actor = actor
        self.is_initialized = any(
            number and status not in UNTOUCHED
            for status, number in compared.workflow.counts.items()
        )

    def write(self) -> list[EventRow]:
        """Write everything and return the events."""
        self._write_parts()
        self._write_jobs()
        self._write_edges()
        rows = self._events()
        rows += self._remove_jobs()
        self._write_actions()
        self._write_workflow()
        self._delete_unused()
        changed = any("requirement_id" in one.columns for one in self.changes.jobs_changed)
        if changed or self.compared.new["job"] or self.changes.sections["resource_requirements"]:
            additions.classify(self.conn, self.workflow_id)
        return rows + self._place()

    def _new(
        self, table: str, columns: Mapping[str, Sequence[Any]]
    ) -> tuple[list[int], dict[str, list[Any]]]:
        """Return the new ids of a table, with their values out of those of the whole plan."""
        new, ids = set(self.compared.new[table]), getattr(self.compared.ids, table)
        places = [place for place, number in enumerate(ids) if number in new]
        chosen = {name: [values[place] for place in places] for name, values in columns.items()}
        return [ids[place] for place in places], chosen

    def _insert(self, statement: Any, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        numbers, chosen = self._new(table, columns)
        self.conn.insert(statement, id=numbers, workflow_id=self.workflow_id, **chosen)

    def _write_parts(self) -> None:
        """Write requirements, handlers, schedulers, files, records, and groups of both."""
        compared, plan, ids = self.compared, self.compared.plan, self.compared.ids
        self._insert(sql.INSERT_REQUIREMENTS, "resource_requirements", compared.requirement_columns)
        self._insert(sql.INSERT_FAILURE_HANDLERS, "failure_handler", compared.handler_columns)
        self._insert(sql.INSERT_SLURM_SCHEDULERS, "slurm_scheduler", compared.scheduler_columns)
        files = {
            "name": [one.name for one in plan.files],
            "path": [one.path for one in plan.files],
        }
        self._insert(sql.INSERT_FILES, "file", files)
        self._update_parts()
        self._write_records()
        for what, table, groups, members in (
            ("file", "file_group", plan.file_groups, ids.file),
            ("user_data", "user_data_group", plan.user_data_groups, ids.user_data),
        ):
            new = set(compared.new[table])
            found = group_members(groups, getattr(ids, table), members)
            chosen = [pair for pair in found if pair[0] in new]
            creation.insert_group_members(self.conn, self.workflow_id, what, chosen)

    def _update_parts(self) -> None:
        compared, sections = self.compared, self.changes.sections
        for name, columns in sections["resource_requirements"].changed.items():
            row = compared.requirements[name]
            edits = {
                key: value for key, value in (loads(row.edited) or {}).items() if key not in columns
            }
            new = {key: change.after for key, change in columns.items()}
            present = {key: getattr(row, key) for key in REQUIREMENT_FIELDS} | new
            text = dumps(edits) if edits else None
            self.conn.execute(
                sql.UPDATE_REQUIREMENTS, requirement_id=row.id, **present, edited=text
            )
        statement: Any
        for statement, stored, section in (
            (sql.UPDATE_HANDLER, compared.handlers, sections["failure_handlers"]),
            (sql.UPDATE_SCHEDULER, compared.schedulers, sections["slurm_schedulers"]),
        ):
            self.conn.many(
                statement,
                [
                    {"id": stored[name].id, **{key: one.after for key, one in columns.items()}}
                    for name, columns in section.changed.items()
                ],
            )

    def _write_records(self) -> None:
        """Write new records, and the values that the file gives now."""
        compared, ids = self.compared, self.compared.ids
        numbers, chosen = self._new("user_data", compared.record_columns)
        creation.insert_records(self.conn, self.workflow_id, numbers, chosen, self.now, self.actor)
        names = [one.name for one in compared.plan.user_data]
        author = user_data.Author(self.now, actor=self.actor)
        values = new_values(compared)
        for name in self.changes.sections["user_data"].changed:
            place = names.index(name)
            columns = {key: column[place] for key, column in compared.record_columns.items()}
            number = ids.user_data[place]
            keys = ("name", "is_ephemeral", "json_schema", "declared", "file_data")
            self.conn.execute(sql.UPDATE_RECORD, id=number, **{key: columns[key] for key in keys})
            if name in values:
                user_data.update(self.conn, number, {"data": values[name]}, author)

    def _write_jobs(self) -> None:
        """Insert new jobs, and change or plan to change the others."""
        compared = self.compared
        columns = {name: values for name, values in compared.columns.items() if name != "id"}
        self._insert(sql.INSERT_JOBS, "job", columns)
        restored = [one.id for one in self.changes.jobs_restored]
        self.conn.execute(sql.RESTORE_JOBS, ids=dumps(restored))
        now: dict[int, dict[str, Any]] = {}
        later: dict[int, dict[str, Any]] = {}
        for one in self.changes.jobs_changed:
            values = {name: change.after for name, change in one.columns.items()}
            chosen = later if one.status in HELD else now
            chosen[one.id] = {**values, "edited": one.edited}
        job_definitions.change(self.conn, now)
        patterns = zip(compared.ids.job, compared.columns["patterns"], strict=True)
        job_definitions.set_patterns(self.conn, self.workflow_id, patterns)
        held = (one.id for one in self.changes.jobs_removed if one.status in HELD)
        later |= {job_id: {"removed": True} for job_id in held}
        job_definitions.plan(self.conn, later)

    def _write_edges(self) -> None:
        compared = self.compared
        self._insert(sql.INSERT_GATES, "gate", gate_columns(compared.plan))
        self.conn.many(
            sql.DELETE_DEPENDENCY,
            [{"depends_on_id": on, "job_id": job} for on, job, _, _ in compared.removed_edges],
        )
        creation.insert_edges(self.conn, self.workflow_id, compared.added_edges)

    def _remove_jobs(self) -> list[EventRow]:
        """Disable the jobs that left the file, but for those that are running."""
        free = [one for one in self.changes.jobs_removed if one.status not in HELD]
        if not free:
            return []
        return job_definitions.remove(self.conn, [one.id for one in free])

    def _write_actions(self) -> None:
        compared = self.compared
        self.conn.execute(sql.DELETE_LISTED_ACTIONS, ids=dumps(compared.old_actions))
        new = compared.new_actions
        ids = creation.allocate(self.conn, "action", len(new))
        columns = {name: [one[name] for one in new] for name in (new[0] if new else ())}
        if new:
            self.conn.insert(
                sql.INSERT_ACTIONS, id=list(ids), workflow_id=self.workflow_id, **columns
            )

    def _write_workflow(self) -> None:
        text = self.compared.plan.spec.text
        self.conn.execute(
            sql.UPDATE_WORKFLOW_DEFINITION,
            workflow_id=self.workflow_id,
            **self.compared.definition,
        )
        self.conn.execute(sql.DELETE_WORKFLOW_TEXT, workflow_id=self.workflow_id)
        if text is not None:
            self.conn.insert(sql.INSERT_WORKFLOW_TEXT, workflow_id=self.workflow_id, text=text)

    def _delete_unused(self) -> None:
        """Delete what only the old definition needed and no running job uses."""
        compared = self.compared
        held = [row for row in compared.jobs.values() if row.status in HELD]
        used = {group for row in held for group in (row.input_files, row.output_files)}
        used |= set(compared.ids.file_group)
        old = [group for group in compared.file_groups.values() if group not in used]
        self.conn.execute(sql.DELETE_LISTED_FILE_GROUPS, ids=dumps(old))
        data = {group for row in held for group in (row.input_user_data, row.output_user_data)}
        used_data = data | set(compared.ids.user_data_group)
        old = [group for group in compared.record_groups.values() if group not in used_data]
        self.conn.execute(sql.DELETE_LISTED_DATA_GROUPS, ids=dumps(old))
        kept = {
            one
            for members, group in compared.file_groups.items()
            if group in used
            for one in members
        }
        files = [one for one in compared.old_files if one not in kept]
        self.conn.execute(sql.DELETE_LISTED_FILES, ids=dumps(files))
        self._delete_entries(held)

    def _delete_entries(self, held: Sequence[Any]) -> None:
        """Delete gates, failure handlers and schedulers that nothing needs any more."""
        compared, sections = self.compared, self.changes.sections
        gates = [one for one in compared.gates.values() if one not in set(compared.ids.gate)]
        self.conn.execute(sql.DELETE_LISTED_GATES, ids=dumps(gates))
        handlers = [compared.handlers[one].id for one in sections["failure_handlers"].removed]
        in_use = {row.failure_handler_id for row in held}
        handlers = [one for one in handlers if one not in in_use]
        self.conn.execute(sql.DELETE_LISTED_HANDLERS, ids=dumps(handlers))
        schedulers = [compared.schedulers[one].id for one in sections["slurm_schedulers"].removed]
        self.conn.execute(sql.DELETE_LISTED_SCHEDULERS, ids=dumps(schedulers))

    # -- where the jobs stand afterwards

    def _place(self) -> list[EventRow]:
        """Let new and restored jobs wait or start, and run again what is out of date."""
        if not self.is_initialized:
            return []
        waiting = self._ready_with_new_dependencies()
        restored = [one.id for one in self.changes.jobs_restored]
        user_actions.reset(self.conn, [*waiting, *restored])
        new = [*self.compared.new["job"], *restored]
        held = hold_listed(self.conn, self.workflow_id, new)
        reruns = list(self.changes.rerun)
        if reruns:
            reason = because(Kind.RERUN_BY_USER, actor=self.actor).to_json()
            return held + reset_jobs(self.conn, self.workflow_id, reruns, self.now, reason)
        if new:
            self.conn.execute(sql.SET_CANCELED, workflow_id=self.workflow_id, is_canceled=False)
            user_actions.rearm_actions(self.conn, self.workflow_id, new)
        moved = (restored, waiting, self.changes.jobs_removed, any(self.changes.dependencies))
        if not self.compared.new["job"] and not any(moved):
            return []
        return held + resettle(self.conn, self.workflow_id, self.now)

    def _ready_with_new_dependencies(self) -> list[int]:
        gained = (self.compared.jobs[one] for one in self.compared.gained_dependencies())
        return [row.id for row in gained if row.status == JobStatus.READY]

    def _events(self) -> list[EventRow]:
        changes = self.changes
        numbers = {
            "added": len(changes.jobs_added) + len(changes.jobs_restored),
            "removed": len(changes.jobs_removed),
            "changed": len(changes.jobs_changed),
            "rerun": len(changes.rerun),
        }
        names = {
            "added_jobs": changes.jobs_added[:_NAMED],
            "removed_jobs": [one.name for one in changes.jobs_removed[:_NAMED]],
        }
        rows: list[EventRow] = [
            (
                "job_update_planned" if one.status in HELD else "job_updated",
                one.id,
                _event_data(one),
            )
            for one in changes.jobs_changed
        ]
        return [*rows, ("workflow_changed", None, {**numbers, **names})]


def _event_data(one: JobChange) -> dict[str, Any]:
    return job_definitions.event_data({name: change.after for name, change in one.columns.items()})
