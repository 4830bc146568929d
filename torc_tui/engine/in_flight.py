"""Describe the attempts that a runner holds, from their claim to their end."""

from __future__ import annotations

from torc_tui.engine.attempt_record import Start
from torc_tui.engine.outputs import OutputCheck
from torc_tui.model import Allocation, AttemptKey
from torc_tui.reasons import Reason
from torc_tui.records import dataclass
from torc_tui.store.compute_nodes import HeldAttempt
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob


@dataclass(slots=True, kw_only=True)
class InFlight:
    """An attempt between its claim and its end; ``job`` is the row as it was at the claim."""

    key: AttemptKey
    job: ReadyJob | HeldAttempt
    allocation: Allocation
    allocation_text: str
    output_dir: str
    files: tuple[str | None, str | None, str] | None = None
    """Its logs and its exit file, as `attempt_files` returns them; None if another runner has
    started it."""
    outputs_before: str = ""
    """The state of the output files before the start, as `DeclaredOutputs.before` writes it."""
    recorded: Start | None = None
    """What was recorded at the start; None if it is not known."""
    require_written: bool = False
    """Whether an output file that the attempt did not change is a failure."""
    pid: int | None = None
    lost_gpus: tuple[str, ...] = ()
    """Its GPUs that stopped answering while it ran."""
    stop_reason: Reason | None = None
    """Why this runner has stopped it for its use of a GPU."""
    reported_excess: bool = False
    """Whether its use of GPU memory beyond the request was reported."""
    granted_at: float = 0.0
    """When it received its resources, in seconds since the epoch."""
    stop_requested: str | None = None
    stop_sent: str | None = None
    """The stop request that the executor has received already."""
    suspend_requested: bool = False
    """Whether a user wants the attempt to be suspended."""
    suspended: bool = False
    """Whether the executor has been told so."""
    context: RunContext | None = None
    """The workflow as it was at the claim, if it may have changed since."""
    planned: bool = False
    """Whether the job changes when the attempt has ended."""
    reruns: int = 0
    """How often the job may run again if this attempt turns out to be lost."""
    lost: Reason | None = None
    """How the attempt was lost, if it turns out to be."""
    lost_in_allocation: bool = False
    """Whether its runner was lost in an allocation, whose end also ends the jobs."""
    last_seen: float = 0.0
    """The last heartbeat of the lost runner: until then, the attempt is known to have run."""
    checked: OutputCheck | None = None
    """The output files at the end of the attempt, which a recovery script may change."""
    script_failed: bool = False
    """Whether the recovery script of the attempt has run and failed."""
    is_replaced: bool = False
    """Whether a prefetched job has received the allocation already."""
