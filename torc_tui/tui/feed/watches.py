"""Jobs, job groups and workflows whose end is notified to the user. No Textual.

Input: the watched jobs, and the database (``check``, in the reader thread). Output: what
ended, and how. A check stops at the first job that has not finished, however large the group is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.errors import NotFound
from torc_tui.records import dataclass, field
from torc_tui.status import SETTLED, UNSUCCESSFUL, JobStatus, is_complete, number_of
from torc_tui.tuples import NamedTuple
from torc_tui.wording import status_counts

if TYPE_CHECKING:
    from torc_tui.store.database import Store

BATCH = 200
"""Jobs that are read at once."""


class WatchResult(NamedTuple):
    """The end of a watched job, group or workflow, and the number of its unsuccessful jobs."""

    text: str
    bad: int


@dataclass(slots=True)
class Watch:
    """A watched workflow, or some of its ``jobs``; ``pending`` are those not finished yet."""

    title: str
    workflow_id: int
    jobs: Sequence[int] | None = None
    pending: list[int] = field(default_factory=list)
    counts: Counter[JobStatus] = field(default_factory=Counter)
    """How many of the jobs have ended, by status."""

    def __post_init__(self) -> None:
        if self.jobs is not None:
            self.pending = list(self.jobs)


class Watches:
    """All watches of one app; changed by the app's thread, checked by the reader thread."""

    def __init__(self) -> None:
        self.items: dict[Hashable, Watch] = {}

    def __len__(self) -> int:
        return len(self.items)

    def toggle(self, key: Hashable, watch: Watch) -> bool:
        """Start watching, or stop it; return whether it is watched now."""
        if self.items.pop(key, None) is not None:
            return False
        self.items[key] = watch
        return True

    def check(self, store: Store) -> list[WatchResult]:
        """Return what ended since the last check, and stop watching it."""
        out = []
        for key, watch in list(self.items.items()):
            ended = _ended_jobs(store, watch) if watch.jobs is not None else _ended(store, watch)
            if ended is not None and self.items.pop(key, None) is not None:
                out.append(ended)
        return out


def _ended(store: Store, watch: Watch) -> WatchResult | None:
    from torc_tui.store import workflows

    with store.read() as conn:
        try:
            counts = workflows.counts(conn, watch.workflow_id)
        except NotFound:
            return WatchResult(f"{watch.title} was deleted", 0)
    if not is_complete(counts):
        return None
    return _summary(watch.title, counts)


def _ended_jobs(store: Store, watch: Watch) -> WatchResult | None:
    from torc_tui.store import run_context

    with store.read() as conn:
        while watch.pending:
            batch = watch.pending[-BATCH:]
            left = []
            for job_id in batch:
                for number in run_context.statuses(conn, [job_id]):
                    status = JobStatus(number)
                    if status in SETTLED:
                        watch.counts[status] += 1
                    else:
                        left.append(job_id)
            watch.pending[-len(batch) :] = left
            if left:
                return None
    return _summary(watch.title, watch.counts)


def _summary(title: str, counts: Mapping[JobStatus, int]) -> WatchResult:
    """Summarize the statuses: ``fit canceled``, ``fit_{i}: 2 completed, 1 canceled``."""
    bad = number_of(counts, UNSUCCESSFUL)
    ended = [status for status in counts if counts[status]]
    if sum(counts.values()) == 1:
        return WatchResult(f"{title} {ended[0].word}", bad)
    return WatchResult(f"{title}: {status_counts(counts)}", bad)
