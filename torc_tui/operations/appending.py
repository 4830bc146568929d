"""Store the new parts of a plan whose first jobs are already in the workflow.

Input: a connection inside a write transaction, a plan, the ids of its known jobs. Output: rows, and
events that the caller must append.

Invariant: the counters of all jobs that wait for new jobs are correct afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from torc_tui.model import Plan
from torc_tui.plan.fragment import KnownParts
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store import additions, creation, dependency_counters, sql, user_actions
from torc_tui.store.connection import Connection
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps
from torc_tui.store.plan_rows import (
    ADDED,
    EdgeRow,
    PlanIds,
    edge_rows,
    gate_columns,
    group_members,
    job_columns,
    record_columns,
)


class Appended:
    """A plan that is added to a workflow, with the ids of all its parts."""

    def __init__(
        self,
        conn: Connection,
        workflow_id: int,
        plan: Plan,
        known_jobs: Sequence[int],
        known: KnownParts,
    ) -> None:
        self.conn = conn
        self.workflow_id = workflow_id
        self.plan = plan
        self.known = known
        self.known_jobs = known_jobs
        self.new_jobs = creation.allocate(conn, "job", len(plan.jobs) - len(known_jobs))

    @cached_property
    def ids(self) -> PlanIds:
        """The ids of the parts; those of unknown ones are new."""
        plan, known = self.plan, self.known
        return PlanIds(
            job=[*self.known_jobs, *self.new_jobs],
            gate=creation.allocate(self.conn, "gate", len(plan.gates)),
            file=self._named("file", sql.ALL_FILES, plan.files, len(known.files)),
            file_group=creation.allocate(self.conn, "file_group", len(plan.file_groups)),
            user_data=self._named(
                "user_data", sql.USER_DATA_IDS, plan.user_data, len(known.user_data)
            ),
            user_data_group=creation.allocate(
                self.conn, "user_data_group", len(plan.user_data_groups)
            ),
            resource_requirements=self._requirements(),
            failure_handler=[
                additions.failure_handler(self.conn, self.workflow_id, one)
                for one in plan.spec.failure_handlers
            ],
            slurm_scheduler=(),
            action=(),
        )

    def _named(self, table: str, statement: Any, entries: Sequence[Any], known: int) -> list[int]:
        """Return the ids of files or records; the first entries are already stored."""
        found = {}
        if known:
            rows = self.conn.rows(statement, workflow_id=self.workflow_id)
            found = {row.name: row.id for row in rows}
        new = creation.allocate(self.conn, table, len(entries) - known)
        return [*(found[one.name] for one in entries[:known]), *new]

    def _requirements(self) -> list[int]:
        """Return the ids of the requirements; new ones are stored."""
        rows = self.conn.rows(sql.REQUIREMENTS, workflow_id=self.workflow_id)
        found = {row.name: row.id for row in rows}
        new = [one for one in self.plan.requirements if one.name not in found]
        numbers = creation.allocate(self.conn, "resource_requirements", len(new))
        creation.insert_requirements(self.conn, self.workflow_id, numbers, new)
        found |= dict(zip((one.name for one in new), numbers, strict=True))
        if new:
            additions.classify(self.conn, self.workflow_id)
        return [found[one.name] for one in self.plan.requirements]


def append_plan(
    appended: Appended, columns: Mapping[str, Any], edges: Sequence[EdgeRow], now: float
) -> list[EventRow]:
    """Store the new parts of a plan, with more columns of jobs and more dependencies."""
    conn, workflow_id, ids = appended.conn, appended.workflow_id, appended.ids
    _insert_parts(appended, now)
    first = len(appended.known_jobs)
    own = replace(appended.plan, jobs=appended.plan.jobs[first:])
    new = replace(ids, job=appended.new_jobs)
    jobs = job_columns(own, new, conn.columns(sql.INSERT_JOBS))
    conn.insert(sql.INSERT_JOBS, workflow_id=workflow_id, **(jobs | dict(columns)))
    conn.many(sql.SET_EDITED, [{"id": one, "edited": ADDED} for one in appended.new_jobs])
    known = set(appended.known_jobs)
    found = {(row[0], row[1]): row for row in edges}
    found |= {(row[0], row[1]): row for row in edge_rows(appended.plan, ids) if row[1] not in known}
    creation.insert_edges(conn, workflow_id, sorted(found.values(), key=lambda row: row[:2]))
    waiting = {row[1] for row in edges}.difference(appended.new_jobs)
    return _settle(appended, sorted(waiting), now)


def _insert_parts(appended: Appended, now: float) -> None:
    """Store new files, records, gates, and the groups of new jobs."""
    conn, plan, ids = appended.conn, appended.plan, appended.ids
    workflow_id, known = appended.workflow_id, appended.known
    files = plan.files[len(known.files) :]
    conn.insert(
        sql.INSERT_FILES,
        id=list(ids.file[len(known.files) :]),
        workflow_id=workflow_id,
        name=[one.name for one in files],
        path=[one.path for one in files],
    )
    first = len(known.user_data)
    records = {name: values[first:] for name, values in record_columns(plan).items()}
    creation.insert_records(conn, workflow_id, list(ids.user_data[first:]), records, now, None)
    for what, groups, numbers, members in (
        ("file", plan.file_groups, ids.file_group, ids.file),
        ("user_data", plan.user_data_groups, ids.user_data_group, ids.user_data),
    ):
        pairs = group_members(groups, numbers, members)
        creation.insert_group_members(conn, workflow_id, what, pairs)
    conn.insert(sql.INSERT_GATES, id=list(ids.gate), workflow_id=workflow_id, **gate_columns(plan))


def _settle(appended: Appended, waiting: Sequence[int], now: float) -> list[EventRow]:
    """Let the new jobs wait or start, and let existing jobs wait for them.

    In a workflow that was never initialized, the first run does that.
    """
    conn, workflow_id = appended.conn, appended.workflow_id
    if conn.value(sql.RUN_OF_WORKFLOW, workflow_id=workflow_id) == 0:
        return []
    states = user_actions.job_states(conn, waiting)
    ready = [one.id for one in states if one.status is JobStatus.READY]
    if ready:
        user_actions.reset(conn, ready)
    conn.execute(
        sql.RECOUNT_LISTED_GATES, workflow_id=workflow_id, gate_ids=dumps(list(appended.ids.gate))
    )
    listed = dumps([*appended.new_jobs, *waiting])
    conn.execute(sql.RECOUNT_LISTED_JOBS, workflow_id=workflow_id, job_ids=listed)
    events = dependency_counters.place_uninitialized(conn, workflow_id, now)
    return [*events, *(("job_blocked", one, None) for one in ready)]
