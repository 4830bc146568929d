"""Describe a plan as JSON, for ``torc create --dry-run`` and ``torc validate``.

Input: a plan, or the SpecError that there is instead. Output: plain dicts.
"""

from __future__ import annotations

from collections.abc import Iterator

from torc_tui.errors import Problem, SpecError
from torc_tui.model import EdgeKind, Json, Plan
from torc_tui.plan.edge_reasons import EdgeReasons, pairs
from torc_tui.reasons import Reason
from torc_tui.wording import sentence


def describe(plan: Plan, *, edges: bool = True) -> dict[str, Json]:
    """Return the dry run of a valid workflow.

    ``edges`` has each (job, depends_on, reason) outside of gates. ``gates`` has each set of jobs
    that several others all wait for, with its members and the waiting jobs. ``summary.edge_count``
    counts pairs, including those of gates. Both lists are left out when ``edges`` is False.
    """
    spec = plan.spec
    before = spec.entries
    edge_count = len(plan.edges) + _gate_pairs(plan)
    result: dict[str, Json] = {
        "valid": True,
        "errors": [],
        "warnings": [describe_problem(problem) for problem in plan.warnings],
        "summary": {
            "workflow_name": spec.name,
            "workflow_description": spec.description,
            "job_count": len(plan.jobs),
            "job_count_before_expansion": before.get("jobs", len(plan.jobs)),
            "file_count": len(plan.files),
            "file_count_before_expansion": before.get("files", len(plan.files)),
            "user_data_count": len(plan.user_data),
            "user_data_count_before_expansion": before.get("user_data", len(spec.user_data)),
            "resource_requirements_count": len(spec.resource_requirements),
            "slurm_scheduler_count": len(spec.slurm_schedulers),
            "failure_handler_count": len(spec.failure_handlers),
            "action_count": len(spec.actions),
            "has_schedule_nodes_action": any(
                action.action_type == "schedule_nodes" for action in spec.actions
            ),
            "edge_count": edge_count,
            "gate_count": len(plan.gates),
            "job_names": [job.spec.name for job in plan.jobs],
            "scheduler_names": [scheduler.name for scheduler in spec.slurm_schedulers],
        },
    }
    if edges:
        reasons = EdgeReasons(plan)
        names = [job.spec.name for job in plan.jobs]
        result["edges"] = [
            {
                "job": names[job],
                "depends_on": names[other],
                "reason": sentence(reasons.of(job, other, EdgeKind(kind), via)),
            }
            for job, other, kind, via in plan.edges
        ]
        result["gates"] = [
            {
                "members": [names[job] for job in gate.members],
                "waiting": [names[job] for job in gate.waiting],
                "kind": gate.kind.name.lower(),
                "reason": sentence(
                    reasons.of(gate.waiting[0], gate.members[0], gate.kind, gate.via)
                ),
            }
            for gate in plan.gates
        ]
    return result


def edge_reasons(plan: Plan) -> Iterator[tuple[str, str, Reason]]:
    """Yield every (job, job that it waits for, reason), also those in gates, each pair once."""
    reasons = EdgeReasons(plan)
    for job, other, kind, via in pairs(plan):
        yield (
            plan.jobs[job].spec.name,
            plan.jobs[other].spec.name,
            reasons.of(job, other, kind, via),
        )


def describe_problems(error: SpecError) -> dict[str, Json]:
    """Return the dry run of a workflow that cannot be used."""
    return {
        "valid": False,
        "errors": [describe_problem(problem) for problem in error.problems],
        "warnings": [],
        "summary": None,
    }


def describe_problem(problem: Problem) -> dict[str, Json]:
    """Return a problem or warning: its fields, and ``text`` with all of them on one line."""
    return {**problem._asdict(), "text": str(problem)}


def _gate_pairs(plan: Plan) -> int:
    """Return the number of pairs in gates, each counted once though it may lie in two."""
    gates_of: dict[int, list[int]] = {}
    for number, gate in enumerate(plan.gates):
        for job in gate.waiting:
            gates_of.setdefault(job, []).append(number)
    sizes = [len(gate.members) for gate in plan.gates]
    unions: dict[tuple[int, ...], int] = {}
    total = 0
    for numbers in gates_of.values():
        if len(numbers) == 1:
            total += sizes[numbers[0]]
            continue
        key = tuple(numbers)
        if key not in unions:
            unions[key] = len({job for number in numbers for job in plan.gates[number].members})
        total += unions[key]
    return total
