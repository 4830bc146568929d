"""Keys of a workflow file that are stored and shown, and that nothing on this machine carries out.

In: a Plan without errors. Out: one ``Problem`` for each such key, so that nobody relies on it. They
are kept as the file may be used with a cluster too. What is carried out is not named here; nothing
stops anyone.
"""

from __future__ import annotations

from collections.abc import Iterator

from torc_tui.errors import Problem
from torc_tui.model import ExecutionConfig, Plan, Source

_SLURM = "no Slurm allocation is asked for; start runners with `torc run` where the jobs are to run"
TOP_LEVEL = {
    "slurm_defaults": _SLURM,
    "compute_node_min_time_for_new_jobs_seconds": "a job starts when its runtime fits into the time that is left",
    "compute_node_ignore_workflow_completion": "a runner ends with its workflow",
    "enable_ro_crate": "no provenance records are written",
    "access_groups": "who may open the store may see all of it",
    "dynamic_jobs": "jobs are those of the file",
    "datasets": "declare them under files",
}
"""Key -> what holds instead, as a hint."""

EXECUTION = {
    "sigkill_headroom_seconds": "what runs at the end time is killed sigterm_lead_seconds after it was asked to end",
    "staggered_start": "one runner starts all jobs of a machine, one after the other",
}
EXECUTION_SETTINGS = {
    "srun_termination_signal": "srun is not used; see termination_signal",
    "enable_cpu_bind": "jobs are given a number of CPUs, not certain ones",
}
MONITOR = {"enabled"}
"""The keys of ``resource_monitor`` that are carried out."""


def without_effect(plan: Plan) -> Iterator[Problem]:
    """One warning for each key, at its line."""
    spec = plan.spec

    def warn(
        key: str, hint: str, source: Source = spec.source, called: str | None = None
    ) -> Problem:
        message = f"{called or key!r} has no effect here"
        return Problem(
            message, source.file or spec.file, source.line_of(key), None, key, hint, "no-effect"
        )

    for key, hint in TOP_LEVEL.items():
        if spec.settings.get(key):
            yield warn(key, hint)
    monitor = spec.settings.get("resource_monitor") or {}
    for key in monitor:
        if key not in MONITOR:
            yield warn(
                "resource_monitor",
                "how often is looked is chosen by itself",
                called=f"{key!r} of resource_monitor",
            )
    execution, plain = spec.execution_config, ExecutionConfig()
    for key, hint in EXECUTION.items():
        if getattr(execution, key) != getattr(plain, key):
            yield warn("execution_config", hint, called=f"{key!r} of execution_config")
    for key, hint in EXECUTION_SETTINGS.items():
        if key in execution.settings:
            yield warn("execution_config", hint, called=f"{key!r} of execution_config")
    if execution.settings.get("mode") == "slurm":
        yield warn("execution_config", _SLURM, called="the mode 'slurm' of execution_config")
    if spec.slurm_schedulers:
        yield warn("slurm_schedulers", _SLURM)
    named = next((job for job in spec.jobs if job.scheduler), None)
    if named is not None:
        called = f"'scheduler' of job {named.family or named.name!r}"
        yield warn("scheduler", _SLURM, named.source, called)
    identified = next((file for file in spec.files if "identifier" in file.source.lines), None)
    if identified is not None:
        yield warn(
            "identifier",
            "it is not stored",
            identified.source,
            f"'identifier' of file {identified.name!r}",
        )
