"""Read only those parts of a workflow to which new jobs refer.

Input: a connection inside a transaction, the new jobs. Output: `KnownParts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torc_tui.model import FailureHandler, FileSpec, JobSpec, UserDataSpec, WorkflowSpec
from torc_tui.plan.fragment import KnownJob, KnownParts, needs_files, needs_user_data
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.plan_rows import failure_rule
from torc_tui.store.workflows import read_requirements


def read_known_parts(conn: Connection, workflow_id: int, spec: WorkflowSpec) -> KnownParts:
    """Return the parts of a workflow that a fragment refers to or declares again."""
    jobs = spec.jobs
    files: Sequence[Any] = ()
    records: Sequence[Any] = ()
    if spec.files or needs_files(jobs):
        files = conn.rows(sql.ALL_FILES, workflow_id=workflow_id)
    if spec.user_data or needs_user_data(jobs):
        records = conn.rows(sql.STORED_RECORDS, workflow_id=workflow_id)
    return KnownParts(
        jobs=_known_jobs(conn, workflow_id, jobs, bool(files), bool(records)),
        files=[FileSpec(name=row.name, path=row.path) for row in files],
        user_data=[UserDataSpec(name=row.name, data=loads(row.data)) for row in records],
        requirements=list(read_requirements(conn, workflow_id).values()),
        failure_handlers=[
            FailureHandler(name=row.name, rules=tuple(map(failure_rule, loads(row.rules))))
            for row in conn.rows(sql.FAILURE_HANDLERS, workflow_id=workflow_id)
        ],
    )


def _known_jobs(
    conn: Connection,
    workflow_id: int,
    jobs: Sequence[JobSpec],
    files: bool,
    records: bool,
) -> list[KnownJob]:
    """Return the jobs that new jobs name or match, and the writers of what new jobs may read."""
    own = {job.name for job in jobs}
    wanted = {name for job in jobs for name in job.depends_on if name not in own}
    found: dict[int, str]
    if any(job.depends_on_regexes for job in jobs):
        found = _names(conn.rows(sql.ALL_JOB_NAMES, workflow_id=workflow_id))
    else:
        named = conn.rows(sql.JOBS_OF_NAMES, workflow_id=workflow_id, names=dumps(sorted(wanted)))
        found = _names(named)
    writes: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    if files or records:
        writes = _writers(conn, workflow_id, files, records)
        missing = [one for one in writes if one not in found]
        found |= _names(conn.rows(sql.JOB_NAMES, job_ids=dumps(missing)))
    return [
        KnownJob(number, name, *writes.get(number, ((), ())))
        for number, name in sorted(found.items())
        if name not in own
    ]


def _names(rows: Iterable[Any]) -> dict[int, str]:
    return {row.id: row.name for row in rows}


def _writers(
    conn: Connection, workflow_id: int, with_files: bool, with_records: bool
) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the names of the files and records that jobs write."""
    files = _members(conn.rows(sql.GROUPED_FILES, workflow_id=workflow_id) if with_files else ())
    records = _members(
        conn.rows(sql.GROUPED_USER_DATA, workflow_id=workflow_id) if with_records else ()
    )
    return {
        row.id: (files.get(row.output_files, ()), records.get(row.output_user_data, ()))
        for row in conn.rows(sql.GROUPS_OF_JOBS, workflow_id=workflow_id)
        if row.output_files is not None or row.output_user_data is not None
    }


def _members(rows: Iterable[Any]) -> dict[int | None, tuple[str, ...]]:
    found: dict[int | None, list[str]] = {}
    for row in rows:
        found.setdefault(row.group_id, []).append(row.name)
    return {group: tuple(names) for group, names in found.items()}
