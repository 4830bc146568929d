"""Replace an executor in tests: nothing runs, and the test decides what happens and when.

Input: orders. Output: reports, in an order that the test decides. There are no threads, no
processes and no real time: ``now`` moves only by ``advance`` and by ``wait``.

    fake = FakeExecutor()
    fake.submit([order])
    fake.start(order.key.job_id)
    fake.finish(order.key.job_id, return_code=3)
    started, exited = fake.wait(0)
    fake.assert_empty()

With a function from orders to return codes, jobs end by themselves: ``FakeExecutor(lambda order:
0)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from torc_tui.executors.base import Adopted
from torc_tui.model import (
    AttemptKey,
    AttemptUsage,
    Cause,
    Exited,
    NotStarted,
    Order,
    Report,
    Started,
)
from torc_tui.reasons import Kind, Reason, because


@dataclass(slots=True)
class _Attempt:
    key: AttemptKey
    order: Order | None
    pid: int
    started_at: float | None = None
    ends_at: float | None = None
    return_code: int = 0
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """One call of ``stop`` for one attempt, as it was made."""

    key: AttemptKey
    cause: Cause
    grace: float | None


class FakeExecutor:
    """An executor whose jobs do what the test decides.

    ``outcome`` gives the return code of an order; such an attempt starts when it is submitted and
    ends ``duration`` seconds of virtual time later (0: with the next ``wait``). Where it gives
    None, and for every order when there is no ``outcome``, the attempt waits for ``start`` and
    ``finish``. An ``obedient`` job ends as soon as it is stopped (143; 137 with grace 0); another
    one waits for ``finish`` and keeps the cause.

    ``orders``, ``adopted`` and ``stops`` keep all requests. ``ended`` maps a job id to the code that
    an adoption finds (None: not known); jobs that are not in it still run.
    """

    def __init__(
        self,
        outcome: Callable[[Order], int | None] | None = None,
        *,
        duration: Callable[[Order], float] = lambda order: 0.0,
        now: float = 1_000_000.0,
        obedient: bool = True,
    ) -> None:
        self.now = now
        self.obedient = obedient
        self.orders: list[Order] = []
        self.adopted: list[Adopted] = []
        self.stops: list[Stop] = []
        self.ended: dict[int, int | None] = {}
        self.closed = False
        self.suspended: set[AttemptKey] = set()
        self._outcome = outcome
        self._duration = duration
        self._attempts: dict[AttemptKey, _Attempt] = {}
        self._reports: list[Report] = []
        self._woken = False
        self._next_pid = 1000

    # -- what an executor does ---------------------------------------------------------------------

    def submit(self, orders: Sequence[Order]) -> None:
        """Accept the orders; see the class for their outcomes."""
        assert not self.closed, "submit() after close()"
        for order in orders:
            assert order.key not in self._attempts, f"{order.key} was submitted twice"
            self.orders.append(order)
            self._next_pid += 1
            attempt = self._attempts[order.key] = _Attempt(order.key, order, self._next_pid)
            if order.refusal is not None:
                self._end(
                    attempt,
                    126,
                    cause=Cause.LAUNCH,
                    reason=because(Kind.LAUNCH, error=order.refusal),
                )
                continue
            code = self._outcome(order) if self._outcome else None
            if code is not None:
                self._start(attempt)
                attempt.return_code = code
                attempt.ends_at = self.now + self._duration(order)

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Supervise these, or report what ``ended`` has for them."""
        for one in attempts:
            self.adopted.append(one)
            self._next_pid += 1
            attempt = _Attempt(one.key, None, one.pid or self._next_pid, started_at=one.started_at)
            self._attempts[one.key] = attempt
            if one.key.job_id in self.ended:
                code = self.ended[one.key.job_id]
                self._end(attempt, code, cause=Cause.LOST if code is None else None)

    def discard(self, exit_files: Sequence[str]) -> None:
        """Do nothing: there are no files."""

    def stop(self, keys: Sequence[AttemptKey], cause: Cause, *, grace: float | None = None) -> None:
        """Note the call in ``stops``; an obedient job ends at once."""
        for key in keys:
            self.stops.append(Stop(key, cause, grace))
            attempt = self._attempts.get(key)
            if attempt is None or self._exited(key):
                continue
            attempt.cause = attempt.cause or cause
            if self.obedient:
                self._start(attempt)
                self._end(attempt, 137 if grace == 0 else 143)

    def suspend(self, keys: Sequence[AttemptKey]) -> None:
        """Note the attempts."""
        self.suspended |= set(keys)

    def resume(self, keys: Sequence[AttemptKey]) -> None:
        """Note the attempts."""
        self.suspended -= set(keys)

    def wait(self, timeout: float | None) -> list[Report]:
        """Return the reports there are.

        Instead of blocking, virtual time moves on: to the next end of a job, or by ``timeout``.
        Raise AssertionError when nothing could ever happen: a real executor would hang.
        """
        self._settle()
        if not self._reports and not self._woken:
            ends = [
                attempt.ends_at
                for attempt in self._attempts.values()
                if attempt.ends_at is not None
            ]
            if ends and (timeout is None or min(ends) <= self.now + timeout):
                self.now = min(ends)
                self._settle()
            elif timeout is None:
                raise AssertionError(
                    f"wait() would block for ever; running: {sorted(self.job_ids)}"
                )
            else:
                self.now += timeout
        self._woken = False
        reports, self._reports = self._reports, []
        for report in reports:
            if isinstance(report, Exited):
                self._attempts.pop(report.key, None)
        return reports

    def wake(self) -> None:
        """End the next ``wait``."""
        self._woken = True

    def watch(self, descriptor: int) -> None:
        """Do nothing: no time passes."""

    @property
    def running(self) -> Set[AttemptKey]:
        """Return all attempts whose Exited was not yet handed out, without those that could not be
        started.
        """
        failed = {r.key for r in self._reports if isinstance(r, Exited) and r.cause is Cause.LAUNCH}
        return self._attempts.keys() - failed

    def close(self) -> None:
        """Accept no more orders."""
        self.closed = True

    # -- what the test does ------------------------------------------------------------------------

    @property
    def job_ids(self) -> set[int]:
        """Return the ids of the jobs in ``running``."""
        return {key.job_id for key in self.running}

    def order(self, job_id: int) -> Order:
        """Return the latest order of that job."""
        return next(order for order in reversed(self.orders) if order.key.job_id == job_id)

    def start(self, job_id: int) -> None:
        """Start the process of that job."""
        self._start(self._find(job_id))

    def finish(
        self,
        job_id: int,
        return_code: int | None = 0,
        *,
        cause: Cause | None = None,
        reason: Reason | None = None,
        usage: AttemptUsage | None = None,
    ) -> None:
        """End that job now, and start it before if it was not started yet."""
        attempt = self._find(job_id)
        self._start(attempt)
        self._end(attempt, return_code, cause=cause, reason=reason, usage=usage)

    def decline(self, job_id: int, lack: str = "processes") -> None:
        """Refuse to start that job now, because the machine is short of something."""
        attempt = self._find(job_id)
        assert attempt.started_at is None, f"job {job_id} has started"
        del self._attempts[attempt.key]
        self._reports.append(NotStarted(attempt.key, because(Kind.START_SHORTAGE, lack=lack)))

    def fail_launch(
        self, job_id: int, error: str = "no such directory", return_code: int = 126
    ) -> None:
        """Fail to start that job."""
        attempt = self._find(job_id)
        assert attempt.started_at is None, f"job {job_id} has started"
        reason = because(Kind.LAUNCH, error=error)
        self._end(attempt, return_code, cause=Cause.LAUNCH, reason=reason)

    def lose(self, job_id: int) -> None:
        """Lose that job: its process is gone and left no exit code."""
        self.finish(job_id, None, cause=Cause.LOST)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.now += seconds

    def assert_empty(self) -> None:
        """Raise AssertionError if an attempt has not ended, or a report was never taken."""
        assert not self._attempts, f"still running: {sorted(key.job_id for key in self._attempts)}"
        assert not self._reports, f"never taken: {self._reports}"

    # -- inside ------------------------------------------------------------------------------------

    def _find(self, job_id: int) -> _Attempt:
        found = [
            a for key, a in self._attempts.items() if key.job_id == job_id and not self._exited(key)
        ]
        assert found, f"job {job_id} is not running; running: {sorted(self.job_ids)}"
        return found[-1]

    def _exited(self, key: AttemptKey) -> bool:
        return any(isinstance(report, Exited) and report.key == key for report in self._reports)

    def _start(self, attempt: _Attempt) -> None:
        if attempt.started_at is None:
            attempt.started_at = self.now
            self._reports.append(Started(attempt.key, attempt.pid, attempt.pid * 100, self.now))

    def _end(
        self,
        attempt: _Attempt,
        return_code: int | None,
        *,
        cause: Cause | None = None,
        reason: Reason | None = None,
        usage: AttemptUsage | None = None,
    ) -> None:
        attempt.ends_at = None
        self._reports.append(
            Exited(
                key=attempt.key,
                return_code=return_code,
                started_at=self.now if attempt.started_at is None else attempt.started_at,
                ended_at=self.now,
                cause=cause or attempt.cause,
                reason=reason,
                usage=usage or AttemptUsage(),
            )
        )

    def _settle(self) -> None:
        due = [
            a for a in self._attempts.values() if a.ends_at is not None and a.ends_at <= self.now
        ]
        for attempt in sorted(due, key=lambda a: a.ends_at or 0.0):
            self._end(attempt, attempt.return_code)
