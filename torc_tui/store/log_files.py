"""Where the output of jobs lies: the one rule for the names of files, and the attempts of a job
with theirs.

What comes in: a store and ids. What goes out: records with paths; nothing here looks whether a file
is there. The names are those of reference facts, 6.6; the engine writes by them, the app and the
command line find by them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torc_tui.errors import NotFound
from torc_tui.model import AttemptKey, ExecutionConfig
from torc_tui.reasons import Reason, decode
from torc_tui.status import JobStatus
from torc_tui.store.database import Statement, Store
from torc_tui.store.event_log import no_workflow


def output_folder(directory: str) -> str:
    """Where a runner of a workflow of that folder writes, unless it is told another place."""
    return str(Path(directory) / "torc_output")


def attempt_stem(
    output_dir: str, workflow_id: int, job_id: int, run_id: int, attempt_id: int
) -> str:
    """The path of an attempt's files without their endings (``.o``, ``.e``, ``.log``,
    ``.exit``)."""
    return f"{output_dir}/job_stdio/job_wf{workflow_id}_j{job_id}_r{run_id}_a{attempt_id}"


def stdio_mode(stdio: str | None, execution_mode: str) -> str:
    """The mode of a job: its own, or else the workflow's."""
    own = json.loads(stdio).get("mode") if stdio else None
    return str(own or execution_mode)


def stream_paths(stem: str, mode: str) -> tuple[str | None, str | None]:
    """(stdout, stderr) of an attempt; equal paths for combined output, None for what is thrown
    away."""
    if mode == "combined":
        return f"{stem}.log", f"{stem}.log"
    stdout = None if mode in ("no_stdout", "none") else f"{stem}.o"
    stderr = None if mode in ("no_stderr", "none") else f"{stem}.e"
    return stdout, stderr


def attempt_files(
    output_dir: str, key: AttemptKey, stdio: str | None, execution: ExecutionConfig
) -> tuple[str | None, str | None, str]:
    """(stdout, stderr, exit file) of an attempt; see ``stream_paths``."""
    stem = attempt_stem(output_dir, key.workflow_id, key.job_id, key.run_id, key.attempt_id)
    return *stream_paths(stem, stdio_mode(stdio, execution.stdio_mode)), f"{stem}.exit"


class AttemptLog(NamedTuple):
    """One attempt of a job and where its output is. ``status`` is RUNNING or PENDING while it has
    not ended."""

    job_id: int
    job: str
    run_id: int
    attempt_id: int
    status: JobStatus
    return_code: int | None
    reason: Reason | None
    started_at: float | None
    ended_at: float | None
    mode: str
    stdout: str | None
    stderr: str | None
    hostname: str | None
    deleted: bool
    """Whether the rule is to throw the output of a success away, and it was one."""

    @property
    def streams(self) -> list[tuple[str, str]]:
        """(name, path) of what is kept: stdout and stderr, or combined."""
        if self.mode == "combined" and self.stdout is not None:
            return [("combined", self.stdout)]
        kept = (("stdout", self.stdout), ("stderr", self.stderr))
        return [(name, path) for name, path in kept if path is not None]


_WORKFLOW = Statement("SELECT directory, run_id, execution_config FROM workflow WHERE id = ?")
_JOB = "SELECT id, name, workflow_id, status, attempt_id, stdio, output_dir, started_at, compute_node_id FROM job"
_ONE_JOB = Statement(_JOB + " WHERE id = ?")
_ACTIVE = Statement(_JOB + " WHERE workflow_id = ? AND status IN (3, 4)")
_RESULT = (
    "SELECT r.job_id, j.name, r.run_id, r.attempt_id, r.status, r.return_code, r.reason, r.started_at, r.ended_at,"
    " r.output_dir, r.compute_node_id, j.stdio FROM result r JOIN job j ON j.id = r.job_id"
)
_OF_JOB = Statement(_RESULT + " WHERE r.job_id = ? ORDER BY r.run_id, r.attempt_id, r.id")
_OF_WORKFLOW = Statement(
    _RESULT + " WHERE r.workflow_id = ? ORDER BY r.job_id, r.run_id, r.attempt_id, r.id"
)
_NODES = Statement("SELECT id, hostname FROM compute_node WHERE workflow_id = ?")


class _Around(NamedTuple):
    """What is the same for all jobs of a workflow."""

    workflow_id: int
    folder: str
    run_id: int
    mode: str
    deletes: bool
    hosts: dict[int, str]


def _around(conn: Any, workflow_id: int) -> _Around:
    row = _WORKFLOW.run(conn, (workflow_id,)).fetchone()
    if row is None:
        raise no_workflow(workflow_id)
    execution = json.loads(row[2])
    return _Around(
        workflow_id,
        output_folder(row[0]),
        row[1],
        execution.get("stdio_mode") or "separate",
        bool(execution.get("delete_stdio_on_success")),
        dict(map(tuple, _NODES.run(conn, (workflow_id,)))),
    )


def attempts(store: Store, job_id: int) -> list[AttemptLog]:
    """The attempts of a job of all runs, the newest last: those that ended, and the one under way.

    NotFound if there is no such job; no attempts if it never began.
    """
    with store.read() as conn:
        job = _ONE_JOB.run(conn, (job_id,)).fetchone()
        if job is None:
            raise NotFound(
                f"there is no job {job_id}",
                hint="`torc jobs list WORKFLOW` shows those that are there",
            )
        around = _around(conn, job[2])
        found = [_ended(around, row) for row in _OF_JOB.run(conn, (job_id,))]
    if JobStatus(job[3]) in (JobStatus.PENDING, JobStatus.RUNNING):
        found.append(_active(around, job))
    return found


def latest_attempts(store: Store, workflow_id: int) -> list[AttemptLog]:
    """The newest attempt of every job of a workflow that began at all, by job."""
    with store.read() as conn:
        around = _around(conn, workflow_id)
        newest = {row[0]: _ended(around, row) for row in _OF_WORKFLOW.run(conn, (workflow_id,))}
        for job in _ACTIVE.run(conn, (workflow_id,)):
            newest[job[0]] = _active(around, job)
    return [newest[job_id] for job_id in sorted(newest)]


def _ended(around: _Around, row: Sequence[Any]) -> AttemptLog:
    (
        job_id,
        name,
        run_id,
        attempt_id,
        status,
        return_code,
        reason,
        started,
        ended,
        folder,
        node,
        stdio,
    ) = row
    stem = attempt_stem(folder or around.folder, around.workflow_id, job_id, run_id, attempt_id)
    mode = stdio_mode(stdio, around.mode)
    own = json.loads(stdio).get("delete_on_success") if stdio else None
    return AttemptLog(
        job_id,
        name,
        run_id,
        attempt_id,
        JobStatus(status),
        return_code,
        decode(reason),
        started,
        ended,
        mode,
        *stream_paths(stem, mode),
        around.hosts.get(node),
        JobStatus(status) is JobStatus.COMPLETED and bool(around.deletes if own is None else own),
    )


def _active(around: _Around, job: Sequence[Any]) -> AttemptLog:
    job_id, name, _, status, attempt_id, stdio, folder, started, node = job
    stem = attempt_stem(
        folder or around.folder, around.workflow_id, job_id, around.run_id, attempt_id
    )
    mode = stdio_mode(stdio, around.mode)
    paths = stream_paths(stem, mode)
    host = around.hosts.get(node)
    status = JobStatus(status)
    return AttemptLog(
        job_id,
        name,
        around.run_id,
        attempt_id,
        status,
        None,
        None,
        started,
        None,
        mode,
        *paths,
        host,
        False,
    )
