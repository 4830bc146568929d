"""Describe what would be requested from the cluster, and why the rest is not.

Input: the demand of a workflow, the plan made for it. Output: lines, and a record for JSON.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from torc_tui.wording import count, duration, sentence, size

if TYPE_CHECKING:
    from torc_tui.operations.allocation_demand import WorkflowDemand
    from torc_tui.operations.mode_choice import ModeChoice
    from torc_tui.resources.demand_records import DemandPlan, UnservedJobs, WantedAllocation


def cost_line(demand: WorkflowDemand, planned: DemandPlan) -> str:
    """Return what the requests cost at most, and which limits hold."""
    hours = sum(one.nodes * one.walltime for one in planned.wanted) / 3600
    account = next((one.account for one in demand.schedulers.values() if one.account), None)
    limits = demand.options.limits
    words = [f"up to {hours:.1f} node hours now", f"at most {count(limits.max_nodes, 'node')}"]
    words.append(f"{limits.max_allocations} allocations in this run")
    if limits.max_node_hours is not None:
        words.append(f"{limits.max_node_hours:g} node hours in all")
    return f"{', '.join(words)}; account: {account or 'default'}"


def mode_words(found: ModeChoice, now: float) -> str:
    """Return which mode was chosen, and when the cluster would start each of them."""
    if found.pack is None and found.single is None:
        return f"mode {found.mode}"
    times = [
        f"{name} {'unknown' if at is None else _start(at, now)}"
        for name, at in (("pack", found.pack), ("single", found.single))
    ]
    return f"mode {found.mode}; estimated start: {', '.join(times)}"


def _start(at: float, now: float) -> str:
    return f"in {duration(at - now)}" if at - now >= 1 else "at once"


def plan_lines(
    demand: WorkflowDemand, planned: DemandPlan, starts: list[float | None] | None = None
) -> list[str]:
    """Return one line for each kind of request, and for the jobs that get none."""
    kinds = Counter(_request_words(one) for one in planned.wanted)
    lines = [
        f"{count(number, 'allocation')} of {words}{' each' if number > 1 else ''}"
        for words, number in kinds.items()
    ]
    known = [start for start in starts or () if start is not None]
    if known:
        lines.append(f"estimated start: {_start(min(known), time.time())}")
    limits = demand.options.limits
    if demand.given.limits.one_node and limits.max_nodes > 1 and planned.wanted:
        lines.append(
            "SQLite is limited to one node at a time until two nodes have checked it:"
            " `torc database check --slurm` (a few seconds), or use PostgreSQL"
            " (`torc database serve`)"
        )
    if _has_undeclared(demand, planned):
        runtime = duration(demand.options.runtime)
        lines.append(f"jobs without a runtime are planned with {runtime} (default_runtime)")
    return lines + unserved_lines(demand, planned.unserved) or ["no allocation is needed now"]


def _has_undeclared(demand: WorkflowDemand, planned: DemandPlan) -> bool:
    served = {number for one in planned.wanted for number in one.jobs}
    jobs = demand.given.jobs
    return any(one.request.runtime is None for one in jobs if one.requirement_id in served)


def _request_words(one: WantedAllocation) -> str:
    parts = [count(one.nodes, "node"), f"{count(one.cpus, 'CPU')} each"]
    if one.memory is not None:
        parts.append(size(one.memory))
    if one.gpus:
        parts.append(count(one.gpus, "GPU") + (f" ({one.gpu_type})" if one.gpu_type else ""))
    where = f" in partition {one.partition}" if one.partition else ""
    jobs = count(sum(one.jobs.values()), "job")
    return (
        f"{', '.join(parts)} for {duration(one.walltime)}{where}, queue group {one.group}: {jobs}"
    )


def unserved_lines(
    demand: WorkflowDemand | None, unserved: tuple[UnservedJobs, ...] | list[UnservedJobs]
) -> list[str]:
    """Return why jobs get no allocation."""
    names = {one.requirement_id: one.request.name for one in demand.given.jobs} if demand else {}
    lines = []
    for one in unserved:
        name = names.get(one.requirement_id)
        what = f" with the requirements '{name}'" if name else ""
        verb = "fit no partition" if one.never else "get no allocation yet"
        if one.never and one.jobs == 1:
            verb = "fits no partition"
        elif one.jobs == 1:
            verb = "gets no allocation yet"
        lines.append(f"{count(one.jobs, 'job')}{what} {verb}: {sentence(one.reason)}")
    return lines


def demand_record(
    demand: WorkflowDemand, planned: DemandPlan, starts: list[float | None], workflow_id: int | None
) -> dict[str, Any]:
    """Return a plan as JSON shows it."""
    return {
        "workflow_id": workflow_id,
        "allocations": [
            {**one._asdict(), "jobs": sum(one.jobs.values())} for one in planned.wanted
        ],
        "estimated_starts": starts,
        "cancel": list(planned.surplus),
        "unserved": [
            {
                "group": one.group,
                "jobs": one.jobs,
                "never": one.never,
                "reason": sentence(one.reason),
            }
            for one in planned.unserved
        ],
        "node_hours": sum(one.nodes * one.walltime for one in planned.wanted) / 3600,
        "max_nodes": demand.options.limits.max_nodes,
        "one_node": demand.given.limits.one_node,
    }
