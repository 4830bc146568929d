"""Warn of parts of a plan that are allowed, but probably not meant.

Input: a plan without errors. Output: `Problem` records for ``Plan.warnings``, in the order of the
file. Keys that are ignored on this machine are kept, because the same file may be used with a
cluster; a warning names them. Equal warnings of many jobs or files are given once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from torc_tui.errors import Problem
from torc_tui.model import (
    NOWHERE,
    ExecutionConfig,
    FailureRule,
    JobSpec,
    Plan,
    SourceLocation,
    WorkflowSpec,
)
from torc_tui.plan.lint_commands import lost_failures, option_lines, shared_outputs
from torc_tui.plan.lint_schedulers import scheduler_limits
from torc_tui.plan.names import PlanProblems, called, listing
from torc_tui.quoting import nearest, quoted

_SLURM = "runners start the jobs; `torc submit` starts runners in allocations"
TOP_LEVEL = {
    "compute_node_ignore_workflow_completion": "a runner ends with its workflow",
    "enable_ro_crate": "no provenance records are written",
    "access_groups": "everyone who can open the database sees all of it",
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
    "srun_mpi": "srun is not used",
    "enable_cpu_bind": "srun is not used; see `cpu_bind`, a key of the workflow or a job",
}
FILES = {
    "identifier": "it is not stored",
    "st_mtime": "the modification time is read from the file itself",
}
MONITOR = {
    "sample_interval_seconds": "the interval of the measurements is fixed",
    "flush_interval_seconds": "the measures of a job are written when it ends, and now and then",
    "generate_plots": "`torc plot` draws the measures when they are wanted",
}
"""What applies instead of a key of ``resource_monitor``; the other keys are honored."""
_HONORED = frozenset({"enabled", "granularity", "jobs", "compute_node"})


def without_effect(plan: Plan, warnings: PlanProblems) -> None:
    """Add one warning for each key, at its line; of several entries with one, the first counts."""
    for what, key, hint, source in [*_keys(plan.spec), *_entries(plan.spec)]:
        message = f"{what} has no effect here"
        warnings.add(message, source, key, "no-effect", hint)


Useless = tuple[str, str, str | None, SourceLocation]
"""What has no effect, its key, a hint, and its place."""


def _keys(spec: WorkflowSpec) -> Iterator[Useless]:
    for key, hint in TOP_LEVEL.items():
        if spec.settings.get(key):
            yield quoted(key), key, hint, spec.source
    for key in spec.settings.get("resource_monitor") or {}:
        if key not in _HONORED:
            what = f"{quoted(key)} of resource_monitor"
            yield what, "resource_monitor", MONITOR.get(key), spec.source
    execution, default = spec.execution_config, ExecutionConfig()
    useless = [key for key in EXECUTION if getattr(execution, key) != getattr(default, key)]
    useless += [key for key in EXECUTION_SETTINGS if key in execution.settings]
    hints = EXECUTION | EXECUTION_SETTINGS
    for key in useless:
        what = f"{quoted(key)} of execution_config"
        yield what, "execution_config", hints[key], spec.source
    if execution.settings.get("mode") == "slurm":
        yield "the mode 'slurm' of execution_config", "execution_config", _SLURM, spec.source


def _entries(spec: WorkflowSpec) -> Iterator[Useless]:
    alone = "the entry has no more jobs than that"
    for key, hint, jobs in (("canary", alone, (one for one in spec.jobs if _is_lone_canary(one))),):
        for job in islice(jobs, 1):
            yield f"'{key}' of job {called(job)}", key, hint, job.source
    for key, hint in FILES.items():
        for file in islice((one for one in spec.files if key in one.source.lines), 1):
            yield f"'{key}' of file {quoted(file.name)}", key, hint, file.source


def _is_lone_canary(job: JobSpec) -> bool:
    return "canary" in job.source.lines and job.canary is None


def lint(plan: Plan) -> tuple[Problem, ...]:
    """Return all warnings: those of the file, of its tokens, and of the plan."""
    warnings = PlanProblems(plan.spec.file)
    for find in (
        *(_files, _user_data, _declarations, shared_outputs, option_lines, lost_failures),
        *(_actions, useless_rules, without_effect, _gpu_models, scheduler_limits),
    ):
        find(plan, warnings)
    every = [*plan.spec.warnings, *plan.warnings, *(problem for problem, _ in warnings.found())]
    return tuple(sorted(every, key=lambda problem: problem.line or 0))


def _gpu_models(plan: Plan, warnings: PlanProblems) -> None:
    """Warn about a model without a number of GPUs: it means one GPU."""
    for request in plan.requirements:
        if request.gpu_model and not request.num_gpus and not request.gpu_memory:
            message = f"{quoted(request.name)} has 'gpu_model' alone, so it requests 1 GPU"
            warnings.add(message, request.source, "gpu_model", "gpu-model", "write 'num_gpus: 1'")


def _used(groups: Sequence[tuple[int, ...]], numbers: Iterator[int | None]) -> set[int]:
    """Return the members of some groups, which are given by number."""
    return {one for number in set(numbers) if number is not None for one in groups[number]}


def _files(plan: Plan, warnings: PlanProblems) -> None:
    read = _used(plan.file_groups, (job.input_files for job in plan.jobs))
    touched = read | _used(plan.file_groups, (job.output_files for job in plan.jobs))
    unused = [file for number, file in enumerate(plan.files) if number not in touched]
    if unused:
        message = f"no job reads or writes the file {listing(file.name for file in unused)}"
        warnings.add(message, unused[0].source, "name", "unused")


def _user_data(plan: Plan, warnings: PlanProblems) -> None:
    records = plan.user_data
    read = _used(plan.user_data_groups, (job.input_user_data for job in plan.jobs))
    written = _used(plan.user_data_groups, (job.output_user_data for job in plan.jobs))
    touched = read | written
    idle = [one for number, one in enumerate(records) if number not in touched]
    if idle:
        message = f"no job reads or writes the user data {listing(one.name for one in idle)}"
        warnings.add(message, idle[0].source, "name", "unused")
    empty = [records[number] for number in sorted(read - written) if records[number].data is None]
    if empty:
        names = listing(one.name for one in empty)
        message = f"no job writes the user data {names}, and it has no value"
        hint = "give it data, or set it with `torc user-data update` before the initialization"
        warnings.add(message, empty[0].source, "name", "never-written", hint)
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
            warnings.add(message, one.source, "output_user_data", "created", hint)


def _declarations(plan: Plan, warnings: PlanProblems) -> None:
    if "dynamic_jobs" in plan.spec.settings:
        return  # jobs that are added later may use them
    used = {job.requirement for job in plan.jobs}
    for number, one in enumerate(plan.requirements):
        if number not in used and one.source is not NOWHERE and one.name != "default":
            message = f"no job uses the resource_requirements {quoted(one.name)}"
            warnings.add(message, one.source, "name", "unused")
        if one.num_nodes > 1:
            message = (
                f"resource_requirements {quoted(one.name)} request {one.num_nodes} nodes;"
                " a local runner has one"
            )
            warnings.add(message, one.source, "num_nodes", "not-local")
    handlers = {job.failure_handler for job in plan.jobs}
    for number, handler in enumerate(plan.spec.failure_handlers):
        if number not in handlers:
            message = f"no job uses the failure_handler {quoted(handler.name)}"
            warnings.add(message, handler.source, "name", "unused")


def _actions(plan: Plan, warnings: PlanProblems) -> None:
    for action, jobs in zip(plan.spec.actions, plan.action_jobs, strict=True):
        what = f"action {action.trigger_type} / {action.action_type}"
        if action.settings.get("scheduler_type") == "local":
            message = f"{what} is stored, but nothing executes it"
            hint = "start runners with `torc run`"
            warnings.add(message, action.source, "action_type", "not-local", hint)
        if action.action_type == "run_commands" and not action.commands:
            warnings.add(f"{what} has no commands", action.source, "commands", "empty")
        if action.trigger_type in ("on_jobs_ready", "on_jobs_complete") and not jobs:
            warnings.add(f"{what} watches no job", action.source, "jobs", "empty")


_NEEDS = {
    "memory_limit": "memory",
    "runtime_limit": "runtime",
    "backoff": "delay",
    "max_delay": "delay",
    "recovery_timeout": "recovery_script",
    "if_script_fails": "recovery_script",
}
"""Key of a rule -> the key without which it has no effect."""
_DEFAULT = FailureRule()


def useless_rules(plan: Plan, warnings: PlanProblems) -> None:
    """Warn of failure rules that never apply, and of keys of rules that have no effect."""
    for handler in plan.spec.failure_handlers:
        for number, rule in enumerate(handler.rules, 1):
            where = f"rule {number} of failure_handler {quoted(handler.name)}"
            given = {key: getattr(rule, key) for key in {*_NEEDS, *_NEEDS.values()}}
            given = {key: one for key, one in given.items() if one != getattr(_DEFAULT, key)}
            if not (rule.exit_codes or rule.causes or rule.match_all_exit_codes):
                hint = "give it exit_codes, causes or match_all_exit_codes"
                warnings.add(f"{where} never applies", handler.source, "rules", "no-effect", hint)
            _useless_keys(warnings, given, where, handler.source, "rules")
    entries = [(plan.spec.settings, "", plan.spec.source)]
    seen: list[Any] = []
    for job in plan.spec.jobs:
        if job.options and job.options not in seen:  # the jobs of a group share them
            seen.append(job.options)
            entries.append((job.options, f" of job {called(job)}", job.source))
    for options, whose, source in entries:
        for key in {"on_oom", "on_timeout"} & options.keys():
            _useless_keys(warnings, options[key], f"{key}{whose}", source, key)


def _useless_keys(
    warnings: PlanProblems, given: Mapping[str, Any], where: str, source: SourceLocation, key: str
) -> None:
    for name, needed in _NEEDS.items():
        if name in given and needed not in given:
            message = f"{quoted(name)} of {where} has no effect without {quoted(needed)}"
            warnings.add(message, source, key, "no-effect")
