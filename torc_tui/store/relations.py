"""How jobs hang together: who waits for whom and through what, and what each reads and writes.

What comes in: a store and the id of a job. What goes out: records with names. Gates (sets of jobs
that many wait for, stored once) are resolved for one job; for the graph of a whole workflow they
stay nodes. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from torc_tui.errors import NotFound
from torc_tui.model import EdgeKind, Json
from torc_tui.status import JobStatus
from torc_tui.store.connection import Connection
from torc_tui.store.database import Statement, Store
from torc_tui.store.event_log import no_workflow


class Dependency(NamedTuple):
    """A job at the other end of an edge. ``via`` is the file, the record or the pattern that makes
    the edge."""

    job_id: int
    name: str
    status: JobStatus
    kind: EdgeKind
    via: str | None


class Edge(NamedTuple):
    """``job`` waits for ``depends_on``: ids of jobs, or minus the id of a gate."""

    job: int
    depends_on: int
    kind: EdgeKind
    via: str | None


class JobIO(NamedTuple):
    """What a job reads and writes: files {id, name, path, st_mtime, st_size}, records {id, name,
    version, is_null}."""

    input_files: list[dict[str, Json]]
    output_files: list[dict[str, Json]]
    input_user_data: list[dict[str, Json]]
    output_user_data: list[dict[str, Json]]


class Artifact(NamedTuple):
    """A file or record of a workflow that jobs write or read: ``kind`` is ``file`` or
    ``user_data``. ``state`` of a record: ``empty`` or ``written``."""

    kind: Literal["file", "user_data"]
    id: int
    name: str
    producers: Sequence[int]
    consumers: Sequence[int]
    state: str


_NAMED = (
    "SELECT j.id, j.name, j.status, e.kind, "
    "CASE e.kind WHEN 3 THEN (SELECT name FROM file WHERE id = e.via) "
    "WHEN 4 THEN (SELECT name FROM user_data WHERE id = e.via) ELSE e.pattern END "
    "FROM ({edges}) e JOIN job j ON j.id = e.other ORDER BY j.id"
)
_UP = Statement(
    _NAMED.format(
        edges="SELECT depends_on_id AS other, kind, via, CAST(NULL AS TEXT) AS pattern FROM dependency "
        "WHERE job_id = ? AND depends_on_id > 0 "
        "UNION ALL SELECT m.depends_on_id, m.kind, m.via, g.via FROM dependency d "
        "JOIN dependency m ON m.job_id = d.depends_on_id JOIN gate g ON g.id = - d.depends_on_id "
        "WHERE d.job_id = ? AND d.depends_on_id < 0"
    )
)
_DOWN = Statement(
    _NAMED.format(
        edges="SELECT job_id AS other, kind, via, CAST(NULL AS TEXT) AS pattern FROM dependency "
        "WHERE depends_on_id = ? AND job_id > 0 "
        "UNION ALL SELECT w.job_id, w.kind, w.via, g.via FROM dependency d "
        "JOIN dependency w ON w.depends_on_id = d.job_id JOIN gate g ON g.id = - d.job_id "
        "WHERE d.depends_on_id = ? AND d.job_id < 0"
    )
)
_GROUPS = Statement(
    "SELECT input_files, output_files, input_user_data, output_user_data FROM job WHERE id = ?"
)
_FILES = Statement(
    "SELECT f.id, f.name, f.path, f.st_mtime, f.st_size FROM file_group g JOIN file f ON f.id = g.file_id "
    "WHERE g.group_id = ? ORDER BY f.id"
)
_RECORDS = Statement(
    "SELECT u.id, u.name, u.version, u.data IS NULL FROM user_data_group g JOIN user_data u ON u.id = g.user_data_id "
    "WHERE g.group_id = ? ORDER BY u.id"
)


def dependencies(store: Store, job_id: int) -> list[Dependency]:
    """The jobs that this one waits for, each once; NotFound for an unknown job."""
    with store.read() as conn:
        _groups(conn, job_id)
        return _resolved(conn, _UP, job_id)


def dependents(store: Store, job_id: int) -> list[Dependency]:
    """The jobs that wait for this one, each once; NotFound for an unknown job."""
    with store.read() as conn:
        _groups(conn, job_id)
        return _resolved(conn, _DOWN, job_id)


def _resolved(conn: Connection, statement: Statement, job_id: int) -> list[Dependency]:
    found: dict[int, Dependency] = {}
    for other, name, status, kind, via in statement.run(conn, (job_id, job_id)).all():
        found.setdefault(other, Dependency(other, name, JobStatus(status), EdgeKind(kind), via))
    return list(found.values())


EDGES = Statement(
    "SELECT job_id, depends_on_id, kind, via FROM dependency WHERE depends_on_id IN ("
    "SELECT id FROM job WHERE workflow_id = ? UNION ALL SELECT - id FROM gate WHERE workflow_id = ?) "
    "ORDER BY depends_on_id, job_id"
)


def edges(store: Store, workflow_id: int) -> Iterator[Edge]:
    """All edges of a workflow. A gate stands between its members and those that wait, under its
    negative id."""
    kinds = {int(kind): kind for kind in EdgeKind}
    with store.read() as conn:
        if (
            Statement("SELECT 1 FROM workflow WHERE id = ?").run(conn, (workflow_id,)).first()
            is None
        ):
            raise no_workflow(workflow_id)
        rows = EDGES.run(conn, (workflow_id, workflow_id)).all()
        names = {
            kind: {row[0]: row[1] for row in Statement(text).run(conn, (workflow_id,))}
            for kind, text in (
                (3, "SELECT id, name FROM file WHERE workflow_id = ?"),
                (4, "SELECT id, name FROM user_data WHERE workflow_id = ?"),
            )
        }
        patterns = {
            -row[0]: row[1]
            for row in Statement(
                "SELECT id, via FROM gate WHERE workflow_id = ? AND via IS NOT NULL"
            ).run(conn, (workflow_id,))
        }
    for job, on, kind, via in rows:
        word = names[kind].get(via) if kind in names else patterns.get(min(job, on))
        yield Edge(job, on, kinds[kind], word)


def job_io(store: Store, job_id: int) -> JobIO:
    """What the job reads and writes; NotFound."""
    with store.read() as conn:
        groups = _groups(conn, job_id)
        files = [
            _dicts(conn, _FILES, group, "id name path st_mtime st_size") for group in groups[:2]
        ]
        records = [_dicts(conn, _RECORDS, group, "id name version is_null") for group in groups[2:]]
    for record in (*records[0], *records[1]):
        record["is_null"] = bool(record["is_null"])
    return JobIO(files[0], files[1], records[0], records[1])


_IO = Statement(
    "SELECT id, input_files, output_files, input_user_data, output_user_data FROM job WHERE workflow_id = ? AND "
    "(input_files IS NOT NULL OR output_files IS NOT NULL OR input_user_data IS NOT NULL "
    "OR output_user_data IS NOT NULL)"
)
_IN_GROUPS = (
    Statement(
        "SELECT f.id, f.name, '', g.group_id FROM file f JOIN file_group g ON g.file_id = f.id "
        "WHERE f.workflow_id = ? ORDER BY f.id"
    ),
    Statement(
        "SELECT u.id, u.name, CASE WHEN u.data IS NULL THEN 'empty' ELSE 'written' END, g.group_id FROM user_data u "
        "JOIN user_data_group g ON g.user_data_id = u.id WHERE u.workflow_id = ? ORDER BY u.id"
    ),
)


def artifacts(store: Store, workflow_id: int) -> list[Artifact]:
    """The files and records of a workflow that jobs write or read. Jobs of one group share a
    list."""
    with store.read() as conn:
        jobs = _IO.run(conn, (workflow_id,)).all()
        listed = [statement.run(conn, (workflow_id,)).all() for statement in _IN_GROUPS]
    out: list[Artifact] = []
    kinds: tuple[Literal["file", "user_data"], ...] = ("file", "user_data")
    for place, (kind, rows) in enumerate(zip(kinds, listed, strict=True)):
        readers: dict[int, list[int]] = {}
        writers: dict[int, list[int]] = {}
        for job in jobs:
            for group, found in ((job[1 + 2 * place], readers), (job[2 + 2 * place], writers)):
                if group is not None:
                    found.setdefault(group, []).append(job[0])
        groups: dict[tuple[int, str, str], list[int]] = {}
        for number, name, state, group in rows:
            groups.setdefault((number, name, state), []).append(group)
        for (number, name, state), mine in groups.items():
            made, used = (
                [found[group] for group in mine if group in found] for found in (writers, readers)
            )
            if made or used:
                out.append(Artifact(kind, number, name, _flat(made), _flat(used), state))
    return out


def _flat(lists: Sequence[Sequence[int]]) -> Sequence[int]:
    return lists[0] if len(lists) == 1 else [number for numbers in lists for number in numbers]


def relationships(conn: Connection, job_id: int, groups: Sequence[int | None]) -> dict[str, Json]:
    """The ids of what a job depends on, reads and writes, as the record of a job lists them."""
    inputs, outputs, reads, writes = (
        [row[0] for row in statement.run(conn, (group,))] if group is not None else []
        for statement, group in zip((_FILES, _FILES, _RECORDS, _RECORDS), groups, strict=True)
    )
    return {
        "depends_on_job_ids": [found.job_id for found in _resolved(conn, _UP, job_id)],
        "input_file_ids": inputs,
        "output_file_ids": outputs,
        "input_user_data_ids": reads,
        "output_user_data_ids": writes,
    }


def _groups(conn: Connection, job_id: int) -> Sequence[Any]:
    row: Sequence[Any] | None = _GROUPS.run(conn, (job_id,)).first()
    if row is None:
        raise NotFound(
            f"there is no job {job_id}", hint="`torc jobs list WORKFLOW` shows those that are there"
        )
    return row


def _dicts(
    conn: Connection, statement: Statement, group: int | None, keys: str
) -> list[dict[str, Json]]:
    if group is None:
        return []
    return [dict(zip(keys.split(), row, strict=True)) for row in statement.run(conn, (group,))]
