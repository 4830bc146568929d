"""Report cycles as a path: each step with its reason, also through gates.

Input: a plan. Output: problems of the kind ``cycle``.
"""

from __future__ import annotations

from itertools import pairwise

from torc_tui.model import Plan
from torc_tui.plan.edge_reasons import EdgeReasons, edge_arrays
from torc_tui.plan.names import PlanProblems
from torc_tui.plan.topology import find_cycles
from torc_tui.quoting import shorten
from torc_tui.wording import sentence

_SHOWN_STEPS = 40
"""The middle of a longer cycle is left out."""


def report_cycles(plan: Plan, problems: PlanProblems) -> None:
    """Add one problem for each group of jobs that wait for each other."""
    count = len(plan.jobs)
    cycles = [
        [node for node in cycle if node < count]
        for cycle in find_cycles(count + len(plan.gates), *edge_arrays(plan))
    ]
    if not cycles:
        return
    steps = {pair for jobs in cycles for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)}
    reasons = EdgeReasons(plan).between(steps)
    for jobs in cycles:
        names = [shorten(plan.jobs[job].spec.name) for job in [*jobs, jobs[0]]]
        why = [sentence(reasons[pair]) for pair in zip(jobs, [*jobs[1:], jobs[0]], strict=True)]
        path = [
            f"{name} waits for {other} ({reason})"
            for (name, other), reason in zip(pairwise(names), why, strict=True)
        ]
        if len(path) > _SHOWN_STEPS:
            path[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = [f"… {len(path) - _SHOWN_STEPS} more …"]
            names[_SHOWN_STEPS // 2 : -_SHOWN_STEPS // 2] = ["…"]
        problems.add(
            f"jobs wait for each other: {' -> '.join(names)}: {', '.join(path)}",
            plan.jobs[jobs[0]].spec.source,
            None,
            kind="cycle",
            hint="remove one of these dependencies",
        )
