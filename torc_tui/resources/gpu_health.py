"""Decide which GPUs are set aside: because jobs fail there, because of damage, or by a user. Pure.

Input: the ends of jobs, damage that the driver reports, and decisions of users, each with its time
in seconds since the epoch. Output: for each GPU that is set aside, the `Mark` that says why and
until when.

Each user writes a separate record; a `GpuHealth` combines the records of all users. Of two marks of
the same kind, the later counts; a row of failures may include several users.

Invariants
* A GPU is suspected after `FAILURES` failures in a row, each within `EARLY_SECONDS` of its start,
  of at least two different jobs. While jobs run on other GPUs, no job starts on it until one of
  them has ended and shows whether the GPU is to blame.
* It is set aside if a job on another GPU has succeeded in the last `SUCCESS_SECONDS`: for 10 min,
  then twice as long each time, up to 2 h.
* A GPU that is damaged is set aside until a user decides to use it, and again after new damage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from torc_tui.model import GpuDamage
from torc_tui.resources.gpu_reading import Damaged
from torc_tui.tuples import NamedTuple

FAILURES = 3
EARLY_SECONDS = 30.0
SUCCESS_SECONDS = 600.0
FIRST_SECONDS = 600.0
MOST_SECONDS = 7200.0
KNOWN_SECONDS = 60.0
"""Time within which another success is not recorded."""

KINDS = FAILING, BY_USER, DAMAGED = "failures", "user", "damage"
"""The kinds of marks."""
_LAST = 1e11
"""The latest time accepted in a record, in the year 5138."""
_TICK = 0.001
"""Minimum time between a mark and the mark that it replaces, even if the clock was set back."""


class GpuEnd(NamedTuple):
    """The end of a job on some GPUs; ``lasted`` is in seconds."""

    uuids: tuple[str, ...]
    job: str
    succeeded: bool
    lasted: float
    at: float

    @property
    def is_early(self) -> bool:
        """Whether the job failed so soon that its GPU may be to blame."""
        return not self.succeeded and self.lasted <= EARLY_SECONDS


class Mark(NamedTuple):
    """A decision at the time ``at``: the GPU is not used until ``until`` (inf: until a user acts).

    ``damage`` is the damage known then, ``times`` the number of successive marks for failures.
    """

    at: float
    until: float
    user: str = ""
    times: int = 0
    damage: GpuDamage | None = None


class EarlyFailure(NamedTuple):
    """An early failure of a job."""

    at: float
    job: str


class HealthRecord(NamedTuple):
    """The record of one GPU: the last early failures, and the end of the row before them."""

    gpu_index: int = 0
    failed: tuple[EarlyFailure, ...] = ()
    broken_at: float = -inf
    succeeded_at: float = -inf
    marks: Mapping[str, Mark] = {}  # never modified


HealthRecords = Mapping[str, HealthRecord]
"""The records of one user, by UUID."""


def merged(records: Sequence[HealthRecord]) -> HealthRecord:
    """Return the combined record of several users for one GPU."""
    marks: dict[str, Mark] = {}
    for record in records:
        for kind, mark in record.marks.items():
            if kind not in marks or marks[kind].at < mark.at:
                marks[kind] = mark
    broken_at = max(record.broken_at for record in records)
    if FAILING in marks:
        broken_at = max(broken_at, marks[FAILING].at)
    failed = sorted(one for record in records for one in record.failed if one.at > broken_at)
    succeeded_at = max(record.succeeded_at for record in records)
    index = max(record.gpu_index for record in records)
    return HealthRecord(index, tuple(failed[-FAILURES:]), broken_at, succeeded_at, marks)


class GpuHealth:
    """The records of this user, which may change, and those of other users."""

    def __init__(
        self, own: HealthRecords | None = None, others: Iterable[HealthRecords] = ()
    ) -> None:
        self.own = dict(own or {})
        self.has_changed = False
        """Whether `own` must be written."""
        self._others = list(others)
        self._known: dict[str, HealthRecord] = {}
        for records in (*self._others, self.own):
            for uuid in records:
                self._known[uuid] = self._merge(uuid)

    def _merge(self, uuid: str) -> HealthRecord:
        found = [records[uuid] for records in (*self._others, self.own) if uuid in records]
        return merged(found)

    def _write(self, uuid: str, **changes: Any) -> None:
        """Replace this user's record of a GPU."""
        self.own[uuid] = self.own.get(uuid, _UNKNOWN)._replace(**changes)
        self._known[uuid] = self._merge(uuid)
        self.has_changed = True

    def _mark(self, uuid: str, kind: str, mark: Mark) -> None:
        before = self._of(uuid).marks.get(kind)
        if before is not None and mark.at <= before.at:
            mark = mark._replace(at=before.at + _TICK, until=max(mark.until, before.at + _TICK))
        marks = self.own[uuid].marks if uuid in self.own else {}
        self._write(uuid, marks={**marks, kind: mark})

    def _of(self, uuid: str) -> HealthRecord:
        return self._known.get(uuid, _UNKNOWN)

    # -- what happened -----------------------------------------------------------------------------

    def ended(self, end: GpuEnd) -> None:
        """Record the end of a job."""
        if end.is_early:
            # The same happens on other GPUs: the jobs are to blame.
            for uuid in [one for one in self._known if one not in end.uuids]:
                if self._is_suspected(uuid):
                    self._write(uuid, broken_at=end.at)
        for uuid in end.uuids:
            known, own = self._of(uuid), self.own.get(uuid, _UNKNOWN)
            if end.is_early:
                failure = EarlyFailure(max(end.at, known.broken_at + _TICK), end.job)
                self._write(uuid, failed=(*own.failed, failure)[-FAILURES:])
            elif known.failed or (end.succeeded and not self._is_known_to_succeed(known, end.at)):
                succeeded_at = end.at if end.succeeded else own.succeeded_at
                self._write(uuid, broken_at=end.at, succeeded_at=succeeded_at, failed=())

    def is_news(self, end: GpuEnd) -> bool:
        """Return whether the end of a job would change a record."""
        if end.is_early:
            return True
        known = [self._of(uuid) for uuid in end.uuids]
        return any(
            one.failed or (end.succeeded and not self._is_known_to_succeed(one, end.at))
            for one in known
        )

    @staticmethod
    def _is_known_to_succeed(known: HealthRecord, at: float) -> bool:
        """Return whether a success need not be recorded, because a recent one is."""
        failing = known.marks.get(FAILING)
        since = max(at - KNOWN_SECONDS, -inf if failing is None else failing.at)
        return known.succeeded_at > since

    def decide(self, now: float) -> dict[str, float]:
        """Set GPUs aside that are to blame; return those that are newly set aside, until when."""
        found = {}
        for uuid, record in list(self._known.items()):
            others = [one.succeeded_at for name, one in self._known.items() if name != uuid]
            if self._is_suspected(uuid) and now - max(others, default=-inf) <= SUCCESS_SECONDS:
                last = record.marks.get(FAILING)
                times = last.times if last is not None and record.succeeded_at < last.at else 0
                until = now + min(FIRST_SECONDS * 2.0**times, MOST_SECONDS)
                self._mark(uuid, FAILING, Mark(now, until, times=times + 1))
                found[uuid] = until
        return found

    def damaged(self, found: Iterable[Damaged], now: float) -> None:
        """Set GPUs aside whose damage is new since a user decided about it.

        ``found`` contains every GPU that was checked. Counters restart at 0 when the driver is
        loaded.
        """
        for uuid, index, damage in found:
            mark = self._of(uuid).marks.get(DAMAGED)
            known = _NO_DAMAGE if mark is None or mark.damage is None else mark.damage
            if damage.is_after(known):
                self._write(uuid, gpu_index=index)
                self._mark(uuid, DAMAGED, Mark(now, inf, damage=damage))
            elif mark is not None and mark.until < inf and known.is_after(damage, counters=True):
                lower = damage._replace(xid=known.xid, xid_at=known.xid_at)
                self._mark(uuid, DAMAGED, mark._replace(at=now, until=now, damage=lower))

    # -- decisions of users ------------------------------------------------------------------------

    def avoid(self, uuid: str, index: int, now: float, until: float, user: str) -> None:
        """Set a GPU aside for a user."""
        self._write(uuid, gpu_index=index)
        self._mark(uuid, BY_USER, Mark(now, until, user))

    def use(
        self, uuid: str, now: float, user: str = "", damage: GpuDamage | None = None
    ) -> list[str]:
        """Put a GPU back into use despite its damage; return the kinds of the marks removed."""
        record = self._of(uuid)
        lifted = [kind for kind, mark in record.marks.items() if mark.until > now]
        for kind in {*lifted, *([DAMAGED] if damage is not None and any(damage) else [])}:
            before = record.marks.get(kind)
            known = damage or (before.damage if before is not None else None)
            self._mark(uuid, kind, Mark(now, now, user, damage=known))
        if self._of(uuid).failed:
            self._write(uuid, broken_at=now)
        return lifted

    # -- what follows ------------------------------------------------------------------------------

    def set_aside(self, now: float) -> dict[str, tuple[str, Mark]]:
        """Return why each GPU is set aside: the mark that lasts longest, with its kind."""
        found = {}
        for uuid, record in self._known.items():
            active = [(mark.until, kind) for kind, mark in record.marks.items() if mark.until > now]
            if active:
                kind = max(active)[1]
                found[uuid] = kind, record.marks[kind]
        return found

    def suspected(self, in_use: Iterable[str]) -> set[str]:
        """Return the suspected GPUs that wait for jobs on other GPUs; jobs run on ``in_use``."""
        used = set(in_use)
        return {uuid for uuid in self._known if self._is_suspected(uuid) and used - {uuid}}

    def indices(self) -> dict[str, int]:
        """Return the indices of all GPUs with a record, by UUID."""
        return {uuid: record.gpu_index for uuid, record in self._known.items()}

    def lifted_by(self, uuid: str) -> str:
        """Return the user who put a GPU back into use; "" if its mark has expired."""
        last = max(self._of(uuid).marks.values(), key=lambda mark: mark.at, default=None)
        return last.user if last is not None and last.until <= last.at else ""

    def next_end(self, now: float) -> float:
        """Return when the next mark ends; inf for never."""
        marks = (mark for record in self._known.values() for mark in record.marks.values())
        return min((mark.until for mark in marks if mark.until > now), default=inf)

    def _is_suspected(self, uuid: str) -> bool:
        failed = self._known[uuid].failed
        return len(failed) == FAILURES and len({one.job for one in failed}) > 1


