"""Match the parts of a stored workflow with those of the plan of a file, and number what is new.

Input: a connection inside a transaction, a plan. Output: stored rows, and the ids of the plan.
Nothing is compared or written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from torc_tui.model import Plan, Workflow
from torc_tui.plan.changes import Matched, match
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import loads
from torc_tui.store.plan_rows import PlanIds

Allocate = Callable[[str, int], Sequence[int]]
"""Returns a number of new ids of a table."""


class Matching:
    """The parts of a stored workflow, matched with those of a plan."""

    def __init__(
        self, conn: Connection, workflow: Workflow, plan: Plan, allocate: Allocate
    ) -> None:
        self.conn = conn
        self.workflow = workflow
        self.plan = plan
        self._allocate = allocate
        self.new: dict[str, list[int]] = {}
        """The new ids of each table."""
        self._read()
        self.ids = self._match()

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
        by_hand = {row.id for row in self.jobs.values() if _is_by_hand(row)}
        self.edges = {
            (on, job, kind, via)
            for job, on, kind, via in edges
            if job not in by_hand and on not in by_hand
        }
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
            (added_by_hand if _is_by_hand(row) else stored)[name] = row.id
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


def _is_by_hand(row: sql.StoredJobsRow) -> bool:
    """Return whether a user or a job added the job, so that it was never in a file."""
    return row.edited is not None and loads(row.edited).get("name", "") is None


def _groups(rows: Iterable[Any]) -> dict[tuple[int, ...], int]:
    """Return the ids of groups by their members."""
    members: dict[int, list[int]] = {}
    for group, one in rows:
        members.setdefault(group, []).append(one)
    return {tuple(sorted(found)): group for group, found in members.items()}


def next_numbers() -> Allocate:
    """Return a function that gives ids without storing them, for a dry run."""
    numbers = count(1 << 40)
    return lambda table, number: [next(numbers) for _ in range(number)]
