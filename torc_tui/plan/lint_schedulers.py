"""Warn of jobs that can never run in the allocations of their Slurm scheduler.

The same file runs on one machine, where these limits do not apply; `torc submit` refuses the jobs.
"""

from __future__ import annotations

from collections.abc import Iterator

from torc_tui.model import Plan, ResourceRequirements, SlurmScheduler
from torc_tui.plan.names import PlanProblems
from torc_tui.quoting import quoted
from torc_tui.units import (
    format_duration,
    format_memory,
    parse_gres,
    parse_slurm_memory,
    parse_walltime,
)

START_SECONDS = 90.0
"""Time of an allocation for the start of the runner and for its end."""


def scheduler_limits(plan: Plan, warnings: PlanProblems) -> None:
    """Add one warning for each scheduler and requirements that do not fit, at the scheduler."""
    schedulers = {one.name: one for one in plan.spec.slurm_schedulers}
    pairs = {(job.spec.scheduler, job.requirement): job.spec for job in plan.jobs}
    for (name, number), job in pairs.items():
        scheduler = schedulers.get(name or "")
        if scheduler is None:
            continue
        request = plan.requirements[number]
        for key, text in _lacks(scheduler, request):
            line = job.source.line
            where = f" (line {line})" if line else ""
            message = f"job {quoted(job.name)}{where} does not fit scheduler {quoted(name or '')}"
            hint = "`torc submit` refuses such jobs"
            warnings.add(f"{message}: {text}", scheduler.source, key, "scheduler-limit", hint)


def _lacks(scheduler: SlurmScheduler, request: ResourceRequirements) -> Iterator[tuple[str, str]]:
    """Yield the keys of the scheduler that are too small, and how."""
    settings = scheduler.settings
    walltime = parse_walltime(str(settings.get("walltime") or ""))
    if walltime and request.runtime and request.runtime + START_SECONDS > walltime:
        runtime, limit = format_duration(request.runtime), settings["walltime"]
        yield "walltime", f"runtime {runtime} and 90 s for start and end exceed walltime {limit}"
    memory = parse_slurm_memory(settings.get("mem"))
    if memory and request.memory and request.memory > memory:
        yield "mem", f"memory {format_memory(request.memory)} exceeds mem {settings['mem']}"
    gpus = parse_gres(settings.get("gres"))
    if gpus is not None and request.num_gpus > gpus:
        yield "gres", f"num_gpus {request.num_gpus:g} exceeds gres {settings['gres']}"
    nodes = settings.get("nodes") or 1
    if isinstance(nodes, int) and request.num_nodes > nodes:
        yield "nodes", f"num_nodes {request.num_nodes} exceeds nodes {nodes}"
