"""Keep the pool of a runner in step with the GPUs of its machine.

Input: readings of `GpuWatch`. Output: the pool, the machine of the summary, the row of the runner,
and notices. GPUs are read only once a job requests some.
"""

from __future__ import annotations

from collections.abc import Iterable

from torc_tui.engine.engine import Engine
from torc_tui.engine.gpu_guard import GpuGuard, presumed_use
from torc_tui.engine.gpu_readings import GpuWatch
from torc_tui.engine.run_summary import RunSummary
from torc_tui.engine.transaction import EventQueue
from torc_tui.model import Allocation, Cause, Exited, Gpu, Report
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.resources.attempt_tag import attempt_tag
from torc_tui.resources.gpu_claims import Tenant
from torc_tui.resources.gpus import gpu_need
from torc_tui.store import compute_nodes

HOLD_SECONDS = 3.0
"""Longest time that a failure waits for a reading of the GPUs."""


class RunnerGpus:
    """The GPUs of one runner; ``watch`` is None where none can be read."""

    def __init__(
        self, engine: Engine, events: EventQueue, watch: GpuWatch | None, summary: RunSummary
    ) -> None:
        self._engine = engine
        self._events = events
        self._watch = watch
        self._summary = summary
        self._machine = summary.machine
        self._context: object = None
        self._guard = GpuGuard(str(engine.state.context.execution.settings.get("gpu_over", "warn")))
        self._waiting: list[Report] = []
        """Failures that wait for a reading."""
        self._recorded: tuple[str, ...] | None = None
        """The GPUs that the row of the runner names; None before the first reading."""
        virtual = sum(gpu.virtual for gpu in self._machine.gpus)
        if virtual and self._are_requested():
            events.put_notices([because(Kind.GPUS_VIRTUAL, number=virtual)])

    @property
    def has_news(self) -> bool:
        """Whether `update` has something to do."""
        if self._watch is None or not self._watch.is_started:
            return False
        state = self._engine.state
        # The job of another runner may have ended without a change that a reading would show.
        if self._waiting or state.pool.is_returning:
            self._watch.refresh()
        return (
            self._watch.has_news
            or (state.ledger is not None and state.ledger.look())
            or (state.quarantine is not None and state.quarantine.has_news())
        )

    def _are_requested(self) -> bool:
        return any(map(gpu_need, self._engine.state.context.requirements.values()))

    def start_if_requested(self) -> None:
        """Begin to read the GPUs if a job requests some."""
        context = self._engine.state.context
        if self._watch is None or self._watch.is_started or context is self._context:
            return
        self._context = context
        if self._are_requested():
            self._watch.start(self._engine.executor.wake)
            self._summary.gpus_known = False
            from torc_tui.engine.gpu_ledger import GpuLedger  # 4 ms, for runs with GPUs only
            from torc_tui.engine.gpu_quarantine import GpuQuarantine
            from torc_tui.operations.gpu_health import SharedHealth
            from torc_tui.resources.host_ledger import Ledger

            state = self._engine.state
            ledger = Ledger(state.store.url)
            shared = SharedHealth(ledger, state.store)
            state.quarantine = GpuQuarantine(shared, state.pool, ledger.name())
            self._engine.use_ledger(GpuLedger(ledger, state.pool, state.quarantine))

    def update(self, reports: Iterable[Report], now: float) -> bool:
        """Count in the pool what the GPUs report now, and put notices about them.

        Return True once: when it has become known which GPUs jobs may wait for.
        """
        watch = self._watch
        if watch is None or not watch.is_started:
            return False
        if any(isinstance(report, Exited) for report in reports):
            watch.refresh()
        self._events.put_notices(watch.notices())
        if ledger := self._engine.state.ledger:
            self._events.put_notices(ledger.new_notices())
            if ledger.needs_reading and self._engine.state.pool.read_at < now:
                watch.refresh()
        latest = watch.take()
        if latest is None:
            self._set_aside()
            return False
        pool = self._engine.state.pool
        pool.distances = watch.distances
        at, gpus = latest
        pool.update(gpus, self._tenants(), at)
        watch.presume(*presumed_use(pool))
        self._events.put_notices(pool.unreturned())
        self._check_jobs()
        self._set_aside()
        awaited = watch.awaited()
        if awaited is None:
            return False
        is_first = not self._summary.gpus_known
        limit = self._machine.gpu_limit
        if is_first and limit is not None and len(awaited) < limit:
            few = because(Kind.GPUS_TOO_FEW, requested=limit, usable=len(awaited))
            self._events.put_notices([few])
        self._summary.gpus_known = True
        self._summary.machine = replace(self._machine, gpus=awaited, gpus_known=True)
        self._engine.maker.gpus = awaited
        self._record(awaited)
        return is_first

    def hold_back(self, reports: list[Report], now: float) -> list[Report]:
        """Return the reports that may be judged now.

        The failure of a job with GPUs waits for a reading after it: a GPU may be gone.
        """
        if self._watch is None or not self._watch.is_started or self._engine.state.stopping:
            found, self._waiting = [*self._waiting, *reports], []
            return found
        ready: list[Report] = []
        waiting: list[Report] = []
        read_at = self._engine.state.pool.read_at
        for report in [*self._waiting, *reports]:
            waits = (
                isinstance(report, Exited)
                and self._may_have_lost(report)
                and read_at <= report.ended_at
                and now - report.ended_at < HOLD_SECONDS
            )
            (waiting if waits else ready).append(report)
        self._waiting = waiting
        return ready

    def _may_have_lost(self, report: Exited) -> bool:
        flight = self._engine.in_flight.get(report.key.job_id)
        failed = report.cause is None and report.return_code != 0
        return failed and flight is not None and bool(flight.allocation.gpus)

    def _check_jobs(self) -> None:
        """Report and stop jobs that use more of the GPUs than they were given."""
        assert self._watch is not None
        engine, guard = self._engine, self._guard
        guard.mark_lost(self._watch.lost, engine.in_flight)
        guard.check(engine.state.pool, engine.in_flight)
        for row in guard.rows:
            self._events.put(row)
        guard.rows.clear()
        for key, reason in guard.stops:
            engine.in_flight[key.job_id].stop_reason = reason
            engine.executor.stop([key], Cause.GPU_OOM)
        guard.stops.clear()

    def _set_aside(self) -> None:
        """Keep jobs from GPUs that are set aside because of failures, damage or a user."""
        assert self._watch is not None
        quarantine = self._engine.state.quarantine
        assert quarantine is not None  # created when the watch began
        quarantine.read(self._watch.damaged)
        self._events.put_notices(quarantine.notices)
        quarantine.notices.clear()

    def follow_step(self) -> None:
        """Tell the watch which processes are ours now."""
        self.start_if_requested()
        if self._watch is not None and self._watch.is_started:
            self._watch.set_own(self._own_pids())

    def figures(self) -> tuple[Gpu, ...]:
        """Return the GPUs with their load, as they were a few seconds ago at most."""
        return () if self._watch is None else self._watch.figures

    def _tenants(self) -> list[tuple[Tenant, Allocation]]:
        """Return the jobs that runners of this database run on this host, with what they hold."""
        own = [
            (Tenant(flight.pid, flight.granted_at), flight.allocation)
            for flight in self._engine.in_flight.values()
            if flight.pid
        ]
        return own + self._engine.shared.tenants

    def _own_pids(self) -> dict[int, str]:
        """Return the leaders of the jobs of this database on this host, with their tags."""
        flights = self._engine.in_flight.values()
        keys = self._engine.shared.others | {one.pid: one.key for one in flights if one.pid}
        database = self._engine.state.store.url
        return {pid: attempt_tag(database, key) for pid, key in keys.items()}

    def close(self) -> None:
        """Stop reading."""
        if self._watch is not None:
            self._watch.close()

    def _record(self, gpus: tuple[Gpu, ...]) -> None:
        """Write into the row of the runner which GPUs it has found; a GPU that left stays named."""
        uuids = tuple(gpu.uuid for gpu in gpus)
        if self._recorded is None or (gpus and uuids != self._recorded):
            with self._engine.state.store.write() as conn:
                compute_nodes.set_gpus(conn, self._engine.node.node_id, gpus)
            self._recorded = uuids
