"""Summarize a run: the jobs that cannot run here, and the report with its exit code.

Input: the database, the engine, the machine. Output: records. Nothing is written.
"""

from __future__ import annotations

import time
from pathlib import Path

from torc_tui.engine.deadline import Deadline
from torc_tui.engine.engine import Engine
from torc_tui.engine.orders import attempt_files
from torc_tui.engine.report import (
    EXIT_COMPLETED,
    EXIT_INTERRUPTED,
    EXIT_UNSCHEDULABLE,
    EXIT_UNSUCCESSFUL,
    RunReport,
    UnschedulableJob,
)
from torc_tui.model import AttemptKey, Machine
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import never
from torc_tui.status import RETRYABLE, JobStatus
from torc_tui.store import workflows
from torc_tui.store.database import Store

LISTED_JOBS = 1000
"""Largest number of jobs in a list of the report."""


class RunSummary:
    """The results of one run; ``machine`` is changed when GPUs stop answering."""

    def __init__(self, store: Store, engine: Engine, machine: Machine, deadline: Deadline) -> None:
        self.machine = machine
        self._store = store
        self._engine = engine
        self._deadline = deadline
        self._workflow_id = engine.state.context.workflow_id

    def unschedulable_reason(self, requirement_id: int, now: float) -> Reason | None:
        """Return why a job with these requirements cannot run here; None when it can."""
        requirements = self._engine.state.context.requirements[requirement_id]
        lacks = tuple(shortfall.reason for shortfall in never(requirements, self.machine))
        if not lacks and not self._deadline.allows(requirements.runtime, now):
            left = (self._deadline.end_time or now) - now
            lacks = (because(Kind.RUNTIME_TOO_LONG, requested=requirements.runtime, left=left),)
        return because(Kind.UNSCHEDULABLE, lacks=lacks) if lacks else None

    def unschedulable(self, now: float) -> list[UnschedulableJob]:
        """Return the remaining jobs that cannot run here."""
        found: list[UnschedulableJob] = []
        with self._store.read() as conn:
            left = workflows.left(conn, self._workflow_id)
            # Held jobs and others with one status are counted apart, but their names read together.
            for requirement_id, status in dict.fromkeys(
                (one.requirement_id, one.status) for one in left
            ):
                reason = self.unschedulable_reason(requirement_id, now)
                if reason is None or status == JobStatus.PENDING_FAILED:
                    continue
                names = workflows.names(conn, self._workflow_id, requirement_id, status)
                found += [
                    UnschedulableJob(job_id=job_id, name=name, reason=reason)
                    for job_id, name in names
                ]
        return found[:LISTED_JOBS]

    def report(self, seconds: float, now: float, *, interrupted: bool) -> RunReport:
        """Return the report of a run that has taken so long, with its exit code."""
        report = RunReport(
            workflow_id=self._workflow_id,
            run_id=self._engine.state.context.run_id,
            exec_time=seconds,
            interrupted=interrupted,
            message=self._early_end(),
        )
        if self._engine.shared.gone_reason:
            report.jobs_code = EXIT_UNSUCCESSFUL
            return report
        with self._store.read() as conn:
            report.counts = workflows.counts(conn, self._workflow_id)
            unsuccessful = workflows.unsuccessful(conn, self._workflow_id)
            left = workflows.left(conn, self._workflow_id)
        report.failed = [self._failed_job(report.run_id, job) for job in unsuccessful]
        report.waiting = [
            {"status": JobStatus(one.status).word, "held": one.held, "number": one.number}
            for one in left
        ]
        report.unschedulable = self.unschedulable(now)
        report.jobs_code = exit_code(report)
        return report

    def _early_end(self) -> str | None:
        """Return why the run has ended before its jobs; None if it has not."""
        state, shared = self._engine.state, self._engine.shared
        if shared.gone_reason:
            return (
                f"workflow {self._workflow_id} was {shared.gone_reason} while it ran: its jobs were"
                " killed"
            )
        if shared.is_archived:
            return f"workflow {self._workflow_id} was archived while it ran: the runner has stopped"
        if state.directory_is_gone:
            return (
                f"the working directory is gone: {state.context.directory}; put it back,"
                " then start `torc run` again"
            )
        if text := state.backoff.given_up(time.monotonic()):
            return text
        if shared.stop_requested:
            return "the runner was stopped by a user; `torc run` continues the workflow"
        return None

    def _failed_job(self, run_id: int, job: workflows.Unsuccessful) -> dict[str, object]:
        key = AttemptKey(self._workflow_id, job.job_id, run_id, job.attempt_id)
        output_dir = job.output_dir or self._engine.maker.log_location
        execution = self._engine.state.context.execution
        stdout, stderr, _ = attempt_files(output_dir, key, job.stdio, execution)
        return {
            "job_id": job.job_id,
            "name": job.name,
            "status": JobStatus(job.status).word,
            "return_code": job.return_code,
            "reason": job.reason,
            "stdout_path": _existing(stdout),
            "stderr_path": _existing(stderr),
        }


def _existing(path: str | None) -> str | None:
    """Return the path of a log if it exists: an empty ``.e`` file is deleted."""
    return path if path is not None and Path(path).exists() else None


def exit_code(report: RunReport) -> int:
    """Return 0 if all jobs completed, 1 if some failed, 3 if some remain, 130 if interrupted."""
    if report.interrupted:
        return EXIT_INTERRUPTED
    if any(report.counts.get(status) for status in RETRYABLE):
        return EXIT_UNSUCCESSFUL
    return EXIT_UNSCHEDULABLE if report.waiting else EXIT_COMPLETED
