"""Run jobs as processes of this machine.

Input: orders. Output: reports. Each job is ``bash -c`` in its own session, with its own files for
output, nothing on its standard input, and an exit file that outlives this process.

* A job has ended when its bash ended and its session is empty (see `supervisor` for background
  processes).
* A command that cannot be started ends with cause LAUNCH, return code 127 when bash is missing and
  126 otherwise, and with the reason in its own log.
* ``submit``, ``adopt``, ``stop`` and ``wait`` belong to one thread. ``wait`` waits for the
  processes; a daemon thread measures them and enforces their limits.
* Children start by posix_spawn, which does not copy the page tables of the runner for each job.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Sequence, Set

from torc_tui.executors.attempt import (
    RunningAttempt,
    complete_end,
    may_leave_processes,
    read_end,
    reap,
)
from torc_tui.executors.base import Adopted
from torc_tui.executors.child_processes import Children
from torc_tui.executors.gpu_sampler import GpuUsage
from torc_tui.executors.process_start import ProcessStarter, adopted_attempt
from torc_tui.executors.spawn import prepare, shortage
from torc_tui.executors.supervisor import Supervisor
from torc_tui.executors.wrapper import find_bash
from torc_tui.model import AttemptKey, Cause, Exited, Measured, NotStarted, Order, Report, Started
from torc_tui.reasons import Reason
from torc_tui.resources import session_processes
from torc_tui.resources.process_identity import process_started


class LocalExecutor:
    """Run orders on this machine.

    ``gpu_usage`` is called about once a second while a job holds a GPU, and must not block.
    ``pidfd`` False waits with a thread for each job, as on systems without pidfd (None: as the
    system can). ``shell`` is the bash to use (None: /bin/bash, or the one on PATH).

    The soft limit of open files of this process is raised, because each job needs a descriptor
    here; jobs get the limit from before.
    """

    def __init__(
        self,
        *,
        gpu_usage: GpuUsage | None = None,
        pidfd: bool | None = None,
        shell: str | None = None,
    ) -> None:
        prepare()
        self._children: Children[AttemptKey] = Children(pidfd=pidfd)
        self._supervisor = Supervisor(self._emptied, gpu_usage, self._measured)
        self._attempts: dict[AttemptKey, RunningAttempt] = {}
        self._reports: deque[Report] = deque()
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._starter = ProcessStarter(shell or find_bash(), self._nothing)
        self._closed = False

    @property
    def running(self) -> Set[AttemptKey]:
        """Return the attempts whose Exited was not yet handed out by ``wait``."""
        return self._attempts.keys()

    # -- starting ----------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order]) -> None:
        """Start the orders.

        An order that cannot be started is reported with cause LAUNCH, or as NotStarted if the
        machine lacks something.
        """
        short: Reason | None = None
        for order in orders:
            started_at, booted = time.time(), session_processes.uptime()
            if short is not None:  # the machine lacks the same for the next start
                self._reports.append(NotStarted(order.key, short))
                continue
            try:
                self._start(order, started_at, booted)
            except (OSError, ValueError) as error:
                short = shortage(error) if isinstance(error, OSError) else None
                if short is None:
                    self._reports.append(self._starter.refusal(order, started_at, error))
                else:
                    self._reports.append(NotStarted(order.key, short))

    def _start(self, order: Order, started_at: float, booted: float) -> None:
        self._supervisor.start_thread()
        attempt = self._starter.start(order, started_at, booted)
        self._attempts[order.key] = attempt
        self._reports.append(Started(order.key, attempt.pid, attempt.process_started, started_at))
        self._supervisor.add(attempt)
        self._children.add(order.key, attempt.pid)

    # -- adopting ----------------------------------------------------------------------------------

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Supervise attempts that another runner started, by process id and start time."""
        for adopted in attempts:
            attempt = self._attempts[adopted.key] = adopted_attempt(adopted)
            pid, started = attempt.pid, attempt.process_started
            if pid and started and process_started(pid) == started:
                self._supervisor.add(attempt, adopted=True)
                self._children.add(attempt.key, pid, child=False, started=started)
                if adopted.suspended is not None:
                    self._supervisor.set_suspended([attempt], adopted.suspended)
                continue
            attempt.end()
            read_end(attempt)
            # Other processes of its session are left alone, unless they are known to belong to the
            # attempt: another process may have received the number of the session.
            if attempt.limits.wait_for_background and session_processes.belongs_to(
                pid, attempt.key
            ):
                self._supervisor.end_background(attempt)
            else:
                self._report(attempt)
        self._children.wake()

    # -- stopping ----------------------------------------------------------------------------------

    def stop(self, keys: Sequence[AttemptKey], cause: Cause, *, grace: float | None = None) -> None:
        """Signal the sessions, and have the rest killed after the grace period."""
        self._supervisor.stop(self._running(keys), cause, grace=grace)

    def suspend(self, keys: Sequence[AttemptKey]) -> None:
        """Send SIGSTOP to the sessions."""
        self._supervisor.set_suspended(self._running(keys), True)

    def resume(self, keys: Sequence[AttemptKey]) -> None:
        """Send SIGCONT to the sessions."""
        self._supervisor.set_suspended(self._running(keys), False)

    def _running(self, keys: Sequence[AttemptKey]) -> list[RunningAttempt]:
        return [
            attempt
            for key in keys
            if (attempt := self._attempts.get(key)) is not None and attempt.pid
        ]

    def discard(self, exit_files: Sequence[str]) -> None:
        """Keep the exit files for the next attempts, or remove them."""
        self._starter.exit_files.add(exit_files)

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> list[Report]:
        """Return all reports; wait for the first, until the timeout in seconds or `wake`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._reports:
                left: float | None = 0.0
            else:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ended, woken = self._children.wait(left)
            for key in ended:
                self._ended(self._attempts[key])
            if self._reports or woken or left == 0.0:
                return self._take()

    def wake(self) -> None:
        """End the present ``wait``, or the next one."""
        self._children.wake()

    def watch(self, descriptor: int) -> None:
        """End a later ``wait`` once, as soon as this can be read."""
        self._children.watch(descriptor)

    def _take(self) -> list[Report]:
        reports: list[Report] = []
        while self._reports:
            report = self._reports.popleft()
            reports.append(report)
            if isinstance(report, Exited):
                self._attempts.pop(report.key, None)
        return reports

    def _ended(self, attempt: RunningAttempt) -> None:
        """Reap the bash of an attempt, and report its end unless processes of it remain."""
        with self._supervisor.lock:
            reap(attempt)
            self._supervisor.remove(attempt)
        complete_end(attempt)
        if may_leave_processes(attempt):
            self._supervisor.end_background(attempt)
        else:
            self._report(attempt)

    def _emptied(self, attempt: RunningAttempt) -> None:
        self._report(attempt)
        self._children.wake()

    def _measured(self, report: Measured) -> None:
        self._reports.append(report)
        self._children.wake()

    def _report(self, attempt: RunningAttempt) -> None:
        for path in attempt.files:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._reports.append(attempt.exited())

    # -- the end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Free threads and descriptors. Jobs continue."""
        if not self._closed:
            self._closed = True
            self._supervisor.close()
            self._children.close()
            self._starter.exit_files.remove()
            os.close(self._nothing)
            self._attempts.clear()
