"""Cycles as a path that a person can follow: each step with its reason, through gates too.

In: a Plan. Out: problems of the kind ``cycle``. Nothing is raised here.
"""

from __future__ import annotations

from torc_tui.model import Plan
from torc_tui.plan.edge_reasons import Reasons, edge_arrays
from torc_tui.plan.names import Problems
from torc_tui.plan.topology import find_cycles

_LONG = 40
"""A cycle of more steps is shown with its middle left out."""


def report_cycles(plan: Plan, problems: Problems) -> None:
    """Add one problem for each knot of jobs that wait for each other."""
    count = len(plan.jobs)
    cycles = [
        [node for node in cycle if node < count]
        for cycle in find_cycles(count + len(plan.gates), *edge_arrays(plan))
    ]
    if not cycles:
        return
    steps = {pair for jobs in cycles for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)}
    reasons = Reasons(plan).between(steps)
    for jobs in cycles:
        names = [plan.jobs[job].spec.name for job in [*jobs, jobs[0]]]
        why = [reasons[pair] for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)]
        path = [
            f"{name} waits for {other} ({text})"
            for name, other, text in zip(names, names[1:], why, strict=False)
        ]
        if len(path) > _LONG:
            path[_LONG // 2 : -_LONG // 2] = [f"… {len(path) - _LONG} more …"]
            names[_LONG // 2 : -_LONG // 2] = ["…"]
        problems.add(
            f"jobs wait for each other: {' -> '.join(names)}: {', '.join(path)}",
            plan.jobs[jobs[0]].spec.source,
            None,
            kind="cycle",
            hint="take one of these dependencies away",
        )
