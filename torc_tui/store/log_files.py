"""Name the files with the output of jobs, and list attempts, also those that failed, with them.

Input: a database and ids. Output: records with paths, whether the files exist or not. The engine
writes to these files, the app and the command line read them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from torc_tui.errors import NotFound
from torc_tui.model import (
    AttemptKey,
    CanceledJob,
    Cause,
    ExecutionConfig,
    FailedAttempt,
    cause_word,
)
from torc_tui.reasons import Reason
from torc_tui.status import HELD, TROUBLED, JobStatus
from torc_tui.store import sql
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.event_log import no_workflow
from torc_tui.store.relations import no_job
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    Attempt = sql.EndedAttemptsRow | sql.ActiveAttemptsRow | sql.FailedAttemptsRow


def output_folder(directory: str) -> str:
    """Return the default output directory of the runners of a workflow in ``directory``."""
    return str(Path(directory) / "torc_output")


def attempt_stem(
    output_dir: str, workflow_id: int, job_id: int, run_id: int, attempt_id: int
) -> str:
    """Return the path of an attempt's files without ``.o``, ``.e``, ``.log`` or ``.exit``.

    ``output_dir`` is a directory, or ``DIRECTORY//ID`` if another database owns the directory: then
    the names end in ``_ID``.
    """
    directory, mark, log_id = output_dir.partition("//")
    name = f"job_wf{workflow_id}_j{job_id}_r{run_id}_a{attempt_id}"
    return f"{directory}/job_stdio/{name}{'_' if mark else ''}{log_id}"


def stdio_mode(stdio: str | None, execution_mode: str) -> str:
    """Return the mode of a job: its own, or else the workflow's."""
    own = json.loads(stdio).get("mode") if stdio else None
    return str(own or execution_mode)


def stream_paths(stem: str, mode: str) -> tuple[str | None, str | None]:
    """Return (stdout, stderr) of an attempt.

    The paths are equal for combined output, and None for output that is discarded.
    """
    if mode == "combined":
        return f"{stem}.log", f"{stem}.log"
    stdout = None if mode in ("no_stdout", "none") else f"{stem}.o"
    stderr = None if mode in ("no_stderr", "none") else f"{stem}.e"
    return stdout, stderr


def attempt_files(
    output_dir: str, key: AttemptKey, stdio: str | None, execution: ExecutionConfig
) -> tuple[str | None, str | None, str]:
    """Return (stdout, stderr, exit file) of an attempt; see `stream_paths`."""
    stem = attempt_stem(output_dir, key.workflow_id, key.job_id, key.run_id, key.attempt_id)
    return *stream_paths(stem, stdio_mode(stdio, execution.stdio_mode)), f"{stem}.exit"


class AttemptLog(NamedTuple):
    """An attempt of a job and the paths of its output.

    ``status`` is RUNNING or PENDING until the attempt ends. ``deleted`` is set if the output was
    deleted because the job completed.
    """

    job_id: int
    job: str
    run_id: int
    attempt_id: int
    status: JobStatus
    started_at: float | None
    mode: str
    stdout: str | None
    stderr: str | None
    hostname: str | None
    group: str
    return_code: int | None = None
    reason: Reason | None = None
    ended_at: float | None = None
    deleted: bool = False

    @property
    def streams(self) -> list[tuple[str, str]]:
        """Return (name, path) of the output that is kept: stdout and stderr, or combined."""
        if self.mode == "combined" and self.stdout is not None:
            return [("combined", self.stdout)]
        kept = (("stdout", self.stdout), ("stderr", self.stderr))
        return [(name, path) for name, path in kept if path is not None]


class _LogContext(NamedTuple):
    """Values that are the same for all jobs of a workflow."""

    workflow_id: int
    folder: str
    run_id: int
    mode: str
    deletes: bool
    hosts: dict[int, str]


def _context(conn: Connection, workflow_id: int) -> _LogContext:
    row = conn.one(sql.LOG_CONTEXT, workflow_id=workflow_id)
    if row is None:
        raise no_workflow(workflow_id)
    execution = json.loads(row.execution_config)
    hosts = conn.rows(sql.HOST_NAMES, workflow_id=workflow_id)
    return _LogContext(
        workflow_id,
        output_folder(row.directory),
        row.run_id,
        execution.get("stdio_mode") or "separate",
        bool(execution.get("delete_stdio_on_success")),
        {host.id: host.hostname for host in hosts},
    )


