"""Decide when no job is left for a runner, and summarize the run: its report and exit code.

Input: the database, the engine, the machine. Output: records. Nothing is written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

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
from torc_tui.engine.state import Deadline
from torc_tui.engine.stop_requests import Interrupts
from torc_tui.model import AttemptKey, Machine
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.explain import never
from torc_tui.resources.gpus import without_gpus
from torc_tui.resources.labels import serves
from torc_tui.status import HELD, RETRYABLE, JobStatus, WorkflowState, number_of
from torc_tui.store import scheduling, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import warnings_by_job

ALL_JOBS = 1 << 30
LISTED_JOBS = 1000
"""Largest number of jobs in a list of the report."""


class RunSummary:
    """The results of one run.

    ``machine`` is changed when GPUs appear or stop answering. ``gpus_known`` is False while a
    request for GPUs cannot be judged.
    """

    def __init__(self, store: Store, engine: Engine, machine: Machine, deadline: Deadline) -> None:
        self.machine = machine
        self.gpus_known = True
        self._store = store
        self._engine = engine
        self._deadline = deadline
        self._workflow_id = engine.state.context.workflow_id

    def unschedulable_reason(self, like: sql.RemainingJobsRow, now: float) -> Reason | None:
        """Return why jobs with these requirements and labels cannot run here; None if they can.

        Jobs with labels that this runner lacks are left to other runners.
        """
        if not self.serves(like):
            labels, own = _labels(like), self._engine.node.labels
            lacking = tuple(one for one in labels if one not in own)
            lack = because(Kind.LABELS, labels=lacking, this=True)
            return because(Kind.UNSCHEDULABLE, lacks=(lack,))
        requirements = self._engine.state.context.requirements.get(like.requirement_id)
        if requirements is None:
            return None  # they were just added with a job; the next step reads them
        judged = requirements if self.gpus_known else without_gpus(requirements)
        lacks = tuple(shortfall.reason for shortfall in never(judged, self.machine))
        if not lacks and not self._deadline.allows(requirements.runtime, now):
            left = (self._deadline.end_time or now) - now
            needed = self._deadline.needed(requirements.runtime)
            lacks = (because(Kind.RUNTIME_TOO_LONG, requested=needed, left=left),)
        return because(Kind.UNSCHEDULABLE, lacks=lacks) if lacks else None

    def serves(self, like: sql.RemainingJobsRow) -> bool:
        """Return whether this runner has the labels of these jobs."""
        return serves(self._engine.node.labels, _labels(like))

    def unschedulable(self, now: float) -> list[UnschedulableJob]:
        """Return the remaining jobs that cannot run here."""
        found: list[UnschedulableJob] = []
        with self._store.read() as conn:
            left = conn.rows(sql.REMAINING_JOBS, workflow_id=self._workflow_id)
            # Held jobs and others with one status are counted apart, but their names read together.
            alike = {(one.requirement_id, one.status, one.labels): one for one in left}
            for one in alike.values():
                reason = self.unschedulable_reason(one, now)
                if reason is None or one.status == JobStatus.PENDING_FAILED:
                    continue
                names = workflows.names(conn, self._workflow_id, one)
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
        report.warned = len(warnings_by_job(self._store, self._workflow_id))
        with self._store.read() as conn:
            report.counts = workflows.counts(conn, self._workflow_id)
            report.ignored = workflows.ignored(conn, self._workflow_id)
            unsuccessful = conn.rows(
                sql.UNSUCCESSFUL_JOBS, workflow_id=self._workflow_id, limit=LISTED_JOBS
            )
            left = conn.rows(sql.REMAINING_JOBS, workflow_id=self._workflow_id)
            report.holds = workflows.holds(conn, self._workflow_id)
        report.failed = [self._failed_job(report.run_id, job) for job in unsuccessful]
        report.waiting = [
            {"status": one.status.word, "held": one.held, "number": one.number} for one in left
        ]
        report.unschedulable = self.unschedulable(now)
        report.jobs_code = exit_code(report)
        state = self._engine.state
        gave_up = state.backoff.given_up(time.monotonic())
        report.has_broken_off = state.directory_is_gone or bool(gave_up)
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

    def triggers_at_the_end(self) -> list[str]:
        """Return the triggers of actions that run now; none if jobs are left."""
        with self._store.read() as conn:
            if scheduling.unsettled(conn, self._workflow_id):
                return []
            state = workflows.read_workflow(conn, self._workflow_id).state
        failed = ["on_workflow_failed"] if state is WorkflowState.FAILED else []
        return ["on_workflow_complete", *failed]

    def failed_jobs(self, only: Collection[int] | None) -> list[dict[str, Any]]:
        """Return the jobs that failed, all or those with these ids, as the report has them."""
        run_id = self._engine.state.context.run_id
        with self._store.read() as conn:
            found = conn.rows(sql.UNSUCCESSFUL_JOBS, workflow_id=self._workflow_id, limit=ALL_JOBS)
        wanted = None if only is None else frozenset(only)
        return [
            self._failed_job(run_id, job) for job in found if wanted is None or job.job_id in wanted
        ]

    def _failed_job(self, run_id: int, job: sql.UnsuccessfulJobsRow) -> dict[str, Any]:
        key = AttemptKey(self._workflow_id, job.job_id, run_id, job.attempt_id)
        output_dir = job.output_dir or self._engine.maker.log_location
        execution = self._engine.state.context.execution
        stdout, stderr, _ = attempt_files(output_dir, key, job.stdio, execution)
        return {
            "job_id": job.job_id,
            "name": job.name,
            "status": job.status.word,
            "return_code": job.return_code,
            "reason": job.reason,
            "stdout_path": _existing(stdout),
            "stderr_path": _existing(stderr),
        }


def _labels(like: sql.RemainingJobsRow) -> list[str]:
    return json.loads(like.labels) if like.labels else []


def _existing(path: str | None) -> str | None:
    """Return the path of a log if it exists: an empty ``.e`` file is deleted."""
    return path if path is not None and Path(path).exists() else None


def exit_code(report: RunReport) -> int:
    """Return 0 if all jobs completed or are ignored, 1 if some failed, 3 if some remain.

    It is 130 if the run was interrupted.
    """
    if report.interrupted:
        return EXIT_INTERRUPTED
    if number_of(report.counts, RETRYABLE) > report.ignored:
        return EXIT_UNSUCCESSFUL
    return EXIT_UNSCHEDULABLE if report.waiting else EXIT_COMPLETED


IDLE_SECONDS = 90.0
"""Time after which a runner leaves when only held jobs are left, unless the workflow sets
``compute_node_wait_for_new_jobs_seconds``."""
ALLOCATION_IDLE_SECONDS = 60.0
"""The same in an allocation, whose idle nodes are charged: also while other runners have jobs."""


class RemainingWork:
    """The jobs of a workflow that are left for one runner."""

    def __init__(self, engine: Engine, interrupts: Interrupts, summary: RunSummary) -> None:
        self._engine = engine
        self._interrupts = interrupts
        self._summary = summary
        self._idle_since: float | None = None

    @property
    def is_idle(self) -> bool:
        """Return whether nothing can run here now, and the runner leaves if that lasts."""
        return self._idle_since is not None

    def is_over(self, now: float, claimed: int) -> bool:
        """Return whether the runner leaves after a step that has claimed that many jobs."""
        engine = self._engine
        if claimed or engine.in_flight or engine.state.prefetched.jobs or self._is_deciding():
            self._idle_since = None
            return False
        return self._must_leave() or not (
            engine.state.options.source.is_open or self._has_work(now)
        )

    def _is_deciding(self) -> bool:
        """Return whether it is not known yet which jobs run."""
        return self._engine.state.cut_off.is_busy and not self._must_leave()

    def _must_leave(self) -> bool:
        state, shared = self._engine.state, self._engine.shared
        return bool(
            state.stopping
            or shared.gone_reason
            or self._interrupts.count
            or shared.stop_requested
            or shared.is_canceled
            or state.options.source.halt
            or state.directory_is_gone
            or state.backoff.given_up(time.monotonic())
        )

    def _has_work(self, now: float) -> bool:
        """Return whether a job can run here now, or may become ready later."""
        engine, shared = self._engine, self._engine.shared
        workflow_id = engine.state.context.workflow_id
        with engine.state.store.read() as conn:
            left = conn.rows(sql.UNFINISHED_JOBS, workflow_id=workflow_id)
            interrupted = workflows.interrupted(conn, workflow_id)
        if interrupted and not shared.is_paused:
            shared.mark_outdated()  # the next step resumes them
            return True
        elsewhere = any(one.status in HELD for one in left)
        if elsewhere and not engine.node.in_allocation:
            return True
        if engine.node.persistent and any(self._summary.serves(one) for one in left):
            return True
        possible = [one for one in left if not self._summary.unschedulable_reason(one, now)]
        ready = [one for one in possible if one.status == JobStatus.READY]
        if not shared.is_paused and not all(one.held for one in ready):
            self._idle_since = None
            return True
        return bool(possible if elsewhere else ready) and not self._is_idle_for_long()

    def _is_idle_for_long(self) -> bool:
        """Return whether nothing could run here for too long; 0 s mean without end."""
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        usual = ALLOCATION_IDLE_SECONDS if self._engine.node.in_allocation else IDLE_SECONDS
        seconds = self._engine.state.context.settings.get(
            "compute_node_wait_for_new_jobs_seconds", usual
        )
        return bool(seconds) and time.monotonic() - self._idle_since >= float(seconds)
