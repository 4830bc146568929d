"""Decide when a runner ends: when no job is left that it can run."""

from __future__ import annotations

import time
from dataclasses import replace

from torc_tui.engine.engine import Engine
from torc_tui.engine.gpu_readings import GpuWatch
from torc_tui.engine.interrupts import Interrupts
from torc_tui.engine.run_summary import RunSummary
from torc_tui.model import Machine
from torc_tui.status import JobStatus
from torc_tui.store import workflows

IDLE_SECONDS = 90.0
"""Time after which a runner leaves when only held jobs are left, unless the workflow sets
``compute_node_wait_for_new_jobs_seconds``."""


class RemainingWork:
    """The jobs of a workflow that are left for one runner."""

    def __init__(
        self,
        engine: Engine,
        interrupts: Interrupts,
        summary: RunSummary,
        machine: Machine,
        watch: GpuWatch | None,
    ) -> None:
        self._engine = engine
        self._interrupts = interrupts
        self._summary = summary
        self._machine = machine
        self._watch = watch
        self._idle_since: float | None = None

    @property
    def is_idle(self) -> bool:
        """Return whether only held jobs are left."""
        return self._idle_since is not None

    def is_over(self, now: float, claimed: int) -> bool:
        """Return whether the runner leaves after a step that has claimed that many jobs."""
        engine = self._engine
        if claimed or engine.in_flight or engine.state.prefetched.jobs or self._is_deciding():
            self._idle_since = None
            return False
        return self._must_leave() or not self._has_work(now)

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
            or state.directory_is_gone
            or state.backoff.given_up(time.monotonic())
        )

    def _has_work(self, now: float) -> bool:
        """Return whether a job can run here now, or may become ready later."""
        engine, shared = self._engine, self._engine.shared
        workflow_id = engine.state.context.workflow_id
        with engine.state.store.read() as conn:
            left = workflows.left(conn, workflow_id)
            elsewhere = workflows.active_elsewhere(conn, workflow_id, engine.node.node_id)
            interrupted = workflows.interrupted(conn, workflow_id)
        if interrupted and not shared.is_paused:
            shared.mark_outdated()  # the next step resumes them
            return True
        if elsewhere:
            return True
        if self._watch is not None and (gpus := self._watch.present()) is not None:
            self._summary.machine = replace(self._machine, gpus=gpus)
        possible = [
            one
            for one in left
            if one.status == JobStatus.READY
            and not self._summary.unschedulable_reason(one.requirement_id, now)
        ]
        if all(one.held for one in possible) or shared.is_paused:
            return bool(possible) and not self._is_idle_for_long()
        return True

    def _is_idle_for_long(self) -> bool:
        """Return whether only held jobs have been left for too long."""
        if self._idle_since is None:
            self._idle_since = time.monotonic()
        seconds = self._engine.state.context.settings.get(
            "compute_node_wait_for_new_jobs_seconds", IDLE_SECONDS
        )
        return bool(seconds) and time.monotonic() - self._idle_since >= float(seconds)
