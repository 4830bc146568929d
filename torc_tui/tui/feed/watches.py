"""Tell me when it ends: jobs, groups of jobs or whole workflows that somebody waits for. No
Textual.

What comes in: what to watch, and now and then a store (``check``, in the reader thread). What goes
out: what ended, and how. A check costs a look at one batch of jobs, however large the group: the
first that has not ended is answer enough.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torc_tui.errors import NotFound
from torc_tui.status import SETTLED, UNSUCCESSFUL, JobStatus

BATCH = 200
"""Jobs that are looked at in one go."""


class Ended(NamedTuple):
    """What came to its end: a sentence, and how many jobs of it ended badly."""

    text: str
    bad: int


@dataclass(slots=True)
class Watch:
    """``jobs`` None: the whole workflow. ``pending`` are those not seen ended yet."""

    title: str
    workflow_id: int
    jobs: Sequence[int] | None = None
    pending: list[int] = field(default_factory=list)
    bad: int = 0

    def __post_init__(self) -> None:
        if self.jobs is not None:
            self.pending = list(self.jobs)


class Watches:
    """Of one app; changed by the screen's thread, checked by the reader thread."""

    def __init__(self) -> None:
        self.items: dict[Hashable, Watch] = {}

    def __len__(self) -> int:
        return len(self.items)

    def toggle(self, key: Hashable, watch: Watch) -> bool:
        """Watch it, or no longer; True if it is watched now."""
        if self.items.pop(key, None) is not None:
            return False
        self.items[key] = watch
        return True

    def check(self, store: Any) -> list[Ended]:
        """What ended since the last time; it is watched no longer."""
        out = []
        for key, watch in list(self.items.items()):
            ended = _look(store, watch)
            if ended is not None and self.items.pop(key, None) is not None:
                out.append(ended)
        return out


def _look(store: Any, watch: Watch) -> Ended | None:
    from torc_tui.store import run_context, workflow_progress

    with store.read() as conn:
        if watch.jobs is None:
            try:
                counts = workflow_progress.counts(conn, watch.workflow_id)
            except NotFound:
                return Ended(f"{watch.title} is gone", 0)
            if any(number for status, number in counts.items() if status not in SETTLED):
                return None
            return _told(
                watch.title,
                sum(counts.values()),
                sum(counts.get(status, 0) for status in UNSUCCESSFUL),
            )
        while watch.pending:
            batch = watch.pending[-BATCH:]
            left = []
            for job_id in batch:
                for number in run_context.statuses(conn, [job_id]):
                    status = JobStatus(number)
                    if status not in SETTLED:
                        left.append(job_id)
                    watch.bad += status in UNSUCCESSFUL
            watch.pending[-len(batch) :] = left
            if left:
                return None
    return _told(watch.title, len(watch.jobs), watch.bad)


def _told(title: str, total: int, bad: int) -> Ended:
    if total == 1:
        return Ended(f"{title} {'failed' if bad else 'completed'}", bad)
    return Ended(
        f"{title}: {total:,} jobs ended" + (f", {bad:,} of them badly" if bad else ", all well"),
        bad,
    )
