"""Tell jobs that were ended with their allocation from jobs that failed by themselves.

A batch system that ends an allocation signals all of its processes at once: a job may end before
the runner has noticed its own signal. How the job ends proves nothing, because it may have exited
with a code of its own.

Input: reports of the executor. Output: the reports that may be judged now. In an allocation, the
failure of a job waits for a short time. If the runner is stopped meanwhile, that is its cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from torc_tui.engine.engine import Engine
from torc_tui.model import AttemptKey, Cause, Exited, Report
from torc_tui.records import replace

HOLD_SECONDS = 0.5
"""Time for which a failure waits for a signal to the runner."""


class SignaledEnds:
    """The failures in an allocation that wait to be judged."""

    def __init__(
        self,
        engine: Engine,
        *,
        in_allocation: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._in_allocation = in_allocation
        self._monotonic = monotonic
        self._waiting: list[Exited] = []
        self._since: dict[AttemptKey, float] = {}

    def is_due(self) -> bool:
        """Return whether a report no longer needs to wait."""
        return bool(self._waiting) and self._wait_is_over(self._waiting[0])

    def hold_back(self, reports: Sequence[Report]) -> list[Report]:
        """Return the reports that may be judged now, those from before first."""
        return list(self._ready(reports)) if self._in_allocation else list(reports)

    def _ready(self, reports: Sequence[Report]) -> Iterator[Report]:
        waiting, self._waiting = self._waiting, []
        cause = self._cause()
        for report in (*waiting, *reports):
            if not isinstance(report, Exited) or report.cause or report.return_code == 0:
                yield report
            elif cause is not None or self._wait_is_over(report):
                self._since.pop(report.key, None)
                yield replace(report, cause=cause)
            else:
                self._waiting.append(report)

    def _wait_is_over(self, report: Exited) -> bool:
        now = self._monotonic()
        return now - self._since.setdefault(report.key, now) >= HOLD_SECONDS

    def _cause(self) -> Cause | None:
        """Return why the jobs of this runner end; None if they end by themselves."""
        if self._engine.shared.is_canceled:
            return Cause.CANCELED
        return self._engine.state.stopping