def is_output_dir(store: Store, output_dir: str) -> bool:
    """Return whether a result of this database has its logs in that directory."""
    with store.read() as conn:
        return conn.one(sql.RESULT_IN_DIRECTORY, output_dir=output_dir) is not None


def attempts(store: Store, job_id: int) -> list[AttemptLog]:
    """Return the attempts of a job in all runs, including a running one, the newest last.

    Raise NotFound if there is no such job.
    """
    with store.read() as conn:
        job = conn.one(sql.CURRENT_ATTEMPT, job_id=job_id)
        if job is None:
            raise no_job(job_id)
        context = _context(conn, job.workflow_id)
        rows = conn.rows(sql.ENDED_ATTEMPTS_OF_JOB, job_id=job_id)
        found = [_ended(context, row) for row in rows]
    if job.status in HELD:
        found.append(_attempt(context, job, context.run_id))
    return found


def all_attempts(store: Store, workflow_id: int) -> list[AttemptLog]:
    """Return the attempts of all jobs of a workflow in all runs, the newest of a job last."""
    with store.read() as conn:
        context = _context(conn, workflow_id)
        ended = conn.rows(sql.ENDED_ATTEMPTS, workflow_id=workflow_id)
        active = conn.rows(sql.ACTIVE_ATTEMPTS, workflow_id=workflow_id)
    return [_ended(context, row) for row in ended] + [
        _attempt(context, row, context.run_id) for row in active
    ]


def latest_attempts(store: Store, workflow_id: int) -> list[AttemptLog]:
    """Return the newest attempt of every job of a workflow that has one, by job."""
    newest = {attempt.job_id: attempt for attempt in all_attempts(store, workflow_id)}
    return [newest[job_id] for job_id in sorted(newest)]


def _attempt(context: _LogContext, row: Attempt, run_id: int) -> AttemptLog:
    """Return an attempt that has not ended."""
    folder = row.output_dir or context.folder
    stem = attempt_stem(folder, context.workflow_id, row.job_id, run_id, row.attempt_id)
    mode = stdio_mode(row.stdio, context.mode)
    stdout, stderr = stream_paths(stem, mode)
    return AttemptLog(
        job_id=row.job_id,
        job=row.name,
        run_id=run_id,
        attempt_id=row.attempt_id,
        status=row.status,
        started_at=row.started_at,
        mode=mode,
        stdout=stdout,
        stderr=stderr,
        hostname=context.hosts.get(row.compute_node_id or 0),
        group=row.group,
    )


def _ended(context: _LogContext, row: sql.EndedAttemptsRow) -> AttemptLog:
    own = json.loads(row.stdio).get("delete_on_success") if row.stdio else None
    deletes = bool(context.deletes if own is None else own)
    return _attempt(context, row, row.run_id)._replace(
        return_code=row.return_code,
        reason=row.reason,
        ended_at=row.ended_at,
        deleted=row.status == JobStatus.COMPLETED and deletes,
    )


# -- failures --------------------------------------------------------------------------------------


_INTERRUPTED = frozenset({Cause.STOPPED, Cause.TIME_LIMIT})
"""Ends of the runner, after which a job runs again."""


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
        context = _context(conn, workflow_id)
        run = context.run_id if run_id is None else run_id
        if run > context.run_id:
            raise NotFound(
                f"workflow {workflow_id} has no run {run}", hint=f"its last run is {context.run_id}"
            )
        attempts = _failed_attempts(conn, context, run)
        rows = conn.rows(sql.CANCELED_JOBS, workflow_id=workflow_id)
    canceled = [CanceledJob(row.id, row.name, row.reason) for row in rows]
    return Failures(run, attempts, canceled if run == context.run_id else [])


def _failed_attempts(conn: Connection, context: _LogContext, run: int) -> list[FailedAttempt]:
    found = []
    for row in conn.rows(sql.FAILED_ATTEMPTS, workflow_id=context.workflow_id, run_id=run):
        cause = cause_word(row.cause) or Cause.EXIT.value
        if cause in _INTERRUPTED:
            continue
        is_open = bool(row.is_last)
        if run == context.run_id:
            is_open = row.job_status in TROUBLED and row.job_attempt == row.attempt_id
        log = _attempt(context, row, row.run_id)
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
                row.reason,
                row.signature,
                log.hostname or "",
                log.stdout,
                log.stderr,
                is_open,
            )
        )
    return found
