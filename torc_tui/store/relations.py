"""Read how jobs depend on each other, and what each job reads and writes.

Input: a database and the id of a job or workflow. Output: records with names. A gate (a set of jobs
for which many jobs wait, stored once) is a node in the graph of a workflow; for one job, it is
replaced by its jobs. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from torc_tui.errors import NotFound
from torc_tui.model import Artifact, EdgeKind, Json
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import check_workflow
from torc_tui.store.prepared import StatementRow, record
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    Dependency = sql.DependentsRow
    """A job at the other end of an edge; ``via`` is the file, record or pattern of the edge."""
else:
    Dependency = StatementRow


class Edge(NamedTuple):
    """``job`` waits for ``depends_on``: ids of jobs, or the negative id of a gate."""

    job: int
    depends_on: int
    kind: EdgeKind
    via: str | None


class JobIO(NamedTuple):
    """What a job reads and writes.

    Files are {id, name, path, st_mtime, st_size}, records {id, name, version, is_null}.
    """

    input_files: list[dict[str, Json]]
    output_files: list[dict[str, Json]]
    input_user_data: list[dict[str, Json]]
    output_user_data: list[dict[str, Json]]


def dependencies(store: Store, job_id: int) -> list[Dependency]:
    """Return the jobs that this one waits for, each once; raise NotFound for an unknown job."""
    with store.read() as conn:
        _groups(conn, job_id)
        return _distinct(conn.rows(sql.DEPENDENCIES, job_id=job_id))


def dependents(store: Store, job_id: int) -> list[Dependency]:
    """Return the jobs that wait for this one, each once; raise NotFound for an unknown job."""
    with store.read() as conn:
        _groups(conn, job_id)
        return _distinct(conn.rows(sql.DEPENDENTS, job_id=job_id))


def _distinct(rows: Sequence[Dependency]) -> list[Dependency]:
    found: dict[int, Dependency] = {}
    for row in rows:
        found.setdefault(row.job_id, row)
    return list(found.values())


def edges(store: Store, workflow_id: int) -> Iterator[Edge]:
    """Yield all edges of a workflow; a gate, under its negative id, is a node between jobs."""
    kinds = {int(kind): kind for kind in EdgeKind}
    with store.read() as conn:
        check_workflow(conn, workflow_id)
        rows = conn.rows(sql.EDGES, workflow_id=workflow_id)
        files = conn.rows(sql.FILE_NAMES, workflow_id=workflow_id)
        records = conn.rows(sql.USER_DATA_IDS, workflow_id=workflow_id)
        gates = conn.rows(sql.GATE_PATTERNS, workflow_id=workflow_id)
    names: dict[int, dict[int, str]] = {
        EdgeKind.FILE: {row.id: row.name for row in files},
        EdgeKind.USER_DATA: {row.id: row.name for row in records},
    }
    patterns = {-row.id: row.via for row in gates}
    for job, on, kind, via in rows:
        word = names[kind].get(via or 0) if kind in names else patterns.get(min(job, on))
        yield Edge(job, on, kinds[kind], word)


def job_io(store: Store, job_id: int) -> JobIO:
    """Return what the job reads and writes; raise NotFound for an unknown job."""
    with store.read() as conn:
        return JobIO(*([record(row) for row in rows] for rows in _members(conn, job_id)))


def _members(
    conn: Connection, job_id: int
) -> Iterator[Sequence[sql.FilesOfGroupRow] | Sequence[sql.UserDataOfGroupRow]]:
    """Yield input files, output files, input user data and output user data of a job."""
    groups = _groups(conn, job_id)
    for group in (groups.input_files, groups.output_files):
        yield conn.rows(sql.FILES_OF_GROUP, group_id=group) if group is not None else ()
    for group in (groups.input_user_data, groups.output_user_data):
        yield conn.rows(sql.USER_DATA_OF_GROUP, group_id=group) if group is not None else ()


def artifacts(store: Store, workflow_id: int) -> list[Artifact]:
    """Return the files and records of a workflow that jobs write or read.

    Jobs of one group share a list.
    """
    with store.read() as conn:
        jobs = conn.rows(sql.GROUPS_OF_JOBS, workflow_id=workflow_id)
        files = conn.rows(sql.GROUPED_FILES, workflow_id=workflow_id)
        records = conn.rows(sql.GROUPED_USER_DATA, workflow_id=workflow_id)
    found: list[Artifact] = []
    readers = _by_group((job.input_files, job.id) for job in jobs)
    writers = _by_group((job.output_files, job.id) for job in jobs)
    rows = [(row.id, row.name, "", row.group_id) for row in files]
    found += _artifacts("file", rows, writers, readers)
    readers = _by_group((job.input_user_data, job.id) for job in jobs)
    writers = _by_group((job.output_user_data, job.id) for job in jobs)
    rows = [(r.id, r.name, "empty" if r.is_null else "written", r.group_id) for r in records]
    return found + _artifacts("user_data", rows, writers, readers)


def _by_group(jobs: Iterable[tuple[int | None, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for group, job_id in jobs:
        if group is not None:
            found.setdefault(group, []).append(job_id)
    return found


def _artifacts(
    kind: Literal["file", "user_data"],
    rows: Iterable[tuple[int, str, str, int]],
    writers: dict[int, list[int]],
    readers: dict[int, list[int]],
) -> list[Artifact]:
    """Return the files or records of rows (id, name, state, group) that jobs write or read."""
    groups_of: dict[tuple[int, str, str], list[int]] = {}
    for number, name, state, group in rows:
        groups_of.setdefault((number, name, state), []).append(group)
    found = [
        Artifact(kind, number, name, _flat(writers, groups), _flat(readers, groups), state)
        for (number, name, state), groups in groups_of.items()
    ]
    return [one for one in found if one.producers or one.consumers]


def _flat(jobs: dict[int, list[int]], groups: Sequence[int]) -> Sequence[int]:
    lists = [jobs[group] for group in groups if group in jobs]
    return lists[0] if len(lists) == 1 else [number for numbers in lists for number in numbers]


def relationships(conn: Connection, job_id: int) -> dict[str, Json]:
    """Return the ids of what a job depends on, reads and writes, as keys of its record."""
    keys = ("input_file_ids", "output_file_ids", "input_user_data_ids", "output_user_data_ids")
    ids = [[row.id for row in rows] for rows in _members(conn, job_id)]
    found = _distinct(conn.rows(sql.DEPENDENCIES, job_id=job_id))
    return {
        "depends_on_job_ids": [one.job_id for one in found],
        **dict(zip(keys, ids, strict=True)),
    }


def _groups(conn: Connection, job_id: int) -> sql.JobGroupsRow:
    row = conn.one(sql.JOB_GROUPS, job_id=job_id)
    if row is None:
        raise no_job(job_id)
    return row


def no_job(job_id: int) -> NotFound:
    """Return the error for a job that does not exist."""
    return NotFound(f"there is no job {job_id}", hint="`torc jobs list WORKFLOW` shows all jobs")
