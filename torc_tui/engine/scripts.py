"""Run commands of the workflow itself: those of actions, and recovery scripts before a retry.

Input: commands for bash. Output: their ends, passed to a callback in the thread that ran them.
Their output is written to a log in the output directory. They never change the outcome of a job.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from torc_tui.engine.start_backoff import LIMIT, LONGEST_PAUSE_IDLE
from torc_tui.executors.job_files import check_directory, open_log
from torc_tui.executors.spawn import prepare, shortage, spawn
from torc_tui.executors.wrapper import find_bash
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass

KILL_SECONDS = 5.0
"""Time from SIGTERM to SIGKILL for a command that takes too long."""
_WAIT_PAUSE = 0.05
"""Time between two checks whether a command with a limit has ended."""
_IN_DIRECTORY = (
    'builtin cd -- "$1"||builtin exit 126;__torc=$2;builtin shift 2;builtin eval "$__torc"'
)


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """The end of a list of commands: the exit code of the last that ran, its text, and its log.

    ``detail`` says why the command could not be started. ``limited`` is the time after which it was
    ended because it took too long.
    """

    return_code: int
    command: str
    log: str
    detail: str | None = None
    limited: float | None = None

    @property
    def reason(self) -> Reason:
        """Why a recovery script that ended so counts as failed."""
        return because(
            Kind.SCRIPT_FAILED,
            code=self.return_code,
            log=self.log,
            error=self.detail,
            limited=self.limited,
        )


@dataclass(frozen=True, slots=True)
class _Context:
    """Log, additional variables, request to stop and time limit of a list of commands."""

    log_name: str
    extra: Mapping[str, str]
    stop: threading.Event
    limit: float | None


class Scripts:
    """Run commands of one workflow in threads; call `start`, `stop` and `busy` in one thread."""

    def __init__(self, directory: str, output_dir: str, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.output_dir = output_dir
        self.environment = environment
        prepare()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}
        self._stop = threading.Event()

    def start(
        self,
        commands: Sequence[str],
        log_name: str,
        done: Callable[[ScriptEnd], None],
        extra: Mapping[str, str] | None = None,
        *,
        limit: float | None = None,
    ) -> None:
        """Run the commands one after the other, up to the first that fails; then call ``done``.

        A command that runs for more than ``limit`` seconds is ended.
        """
        context = _Context(log_name, extra or {}, self._stop, limit)

        def work() -> None:
            end = ScriptEnd(0, "", "")
            for command in commands:
                end = self._run(command, context)
                if end.return_code != 0:
                    break
            done(end)

        thread = threading.Thread(target=work, name=f"torc-script-{log_name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread left
            done(ScriptEnd(126, commands[0] if commands else "", "", f"{error}"))
        else:
            self._threads.append(thread)

    def _run(self, command: str, context: _Context) -> ScriptEnd:
        end = time.monotonic() + LIMIT
        log_path = os.path.join(self.output_dir, f"{context.log_name}.log")
        while True:
            try:
                return self._try_to_run(command, log_path, context)
            except (OSError, ValueError) as error:
                passes = isinstance(error, OSError) and shortage(error) is not None
                if not passes or time.monotonic() >= end or context.stop.wait(LONGEST_PAUSE_IDLE):
                    return ScriptEnd(126, command, log_path, f"cannot be started: {error}")

    def _try_to_run(self, command: str, log_path: str, context: _Context) -> ScriptEnd:
        check_directory(self.directory)
        log = open_log(log_path)
        stdin = os.open(os.devnull, os.O_RDONLY)
        try:
            with self._lock:  # `stop` must see every command that was started
                if context.stop.is_set():
                    return ScriptEnd(143, command, log_path, "not started: the run was stopped")
                words = [find_bash(), "-c", _IN_DIRECTORY, "bash", self.directory, command]
                pid = spawn(words, {**self.environment, **context.extra}, stdin, log, log)
                self._running[pid] = context.log_name
        finally:
            os.close(stdin)
            os.close(log)
        limited = self._wait(pid, context.limit)
        with self._lock:  # `stop` must not signal a process id that is free again
            del self._running[pid]
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        ended_after = context.limit if limited else None
        code = code if code >= 0 else 128 - code
        return ScriptEnd(code, command, log_path, limited=ended_after)

    def _wait(self, pid: int, limit: float | None) -> bool:
        """Wait for the end of a command; return whether it was ended at its limit."""
        if limit is None:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            return False
        due = time.monotonic() + limit
        signals = [signal.SIGTERM, signal.SIGKILL]
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if signals and time.monotonic() >= due:
                self._signal(pid, signals.pop(0))
                due = time.monotonic() + KILL_SECONDS
            time.sleep(_WAIT_PAUSE)
        return len(signals) < 2

    @staticmethod
    def _signal(pid: int, signum: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(pid, signum)

    def stop(self, *, hard: bool = False) -> None:
        """Terminate or kill running commands, and skip the rest of their lists."""
        with self._lock:
            self._stop.set()
            self._stop = threading.Event()
            for pid in self._running:
                self._signal(pid, signal.SIGKILL if hard else signal.SIGTERM)

    def stop_one(self, log_name: str) -> None:
        """Terminate the running command that writes to this log."""
        with self._lock:
            for pid, name in self._running.items():
                if name == log_name:
                    self._signal(pid, signal.SIGTERM)

    @property
    def busy(self) -> bool:
        """Whether a command still runs."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)
