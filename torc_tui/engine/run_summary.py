"""What is left of a workflow for this runner, and what the run came to.

What comes in: the store, the engine with its context, the machine. What goes out: jobs that can
never run here, and the report with its exit code. Nothing is written, and nothing is waited for.
"""

from __future__ import annotations

from pathlib import Path

from torc_tui.engine.deadline import Deadline
from torc_tui.engine.engine import Engine
from torc_tui.engine.orders import attempt_files
from torc_tui.engine.report import (
    EXIT_COMPLETED,
    EXIT_INTERRUPTED,
    EXIT_NEVER,
    EXIT_UNSUCCESSFUL,
    NeverJob,
    RunReport,
)
from torc_tui.model import AttemptKey, Machine
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import never as never_fits
from torc_tui.status import RETRYABLE, JobStatus
from torc_tui.store import workflow_progress
from torc_tui.store.database import Store

MOST = 1000
"""Jobs that a list of the report holds at most."""


class Reckoning:
    """The accounts of one run."""

    def __init__(self, store: Store, engine: Engine, machine: Machine, deadline: Deadline) -> None:
        self.store = store
        self.engine = engine
        self.machine = machine
        self.deadline = deadline
        self.workflow_id = engine.state.context.workflow_id

    def never_reason(self, requirement_id: int, now: float) -> Reason | None:
        """Return why a job with these requirements cannot run here; None when it can."""
        requirements = self.engine.state.context.requirements[requirement_id]
        lacks = tuple(shortfall.reason for shortfall in never_fits(requirements, self.machine))
        if not lacks and not self.deadline.allows(requirements.runtime, now):
            left = (self.deadline.end_time or now) - now
            lacks = (because(Kind.RUNTIME_TOO_LONG, requested=requirements.runtime, left=left),)
        return because(Kind.UNSCHEDULABLE, lacks=lacks) if lacks else None

    def never(self, now: float) -> list[NeverJob]:
        """The jobs that are left and can never run here."""
        found: list[NeverJob] = []
        with self.store.read() as conn:
            # Held jobs and others of one kind are counted apart, and named together.
            left = workflow_progress.left(conn, self.workflow_id)
            for requirement_id, status in dict.fromkeys(
                (one.requirement_id, one.status) for one in left
            ):
                reason = self.never_reason(requirement_id, now)
                if reason is None or status == JobStatus.PENDING_FAILED:
                    continue
                names = workflow_progress.names(conn, self.workflow_id, requirement_id, status)
                found += [
                    NeverJob(job_id=job_id, name=name, reason=reason) for job_id, name in names
                ]
        return found[:MOST]

    def close(self, report: RunReport, output_dir: str, now: float) -> RunReport:
        """Fill in how all jobs stand, and the exit code that follows."""
        execution = self.engine.state.context.execution
        with self.store.read() as conn:
            report.counts = workflow_progress.counts(conn, self.workflow_id)
            for job in workflow_progress.unsuccessful(conn, self.workflow_id):
                key = AttemptKey(self.workflow_id, job.job_id, report.run_id, job.attempt_id)
                stdout, stderr, _ = attempt_files(
                    job.output_dir or output_dir, key, job.stdio, execution
                )
                report.failed.append(
                    {
                        "job_id": job.job_id,
                        "name": job.name,
                        "status": JobStatus(job.status).word,
                        "return_code": job.return_code,
                        "reason": job.reason,
                        "stdout_path": _kept(stdout),
                        "stderr_path": _kept(stderr),
                    }
                )
            for one in workflow_progress.left(conn, self.workflow_id):
                report.waiting.append(
                    {"status": JobStatus(one.status).word, "held": one.held, "number": one.number}
                )
        report.never = self.never(now)
        report.exit_code = exit_code(report)
        return report


def _kept(path: str | None) -> str | None:
    """Return the path of a log that is there: an empty ``.e`` file is not kept."""
    return path if path is not None and Path(path).exists() else None


def exit_code(report: RunReport) -> int:
    """0 all completed, 1 some did not succeed, 3 some can never run here, 130 interrupted."""
    if report.interrupted:
        return EXIT_INTERRUPTED
    if any(report.counts.get(status) for status in RETRYABLE):
        return EXIT_UNSUCCESSFUL
    return EXIT_NEVER if report.waiting else EXIT_COMPLETED
