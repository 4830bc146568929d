"""Which jobs an action watches, and whether it names a scheduler that exists.

In: an action and the names of jobs and schedulers. Out: job indices; problems go to the list of
all. Nothing is carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from torc_tui.model import Action
from torc_tui.patterns import Pattern, PatternError
from torc_tui.plan.names import Problems


def watched_jobs(
    action: Action,
    names: Sequence[str],
    index: Mapping[str, int],
    schedulers: Collection[str],
    problems: Problems,
) -> tuple[int, ...]:
    """The indices of the jobs that an action names or matches, ascending."""
    watched: set[int] = set()
    what = f"action {action.trigger_type} / {action.action_type}"
    for name in action.jobs:
        if name in index:
            watched.add(index[name])
        else:
            problems.unknown(
                f"{what} names the job {name!r}, which does not exist",
                name,
                index,
                action.source,
                "jobs",
            )
    for pattern in action.job_name_regexes:
        try:
            found = Pattern(pattern).matching(names)
        except PatternError as error:
            message = f"{what}: cannot use the pattern {pattern!r}: {error}"
            problems.add(message, action.source, "job_name_regexes", kind="invalid-regex")
            continue
        if not found:
            message = f"{what}: {pattern!r} matches no job"
            problems.add(message, action.source, "job_name_regexes", kind="no-match")
        watched.update(found)
    if action.action_type == "schedule_nodes":
        for key in ("scheduler", "scheduler_type"):
            if not action.settings.get(key):
                problems.add(f"{what} needs {key}", action.source, key, kind="missing-key")
        scheduler = action.settings.get("scheduler")
        if (
            scheduler
            and action.settings.get("scheduler_type") != "local"
            and scheduler not in schedulers
        ):
            message = f"{what} names the scheduler {scheduler!r}, which does not exist"
            problems.unknown(message, str(scheduler), schedulers, action.source, "scheduler")
    return tuple(sorted(watched))
