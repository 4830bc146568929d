"""Record the inputs of jobs at their start and the outputs at their end, to find stale jobs later.

Input: attempts that start and end, the file system. Output: records, which a thread completes with
hashes. A step reads only the sizes and times of files.

Jobs that follow others only through files and data were reset when a new run of stale jobs began.
As soon as the jobs before them have ended, the thread compares what they read, and the next step
keeps those completed whose inputs are equal (`CutOff`).

Invariants
* A file that cannot be read is not recorded, and never disturbs a run.
* A decision changes a job only if it still waits for that decision.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping

from torc_tui.engine.attempt_record import (
    InputGroup,
    InputStates,
    Record,
    Seen,
    Start,
    States,
    complete_inputs,
)
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.outputs import GroupFiles
from torc_tui.engine.recording_thread import RecordingThread
from torc_tui.lifecycle.decide import StatusChange
from torc_tui.lifecycle.fingerprint import FileState, Fingerprint
from torc_tui.model import Exited
from torc_tui.operations.file_states import LARGE_GROUP, combined, file_checks, is_combined
from torc_tui.status import JobStatus
from torc_tui.store import dependency_counters, fingerprints, sql
from torc_tui.store.compute_nodes import HeldAttempt
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.encoding import loads
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob

_MOST_GROUPS = 1000
"""Groups of files that are remembered, and environments."""
_NO_INPUTS = InputGroup(())


class Recorder:
    """Records the attempts of one runner."""

    def __init__(
        self, store: Store, context: RunContext, files: GroupFiles, thread: RecordingThread
    ) -> None:
        self.thread = thread
        self._files = files
        self._store = store
        self._context = context
        self._checks = file_checks(context.settings)
        self._groups: dict[tuple[int, int | None], InputGroup] = {}
        self._environments: dict[str | None, dict[str, str]] = {}
        self._ahead: dict[int, States] = {}
        self._looks: dict[int, InputStates] = {}
        """The looks of this step, by the identity of the `InputGroup` that they hold."""

    def forget_looks(self) -> None:
        """Look at all files anew from here: a step has begun."""
        self._looks = {}

    def look_ahead(self, jobs: Iterable[ReadyJob]) -> None:
        """Look at the inputs of jobs that are about to start, for all of them at once.

        An input that changes until its job starts counts as changed while the job ran. Inputs that
        were looked at in this step, when attempts had ended, are not looked at again.
        """
        if len(self._ahead) >= _MOST_GROUPS:
            self._ahead.clear()  # jobs that were not started after all
        self._ahead |= {job.id: self._look_before(job) for job in jobs}

    def begin(self, job: ReadyJob, began: int) -> Start:
        """Record the inputs of an attempt that is about to start."""
        if job.input_files is None and job.input_user_data is None:
            return Start(began)
        states = self._ahead.pop(job.id, None)
        if states is None:
            self.forget_looks()
            states = self._look_before(job)
        data: dict[int, int] = {}
        if job.input_user_data is not None:
            data = _versions(self._store.connection(), job.input_user_data)
        return Start(began, states, data)

    def _look_before(self, job: ReadyJob) -> States:
        """Return the inputs of a job before its start, as they are recorded."""
        inputs = self._inputs(job)
        is_new = id(inputs) not in self._looks
        states = self._look(inputs).recorded
        if is_new and states and inputs.as_one is None:
            self.thread.hash_ahead(inputs.files, states)
        return states

    def look(
        self, flight: InFlight, outputs: Mapping[int, tuple[str, os.stat_result]]
    ) -> Seen | None:
        """Look at the files of an attempt that has ended, before the transaction of the step.

        Small files are hashed at once. None if the start of the attempt is unknown.
        """
        if flight.recorded is None:
            return None
        inputs = self._inputs(flight.job)
        look = self._look(inputs)
        seen = Seen(look, is_complete=inputs.as_one is None)
        for key, (path, found) in outputs.items():
            seen.paths[key] = path
            state = self.thread.states.of(found)
            seen.outputs[key] = self._hashed_if_quick(path, state, seen)
        for key, path in inputs.files if seen.is_complete else ():
            now = look.states.get(key)
            if now is not None and now.hash is None:
                look.states[key] = self._hashed_if_quick(path, now, seen)
        return seen

    def _hashed_if_quick(self, path: str, state: FileState, seen: Seen) -> FileState:
        """Return the state of a small file with its hash; of others, the thread computes it."""
        if state.hash is None and self.thread.is_quick(state):
            return self.thread.hashed(path, state)
        seen.is_complete &= state.hash is not None
        return state

    def end(
        self, conn: Connection, flight: InFlight, exited: Exited, seen: Seen, ended: int
    ) -> Record:
        """Return what to record of an attempt that has succeeded."""
        context = flight.context or self._context
        job, start, now = flight.job, flight.recorded, seen.look.recorded
        assert start is not None
        data, changed = self._data(conn, flight.key.job_id, job, start)
        olds = start.inputs.items()
        suspects = {key: now.get(key) for key, old in olds if _is_other(old, now, key)}
        states = start.inputs
        changed_files: tuple[int, ...] = ()
        if seen.is_complete and not suspects and now.keys() == states.keys():
            states = now  # with hashes
        elif seen.is_complete:
            states, changed_files = complete_inputs(
                seen.look.inputs, states, suspects, seen.hasher(self.thread.hashes)
            )
        fingerprint = Fingerprint(
            started_at=exited.started_at,
            recorded_at=time.time(),
            began=start.began,
            ended=ended,
            command=job.command,
            script=context.script(job.invocation_script, job.options),
            env=self._environment(context, job.env),
            inputs=states,
            outputs=seen.outputs,
            data=data,
            changed_files=changed_files,
            changed_data=changed,
        )
        return Record(flight.key.job_id, fingerprint, seen.look, seen.paths, suspects)

    def _inputs(self, job: ReadyJob | HeldAttempt) -> InputGroup:
        """Return the input files of a job."""
        if job.input_files is None:
            return _NO_INPUTS
        key = (job.input_files, job.output_files)
        found = self._groups.get(key)
        if found is None:
            files = self._files.of(job.input_files)
            outputs: Collection[int] = ()
            if job.output_files is not None and len(files) > LARGE_GROUP:
                outputs = {file.id for file in self._files.of(job.output_files)}
            as_one = -job.input_files if is_combined(files, outputs, self._checks) else None
            found = InputGroup([(file.id, file.path) for file in files], as_one)
            if len(self._groups) >= _MOST_GROUPS:
                self._groups.clear()
            self._groups[key] = found
        return found

    def _look(self, inputs: InputGroup) -> InputStates:
        """Look at inputs, unless that was done in this step."""
        if (known := self._looks.get(id(inputs))) is not None:
            return known
        found: States = {}
        state = self.thread.states.state
        for key, path in inputs.files:
            try:
                found[key] = state(path)
            except OSError:
                continue  # cannot be seen: not recorded
        self._looks[id(inputs)] = look = InputStates(
            inputs, found, _as_recorded(inputs, found), time.monotonic()
        )
        return look

    def _data(
        self, conn: Connection, job_id: int, job: ReadyJob | HeldAttempt, start: Start
    ) -> tuple[dict[int, int], tuple[int, ...]]:
        """Return the versions of the records that an attempt has read, and those that changed."""
        if job.input_user_data is None:
            return {}, ()
        now = _versions(conn, job.input_user_data)
        own: set[int] = set()
        if job.output_user_data is not None and now != start.data:
            own = _versions(conn, job.output_user_data).keys() & now.keys()
        changed = []
        for key, before in start.data.items():
            if now.get(key, before) == before or key in own:
                continue
            writers = conn.rows(sql.WRITERS_SINCE, id=key, version=before)
            others = [row.version for row in writers if row.job_id != job_id]
            value = fingerprints.record_value(conn, key, before)
            if any(fingerprints.record_value(conn, key, one) != value for one in others):
                changed.append(key)  # also if it is as before again: the job may have read it
        return now, tuple(changed)

    def _environment(self, context: RunContext, own: str | None) -> dict[str, str]:
        if context is not self._context and context.env != self._context.env:
            self._environments.clear()
        self._context = context
        found = self._environments.get(own)
        if found is None:
            found = fingerprints.hash_environment(context.env, loads(own) or {})
            if len(self._environments) >= _MOST_GROUPS:
                self._environments.clear()
            self._environments[own] = found
        return found


def _as_recorded(inputs: InputGroup, found: States) -> States:
    """Return the states of inputs as they are recorded: a long list as one."""
    if inputs.as_one is None:
        return found
    states = [state for state in found.values() if state is not None]
    return {inputs.as_one: combined(states) if len(states) == len(inputs.files) else None}


def _is_other(old: FileState | None, now: States, key: int) -> bool:
    """Return whether the size, times or inode of an input differ from the start."""
    state = now.get(key)
    if old is None or state is None:
        return (old is None) is not (state is None)
    return not old.looks_like(state)


def _versions(conn: Connection, group_id: int) -> dict[int, int]:
    return {row.id: row.version for row in conn.rows(sql.USER_DATA_OF_GROUP, group_id=group_id)}


class CutOff:
    """The jobs of one workflow that may be kept in its present run."""

    def __init__(self, store: Store, workflow_id: int, thread: RecordingThread) -> None:
        with store.read() as conn:
            self.is_possible = conn.one(sql.ANY_MAY_BE_KEPT, workflow_id=workflow_id) is not None
        self._workflow_id = workflow_id
        self._thread = thread
        self._asked: set[int] = set()

    @property
    def is_busy(self) -> bool:
        """Return whether a decision is missing or not written yet."""
        return bool(self._asked)

    @property
    def decisions(self) -> int:
        """Return how many decisions can be written."""
        return len(self._thread.decisions)

    def apply(self, conn: Connection, number: int, now: float) -> tuple[list[EventRow], list[int]]:
        """Write the first decisions; return their events, and the jobs that wait for one."""
        events: list[EventRow] = []
        if not self.is_possible:
            return events, []
        waiting = self._undecided(conn)
        for job_id, stays in list(self._thread.decisions)[:number]:
            if stays:
                events += self._keep(conn, job_id, now)
            elif job_id in waiting:
                events += _run(conn, job_id, now)
        left = self._undecided(conn) if events else waiting
        return events, [job_id for job_id in left if job_id not in self._asked]

    def committed(self, decided: int, waiting: Iterable[int]) -> None:
        """Forget the decisions that were written, and request those on other jobs."""
        for _ in range(decided):
            self._asked.discard(self._thread.decisions.popleft()[0])
        for job_id in waiting:
            self._asked.add(job_id)
            self._thread.decide(job_id)

    def _keep(self, conn: Connection, job_id: int, now: float) -> list[EventRow]:
        last = conn.one(sql.LAST_SUCCESS, job_id=job_id)
        if last is None:
            return _run(conn, job_id, now)
        times = {"started_at": last.started_at, "ended_at": last.ended_at}
        kept = conn.execute(
            sql.KEEP_JOB,
            job_id=job_id,
            compute_node_id=last.compute_node_id,
            output_dir=last.output_dir,
            **times,
        )
        if not kept:
            return []
        data = {"attempt": last.attempt_id, "return_code": 0, "kept": True, **times}
        ended = dependency_counters.settle_ended(conn, [(job_id, JobStatus.COMPLETED)], now)
        return [("job_completed", job_id, data), *ended]

    def _undecided(self, conn: Connection) -> dict[int, None]:
        """Return the jobs that wait for a decision, in their order."""
        rows = conn.rows(sql.UNDECIDED, workflow_id=self._workflow_id)
        return dict.fromkeys(row.id for row in rows)


def _run(conn: Connection, job_id: int, now: float) -> list[EventRow]:
    return dependency_counters.apply_changes(conn, [StatusChange(job_id, JobStatus.READY)], now)
