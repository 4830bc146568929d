"""How a run is asked for, watched and told of: plain records, and the port of an observer.

What comes in: nothing. What goes out: types. Nothing is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torc_tui.model import Event, Machine
from torc_tui.reasons import Reason
from torc_tui.status import JobStatus

EXIT_COMPLETED, EXIT_UNSUCCESSFUL, EXIT_UNSCHEDULABLE, EXIT_INTERRUPTED = 0, 1, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run. ``time_limit`` in seconds, ``end_time`` since the epoch; None: no such limit, or
    as detected.
    """

    num_cpus: int | None = None
    memory_gb: float | None = None
    num_gpus: int | None = None
    max_parallel_jobs: int | None = None
    time_limit: float | None = None
    end_time: float | None = None
    output_dir: str | None = None
    limit_resources: bool = True
    grace: float | None = None
    gpu_foreign: str = "avoid"
    gpus_by_index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnschedulableJob:
    """A job that cannot run here, and what it lacks."""

    job_id: int
    name: str
    reason: Reason


@dataclass(slots=True, kw_only=True)
class RunReport:
    """How the run ended. The lists hold at most a thousand jobs each. ``message`` says why it ended
    before its time.
    """

    workflow_id: int
    run_id: int
    counts: dict[JobStatus, int] = field(default_factory=dict)
    failed: list[dict[str, Any]] = field(default_factory=list)
    unschedulable: list[UnschedulableJob] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False
    message: str | None = None
    exit_code: int = 0
    exec_time: float = 0.0


class Observer(Protocol):
    """Somebody who watches a run from inside its process."""

    live: bool
    """Whether `tick` is wanted while nothing happens."""

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None:
        """The runner has joined; these jobs can never run here."""

    def events(self, events: Sequence[Event]) -> None:
        """What a step has written."""

    def stopping(self, running: int, grace: float) -> None:
        """A stop was asked for: ``running`` jobs are being ended, and killed after ``grace``
        seconds.
        """

    def notice(self, text: str) -> None:
        """Something about the run itself that stands in no event (yet): the store is away, or there
        again.
        """

    def hung_up(self) -> None:
        """The terminal is gone; the run goes on."""

    def tick(self, now: float) -> None:
        """Time passes."""


class NullObserver:
    """Nobody watches."""

    live = False

    def began(self, run_id: int, machine: Machine, never: Sequence[UnschedulableJob]) -> None: ...
    def events(self, events: Sequence[Event]) -> None: ...
    def stopping(self, running: int, grace: float) -> None: ...
    def notice(self, text: str) -> None: ...
    def hung_up(self) -> None: ...
    def tick(self, now: float) -> None: ...
