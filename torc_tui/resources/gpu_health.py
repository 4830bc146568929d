"""Decide which GPUs are set aside because jobs fail there. Pure.

Input: the ends of jobs on GPUs, with times in seconds since the epoch. Output: for each GPU that is
set aside, until when.

Invariants
* A GPU is suspected after `FAILURES` failures in a row, each within `EARLY_SECONDS` of its start,
  of at least two different jobs. Where other GPUs are in use, no job starts there until one of them
  has shown whether the GPU is to blame.
* It is set aside when another GPU has succeeded in the last `SUCCESS_SECONDS`: for 10 min, then
  twice as long each time, at most 2 h.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torc_tui.records import dataclass, field

FAILURES = 3
EARLY_SECONDS = 30.0
SUCCESS_SECONDS = 600.0
FIRST_SECONDS = 600.0
MOST_SECONDS = 7200.0


class GpuEnd(NamedTuple):
    """The end of a job on some GPUs; ``lasted`` is in seconds."""

    uuids: tuple[str, ...]
    job_id: int
    succeeded: bool
    lasted: float
    at: float


@dataclass(slots=True)
class _Record:
    """What happened on one GPU: the jobs that failed early, in a row."""

    failed: list[int] = field(default_factory=list)
    succeeded_at: float = float("-inf")
    until: float = float("-inf")
    times: int = 0


class GpuHealth:
    """The record of all GPUs of one runner."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}

    def ended(self, end: GpuEnd) -> None:
        """Record the end of a job."""
        early = not end.succeeded and end.lasted <= EARLY_SECONDS
        if early and any(self._is_suspected(uuid) for uuid in self._records):
            # The same happens elsewhere: the jobs are to blame, not the suspected GPU.
            for uuid, record in self._records.items():
                if uuid not in end.uuids and self._is_suspected(uuid):
                    record.failed.clear()
        for uuid in end.uuids:
            record = self._records.setdefault(uuid, _Record())
            if end.succeeded:
                record.succeeded_at, record.times = end.at, 0
            if not early:
                record.failed.clear()
            else:
                record.failed.append(end.job_id)

    def decide(self, now: float) -> dict[str, float]:
        """Set GPUs aside that are to blame; return those that are newly set aside, until when."""
        found = {}
        for uuid, record in self._records.items():
            others = [one.succeeded_at for name, one in self._records.items() if name != uuid]
            recent = max(others, default=float("-inf"))
            if self._is_suspected(uuid) and now - recent <= SUCCESS_SECONDS:
                record.until = now + min(FIRST_SECONDS * 2**record.times, MOST_SECONDS)
                record.times += 1
                record.failed.clear()
                found[uuid] = record.until
        return found

    def avoided(self, in_use: Iterable[str], now: float) -> set[str]:
        """Return the GPUs on which no job may start now; ``in_use`` are those with jobs."""
        used = set(in_use)
        return {
            uuid
            for uuid, record in self._records.items()
            if record.until > now or (self._is_suspected(uuid) and used - {uuid})
        }

    def use(self, uuid: str) -> None:
        """Forget what happened on a GPU."""
        self._records.pop(uuid, None)

    def _is_suspected(self, uuid: str) -> bool:
        last = self._records[uuid].failed[-FAILURES:]
        return len(last) == FAILURES and len(set(last)) > 1
