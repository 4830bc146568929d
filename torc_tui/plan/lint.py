"""Warn of parts of a plan that are allowed, but probably not meant.

Input: a plan without errors. Output: `Problem` records for ``Plan.warnings``, in the order of the
file. Keys that are ignored on this machine are kept, because the same file may be used with a
cluster; a warning names them. Equal warnings of many jobs or files are given once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torc_tui.errors import Problem
from torc_tui.model import NOWHERE, ExecutionConfig, Plan, Source
from torc_tui.plan.lint_commands import lint_commands
from torc_tui.plan.lint_failures import lint_failures
from torc_tui.plan.lint_rules import lint_rules
from torc_tui.plan.names import called, listing, nearest
from torc_tui.quoting import quoted

_SLURM = "no Slurm allocation is requested; start runners with `torc run` where the jobs are to run"
TOP_LEVEL = {
    "slurm_defaults": _SLURM,
    "compute_node_min_time_for_new_jobs_seconds": (
        "a job starts when its runtime fits into the time that is left"
    ),
    "compute_node_ignore_workflow_completion": "a runner ends with its workflow",
    "enable_ro_crate": "no provenance records are written",
    "access_groups": "everyone who can open the database sees all of it",
    "dynamic_jobs": "the jobs are those in the file",
    "datasets": "declare them under files",
}
"""What applies instead of a key, as a hint."""

EXECUTION = {
    "sigkill_headroom_seconds": (
        "at the end time, jobs are killed sigterm_lead_seconds after the termination signal"
    ),
    "staggered_start": "one runner starts all jobs of a machine, one after the other",
}
EXECUTION_SETTINGS = {
    "srun_termination_signal": "srun is not used; see termination_signal",
    "enable_cpu_bind": "jobs are given a number of CPUs, not specific CPUs",
}
MONITOR = {
    "sample_interval_seconds": "the interval of the measurements is fixed",
    "flush_interval_seconds": "the measures of a job are written when it ends, and now and then",
    "generate_plots": "`torc plot` draws the measures when they are wanted",
}
"""What applies instead of a key of ``resource_monitor``; the other keys are honored."""
_HONORED = frozenset({"enabled", "granularity", "jobs", "compute_node"})


def without_effect(plan: Plan) -> Iterator[Problem]:
    """Yield one warning for each key, at its line."""
    for key, hint in TOP_LEVEL.items():
        if plan.spec.settings.get(key):
            yield _warning(plan, key, hint)
    for key in plan.spec.settings.get("resource_monitor") or {}:
        if key not in _HONORED:
            yield _warning(plan, "resource_monitor", MONITOR.get(key), part=key)
    yield from _execution(plan)
    yield from _entries(plan)


def _warning(
    plan: Plan,
    key: str,
    hint: str | None,
    *,
    part: str | None = None,
    what: str | None = None,
    source: Source = NOWHERE,
) -> Problem:
    """Return the warning for a key, or for a part of it."""
    source = plan.spec.source if source is NOWHERE else source
    named = what or (quoted(key) if part is None else f"{quoted(part)} of {key}")
    file = source.file or plan.spec.file
    message = f"{named} has no effect here"
    return Problem(message, file, source.line_of(key), None, key, hint, "no-effect")


def _execution(plan: Plan) -> Iterator[Problem]:
    execution, default = plan.spec.execution_config, ExecutionConfig()
    for key, hint in EXECUTION.items():
        if getattr(execution, key) != getattr(default, key):
            yield _warning(plan, "execution_config", hint, part=key)
    for key, hint in EXECUTION_SETTINGS.items():
        if key in execution.settings:
            yield _warning(plan, "execution_config", hint, part=key)
    if execution.settings.get("mode") == "slurm":
        what = "the mode 'slurm' of execution_config"
        yield _warning(plan, "execution_config", _SLURM, what=what)


def _entries(plan: Plan) -> Iterator[Problem]:
    """Yield the warnings for entries; of several entries with one key, the first is named."""
    spec = plan.spec
    if spec.slurm_schedulers:
        yield _warning(plan, "slurm_schedulers", _SLURM)
    job = next((job for job in spec.jobs if job.scheduler), None)
    if job is not None:
        what = f"'scheduler' of job {called(job)}"
        yield _warning(plan, "scheduler", _SLURM, what=what, source=job.source)
    alone = (one for one in spec.jobs if "canary" in one.source.lines and one.canary is None)
    if (job := next(alone, None)) is not None:
        what, hint = f"'canary' of job {called(job)}", "the entry has no more jobs than that"
        yield _warning(plan, "canary", hint, what=what, source=job.source)
    file = next((file for file in spec.files if "identifier" in file.source.lines), None)
    if file is not None:
        what = f"'identifier' of file {quoted(file.name)}"
        yield _warning(plan, "identifier", "it is not stored", what=what, source=file.source)


def lint(plan: Plan) -> list[Problem]:
    """Return all warnings: those of the file, of its tokens, and of the plan."""
    found = [
        *plan.spec.warnings,
        *plan.warnings,
        *_files(plan),
        *_user_data(plan),
        *_declarations(plan),
        *lint_commands(plan),
        *lint_failures(plan),
        *_actions(plan),
        *lint_rules(plan),
        *without_effect(plan),
    ]
    return sorted(found, key=lambda problem: problem.line or 0)


def _warn(
    plan: Plan, message: str, source: Source, key: str | None, kind: str, hint: str | None = None
) -> Problem:
    file = source.file or plan.spec.file
    return Problem(message, file, source.line_of(key), None, key, hint, kind)


def _used(groups: Sequence[tuple[int, ...]], numbers: Iterator[int | None]) -> set[int]:
    """Return the members of some groups, which are given by number."""
    return {one for number in set(numbers) if number is not None for one in groups[number]}


def _files(plan: Plan) -> Iterator[Problem]:
    read = _used(plan.file_groups, (job.input_files for job in plan.jobs))
    touched = read | _used(plan.file_groups, (job.output_files for job in plan.jobs))
    unused = [file for number, file in enumerate(plan.files) if number not in touched]
    if unused:
        message = f"no job reads or writes the file {listing(file.name for file in unused)}"
        yield _warn(plan, message, unused[0].source, "name", "unused")


def _user_data(plan: Plan) -> Iterator[Problem]:
    records = plan.user_data
    read = _used(plan.user_data_groups, (job.input_user_data for job in plan.jobs))
    written = _used(plan.user_data_groups, (job.output_user_data for job in plan.jobs))
    touched = read | written
    idle = [one for number, one in enumerate(records) if number not in touched]
    if idle:
        message = f"no job reads or writes the user data {listing(one.name for one in idle)}"
        yield _warn(plan, message, idle[0].source, "name", "unused")
    empty = [records[number] for number in sorted(read - written) if records[number].data is None]
    if empty:
        names = listing(one.name for one in empty)
        message = f"no job writes the user data {names}, and it has no value"
        hint = "give it data, or set it with `torc user-data update` before the initialization"
        yield _warn(plan, message, empty[0].source, "name", "never-written", hint)
    unwritten = {
        one.name for number, one in enumerate(records) if one.declared and number not in written
    }
    for number, one in enumerate(records) if unwritten else ():
        near = nearest(one.name, unwritten) if not one.declared and number not in read else None
        if near is not None:
            message = (
                f"the user data {quoted(one.name)} is not declared"
                " and is created because a job writes it"
            )
            hint = f"did you mean {quoted(near)}?"
            yield _warn(plan, message, one.source, "output_user_data", "created", hint)


def _declarations(plan: Plan) -> Iterator[Problem]:
    used = {job.requirement for job in plan.jobs}
    for number, one in enumerate(plan.requirements):
        if number not in used and one.source is not NOWHERE and one.name != "default":
            message = f"no job uses the resource_requirements {quoted(one.name)}"
            yield _warn(plan, message, one.source, "name", "unused")
        if one.num_nodes > 1:
            message = (
                f"resource_requirements {quoted(one.name)} request {one.num_nodes} nodes;"
                " a local runner has one"
            )
            yield _warn(plan, message, one.source, "num_nodes", "not-local")
    handlers = {job.failure_handler for job in plan.jobs}
    for number, handler in enumerate(plan.spec.failure_handlers):
        if number not in handlers:
            message = f"no job uses the failure_handler {quoted(handler.name)}"
            yield _warn(plan, message, handler.source, "name", "unused")


def _actions(plan: Plan) -> Iterator[Problem]:
    for action, jobs in zip(plan.spec.actions, plan.action_jobs, strict=True):
        what = f"action {action.trigger_type} / {action.action_type}"
        if action.action_type == "schedule_nodes":
            message = f"{what} is stored, but nothing on this machine executes it"
            hint = "start runners with `torc run`"
            yield _warn(plan, message, action.source, "action_type", "not-local", hint)
        if action.action_type == "run_commands" and not action.commands:
            yield _warn(plan, f"{what} has no commands", action.source, "commands", "empty")
        if action.trigger_type in ("on_jobs_ready", "on_jobs_complete") and not jobs:
            yield _warn(plan, f"{what} watches no job", action.source, "jobs", "empty")
