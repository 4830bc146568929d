"""Order the start of jobs that were claimed.

Input: claimed jobs with their resources. Output: orders to the executor, and attempts in flight.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.engine.attempt_record import join_notes
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.outputs import DeclaredOutputs
from torc_tui.engine.placer import Placed
from torc_tui.engine.state import RunnerState
from torc_tui.executors.base import Executor
from torc_tui.model import Allocation, Exited, Order, Report

_NOTHING = Allocation()


class JobStarter:
    """Start the jobs of one runner."""

    def __init__(self, state: RunnerState, executor: Executor, outputs: DeclaredOutputs) -> None:
        self._state = state
        self._executor = executor
        self._outputs = outputs

    def start(self, claimed: Sequence[Placed]) -> None:
        """Order the start of jobs, which are in flight from here."""
        if claimed:
            self._executor.submit([self._order(placed) for placed in claimed])

    def start_prefetched(self, reports: Sequence[Report]) -> bool:
        """Start prefetched jobs with the resources of attempts that have ended.

        Return whether every attempt that has ended is replaced, so that the caller may wait for
        more reports: the next step records all of them.
        """
        ended = [report for report in reports if isinstance(report, Exited)]
        state = self._state
        if not state.prefetched.jobs or not state.may_prefetch() or state.shared.has_changed():
            return not ended
        orders = [order for report in ended if (order := self._replace(report)) is not None]
        if orders:
            self._executor.submit(orders)
        flights = [state.in_flight.get(report.key.job_id) for report in ended]
        return all(flight is not None and flight.is_replaced for flight in flights)

    def _replace(self, exited: Exited) -> Order | None:
        """Return the order for a prefetched job that takes over the resources of an attempt."""
        flight = self._state.in_flight.get(exited.key.job_id)
        if flight is None or flight.key != exited.key or flight.is_replaced:
            return None
        if exited.cause is not None or flight.job.failure_handler_id or flight.allocation.gpus:
            return None
        job = self._state.prefetched.take(flight.job.requirement_id)
        if job is None:
            return None
        flight.is_replaced = True
        order = self._order(Placed(job, flight.allocation, flight.allocation_text))
        flight.allocation = _NOTHING
        self._state.granted.append((flight.allocation_text, job.id, job.attempt_id))
        return order

    def _order(self, placed: Placed) -> Order:
        maker, job = self._state.maker, placed.job
        start = self._state.recorder.begin(job, self._state.last_seq)
        directories: tuple[str, ...] = ()
        states = ""
        if job.output_files is not None:
            directories, states = self._outputs.before(job.output_files)
        order = maker.make(
            job,
            placed.allocation,
            output_directories=directories,
            note=join_notes(states, start.note()),
        )
        self._state.in_flight[job.id] = InFlight(
            key=order.key,
            job=job,
            allocation=placed.allocation,
            allocation_text=placed.allocation_text,
            output_dir=maker.log_location,
            outputs_before=states,
            recorded=start,
            require_written=maker.requires_written(job.options),
        )
        return order
