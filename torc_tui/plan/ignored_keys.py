"""Warn of keys that are stored and shown, but ignored on this machine.

Input: a plan without errors. Output: one `Problem` for each such key. The keys are kept because the
same file may be used with a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from torc_tui.errors import Problem
from torc_tui.model import NOWHERE, ExecutionConfig, Plan, Source
from torc_tui.plan.names import called
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
    file = next((file for file in spec.files if "identifier" in file.source.lines), None)
    if file is not None:
        what = f"'identifier' of file {quoted(file.name)}"
        yield _warning(plan, "identifier", "it is not stored", what=what, source=file.source)
