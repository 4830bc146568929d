"""Start the process of a job, or find the process of one that another runner started.

Input: orders, and attempts to adopt. Output: attempts to supervise, or the report that an order
cannot be started.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator

from torc_tui.executors.attempt import Measures, RunningAttempt
from torc_tui.executors.base import Adopted
from torc_tui.executors.exit_file import read_exit_file
from torc_tui.executors.job_files import JobFiles, SpareExitFiles, append_line
from torc_tui.executors.spawn import launch_failure, shortage, spawn
from torc_tui.executors.wrapper import CANNOT_START, Launch, launch
from torc_tui.model import Cause, Exited, Order
from torc_tui.resources import session_processes
from torc_tui.wording import sentence

_OPEN_FILES = 65_536
"""Number of open files that is enough for a runner."""
_START_SECONDS = 2.0
"""Time that may pass between the recorded start of an attempt and that of its process."""


class ProcessStarter:
    """Start the processes of jobs with one bash; ``nothing`` is a descriptor of /dev/null."""

    def __init__(self, shell: str, nothing: int) -> None:
        self._shell = shell
        self._nothing = nothing
        self._open_files = raise_open_files()
        self.exit_files = SpareExitFiles()

    def start(self, order: Order, started_at: float, booted: float) -> RunningAttempt:
        """Start an order; raise OSError or ValueError when that is not possible."""
        if order.refusal is not None:
            raise ValueError(order.refusal)
        files = JobFiles(self._nothing, self.exit_files)
        try:
            files.make(order)
            before = session_processes.clock_ticks()
            how = launch(order, self._shell, open_files=self._open_files, now=before)
            for path, text in how.files:
                files.write(path, text)
            pid = self._spawn(how, order, files)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and shortage(error) is not None:
                files.remove()
            raise
        finally:
            files.close()
        after = session_processes.clock_ticks()
        began = time.monotonic()
        return RunningAttempt(
            key=order.key,
            pid=pid,
            process_started=before if before == after != -1 else _start_time(pid),
            started_at=started_at,
            began=began,
            booted=booted,
            exit_file=order.exit_file,
            limits=order.limits,
            allocation=order.allocation,
            own_maxrss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            files=how.paths,
            measures=Measures(began),
            log=order.stderr or order.stdout,
        )

    def _spawn(self, how: Launch, order: Order, files: JobFiles) -> int:
        """Start the process with the locks and on the CPUs of the order; return its id."""
        if not order.locks and not order.cpus:
            return spawn(how.argv, order.environment, self._nothing, files.stdout, files.stderr)
        for lock in order.locks:
            os.set_inheritable(lock, True)
        try:
            with _bound_to(order.cpus):
                return spawn(how.argv, order.environment, self._nothing, files.stdout, files.stderr)
        finally:
            for lock in order.locks:
                os.set_inheritable(lock, False)

    def refusal(self, order: Order, started_at: float, error: Exception) -> Exited:
        """Return the report of an order that cannot be started, and log the reason."""
        reason = launch_failure(order, error)
        path = order.stderr or order.stdout
        if path is not None:
            line = f"torc: this job could not be started: {sentence(reason)}"
            _make_folder(path, order.directory)
            append_line(path, line)
        no_bash = isinstance(error, FileNotFoundError) and error.filename == self._shell
        return Exited(
            key=order.key,
            return_code=127 if no_bash else CANNOT_START,
            started_at=started_at,
            ended_at=started_at,
            cause=Cause.LAUNCH,
            reason=reason,
        )


@contextlib.contextmanager
def _bound_to(cpus: tuple[int, ...]) -> Iterator[None]:
    """Bind the processes that this thread starts to CPUs, unless a CPU has disappeared."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _make_folder(path: str, directory: str) -> None:
    """Make the folder of a log, unless it is inside a working directory that is missing."""
    if os.path.isdir(directory) or not path.startswith(os.path.join(directory, "")):
        with contextlib.suppress(OSError, ValueError):
            os.makedirs(os.path.dirname(path), exist_ok=True)


def adopted_attempt(adopted: Adopted) -> RunningAttempt:
    """Return an attempt that another runner started; its process may have ended."""
    pid, started = adopted.pid, adopted.process_started
    if pid is None or (pid and not started):  # 0: from before a reboot
        recorded = read_exit_file(adopted.exit_file)
        pid, started = recorded.pid, recorded.process_started
    age = _age(adopted.started_at, started)
    now = time.monotonic()
    began = now - age + min(age, adopted.suspended_seconds)
    return RunningAttempt(
        key=adopted.key,
        pid=pid or 0,
        process_started=started or 0,
        started_at=time.time() - age if adopted.started_at is None else adopted.started_at,
        began=began,
        booted=session_processes.uptime() - age,
        exit_file=adopted.exit_file,
        limits=adopted.limits,
        allocation=adopted.allocation,
        own_maxrss=None,
        files=(adopted.exit_file + ".sh", adopted.exit_file + ".invocation"),
        measures=Measures.restored(began, adopted.series),
        log=adopted.stderr or adopted.stdout,
        suspended_at=now if adopted.suspended else None,
    )


def _start_time(pid: int) -> int:
    """Return the start time of a child that may have ended already; 0 if it cannot be read."""
    try:
        process = session_processes.read(pid)
    except OSError:
        return 0
    return 0 if process is None else process.started


def _age(started_at: float | None, process_started: int | None) -> float:
    """Return how many seconds ago an attempt began.

    The time of day decides, unless the process shows that the clock has been set since.
    """
    by_clock = None if started_at is None else max(0.0, time.time() - started_at)
    if not process_started:
        return by_clock or 0.0
    by_process = session_processes.age(process_started)
    if by_clock is not None and abs(by_clock - by_process) < _START_SECONDS:
        return by_clock
    return by_process


def raise_open_files() -> int | None:
    """Raise the soft limit of open files; return the one from before, None if nothing changed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return None
    return soft
