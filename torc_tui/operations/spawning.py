"""Add the jobs that a running job spawns to its workflow.

Input: an open store, a fragment of a workflow file, the attempt that adds the jobs. Output: the ids
of the jobs. Everything is one transaction.

Invariants
* Only a running attempt can add jobs: a call by a process of an earlier attempt is refused.
* Repeating a call with the same names and definitions returns the same ids.
* Jobs that have not begun wait for new jobs that their patterns match. Jobs with
  ``wait_for_spawned`` also wait for all jobs that their dependencies add.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.errors import Refused
from torc_tui.lifecycle.spawning import MOST_GENERATIONS, MOST_JOBS, Mode, Spawn
from torc_tui.model import EdgeKind, JobSpec, WorkflowSpec
from torc_tui.operations.appending import Appended, append_plan
from torc_tui.operations.known_parts import read_known_parts
from torc_tui.operations.new_dependents import join_edges, pattern_edges
from torc_tui.plan.fragment import check, digest, resolve_fragment
from torc_tui.quoting import quoted, wrong_name
from torc_tui.status import HELD, JobStatus
from torc_tui.store import spawned, sql, user_data
from torc_tui.store.connection import Connection
from torc_tui.store.creation import insert_records
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import append
from torc_tui.store.plan_rows import EdgeRow
from torc_tui.store.user_data import Author
from torc_tui.tuples import NamedTuple
from torc_tui.wording import count

_NAMED = 50
"""Maximum number of jobs named in an event."""


class Caller(NamedTuple):
    """The attempt that adds jobs."""

    workflow_id: int
    job_id: int
    run_id: int
    attempt_id: int


class SpawnOptions(NamedTuple):
    """The options of a call; ``state`` is JSON text, or None for no state."""

    mode: Mode = "staged"
    lineage: str | None = None
    state: str | None = None


class Spawned(NamedTuple):
    """The jobs of a fragment: ids by name, and the number of new jobs."""

    job_ids: Mapping[str, int]
    created: int
    lineage: str
    generation: int


def spawn(store: Store, spec: WorkflowSpec, caller: Caller, options: SpawnOptions) -> Spawned:
    """Add the jobs of a fragment as children of an attempt."""
    check(spec)
    with store.write() as conn:
        now = time.time()
        append(conn, caller.workflow_id, [], at=now)
        return _Spawning(conn, spec, caller, options, now).run()


class _Spawning:
    """One call, inside its transaction; the row of the workflow is locked."""

    def __init__(
        self,
        conn: Connection,
        spec: WorkflowSpec,
        caller: Caller,
        options: SpawnOptions,
        now: float,
    ) -> None:
        self.conn = conn
        self.spec = spec
        self.caller = caller
        self.options = options
        self.now = now
        self.events: list[EventRow] = []
        self.row = self._running_caller()
        own = spawned.decode(self.row.spawn) if self.row.spawn else None
        self.lineage = options.lineage or (own.lineage if own else self.row.name)
        continues = own is not None and own.lineage == self.lineage
        self.generation = own.generation + 1 if own is not None and continues else 1
        self.settings: Mapping[str, Any] = loads(self.row.settings).get("dynamic_jobs") or {}

    def run(self) -> Spawned:
        """Store the jobs, and return their ids and number."""
        kept = self._kept_jobs()
        new = [job for job in self.spec.jobs if job.name not in kept]
        if new:
            self._check_limits(len(new))
        ids = dict(kept)
        if new:
            ids |= self._insert(new, kept)
        if self.options.state is not None:
            self._write_state()
        names = [job.name for job in new[:_NAMED]]
        if new:
            data = {
                "jobs": len(new),
                "names": names,
                "lineage": self.lineage,
                "generation": self.generation,
                "mode": self.options.mode,
            }
            self.events.append(("jobs_spawned", self.caller.job_id, data))
        append(self.conn, self.caller.workflow_id, self.events, at=self.now)
        generation = self.generation if self.spec.jobs else self.generation - 1
        return Spawned(
            {job.name: ids[job.name] for job in self.spec.jobs}, len(new), self.lineage, generation
        )

    # -- checks

    def _running_caller(self) -> sql.CallerRow:
        caller = self.caller
        row = self.conn.one(sql.CALLER, job_id=caller.job_id, workflow_id=caller.workflow_id)
        if row is None:
            raise Refused(f"there is no job {caller.job_id} in workflow {caller.workflow_id}")
        runs = row.status in HELD and row.attempt_id == caller.attempt_id
        if not runs or row.run_id != caller.run_id:
            raise Refused(
                f"attempt {caller.attempt_id} of job {quoted(row.name)} is not running: it cannot"
                " add jobs"
            )
        if row.is_canceled:
            raise Refused(f"workflow {caller.workflow_id} is canceled: no jobs can be added")
        return row

    def _check_limits(self, number: int) -> None:
        most = self.settings.get("max_iterations", MOST_GENERATIONS)
        if self.generation > most:
            raise Refused(
                f"lineage {quoted(self.lineage)} would reach generation {self.generation}:"
                f" dynamic_jobs.max_iterations is {most}; no jobs added"
            )
        most = self.settings.get("max_jobs", MOST_JOBS)
        there = self.conn.value(sql.NUMBER_OF_JOBS, workflow_id=self.caller.workflow_id)
        if there + number > most:
            raise Refused(
                f"the workflow would have {count(there + number, 'job')}: dynamic_jobs.max_jobs is"
                f" {most}; no jobs added"
            )

    # -- jobs that exist already

    def _kept_jobs(self) -> dict[str, int]:
        """Return the ids of existing jobs; discard jobs of earlier attempts that were redefined."""
        names = dumps([job.name for job in self.spec.jobs])
        rows = self.conn.rows(sql.JOBS_OF_NAMES, workflow_id=self.caller.workflow_id, names=names)
        found = {row.name: row for row in rows}
        kept: dict[str, int] = {}
        replaced: list[int] = []
        for job in self.spec.jobs:
            row = found.get(job.name)
            if row is None:
                continue
            before = self._spawn_of(row, job)
            if before.digest == digest(job):
                kept[job.name] = row.id
                self._repeat(row.id, before)
            elif self._is_of_earlier_attempt(before) and row.status in _WAITING:
                replaced.append(row.id)
            else:
                raise Refused(
                    f"job {quoted(job.name)} was added earlier with a different definition; give"
                    " the new job another name"
                )
        self.events += spawned.discard(self.conn, self.caller.job_id, replaced, self.now)
        return kept

    def _spawn_of(self, row: sql.JobsOfNamesRow, job: JobSpec) -> Spawn:
        if row.spawned_by != self.caller.job_id or row.spawn is None:
            raise Refused(f"the workflow already has a job {quoted(job.name)}")
        return spawned.decode(row.spawn)

    def _is_of_earlier_attempt(self, before: Spawn) -> bool:
        attempt = (self.caller.run_id, self.caller.attempt_id)
        return before.mode == "staged" and (before.run, before.attempt) != attempt

    def _repeat(self, job_id: int, before: Spawn) -> None:
        """Mark a job as added by this attempt."""
        if self._is_of_earlier_attempt(before):
            text = spawned.encode(self._spawn(before.digest))
            self.conn.execute(sql.SET_SPAWN, job_id=job_id, spawn=text)

    def _spawn(self, text: str) -> Spawn:
        run, attempt = self.caller.run_id, self.caller.attempt_id
        return Spawn(run, attempt, self.options.mode, text, self.lineage, self.generation)

    # -- new jobs

    def _insert(self, new: Sequence[JobSpec], kept: Mapping[str, int]) -> dict[str, int]:
        workflow_id = self.caller.workflow_id
        known = read_known_parts(self.conn, workflow_id, self.spec)
        plan, known_ids = resolve_fragment(self.spec, known, kept)
        ids = [
            number if number is not None else kept[plan.jobs[place].spec.name]
            for place, number in enumerate(known_ids)
        ]
        columns = {
            "spawned_by": self.caller.job_id,
            "spawn": [spawned.encode(self._spawn(digest(job))) for job in new],
        }
        appended = Appended(self.conn, workflow_id, plan, ids, known)
        more = self._more_edges(appended)
        self.events += append_plan(appended, columns, more, self.now)
        return dict(zip((job.name for job in new), appended.new_jobs, strict=True))

    def _more_edges(self, appended: Appended) -> list[EdgeRow]:
        """Return the dependencies that follow from existing jobs, not from the fragment."""
        caller, new = self.caller, appended.new_jobs
        edges: list[EdgeRow] = []
        if self.options.mode == "staged":
            edges += [(caller.job_id, one, int(EdgeKind.EXPLICIT), None) for one in new]
        if self.options.mode != "independent":
            edges += join_edges(self.conn, caller.job_id, new)
        return edges + pattern_edges(self.conn, caller.workflow_id, appended)

    # -- the state of the lineage

    def _write_state(self) -> None:
        """Store the state of the lineage as a record of user data."""
        state = loads(self.options.state or "null")
        data = {"generation": self.generation, "job": self.row.name, "state": state}
        if not self.spec.jobs:
            data["generation"] = self.generation - 1
        name, caller = f"lineage_{self.lineage}", self.caller
        wrong = wrong_name(name)
        if wrong is not None:
            hint = "give the lineage a shorter name with --lineage"
            raise Refused(f"the name of the record {quoted(name)} {wrong}", hint=hint)
        found = self.conn.one(sql.USER_DATA_BY_NAME, workflow_id=caller.workflow_id, name=name)
        number = found.id if found is not None else self._new_record(name)
        job = (caller.job_id, caller.run_id, caller.attempt_id)
        before = loads(found.data) if found is not None and found.data else None
        if before != data:
            user_data.update(self.conn, number, {"data": data}, Author(self.now, job=job))

    def _new_record(self, name: str) -> int:
        number = self.conn.allocate("user_data")
        empty: dict[str, Any] = {
            "name": [name],
            "is_ephemeral": [False],
            "data": [None],
            "file_data": [None],
            "version": [0],
            "json_schema": [None],
            "declared": [False],
        }
        insert_records(self.conn, self.caller.workflow_id, [number], empty, self.now, None)
        return number


_WAITING = frozenset({JobStatus.UNINITIALIZED, JobStatus.BLOCKED, JobStatus.READY})
