"""Hold what one runner knows about itself: its jobs, its resources and its limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from torc_tui.engine.cut_off import CutOff
from torc_tui.engine.deadline import Deadline
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.prefetch import Prefetched
from torc_tui.engine.recording import Recorder
from torc_tui.engine.shared_state import NodeIdentity, SharedState
from torc_tui.engine.start_backoff import StartBackoff
from torc_tui.model import Cause, Exited
from torc_tui.resources.pool import Pool
from torc_tui.store.database import Store
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import HeldElsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How an engine is connected to its runner.

    ``recover`` starts the recovery script of an attempt that will be retried, and returns False
    when the script has run already. ``is_in_use`` is explained in `SharedState`.
    """

    deadline: Deadline = field(default_factory=Deadline)
    recover: Callable[[InFlight, Exited, str], bool] | None = None
    is_in_use: Callable[[HeldElsewhere], bool] = lambda held: True
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True, kw_only=True)
class RunnerState:
    """The state that the steps of one runner read and change."""

    store: Store
    maker: OrderMaker
    pool: Pool
    node: NodeIdentity
    options: EngineOptions
    shared: SharedState
    recorder: Recorder
    cut_off: CutOff
    in_flight: dict[int, InFlight] = field(default_factory=dict)
    prefetched: Prefetched = field(default_factory=Prefetched)
    backoff: StartBackoff = field(default_factory=StartBackoff)
    stopping: Cause | None = None
    directory_is_gone: bool = False
    last_seq: int = 0
    """The number of the last event before the claims of the last step."""
    granted: list[tuple[str, int, int]] = field(default_factory=list)
    """(allocation as text, job id, attempt id) of prefetched jobs that were started, for the next
    transaction."""

    @property
    def context(self) -> RunContext:
        """The workflow, as it was last read."""
        return self.maker.context

    def may_claim(self) -> bool:
        """Return whether this runner may claim jobs at all."""
        shared = self.shared
        return not (
            shared.is_paused
            or shared.is_canceled
            or self.stopping
            or shared.stop_requested
            or self.directory_is_gone
        )

    def may_prefetch(self) -> bool:
        """Return whether this runner may hold and start prefetched jobs."""
        return self.may_claim() and self.backoff.cap is None

    def release(self, job_id: int) -> InFlight | None:
        """Forget the attempt of a job and give its resources back; None if it holds none."""
        flight = self.in_flight.pop(job_id, None)
        if flight is not None:
            self.pool.give(flight.allocation)
        return flight
