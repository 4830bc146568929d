"""Define what a plan for allocations depends on, and what it contains. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Reason
from torc_tui.records import dataclass, field
from torc_tui.resources.partitions import Partition
from torc_tui.tuples import NamedTuple

DEFAULT_RUNTIME = 3600.0
"""Runtime in seconds that is planned for jobs without one."""
Mode = Literal["single", "pack", "auto"]
GroupBy = Literal["partition", "resource-requirements"]


class JobDemand(NamedTuple):
    """The jobs of a workflow with one request: how many are ready, and how many will be soon."""

    requirement_id: int
    request: ResourceRequirements
    ready: int
    soon: int = 0
    scheduler: str | None = None
    labels: tuple[str, ...] = ()


class GroupRules(NamedTuple):
    """What a scheduler of the workflow file, or the user, fixes for the allocations of a group.

    ``memory`` (bytes) and ``gpus`` are of each node, ``walltime`` is in seconds.
    """

    partition: str | None = None
    nodes: int | None = None
    memory: int | None = None
    gpus: int | None = None
    walltime: float | None = None
    max_nodes: int | None = None


class OpenAllocation(NamedTuple):
    """An allocation that runs or waits.

    ``time_left`` is the time in seconds until its end. ``held`` is the number of jobs that run in
    it. ``planned`` are the jobs for which it was requested, by the id of their requirements.
    ``is_fixed``: it was requested by hand or by an action, and demand never cancels it.
    """

    id: int
    group: str
    labels: tuple[str, ...]
    nodes: int
    cpus: int
    memory: int | None
    gpus: int
    time_left: float
    is_queued: bool = False
    held: int = 0
    planned: Mapping[int, int] = {}
    is_fixed: bool = False


class DemandLimits(NamedTuple):
    """How much may be requested; ``max_queued`` is for each queue group.

    ``one_node``: the database can be used by one node at a time.
    """

    max_nodes: int = 10
    max_queued: int = 2
    max_allocations: int = 100
    max_node_hours: float | None = None
    one_node: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandInput:
    """Everything that a plan depends on.

    ``rules`` are those of the schedulers by name, ``defaults`` apply to jobs without a scheduler.
    ``stopped`` are queue groups that request nothing now, with the reason. ``requested`` and
    ``node_hours`` are what this run has requested so far.
    """

    jobs: Sequence[JobDemand]
    partitions: Sequence[Partition]
    open: Sequence[OpenAllocation] = ()
    rules: Mapping[str, GroupRules] = field(default_factory=dict)
    defaults: GroupRules = GroupRules()
    limits: DemandLimits = DemandLimits()
    stopped: Mapping[str, Reason] = field(default_factory=dict)
    requested: int = 0
    node_hours: float = 0.0
    mode: Mode = "single"
    group_by: GroupBy = "partition"
    ahead: bool = False
    default_runtime: float = DEFAULT_RUNTIME


class WantedAllocation(NamedTuple):
    """An allocation to be requested; ``jobs`` are those it is for, by their requirements.

    Each of its runners runs at most ``max_parallel_jobs`` at a time.
    """

    group: str
    scheduler: str | None
    labels: tuple[str, ...]
    partition: str | None
    nodes: int
    cpus: int
    memory: int | None
    gpus: int
    gpu_type: str
    walltime: float
    jobs: Mapping[int, int]
    max_parallel_jobs: int | None = None


class UnservedJobs(NamedTuple):
    """Jobs that get no allocation now, and why. ``never``: no allocation could serve them."""

    group: str
    requirement_id: int
    jobs: int
    reason: Reason
    never: bool = False


class DemandPlan(NamedTuple):
    """The allocations to request, the ids of those to cancel, and the jobs that get none."""

    wanted: tuple[WantedAllocation, ...]
    surplus: tuple[int, ...]
    unserved: tuple[UnservedJobs, ...]