_UNKNOWN = HealthRecord()
_NO_DAMAGE = GpuDamage()


# -- as text ---------------------------------------------------------------------------------------


def encode(records: HealthRecords) -> str:
    """Return records as text."""
    return json.dumps({uuid: _to_json(record) for uuid, record in records.items()})


def _to_json(record: HealthRecord) -> dict[str, object]:
    times = record.broken_at, record.succeeded_at
    return {
        "index": record.gpu_index,
        "failed": record.failed,
        "times": [None if one == -inf else one for one in times],
        "marks": {
            kind: mark._replace(until=-1 if mark.until == inf else mark.until)
            for kind, mark in record.marks.items()
        },
    }


def decode(text: str | bytes, user: str | None = None) -> HealthRecords:
    """Return the records of a text, none if it is invalid; with ``user``, marks get that user."""
    try:
        value = json.loads(text)
        return {str(uuid)[:100]: _from_json(one, user) for uuid, one in value.items()}
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return {}


def _from_json(value: Mapping[str, Any], user: str | None) -> HealthRecord:
    broken_at, succeeded_at = (-inf if one is None else _time(one) for one in value["times"])
    failed = tuple(EarlyFailure(_time(at), str(job)[:100]) for at, job in value["failed"])
    marks = {
        kind: _mark_from(user, *value["marks"][kind]) for kind in KINDS if kind in value["marks"]
    }
    return HealthRecord(int(value["index"]), failed[-FAILURES:], broken_at, succeeded_at, marks)


def _mark_from(
    owner: str | None, at: float, until: float, user: str, times: int, damage: Any
) -> Mark:
    known = None
    if damage is not None:
        ecc, remap, reset, xid, xid_at = damage
        known = GpuDamage(int(ecc), int(remap), int(reset), int(xid), _time(xid_at))
    name = str(user)[:100] if owner is None or not user else owner
    return Mark(_time(at), inf if until < 0 else _time(until), name, min(int(times), 30), known)


def _time(value: Any) -> float:
    """Return a time that can be formatted; raise ValueError for any other."""
    number = float(value)
    if not 0 <= number <= _LAST:  # also false for nan
        raise ValueError
    return number
