"""Collect the facts by which `torc_tui.lifecycle` decides whether jobs are stale.

Input: a database, the file system. Output: `CurrentJob` records, and the states of outputs after
the last attempt. Rows are read first, in one transaction, and files afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from torc_tui.lifecycle.fingerprint import Baseline, FileState, Fingerprint, baselines
from torc_tui.lifecycle.freshness import EVERYTHING, Aspect, CurrentJob, FileNow, RecordNow
from torc_tui.lifecycle.rerun_plan import Follows
from torc_tui.model import EdgeKind, Json
from torc_tui.operations.file_states import FileStates, file_checks, hash_limit, is_combined
from torc_tui.operations.files_now import FilesNow
from torc_tui.reasons import Kind
from torc_tui.records import dataclass, replace
from torc_tui.status import JobStatus
from torc_tui.store import fingerprints, relations, run_context, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.event_log import last_event

if TYPE_CHECKING:
    FileRow = sql.FilesOfGroupsRow
    JobRow = sql.FreshnessOfJobRow
    RecordRow = sql.RecordsOfGroupsRow

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class WorkflowFacts:
    """The facts about the jobs of a workflow. ``last_seq`` numbers its last event."""

    name: str
    last_seq: int
    jobs: dict[int, CurrentJob]
    edges: list[Follows]
    baselines: dict[int, Baseline]


class FactReader:
    """Read the facts about the jobs of one workflow."""

    def __init__(self, store: Store, workflow_id: int) -> None:
        self._store = store
        self._workflow_id = workflow_id
        self._files: dict[int, list[FileRow]] = {}
        self._records: dict[int, list[RecordRow]] = {}
        self._environments: dict[str | None, dict[str, str]] = {}
        self._aspects: dict[str | None, frozenset[Aspect]] = {}
        self._same: dict[tuple[int, int, int], bool] = {}
        with store.read() as conn:
            self._context = run_context.read(conn, workflow_id)
            files = conn.rows(sql.WRITTEN_FILES, workflow_id=workflow_id)
            rows = conn.rows(sql.PRODUCED_RECORDS, workflow_id=workflow_id)
        produced = {row.id for row in files}
        self._produced_records = {row.user_data_id for row in rows}
        settings = self._context.settings
        states = FileStates(self._context.directory, hash_limit(settings))
        self.files_now = FilesNow(store, states, file_checks(settings), produced)

    def workflow(self) -> WorkflowFacts:
        """Return the facts about all jobs."""
        with self._store.read() as conn:
            last_seq = last_event(conn, self._workflow_id)
            rows = conn.rows(sql.FRESHNESS_OF_WORKFLOW, workflow_id=self._workflow_id)
            recorded = {row.id: _recorded(row) for row in rows}
            self._read_groups(conn, rows, recorded)
        edges = [
            Follows(edge.job, edge.depends_on, EdgeKind(edge.kind))
            for edge in relations.edges(self._store, self._workflow_id)
        ]
        left = baselines(one for one in recorded.values() if one is not None)
        jobs = {row.id: self._facts(row, recorded[row.id], left) for row in rows}
        self.files_now.keep_hashes()
        return WorkflowFacts(
            name=self._context.name, last_seq=last_seq, jobs=jobs, edges=edges, baselines=left
        )

    def job(self, job_id: int) -> tuple[CurrentJob, dict[int, Baseline], list[tuple[str, int]]]:
        """Return the facts about one job, the baselines of its outputs, and the jobs before it."""
        with self._store.read() as conn:
            row = _row_of_job(conn, job_id)
            recorded = _recorded(row)
            self._read_groups(conn, [row], {job_id: recorded})
            outputs = [file.id for file in self._files.get(row.output_files or 0, ())]
            left = fingerprints.baselines_of(conn, self._workflow_id, outputs)
            before = fingerprints.ends_before(conn, job_id)
        facts = self._facts(row, recorded, left)
        self.files_now.keep_hashes()
        return facts, left, before

    def present(self, job_id: int, at: float) -> Fingerprint:
        """Return what would be recorded of a job if it had just ended with all as it is now."""
        with self._store.read() as conn:
            row = _row_of_job(conn, job_id)
            old = _recorded(row)
            self._read_groups(conn, [row], {job_id: None})
            began = last_event(conn, self._workflow_id)
        outputs = self._files.get(row.output_files or 0, ())
        records = self._records.get(row.input_user_data or 0, ())
        found = Fingerprint(
            started_at=row.started_at or 0.0,
            recorded_at=at,
            began=began,
            ended=old.ended if old is not None else 0,
            command=row.command,
            script=self._context.script(row.invocation_script, row.options),
            env=self._environment(row.env),
            inputs=self._present_inputs(row.input_files, {file.id for file in outputs}),
            outputs={file.id: self.files_now.current(file) for file in outputs},
            data={record.id: record.version for record in records},
        )
        self.files_now.keep_hashes()
        return found

    def _present_inputs(self, group: int | None, outputs: set[int]) -> dict[int, FileState | None]:
        files = self._files.get(group or 0, ())
        if group is not None and is_combined(files, outputs, self.files_now.checks):
            return {-group: self.files_now.combined(files)}
        return {file.id: self.files_now.current(file) for file in files}

    # -- rows

    def _read_groups(
        self, conn: Connection, rows: Sequence[JobRow], recorded: Mapping[int, Fingerprint | None]
    ) -> None:
        new = _new_groups(self._files, ((row.input_files, row.output_files) for row in rows))
        for file in conn.rows(sql.FILES_OF_GROUPS, group_ids=new) if new else ():
            self._files[file.group_id].append(file)
        pairs = ((row.input_user_data, row.output_user_data) for row in rows)
        new = _new_groups(self._records, pairs)
        for record in conn.rows(sql.RECORDS_OF_GROUPS, group_ids=new) if new else ():
            self._records[record.group_id].append(record)
        for row in rows:
            old = recorded[row.id]
            if old is not None and row.input_user_data is not None:
                self._compare(conn, self._records[row.input_user_data], old)

    def _compare(self, conn: Connection, records: Sequence[RecordRow], old: Fingerprint) -> None:
        """Compare the values of records with those of the recorded versions."""
        for record in records:
            before = old.data.get(record.id, record.version)
            versions = (record.id, before, record.version)
            if before != record.version and versions not in self._same:
                values = [
                    fingerprints.record_value(conn, record.id, version) for version in versions[1:]
                ]
                self._same[versions] = values[0] == values[1]

    # -- facts

    def _facts(
        self, row: JobRow, old: Fingerprint | None, left: Mapping[int, Baseline]
    ) -> CurrentJob:
        status, reason = row.status, row.reason
        output_data = self._records.get(row.output_user_data or 0, ())
        may_be_kept = (
            status is JobStatus.BLOCKED and reason is not None and reason.kind is Kind.MAY_BE_KEPT
        )
        finished = may_be_kept or status is JobStatus.COMPLETED
        return CurrentJob(
            id=row.id,
            name=row.name,
            status=status,
            command=row.command,
            script=self._context.script(row.invocation_script, row.options),
            env=self._environment(row.env),
            inputs=self._inputs(row, old) if finished else {},
            outputs=self._outputs(row, left) if finished else {},
            data=self._data(row, old) if finished else {},
            output_data=frozenset(record.id for record in output_data),
            rerun_on=self._rerun_on(row.options),
            is_interrupted=row.stop_requested == "stopped",
            is_ignored=bool(row.ignored),
            may_be_kept=may_be_kept,
            recorded=old,
        )

    def _inputs(self, row: JobRow, old: Fingerprint | None) -> dict[int, FileNow]:
        group = row.input_files
        if group is None or old is None:
            return {}
        files, recorded_ns = self._files[group], old.started_ns
        outputs = {file.id for file in self._files.get(row.output_files or 0, ())}
        if is_combined(files, outputs, self.files_now.checks):
            state = old.inputs.get(-group)
            return {-group: self.files_now.group(group, files, state, recorded_ns)}
        return {
            file.id: self.files_now.file(file, old.inputs.get(file.id), recorded_ns)
            for file in files
        }

    def _outputs(self, row: JobRow, left: Mapping[int, Baseline]) -> dict[int, FileNow]:
        found = {}
        for file in self._files.get(row.output_files or 0, ()):
            old = left.get(file.id)
            state, at = (old.state, old.recorded_ns) if old is not None else (None, 0)
            found[file.id] = self.files_now.file(file, state, at)
        return found

    def _data(self, row: JobRow, old: Fingerprint | None) -> dict[int, RecordNow]:
        if row.input_user_data is None or old is None:
            return {}
        found = {}
        for record in self._records[row.input_user_data]:
            before = old.data.get(record.id, record.version)
            found[record.id] = RecordNow(
                record.name,
                record.version,
                self._same.get((record.id, before, record.version), before == record.version),
                record.job_id is None,
                record.id in self._produced_records,
            )
        return found

    def _environment(self, own: str | None) -> dict[str, str]:
        found = self._environments.get(own)
        if found is None:
            found = fingerprints.hash_environment(self._context.env, loads(own) or {})
            self._environments[own] = found
        return found

    def _rerun_on(self, options: str | None) -> frozenset[Aspect]:
        found = self._aspects.get(options)
        if found is None:
            given = (loads(options) or {}).get("rerun_on", self._context.settings.get("rerun_on"))
            found = EVERYTHING if given is None else frozenset(map(Aspect, given))
            self._aspects[options] = found
        return found


def _new_groups(known: dict[int, list[T]], pairs: Iterable[tuple[int | None, int | None]]) -> str:
    """Return the groups that are not known yet as JSON, and note them; empty if there are none."""
    found = {group for pair in pairs for group in pair if group is not None} - known.keys()
    known |= {group: [] for group in found}
    return dumps(list(found)) if found else ""


def with_edit(
    conn: Connection, jobs: Mapping[int, CurrentJob], record_id: int, value: Json
) -> dict[int, CurrentJob]:
    """Return the facts as they would be if a user gave a record this value."""
    wanted = json.dumps(value, sort_keys=True)
    same: dict[int, bool] = {}
    found = dict(jobs)
    for number, job in jobs.items():
        record = job.data.get(record_id)
        if record is None or job.recorded is None:
            continue
        version = job.recorded.data.get(record_id, record.version)
        if version not in same:
            same[version] = fingerprints.record_value(conn, record_id, version) == wanted
        edited = record._replace(version=record.version + 1, is_same=same[version], is_edited=True)
        found[number] = replace(job, data={**job.data, record_id: edited})
    return found


def _row_of_job(conn: Connection, job_id: int) -> sql.FreshnessOfJobRow:
    """Return the row with the facts of a job; raise NotFound if the job does not exist."""
    row = conn.one(sql.FRESHNESS_OF_JOB, job_id=job_id)
    if row is None:
        raise relations.no_job(job_id)
    return row


def _recorded(row: JobRow) -> Fingerprint | None:
    """Return what was recorded of the attempt whose result the job has."""
    if row.recorded is None or row.recorded_at is None:
        return None
    found = fingerprints.decode(row.recorded, row.recorded_at)
    if found is None or (row.started_at is not None and row.started_at != found.started_at):
        return None
    return found
