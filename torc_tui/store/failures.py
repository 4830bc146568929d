"""Read the attempts of a run that failed, and the jobs that were canceled.

Input: a database and a workflow. Output: records. Nothing is written here.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from torc_tui.errors import NotFound
from torc_tui.model import Cause, cause_word
from torc_tui.reasons import Reason, decode
from torc_tui.status import TROUBLED
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import no_workflow
from torc_tui.store.log_files import attempt_stem, output_folder, stdio_mode, stream_paths

_INTERRUPTED = frozenset({Cause.STOPPED, Cause.TIME_LIMIT})
"""Ends of the runner, after which a job runs again."""


class FailedAttempt(NamedTuple):
    """An attempt that failed.

    ``is_open``: the job has not run again since then, and does not wait for another attempt.
    """

    job_id: int
    name: str
    group: str
    run_id: int
    attempt_id: int
    ended_at: float
    cause: str
    return_code: int | None
    reason: Reason | None
    signature: str | None
    hostname: str
    stdout: str | None
    stderr: str | None
    is_open: bool


class CanceledJob(NamedTuple):
    """A job that was canceled; its reason names the dependency that did not succeed."""

    job_id: int
    name: str
    reason: Reason | None


class Failures(NamedTuple):
    """The failed attempts of a run, in the order in which they were recorded."""

    run_id: int
    attempts: list[FailedAttempt]
    canceled: list[CanceledJob]


def failures(store: Store, workflow_id: int, run_id: int | None = None) -> Failures:
    """Return the failures of a run, by default of the last one, which includes canceled jobs.

    Raise NotFound if there is no such workflow or run.
    """
    with store.read() as conn:
        context = conn.one(sql.LOG_CONTEXT, workflow_id=workflow_id)
        if context is None:
            raise no_workflow(workflow_id)
        run = context.run_id if run_id is None else run_id
        if run > context.run_id:
            raise NotFound(
                f"workflow {workflow_id} has no run {run}", hint=f"its last run is {context.run_id}"
            )
        attempts = _attempts(conn, context, run)
        rows = conn.rows(sql.CANCELED_JOBS, workflow_id=workflow_id)
    canceled = [CanceledJob(row.id, row.name, decode(row.reason)) for row in rows]
    return Failures(run, attempts, canceled if run == context.run_id else [])


def _attempts(conn: Connection, context: sql.LogContextRow, run: int) -> list[FailedAttempt]:
    hosts = {row.id: row.hostname for row in conn.rows(sql.HOST_NAMES, workflow_id=context.id)}
    mode = json.loads(context.execution_config).get("stdio_mode") or "separate"
    folder = output_folder(context.directory)
    is_current = run == context.run_id
    found = []
    for row in conn.rows(sql.FAILED_ATTEMPTS, workflow_id=context.id, run_id=run):
        cause = cause_word(row.cause) or Cause.EXIT.value
        if cause in _INTERRUPTED:
            continue
        stem = attempt_stem(
            row.output_dir or folder, context.id, row.job_id, row.run_id, row.attempt_id
        )
        is_open = bool(row.is_last)
        if is_current:
            is_open = row.job_status in TROUBLED and row.job_attempt == row.attempt_id
        found.append(
            FailedAttempt(
                row.job_id,
                row.name,
                row.group,
                row.run_id,
                row.attempt_id,
                row.ended_at,
                cause,
                row.return_code,
                decode(row.reason),
                row.signature,
                hosts.get(row.compute_node_id or 0, ""),
                *stream_paths(stem, stdio_mode(row.stdio, mode)),
                is_open,
            )
        )
    return found
