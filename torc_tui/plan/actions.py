"""Find the jobs that an action watches, and check the scheduler that it names.

Input: an action and the names of jobs and schedulers. Output: indices of jobs; errors go to the
problems of the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from torc_tui.model import Action
from torc_tui.patterns import Pattern, PatternError
from torc_tui.plan.names import PlanProblems
from torc_tui.quoting import quoted


def watched_jobs(
    action: Action,
    names: Sequence[str],
    index: Mapping[str, int],
    schedulers: Collection[str],
    problems: PlanProblems,
) -> tuple[int, ...]:
    """Return the indices of the jobs that an action names or matches, ascending."""
    watched: set[int] = set()
    what = f"action {action.trigger_type} / {action.action_type}"
    for name in action.jobs:
        if name in index:
            watched.add(index[name])
        else:
            message = f"{what} names the job {quoted(name)}, which is not defined"
            problems.unknown(message, name, index, action.source, "jobs", section="jobs")
    key = "job_name_regexes"
    for pattern in action.job_name_regexes:
        try:
            found = Pattern(pattern).matching(names)
        except PatternError as error:
            message = f"{what}: cannot use the pattern {quoted(pattern)}: {error}"
            problems.add(message, action.source, key, kind="invalid-regex")
            continue
        if not found:
            message = f"{what}: {quoted(pattern)} matches no job"
            problems.add(message, action.source, key, kind="no-match", section="jobs")
        watched.update(found)
    if action.action_type == "schedule_nodes":
        _check_scheduler(action, what, schedulers, problems)
    return tuple(sorted(watched))


def _check_scheduler(
    action: Action, what: str, schedulers: Collection[str], problems: PlanProblems
) -> None:
    settings = action.settings
    for key in ("scheduler", "scheduler_type"):
        if not settings.get(key):
            problems.add(f"{what} needs {key}", action.source, key, kind="missing-key")
    name = settings.get("scheduler")
    if name and settings.get("scheduler_type") != "local" and name not in schedulers:
        message = f"{what} names the scheduler {quoted(str(name))}, which is not declared"
        problems.unknown(
            message,
            str(name),
            schedulers,
            action.source,
            "scheduler",
            section="slurm_schedulers",
        )
