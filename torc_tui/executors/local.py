"""Run jobs as processes of this machine.

Input: orders. Output: reports. Each job is ``bash -c`` in its own session, with its own files for
output, nothing on its standard input, and an exit file that outlives this process.

* A job has ended when its bash ended and its session is empty (see `supervisor` for what is left
  behind).
* A command that cannot be started ends with cause LAUNCH, return code 127 when bash is missing and
  126 otherwise, and with the reason in its own log.
* ``submit``, ``adopt``, ``stop`` and ``wait`` belong to one thread. ``wait`` itself waits for the
  children; a daemon thread measures them and holds them to their limits.
* Children start by posix_spawn, which does not copy the page tables of the runner for each job.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections import deque
from collections.abc import Sequence, Set

from torc_tui.executors import session_processes
from torc_tui.executors.attempt import Attempt, Measures
from torc_tui.executors.base import Adopted
from torc_tui.executors.child_processes import Children
from torc_tui.executors.exit_file import read_exit_file
from torc_tui.executors.job_files import JobFiles, append_line
from torc_tui.executors.spawn import prepare, spawn
from torc_tui.executors.start_errors import launch_failure, shortage
from torc_tui.executors.supervisor import GpuUsage, Supervisor
from torc_tui.executors.wrapper import CANNOT_START, find_bash, launch
from torc_tui.model import AttemptKey, Cause, Exited, NotStarted, Order, Report, Started, Usage
from torc_tui.reasons import Kind, because
from torc_tui.resources.process_identity import process_started
from torc_tui.wording import sentence

_ENOUGH_FILES = 65_536
_START_TAKES = 2.0
"""Seconds that may pass between the recorded start of an attempt and that of its process."""


class LocalExecutor:
    """Runs orders on this machine.

    ``gpu_usage`` gives bytes and percent of the GPUs by process id; it is called about once a
    second while a job holds a GPU. ``pidfd`` False waits with a thread for each job, as on systems
    without pidfd (None: as the system can). ``shell`` is the bash to use (None: /bin/bash, or the
    one on PATH).

    The soft limit of open files of this process is raised, because each job needs a descriptor
    here; jobs get the limit that was there before.
    """

    def __init__(
        self,
        *,
        gpu_usage: GpuUsage | None = None,
        pidfd: bool | None = None,
        shell: str | None = None,
    ) -> None:
        prepare()
        self._shell = shell or find_bash()
        self._open_files = _raise_open_files()
        self._children: Children[AttemptKey] = Children(pidfd=pidfd)
        self._supervisor = Supervisor(self._emptied, gpu_usage)
        self._attempts: dict[AttemptKey, Attempt] = {}
        self._reports: deque[Report] = deque()
        self._nothing = os.open(os.devnull, os.O_RDWR)
        self._closed = False

    @property
    def running(self) -> Set[AttemptKey]:
        """Return the attempts whose Exited was not yet handed out by ``wait``."""
        return self._attempts.keys()

    # -- starting ----------------------------------------------------------------------------------

    def submit(self, orders: Sequence[Order]) -> None:
        """Start these. What cannot be started is reported with cause LAUNCH, and as NotStarted
        where the machine is short of something.
        """
        short: str | None = None
        for order in orders:
            started_at, booted = time.time(), session_processes.uptime()
            if short is not None:  # what one start lacked, the others of this moment lack too
                self._reports.append(NotStarted(order.key, short))
                continue
            try:
                self._start(order, started_at, booted)
            except (OSError, ValueError) as error:
                short = shortage(error) if isinstance(error, OSError) else None
                if short is None:
                    self._refuse(order, started_at, error)
                else:
                    self._reports.append(NotStarted(order.key, short))

    def _start(self, order: Order, started_at: float, booted: float) -> None:
        if order.refusal is not None:
            raise ValueError(order.refusal)
        self._supervisor.start_thread()
        how = launch(
            order, self._shell, open_files=self._open_files, now=session_processes.clock_ticks()
        )
        files = JobFiles(self._nothing)
        try:
            files.make(order, how.files)
            before = session_processes.clock_ticks()
            pid = spawn(how.argv, order.environment, self._nothing, files.stdout, files.stderr)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and shortage(error) is not None:
                files.remove()
            raise
        finally:
            files.close()
        after = session_processes.clock_ticks()
        began = time.monotonic()
        attempt = Attempt(
            key=order.key,
            pid=pid,
            process_started=before if before == after != -1 else _started(pid),
            started_at=started_at,
            began=began,
            booted=booted,
            exit_file=order.exit_file,
            limits=order.limits,
            allocation=order.allocation,
            own_maxrss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            files=tuple(path for path, _ in how.files),
            measures=Measures(began),
            log=order.stderr or order.stdout,
        )
        self._attempts[order.key] = attempt
        self._reports.append(Started(order.key, attempt.pid, attempt.process_started, started_at))
        self._supervisor.add(attempt)
        self._children.add(order.key, attempt.pid)

    def _refuse(self, order: Order, started_at: float, error: Exception) -> None:
        reason = launch_failure(order, error)
        path = order.stderr or order.stdout
        if path is not None:
            line = f"torc: this job could not be started: {sentence(reason)}"
            append_line(path, line, order.directory)
        missing = isinstance(error, FileNotFoundError) and error.filename == self._shell
        self._reports.append(
            Exited(
                key=order.key,
                return_code=127 if missing else 126,
                started_at=started_at,
                ended_at=started_at,
                cause=Cause.LAUNCH,
                reason=reason,
                usage=Usage(),
            )
        )

    # -- watching on -------------------------------------------------------------------------------

    def adopt(self, attempts: Sequence[Adopted]) -> None:
        """Supervise what another runner started. A process is the same if its start time is the
        same.
        """
        for one in attempts:
            pid, started = one.pid, one.process_started
            if pid is None or (pid and not started):  # 0: from before a reboot
                told = read_exit_file(one.exit_file)
                pid, started = told.pid, told.process_started
            age = _age(one.started_at, started)
            began = time.monotonic() - age
            attempt = self._attempts[one.key] = Attempt(
                key=one.key,
                pid=pid or 0,
                process_started=started or 0,
                started_at=time.time() - age if one.started_at is None else one.started_at,
                began=began,
                booted=session_processes.uptime() - age,
                exit_file=one.exit_file,
                limits=one.limits,
                allocation=one.allocation,
                own_maxrss=None,
                files=(one.exit_file + ".sh", one.exit_file + ".invocation"),
                measures=Measures(began),
                log=one.stderr or one.stdout,
            )
            if pid is not None and started is not None and process_started(pid) == started:
                self._supervisor.add(attempt, adopted=True)
                self._children.add(one.key, pid, child=False, started=started)
            else:
                # What its session left, if anything, is left alone: its number may be somebody
                # else's by now.
                attempt.end()
                self._ask_exit_file(attempt)
                if one.limits.wait_for_background and session_processes.belong(pid or 0, one.key):
                    self._supervisor.linger(attempt)
                else:
                    self._report(attempt)
        self._children.wake()

    # -- stopping ----------------------------------------------------------------------------------

    def stop(
        self,
        keys: Sequence[AttemptKey],
        cause: Cause,
        *,
        grace: float | None = None,
        signal: str | None = None,
    ) -> None:
        """Signal the whole session, and kill what is left of it after the grace; does not wait for
        that.
        """
        chosen = [
            attempt
            for key in keys
            if (attempt := self._attempts.get(key)) is not None and attempt.pid
        ]
        self._supervisor.stop(chosen, cause, grace=grace, name=signal)

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> list[Report]:
        """Return the reports there are; block for the first, for ``timeout`` seconds, or until
        ``wake``.
        """
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

    def _take(self) -> list[Report]:
        reports: list[Report] = []
        while self._reports:
            report = self._reports.popleft()
            reports.append(report)
            if isinstance(report, Exited):
                self._attempts.pop(report.key, None)
        return reports

    def _ended(self, attempt: Attempt) -> None:
        """Reap the bash of an attempt, and report its end unless it left something behind."""
        with self._supervisor.lock:
            if attempt.own_maxrss is not None:
                _, status, used = os.wait4(attempt.pid, 0)
                code = os.waitstatus_to_exitcode(status)
                attempt.return_code = 128 - code if code < 0 else code
                attempt.account(used.ru_utime + used.ru_stime, used.ru_maxrss)
            attempt.end()
            self._supervisor.remove(attempt)
        if attempt.own_maxrss is None:
            self._ask_exit_file(attempt)
        elif attempt.return_code == CANNOT_START and read_exit_file(attempt.exit_file).pid is None:
            # Its shell could not enter the working directory, which has just gone.
            attempt.cause = attempt.cause or Cause.LAUNCH
            attempt.reason = because(Kind.LAUNCH, error="the working directory cannot be entered")
        if _leaves_something(attempt):
            self._supervisor.linger(attempt)
        else:
            self._report(attempt)

    @staticmethod
    def _ask_exit_file(attempt: Attempt) -> None:
        attempt.return_code = read_exit_file(attempt.exit_file).code
        if attempt.signal is None:
            # It may have ended long before anybody looked: its shell wrote the file last when it
            # ended. One that was killed here wrote nothing more, and was looked at.
            with contextlib.suppress(OSError):
                attempt.ended_at = max(
                    attempt.started_at,
                    min(attempt.ended_at, os.stat(attempt.exit_file).st_mtime),  # noqa: PTH116
                )
        if attempt.return_code is None:
            if attempt.signal is not None:
                attempt.return_code = 128 + attempt.signal
            else:
                attempt.cause = attempt.cause or Cause.LOST

    def _emptied(self, attempt: Attempt) -> None:
        self._report(attempt)
        self._children.wake()

    def _report(self, attempt: Attempt) -> None:
        for path in attempt.files:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
        self._reports.append(attempt.exited())

    # -- the end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Free threads and descriptors. Jobs run on."""
        if not self._closed:
            self._closed = True
            self._supervisor.close()
            self._children.close()
            os.close(self._nothing)
            self._attempts.clear()

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _started(pid: int) -> int:
    with contextlib.suppress(OSError):
        if process := session_processes.read(pid):
            return process.started
    return 0


def _age(started_at: float | None, process_started: int | None) -> float:
    """Return how long ago an attempt began: by the time of day, unless its process tells that the
    clock has been set since.
    """
    by_clock = None if started_at is None else max(0.0, time.time() - started_at)
    if not process_started:
        return by_clock or 0.0
    by_process = session_processes.age(process_started)
    exact = by_clock is not None and abs(by_clock - by_process) < _START_TAKES
    return by_clock if by_clock is not None and exact else by_process


def _leaves_something(attempt: Attempt) -> bool:
    """Return whether a process of the session may be left: one of its group, or one of another
    group that was seen.
    """
    try:
        os.killpg(attempt.pid, 0)
    except ProcessLookupError:
        return any(member.group != attempt.pid for member in attempt.members)
    except PermissionError:
        return True
    return True


def _raise_open_files() -> int | None:
    """Raise the soft limit of open files; return the one from before, None if nothing changed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return None
    return soft
