"""Commands of the workflow itself: actions, and recovery scripts before another attempt.

What comes in: texts for bash. What goes out: their end, told to a callback in the thread that ran them. They never
change what becomes of a job; their output goes to a file beside the jobs' output.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torc_tui.model import JobStatus
from torc_tui.store import run_context
from torc_tui.store.counters import EventRow
from torc_tui.store.database import Store
from torc_tui.store.events import append
from torc_tui.store.run_context import RunContext, StoredAction

ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED)
BEGUN = (JobStatus.READY, JobStatus.PENDING, JobStatus.RUNNING, *ENDED)


class Scripts:
    """Runs commands of one workflow in threads of their own."""

    def __init__(self, directory: str, output_dir: str, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.output_dir = output_dir
        self.environment = environment
        self._threads: list[threading.Thread] = []

    def start(
        self,
        commands: Sequence[str],
        log_name: str,
        done: Callable[[int], None],
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Run the commands one after the other, up to the first that fails; then ``done(return code)``."""

        def work() -> None:
            code = 0
            for command in commands:
                code = self._run(command, log_name, extra or {})
                if code != 0:
                    break
            done(code)

        thread = threading.Thread(target=work, name=f"torc-script-{log_name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, command: str, log_name: str, extra: Mapping[str, str]) -> int:
        try:
            folder = Path(self.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            with open(folder / f"{log_name}.log", "ab") as log:
                return subprocess.run(
                    ["/bin/bash", "-c", command],
                    cwd=self.directory,
                    env={**self.environment, **extra},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    check=False,
                    start_new_session=True,
                ).returncode
        except OSError:
            return 127

    @property
    def busy(self) -> bool:
        """Whether one still runs."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)

    def join(self, timeout: float | None = None) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join(timeout)


class Actions:
    """The actions of one run: which are due, and who carries them out."""

    def __init__(self, store: Store, context: RunContext, scripts: Scripts) -> None:
        self.store = store
        self.context = context
        self.scripts = scripts
        self._waiting = [action for action in context.actions if action.persistent or not action.executed]

    def happened(self, *triggers: str, now: float) -> None:
        """Carry out what these triggers ask for (``on_workflow_start``, ``on_worker_complete`` …)."""
        for action in [one for one in self._waiting if one.trigger_type in triggers]:
            self._carry_out(action, now)

    def look_at_jobs(self, now: float) -> None:
        """Carry out what waits for jobs to be ready or complete."""
        watching = [one for one in self._waiting if one.trigger_type in ("on_jobs_ready", "on_jobs_complete")]
        for action in watching:
            wanted = BEGUN if action.trigger_type == "on_jobs_ready" else ENDED
            with self.store.read() as conn:
                states = run_context.statuses(conn, action.job_ids)
            if all(state in wanted for state in states):
                self._carry_out(action, now)

    def _carry_out(self, action: StoredAction, now: float) -> None:
        self._waiting.remove(action)
        data = {"action": action.id, "trigger": action.trigger_type, "commands": list(action.commands)}
        with self.store.write() as conn:
            if not run_context.claim_action(conn, action.id, self.context.run_id, now):
                return
            row: EventRow = ("action_executed", None, data)
            append(conn, self.context.workflow_id, [row], at=now)
        self.scripts.start(action.commands, f"action_{action.id}_r{self.context.run_id}", lambda code: None)
