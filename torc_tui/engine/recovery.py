"""Run recovery scripts before attempts are retried."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable

from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.scripts import ScriptEnd, Scripts
from torc_tui.lifecycle.decide import Outcome
from torc_tui.model import AttemptKey, Exited
from torc_tui.reasons import Kind, because
from torc_tui.store.dependency_counters import EventRow


class RecoveryScripts:
    """The recovery scripts of one runner.

    ``on_event`` is called with the event of each start, and, in the thread of a script, with the
    event of its failure. ``wake`` is called when the end of a script can be taken.
    """

    def __init__(
        self, scripts: Scripts, on_event: Callable[[EventRow], None], wake: Callable[[], None]
    ) -> None:
        self._scripts = scripts
        self._on_event = on_event
        self._wake = wake
        self._running: set[AttemptKey] = set()
        self._finished: set[AttemptKey] = set()
        self._ends: queue.SimpleQueue[Exited] = queue.SimpleQueue()

    def start(self, flight: InFlight, exited: Exited, verdict: Outcome) -> bool:
        """Start the script of an attempt once; return False when it has finished already.

        `take` returns the end of the attempt again when the script has finished.
        """
        key = exited.key
        if key in self._finished or key in self._running:
            return key in self._running
        self._running.add(key)

        def finish(end: ScriptEnd) -> None:
            if end.return_code != 0:
                flight.script_failed = True
                self._on_event(_warning(key, end))
            self._ends.put(exited)
            self._wake()

        variables = {
            "TORC_JOB_ID": str(key.job_id),
            "TORC_JOB_NAME": flight.job.name,
            "TORC_ATTEMPT_ID": str(key.attempt_id),
            "TORC_RETURN_CODE": str(verdict.return_code),
            "TORC_CAUSE": verdict.cause.value,
        }
        assert verdict.retry is not None
        script, limit = verdict.retry.recovery_script or "", verdict.retry.recovery_timeout
        log = os.path.join(self._scripts.output_dir, f"{_log_name(key)}.log")
        reason = because(Kind.RECOVERING, log=log).to_json()
        self._on_event(
            ("job_recovering", key.job_id, {"attempt": key.attempt_id, "reason": reason})
        )
        self._scripts.start([script], _log_name(key), finish, variables, limit=limit)
        return True

    def stop(self, key: AttemptKey) -> None:
        """Terminate the script of an attempt, if it runs: its job is not retried."""
        if key in self._running:
            self._scripts.stop_one(_log_name(key))

    def take(self) -> list[Exited]:
        """Return the ends of attempts whose scripts have finished since the last call."""
        found = []
        while not self._ends.empty():
            exited = self._ends.get()
            self._running.discard(exited.key)
            self._finished.add(exited.key)
            found.append(exited)
        return found


def _log_name(key: AttemptKey) -> str:
    return f"recovery_j{key.job_id}_a{key.attempt_id}"


def _warning(key: AttemptKey, end: ScriptEnd) -> EventRow:
    return (
        "job_warning",
        key.job_id,
        {
            "message": end.reason.to_json(),
            "attempt": key.attempt_id,
            "return_code": end.return_code,
        },
    )
