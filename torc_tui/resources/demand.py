"""Decide which allocations the ready jobs of a workflow need. Pure.

Input: the ready jobs by what they request, the open allocations, the partitions of the cluster, the
rules of the user. Output: the allocations to request, those to cancel, and why jobs get none.

Invariants: the plan stays within the limits. A job is served by an open or a planned allocation, or
there is a reason. If the planned allocations are open, planning again requests nothing more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, inf

from torc_tui.model import ResourceRequirements
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.allocation_room import (
    RUNNER_MEMORY,
    AllocationFilling,
    AllocationRoom,
    DemandKind,
    serve_open,
)
from torc_tui.resources.demand_budget import DemandBudget
from torc_tui.resources.demand_records import (
    DemandInput,
    DemandPlan,
    GroupRules,
    UnservedJobs,
    WantedAllocation,
)
from torc_tui.resources.partitions import (
    START_SECONDS,
    FittingNodes,
    NodeShape,
    Partition,
    fitting,
    gpus_of,
    usable,
)

MOST_WAVES = 8
"""How often the slots of an allocation are filled with jobs at most, by plan."""
_ROUND = 300.0
"""Walltimes are multiples of this, in seconds."""


def plan_demand(given: DemandInput) -> DemandPlan:
    """Return what to request and what to cancel."""
    kinds, unserved = _kinds(given)
    left = {
        (kind.group, kind.demand.labels, kind.number): kind.demand.ready
        + (kind.demand.soon if given.ahead else 0)
        for kind in kinds
    }
    units: dict[tuple[str, tuple[str, ...]], list[DemandKind]] = defaultdict(list)
    for kind in kinds:
        units[kind.group, kind.demand.labels].append(kind)
    budget = DemandBudget(given)
    wanted: list[WantedAllocation] = []
    for (group, labels), own in units.items():
        own.sort(key=lambda kind: (-kind.gpus, -kind.memory, -kind.demand.request.num_cpus))
        counts = {kind.number: left[group, labels, kind.number] for kind in own}
        open_here = [one for one in given.open if (one.group, one.labels) == (group, labels)]
        serve_open(open_here, own, counts)
        wanted += _planned(given, own, counts, budget)
        unserved += [
            UnservedJobs(group, kind.number, counts[kind.number], budget.refusals[group])
            for kind in own
            if counts[kind.number]
        ]
    return DemandPlan(tuple(wanted), _surplus(given, kinds), tuple(unserved))


def _kinds(given: DemandInput) -> tuple[list[DemandKind], list[UnservedJobs]]:
    """Return where each request runs, and the jobs that fit nowhere."""
    kinds: list[DemandKind] = []
    unserved: list[UnservedJobs] = []
    for demand in given.jobs:
        rules = _rules(given, demand.scheduler)
        runtime = demand.request.runtime or _undeclared(given, rules)
        found = _nodes_for(demand.request, runtime, rules, given.partitions)
        if isinstance(found, Reason):
            group = demand.scheduler or rules.partition or demand.request.name
            jobs = demand.ready + (demand.soon if given.ahead else 0)
            if jobs:
                unserved.append(UnservedJobs(group, demand.requirement_id, jobs, found, never=True))
            continue
        group = demand.scheduler or found.partition.name
        if given.group_by == "resource-requirements" and not demand.scheduler:
            group = demand.request.name
        memory, gpus = demand.request.planned_memory, gpus_of(demand.request)
        kinds.append(DemandKind(group, demand, found, rules, runtime, memory, gpus))
    return kinds, unserved


def _undeclared(given: DemandInput, rules: GroupRules) -> float:
    """Return the runtime that is planned for jobs without one: it fits into some allocation."""
    longest = rules.walltime
    if longest is None:
        limits = [one.max_walltime for one in usable(given.partitions, rules.partition)]
        longest = max((inf if limit is None else limit for limit in limits), default=inf)
    return min(given.default_runtime, max(longest - START_SECONDS, 1.0))


def _rules(given: DemandInput, scheduler: str | None) -> GroupRules:
    """Return the rules of a scheduler; what it leaves open is as for jobs without one."""
    own = given.rules.get(scheduler) if scheduler else None
    if own is None:
        return given.defaults
    values = {
        name: value if value is not None else getattr(given.defaults, name)
        for name, value in own._asdict().items()
    }
    return GroupRules(**values)


def _nodes_for(
    request: ResourceRequirements,
    runtime: float,
    rules: GroupRules,
    partitions: Sequence[Partition],
) -> FittingNodes | Reason:
    if request.num_nodes > 1:
        return because(Kind.SEVERAL_NODES, requested=request.num_nodes)
    if rules.walltime is not None and runtime + START_SECONDS > rules.walltime:
        return because(Kind.WALLTIME_TOO_SHORT, requested=runtime, limit=rules.walltime)
    candidates = usable(partitions, rules.partition)
    if not candidates and rules.partition:
        return because(Kind.UNKNOWN_PARTITION, name=rules.partition)
    found = fitting(request, runtime, candidates)
    if isinstance(found, Reason):
        return found
    if rules.memory is not None and request.planned_memory > rules.memory:
        return _fixed("memory", request.planned_memory, rules.memory)
    if rules.gpus is not None and gpus_of(request) > rules.gpus:
        return _fixed("gpus", ceil(gpus_of(request)), rules.gpus)
    return found


def _fixed(resource: str, requested: float, largest: float) -> Reason:
    return because(
        Kind.NO_PARTITION, resource=resource, requested=requested, largest=largest, partition=None
    )


def _planned(
    given: DemandInput, kinds: Sequence[DemandKind], counts: dict[int, int], budget: DemandBudget
) -> list[WantedAllocation]:
    """Return the allocations for the jobs that are left, as long as the budget allows."""
    found: list[WantedAllocation] = []
    while waiting := [kind for kind in kinds if counts[kind.number]]:
        first = waiting[0]  # the others join it if its node is large enough for them
        group = [kind for kind in waiting if kind.nodes[:2] == first.nodes[:2]]
        walltime = _walltime(given, group, counts)
        most = budget.nodes(first.group, first.rules, walltime)
        if most < 1:
            break
        one = _allocation(given, group, counts, walltime, most)
        if one is None:
            budget.refuse(first.group, "max_nodes", given.limits.max_nodes)
            break
        budget.take(one)
        found.append(one)
        for number, jobs in one.jobs.items():
            counts[number] -= jobs
    return found


def _walltime(given: DemandInput, kinds: Sequence[DemandKind], counts: Mapping[int, int]) -> float:
    """Return the time to request: for the waves that the nodes need, within the partition."""
    rules, nodes = kinds[0].rules, kinds[0].nodes
    if rules.walltime is not None:
        return rules.walltime
    runtime = max(kind.runtime for kind in kinds)
    room = _whole_node(nodes.shape, rules, runtime)
    load = sum(counts[kind.number] / max(room.parallel(kind), 1) for kind in kinds)
    most = min(given.limits.max_nodes, rules.max_nodes or given.limits.max_nodes)
    waves = min(ceil(load / max(most, 1)), MOST_WAVES)
    wanted = max(START_SECONDS + 1.5 * runtime * waves, START_SECONDS + 1.1 * runtime)
    rounded = ceil(wanted / _ROUND) * _ROUND
    limit = nodes.partition.max_walltime
    return rounded if limit is None else min(rounded, limit)


def _whole_node(shape: NodeShape, rules: GroupRules, seconds: float) -> AllocationRoom:
    memory = shape.memory if rules.memory is None else rules.memory
    gpus = shape.num_gpus if rules.gpus is None else rules.gpus
    return AllocationRoom(1, shape.cpus, memory, gpus, seconds)


def _allocation(
    given: DemandInput,
    kinds: Sequence[DemandKind],
    counts: Mapping[int, int],
    walltime: float,
    most_nodes: int,
) -> WantedAllocation | None:
    """Return one allocation for as many of the jobs as it can serve; None if it may not be had."""
    first, rules = kinds[0], kinds[0].rules
    seconds = walltime - START_SECONDS
    whole = _whole_node(first.nodes.shape, rules, seconds)
    nodes = rules.nodes or 1
    if nodes > most_nodes:
        return None
    room = _room_for(kinds, counts, whole, rules)._replace(nodes=nodes)
    if rules.nodes is None and given.mode == "pack":
        nodes = min(_nodes_to_pack(kinds, counts, room), most_nodes)
        room = room._replace(nodes=nodes)
    filling = AllocationFilling(room)
    for kind in kinds:
        filling.add(kind, counts[kind.number])
    if not filling.jobs:
        return None
    return WantedAllocation(
        group=first.group,
        scheduler=first.demand.scheduler,
        labels=first.demand.labels,
        partition=first.rules.partition or first.nodes.partition.name,
        nodes=nodes,
        cpus=int(room.cpus),
        memory=None if room.memory == inf else int(room.memory),
        gpus=int(room.gpus),
        gpu_type=first.nodes.gpu_type,
        walltime=walltime,
        jobs=filling.jobs,
    )


def _room_for(
    kinds: Sequence[DemandKind], counts: Mapping[int, int], whole: AllocationRoom, rules: GroupRules
) -> AllocationRoom:
    """Return what one node needs to run as many of the jobs at a time as fit on it."""
    cpus = memory = gpus = 0.0
    for kind in kinds:
        share = max(min(counts[kind.number], whole.parallel(kind)), 1)
        cpus += share * kind.demand.request.num_cpus
        memory += share * kind.memory
        gpus += share * kind.gpus
    asked = any(kind.demand.request.memory is not None for kind in kinds)
    return AllocationRoom(
        nodes=1,
        cpus=min(max(ceil(cpus - 1e-9), 1), whole.cpus),
        memory=min(memory + RUNNER_MEMORY, whole.memory) if asked else inf,
        gpus=min(ceil(gpus - 1e-9), whole.gpus),
        seconds=whole.seconds,
    )._replace(
        **({"memory": rules.memory} if rules.memory is not None else {}),
        **({"gpus": rules.gpus} if rules.gpus is not None else {}),
    )


def _nodes_to_pack(
    kinds: Sequence[DemandKind], counts: Mapping[int, int], room: AllocationRoom
) -> int:
    """Return how many such nodes serve all jobs."""
    loads = [room.load(kind, counts[kind.number]) for kind in kinds if room.slots(kind)]
    together = max((sum(parts) for parts in zip(*loads, strict=True)), default=1.0)
    alone = max(
        counts[kind.number] / max(room.parallel(kind) * room.slots(kind), 1) for kind in kinds
    )
    return max(ceil(max(together, alone) - 1e-6), 1)


def _surplus(given: DemandInput, kinds: Iterable[DemandKind]) -> tuple[int, ...]:
    """Return the queued allocations of groups in which no job is ready or will be soon."""
    needed = {
        (kind.group, kind.demand.labels) for kind in kinds if kind.demand.ready or kind.demand.soon
    }
    return tuple(
        one.id
        for one in given.open
        if one.is_queued and not one.is_fixed and (one.group, one.labels) not in needed
    )
