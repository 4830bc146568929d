"""Find the existing jobs that must wait for new jobs.

Input: a connection inside a transaction, new jobs. Output: dependencies. Jobs that have begun get
no more dependencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torc_tui.errors import Refused
from torc_tui.model import EdgeKind
from torc_tui.operations.appending import Appended
from torc_tui.patterns import Pattern
from torc_tui.quoting import quoted
from torc_tui.status import NOT_STARTED
from torc_tui.store import relations, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.encoding import dumps, loads
from torc_tui.store.plan_rows import EdgeRow, edge_rows

_MATCHES = "a pattern of job {job} matches"
_READS = "job {job} reads a file of"


def join_edges(conn: Connection, parent: int, new: Sequence[int]) -> list[EdgeRow]:
    """Return the dependencies of jobs with ``wait_for_spawned`` on the new children of a job."""
    joins = [
        row.id
        for row in conn.rows(sql.JOINS, job_id=parent)
        if loads(row.options or "{}").get("wait_for_spawned")
    ]
    return [(one, join, int(EdgeKind.EXPLICIT), None) for join in joins for one in new]


def pattern_edges(conn: Connection, workflow_id: int, appended: Appended) -> list[EdgeRow]:
    """Return the dependencies of jobs on new jobs that their patterns match; refuse cycles."""
    rows = conn.rows(sql.JOBS_WITH_PATTERNS, workflow_id=workflow_id)
    if not rows:
        return []
    names = _New(appended)
    edges = [(*edge, row.id) for row in rows for edge in names.matched(loads(row.patterns))]
    found: list[EdgeRow] = [(new, job, kind, via) for new, kind, via, job in edges]
    waiting = {row.id: row.name for row in rows}
    _refuse_cycles(conn, appended, {edge[1]: waiting[edge[1]] for edge in found}, _MATCHES)
    return found


def reader_edges(
    store: Store, conn: Connection, appended: Appended, file_ids: Sequence[int]
) -> list[EdgeRow]:
    """Return the dependencies of jobs that read these files on the new job that writes them."""
    wanted = set(file_ids)
    [new] = appended.new_jobs
    found: list[EdgeRow] = [
        (new, reader, int(EdgeKind.FILE), one.id)
        for one in relations.artifacts(store, appended.workflow_id)
        if one.kind == "file" and one.id in wanted
        for reader in one.consumers
    ]
    free = _not_begun(conn, (edge[1] for edge in found))
    rows = conn.rows(sql.JOB_STATES, job_ids=dumps(sorted(free)))
    _refuse_cycles(conn, appended, {row.id: row.name for row in rows}, _READS)
    return [edge for edge in found if edge[1] in free]


class _New:
    """The names of new jobs, and of the files and records that they write."""

    def __init__(self, appended: Appended) -> None:
        plan, first = appended.plan, len(appended.known_jobs)
        self._jobs = [job.spec.name for job in plan.jobs[first:]]
        self._ids = appended.new_jobs
        self._parts: dict[str, tuple[EdgeKind, list[tuple[str, int, int]]]] = {
            "input_file_regexes": (EdgeKind.FILE, []),
            "input_user_data_regexes": (EdgeKind.USER_DATA, []),
        }
        for number, job in zip(self._ids, plan.jobs[first:], strict=True):
            self._add(
                "input_file_regexes",
                number,
                job.output_files,
                plan.file_groups,
                plan.files,
                appended.ids.file,
            )
            self._add(
                "input_user_data_regexes",
                number,
                job.output_user_data,
                plan.user_data_groups,
                plan.user_data,
                appended.ids.user_data,
            )

    def _add(
        self, key: str, job: int, group: int | None, groups: Any, parts: Any, ids: Any
    ) -> None:
        for one in groups[group] if group is not None else ():
            self._parts[key][1].append((parts[one].name, job, ids[one]))

    def matched(self, patterns: dict[str, list[str]]) -> Iterator[tuple[int, int, int | None]]:
        """Yield (new job, kind, via) for each dependency that follows from the patterns."""
        for pattern in patterns.get("depends_on_regexes", ()):
            for place in Pattern(pattern).matching(self._jobs):
                yield self._ids[place], int(EdgeKind.REGEX), None
        for key, (kind, parts) in self._parts.items():
            for pattern in patterns.get(key, ()):
                for place in Pattern(pattern).matching([name for name, _, _ in parts]):
                    yield parts[place][1], int(kind), parts[place][2]


def _refuse_cycles(conn: Connection, appended: Appended, waiting: dict[int, str], how: str) -> None:
    """Raise Refused if a new job waits for a job that waits for new jobs."""
    level = _not_begun(conn, _waited_for(appended))
    seen: set[int] = set()
    while level:
        for one in level:
            if one in waiting:
                raise Refused(
                    f"{how.format(job=quoted(waiting[one]))} new jobs that wait for it:"
                    " this is a dependency cycle"
                )
        seen |= level
        rows = conn.rows(sql.UPSTREAM_PAIRS, job_ids=dumps(sorted(level)))
        level = _not_begun(conn, {row.depends_on_id for row in rows} - seen)


def _waited_for(appended: Appended) -> set[int]:
    """Return the jobs for which new jobs wait."""
    new, rows = set(appended.new_jobs), edge_rows(appended.plan, appended.ids)
    nodes = {on for on, job, _, _ in rows if job in new}
    members = {on for on, job, _, _ in rows if job < 0 and job in nodes}
    return {one for one in nodes | members if one > 0}


def _not_begun(conn: Connection, job_ids: Iterable[int]) -> set[int]:
    rows = conn.rows(sql.JOB_STATES, job_ids=dumps(sorted(job_ids)))
    return {row.id for row in rows if row.status in NOT_STARTED}
