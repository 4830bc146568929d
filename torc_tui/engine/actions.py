"""Run the actions of a workflow: when they are due, each once in a run.

Input: the actions in the database, events of jobs. Output: started commands; events about their
start and their failure. `lifecycle.actions` decides what is due.

Invariant: an action is claimed in the database before its commands start, so that one runner of
several executes it. What a runner that was killed has not claimed, the next one does.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from torc_tui.engine.scripts import ScriptEnd, Scripts
from torc_tui.lifecycle.actions import FailureBatch, is_failure
from torc_tui.model import FAILURE_EVENTS, Event, Json
from torc_tui.reasons import Kind, because
from torc_tui.status import BEGUN, FINISHED
from torc_tui.store import run_context, sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.dependency_counters import EventRow
from torc_tui.store.event_log import append, last_event
from torc_tui.store.run_context import RunContext, StoredAction
from torc_tui.wording import optional_sentence

_LISTED = 1000
"""How many failed jobs the environment of a command and an event list; a file has all of them."""


class FailedJobs(Protocol):
    """Where the details of failed jobs come from."""

    def failed_jobs(self, only: Collection[int] | None) -> list[dict[str, Any]]:
        """Return the jobs that failed, all or those with these ids."""


class Actions:
    """The actions of one run.

    ``context`` returns the workflow as it was read last: a retry lets actions run once more.
    ``failed`` is called, in another thread, with the event of an action whose command failed, and
    the data of these events are in ``failures``.
    """

    def __init__(
        self,
        store: Store,
        context: Callable[[], RunContext],
        scripts: Scripts,
        failed: Callable[[EventRow], None],
        summary: FailedJobs,
    ) -> None:
        self.failures: list[dict[str, Any]] = []
        self._store = store
        self._read_context = context
        self._scripts = scripts
        self._failed = failed
        self._failed_jobs = summary.failed_jobs
        self._context: RunContext | None = None
        self._waiting: list[StoredAction] = []
        self._begun: set[int] = set()
        self._batch = FailureBatch()

    def _update(self) -> None:
        """Find the actions that have not run yet, if the workflow was read again."""
        context = self._read_context()
        if context is not self._context:
            self._context = context
            self._waiting = [
                action
                for action in context.actions
                if not action.executed or (action.persistent and action.id not in self._begun)
            ]

    def run(self, *triggers: str, now: float) -> None:
        """Run the actions of these triggers (``on_workflow_start``, ``on_worker_complete`` …)."""
        self._update()
        if "on_job_failed" in triggers:
            self._run_on_failures(now)
        for action in [one for one in self._waiting if one.trigger_type in triggers]:
            if action.trigger_type != "on_job_failed":
                self._run_once(action, now)

    def check_jobs(self, now: float) -> None:
        """Run the actions that wait for jobs to be ready or complete, and are due."""
        self._update()
        watching = [
            one
            for one in self._waiting
            if one.trigger_type in ("on_jobs_ready", "on_jobs_complete")
        ]
        for action in watching:
            wanted = BEGUN if action.trigger_type == "on_jobs_ready" else FINISHED
            with self._store.read() as conn:
                statuses = run_context.statuses(conn, action.job_ids)
            if all(status in wanted for status in statuses):
                self._run_once(action, now)

    def _run_once(self, action: StoredAction, now: float) -> None:
        context = self._read_context()
        data = _event_data(action)
        with self._store.write() as conn:
            claimed = conn.execute(
                sql.CLAIM_ACTION,
                action_id=action.id,
                executed_run_id=context.run_id,
                executed_at=now,
            )
            if claimed:
                row: EventRow = ("action_executed", None, data)
                append(conn, context.workflow_id, [row], at=now)
        self._waiting.remove(action)  # only now: if the transaction fails, it is tried again
        self._begun.add(action.id)
        if claimed:
            name = f"action_{action.id}_r{context.run_id}"
            failed = (
                self._failed_jobs(None) if action.trigger_type == "on_workflow_failed" else None
            )
            self._start(action, data, name, failed)

    # -- failures ----------------------------------------------------------------------------------

    @property
    def _on_failure(self) -> list[StoredAction]:
        actions = self._read_context().actions
        return [action for action in actions if action.trigger_type == "on_job_failed"]

    def follow(self, events: Sequence[Event], now: float) -> None:
        """Run the actions that are due after a step with these events."""
        if events:
            self.check_jobs(now)
            if self._on_failure and any(event.kind in FAILURE_EVENTS for event in events):
                self._batch.add(time.monotonic())
        if self.is_due():
            self._run_on_failures(now)

    def is_due(self) -> bool:
        """Return whether actions on failures run now."""
        return self._batch.is_due(time.monotonic())

    def _run_on_failures(self, now: float) -> None:
        """Run the actions on the failures that no runner has handled, once for all of them."""
        for action in self._on_failure:
            context = self._read_context()
            with self._store.write() as conn:
                append(conn, context.workflow_id, [], at=now)
                last = last_event(conn, context.workflow_id)
                job_ids = _new_failures(conn, context.workflow_id, action)
                data = _event_data(action)
                data |= {"failed": len(job_ids), "job_ids": list(job_ids[:_LISTED])}
                conn.execute(sql.SET_HANDLED, action_id=action.id, handled_seq=last)
                if job_ids:
                    conn.execute(
                        sql.SET_EXECUTED,
                        action_id=action.id,
                        executed_run_id=context.run_id,
                        executed_at=now,
                    )
                    append(conn, context.workflow_id, [("action_executed", None, data)], at=now)
            if job_ids:
                name = f"action_{action.id}_r{context.run_id}_{last}"
                self._start(action, data, name, self._failed_jobs(job_ids))
        self._batch.clear()

    # -- commands ----------------------------------------------------------------------------------

    def _start(
        self,
        action: StoredAction,
        data: dict[str, Json],
        name: str,
        failed: Sequence[dict[str, Any]] | None,
    ) -> None:
        """Start the commands of an action that was claimed; ``failed`` are the jobs it is about."""

        def done(end: ScriptEnd) -> None:
            if end.return_code != 0:
                reason = because(
                    Kind.ACTION_FAILED,
                    trigger=action.trigger_type,
                    command=end.command,
                    code=end.return_code,
                    log=end.log,
                    error=end.detail,
                )
                failure = {**data, "return_code": end.return_code, "log": end.log}
                self.failures.append({**failure, "reason": reason})
                self._failed(("action_failed", None, {**failure, "message": reason.to_json()}))

        variables = {"TORC_TRIGGER": action.trigger_type, "TORC_ACTION_ID": str(action.id)}
        try:
            if failed is not None:
                variables |= self._failure_variables(failed, name)
        except OSError as error:
            detail = f"cannot write the list of failed jobs: {error}"
            done(ScriptEnd(126, action.commands[0], "", detail))
            return
        self._scripts.start(action.commands, name, done, variables)

    def _failure_variables(self, jobs: Sequence[dict[str, Any]], name: str) -> dict[str, str]:
        """Write the file with the failed jobs; return the variables about them."""
        path = os.path.join(self._scripts.output_dir, f"{name}.json")
        os.makedirs(self._scripts.output_dir, exist_ok=True)
        with open(path, "w") as file:
            json.dump([job | {"reason": optional_sentence(job["reason"])} for job in jobs], file)
        return {
            "TORC_FAILED_COUNT": str(len(jobs)),
            "TORC_FAILED_JOB_IDS": " ".join(str(job["job_id"]) for job in jobs[:_LISTED]),
            "TORC_FAILED_JOB_NAMES": "\n".join(job["name"] for job in jobs[:_LISTED]),
            "TORC_FAILED_JOBS_FILE": path,
        }


def _event_data(action: StoredAction) -> dict[str, Json]:
    return {"action": action.id, "trigger": action.trigger_type, "commands": list(action.commands)}


def _new_failures(conn: Connection, workflow_id: int, action: StoredAction) -> Sequence[int]:
    """Return the jobs that failed since the action was executed, in the order of their ends."""
    found: dict[int, None] = {}
    for row in conn.rows(sql.ENDS_SINCE_HANDLED, workflow_id=workflow_id, action_id=action.id):
        watched = not action.job_ids or row.job_id in action.job_ids
        if watched and is_failure(row.status, row.reason):
            found[row.job_id] = None
    return list(found)
