"""Choose jobs of a workflow by what became of them.

Input: filters, a workflow. Output: ids of jobs. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torc_tui.model import cause_word
from torc_tui.status import RETRYABLE, JobStatus
from torc_tui.store import sql
from torc_tui.store.database import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    Row = sql.JobsToChooseRow


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Filters that a job must all pass; None passes every job.

    ``failed`` are all jobs that did not succeed. ``group`` is the name of a job group
    (``train_{i}``) or a glob for names of jobs (``train_*``), ``cause`` why the last attempt ended.
    """

    statuses: frozenset[JobStatus] | None = None
    failed: bool = False
    return_code: int | None = None
    group: str | None = None
    cause: str | None = None

    def __bool__(self) -> bool:
        return self != JobFilter()


def choose(store: Store, workflow_id: int, wanted: JobFilter) -> list[int]:
    """Return the ids of the jobs that pass a filter."""
    with store.read() as conn:
        rows = conn.rows(sql.JOBS_TO_CHOOSE, workflow_id=workflow_id)
    checks = _checks(wanted)
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
