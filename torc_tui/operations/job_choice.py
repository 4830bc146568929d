"""Choose jobs of a workflow by what became of them.

Input: filters, a workflow. Output: ids of jobs. Nothing is changed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torc_tui.model import cause_word
from torc_tui.status import RETRYABLE, JobStatus
from torc_tui.store import relations, sql
from torc_tui.store.database import Store
from torc_tui.store.workflows import snapshot
from torc_tui.views.graph_model import Graph
from torc_tui.views.job_filter import Context, compile_filter
from torc_tui.wording import sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = sql.JobsToChooseRow


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Filters that a job must all pass; None passes every job.

    ``failed`` are all jobs that did not succeed. ``group`` is the name of a job group
    (``train_{i}``) or a glob for names of jobs (``train_*``), ``cause`` why the last attempt ended,
    ``where`` a filter of the app.
    """

    statuses: frozenset[JobStatus] | None = None
    failed: bool = False
    return_code: int | None = None
    group: str | None = None
    cause: str | None = None
    where: str | None = None

    def __bool__(self) -> bool:
        return self != JobFilter()


def choose(store: Store, workflow_id: int, wanted: JobFilter) -> list[int]:
    """Return the ids of the jobs that pass a filter."""
    with store.read() as conn:
        rows = conn.rows(sql.JOBS_TO_CHOOSE, workflow_id=workflow_id)
    checks = _checks(wanted)
    if wanted.where is not None:
        matching = _matching(store, workflow_id, wanted.where, time.time())
        checks.append(lambda row: row.id in matching)
    return [row.id for row in rows if all(check(row) for check in checks)]


def _checks(wanted: JobFilter) -> list[Callable[[Row], bool]]:
    statuses = frozenset(JobStatus) if wanted.statuses is None else wanted.statuses
    if wanted.failed:
        statuses &= RETRYABLE
    checks: list[Callable[[Row], bool]] = [lambda row: row.status in statuses]
    if wanted.return_code is not None:
        checks.append(lambda row: row.return_code == wanted.return_code)
    if wanted.cause is not None:
        checks.append(lambda row: cause_word(row.cause) == wanted.cause)
    if (group := wanted.group) is not None:
        checks.append(lambda row: row.group == group or fnmatchcase(row.name, group))
    return checks


def _matching(store: Store, workflow_id: int, text: str, now: float) -> set[int]:
    """Return the ids of the jobs that match a filter of the app; FilterError for a wrong one."""
    found = snapshot(store, workflow_id)
    jobs = list(found.jobs)
    graph = Graph(jobs, relations.edges(store, workflow_id), [])
    context = Context(
        requirements=found.requirements,
        now=now,
        why=lambda job: sentence(job.reason) if job.reason else "",
        after=graph.after,
        before=graph.before,
    )
    matches = compile_filter(text, context)
    return {job.id for job in jobs if matches(job)}
