"""Define what every cluster promises: submit requests for nodes, report on them, cancel them.

Input: requests. Output: records in the words of torc. A cluster knows no workflow and no database.

Invariants: an implementation raises `ClusterSilent` if the batch system did not answer, and nothing
is known then; `ClusterRefused` if it answered no. A state that it does not know is `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from torc_tui.errors import Refused, TorcError
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.partitions import Partition
from torc_tui.tuples import NamedTuple


class ClusterSilent(TorcError):
    """The batch system did not answer: whether it did what was asked is unknown."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="try again; `sinfo` shows whether the cluster answers")


class ClusterRefused(Refused):
    """The batch system refused a request; the message has its own words."""


class AllocationRequest(NamedTuple):
    """A request for nodes, and what runs on each of them.

    ``cpus``, ``memory`` (bytes) and ``gpus`` are of each node, ``walltime`` is in seconds.
    ``options`` are options of the batch system, one a line, in its own words; they come last.
    ``commands`` are the lines of the script before ``runner``, the command that starts a runner on
    each node. ``environ`` is exported in the script; ``secrets`` are too, and never written to it.
    """

    name: str
    comment: str
    directory: str
    output: str
    walltime: float
    runner: tuple[str, ...]
    nodes: int = 1
    cpus: int = 1
    memory: int | None = None
    gpus: str = ""
    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    options: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    requeue: bool = False
    serialize: bool = False


class Submitted(NamedTuple):
    """The id that the batch system gave, and the name of the cluster; empty if it is unknown."""

    native_id: str
    cluster: str = ""


class SeenAllocation(NamedTuple):
    """An allocation as the batch system reports it; times are in seconds since the epoch.

    ``starts_at`` is an estimate while it is queued. ``word`` is the state in the words of the batch
    system, ``reason`` why it waits or ended.
    """

    native_id: str
    state: AllocationState
    outcome: AllocationOutcome | None = None
    word: str = ""
    reason: str = ""
    nodelist: str = ""
    comment: str = ""
    starts_at: float | None = None
    ends_at: float | None = None


class AccountRecord(NamedTuple):
    """A line of the accounting: an allocation, or with ``step`` one of its steps.

    ``elapsed`` and ``cpu_time`` are in seconds; ``cpus``, ``memory`` (bytes) and ``nodes`` are what
    was granted on all nodes; ``peak_memory`` (bytes) is of the task that used most. None: unknown.
    """

    native_id: str
    step: str
    name: str
    state: str
    exit_code: str
    elapsed: float
    cpus: int | None
    nodes: int | None
    cpu_time: float | None
    peak_memory: int | None
    memory: int | None
    nodelist: str = ""


class Cluster(Protocol):
    """A batch system."""

    engine: str
    """``slurm``; stored with every allocation."""

    def partitions(self) -> list[Partition]:
        """Return the partitions; those that are the default first."""

    def cluster_name(self) -> str:
        """Return the name of the cluster, which tells its ids from those of another cluster."""

    def script(self, request: AllocationRequest) -> str:
        """Return the script of a request, without anything secret."""

    def submit(self, request: AllocationRequest) -> Submitted:
        """Submit a request."""

    def look(self) -> Mapping[str, SeenAllocation]:
        """Return all allocations of this user by id, also those that ended a short time ago."""

    def ended(self, ids: Collection[str]) -> Mapping[str, SeenAllocation]:
        """Return what the accounting knows of these allocations; nothing if there is none."""

    def accounts(self, ids: Collection[str]) -> list[AccountRecord]:
        """Return what the accounting knows of allocations and their steps.

        Raise ClusterRefused if the batch system has no accounting.
        """

    def estimate(self, request: AllocationRequest) -> float | None:
        """Return when the request would start; None if that is unknown."""

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel allocations; those that have ended are left as they are."""
