"""Turn a claimed job into an order for the executor.

Input: the row of a job, its allocation, its workflow. Output: an `Order` with the whole
environment, the paths of its files and its limits. No file is touched here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torc_tui.engine.report import RunOptions
from torc_tui.errors import UsageError
from torc_tui.model import (
    DECLARES_CPUS,
    DEFAULT_REQUIREMENTS,
    Allocation,
    ExecutionConfig,
    FailureRule,
    Gpu,
    JobLimits,
    Order,
    ResourceRequirements,
)
from torc_tui.operations.job_environment import (
    attempt_variables,
    expand,
    lineage_variables,
    own_variables,
    user_environment,
    with_commands,
    workflow_variables,
)
from torc_tui.resources.attempt_tag import attempt_tag
from torc_tui.resources.binding import hints, unset, with_hints
from torc_tui.store.log_files import attempt_files as attempt_files
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob

_MOST_LIMITS = 1000
"""Limits that are remembered: each job may have its own options."""


class OrderMaker:
    """Make the orders of one runner.

    ``output_dir`` is absolute; ``log_location`` is the location of the logs of this database in it
    (see `log_ownership`), by default the same. ``inherited`` replaces the environment of the user.
    """

    def __init__(
        self,
        context: RunContext,
        options: RunOptions,
        *,
        store_url: str,
        output_dir: str,
        log_location: str | None = None,
        gpus: Sequence[Gpu] = (),
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        self.context = context
        self._database = store_url
        self.output_dir = output_dir
        self.log_location = log_location or output_dir
        self.gpus = gpus
        execution = context.execution
        self.end_rules: Mapping[str, FailureRule | None] = {
            "on_oom": _factor_rule(options.on_oom, "memory", "gpu_memory"),
            "on_timeout": _factor_rule(options.on_timeout, "runtime"),
        }
        self.gpus_by_index = options.gpus_by_index or execution.gpu_binding == "index"
        self.gpu_rules = options.gpu_rules
        self.gives_gpu_hints = bool(execution.settings.get("gpu_hints"))
        self.limit_resources = options.limit_resources and execution.limit_resources
        self.grace = execution.sigterm_lead_seconds if options.grace is None else options.grace
        self.inherited = user_environment() if inherited is None else dict(inherited)
        self.shared = workflow_variables(
            store_url=store_url,
            workflow_id=context.workflow_id,
            run_id=context.run_id,
            directory=context.directory,
            output_dir=output_dir,
        )
        self.base = self._environment(context)
        self._env_refusal: str | None = None
        self._limits: dict[tuple[int, str | None], JobLimits] = {}
        """The limits of jobs, by the id of their requirements and their options."""

    def follow(self, context: RunContext) -> None:
        """Take over the workflow as it is now; its environment is that of jobs that start later."""
        if context.env != self.context.env:
            try:
                self.base, self._env_refusal = self._environment(context), None
            except UsageError as error:
                self._env_refusal = error.message
        self.context = context
        self._limits.clear()

    def _environment(self, context: RunContext) -> dict[str, str]:
        env = expand(context.env, self.inherited, f"workflow {context.name!r}")
        base = self.inherited | env | self.shared
        return base | {"PATH": with_commands(base.get("PATH"))}

    def check(self, jobs: Iterable[tuple[str, str | None]]) -> None:
        """Raise UsageError if the `env` of a (job name, JSON) uses a variable that is not set."""
        errors = []
        for name, env in jobs:
            try:
                own_variables(env, self.inherited, name)
            except UsageError as error:
                errors.append(error)
        if errors:
            more = f" (and in {len(errors) - 1} more jobs)" if len(errors) > 1 else ""
            raise UsageError(f"{errors[0].message}{more}", hint=errors[0].hint)

    def make(
        self,
        job: ReadyJob,
        allocation: Allocation,
        *,
        output_directories: tuple[str, ...] = (),
        note: str = "",
        locks: tuple[int, ...] = (),
        cpus: tuple[int, ...] = (),
    ) -> Order:
        """Return the order for the attempt that was just claimed."""
        key = self.context.attempt_key(job.id, job.attempt_id)
        environment, refusal = self.base, self._env_refusal
        try:
            environment = self._with_own(job)
        except UsageError as error:  # a job that was changed after the check at the start
            refusal = error.message
        environment = environment | attempt_variables(
            job_id=job.id,
            name=job.name,
            attempt_id=job.attempt_id,
            allocation=allocation,
            gpus=self.gpus,
            gpus_by_index=self.gpus_by_index,
            gpu_rules=self.gpu_rules,
        )
        environment |= lineage_variables(job.name, job.spawn)
        if allocation.gpus:
            environment["TORC_CGROUP"] = attempt_tag(self._database, key)
            if self.gives_gpu_hints:
                environment = with_hints(environment, hints(allocation, self.gpus, self.gpu_rules))
        if cpus:
            environment["TORC_CPUS"] = ",".join(map(str, cpus))
            environment = self._with_threads(job, environment)
        for variable in unset(allocation):
            environment.pop(variable, None)
        stdout, stderr, exit_file = attempt_files(
            self.log_location, key, job.stdio, self.context.execution
        )
        return Order(
            key=key,
            name=job.name,
            command=job.command,
            directory=self.context.directory,
            environment=environment,
            invocation_script=job.invocation_script,
            shell=self.context.shell(job.invocation_script, job.options),
            stdout=stdout,
            stderr=stderr,
            exit_file=exit_file,
            limits=self._limits_of(job),
            allocation=allocation,
            output_directories=output_directories,
            note=note,
            locks=locks,
            cpus=cpus,
            refusal=refusal,
        )

    def _limits_of(self, job: ReadyJob) -> JobLimits:
        """Return what is enforced on a job; it is equal for most jobs of a workflow."""
        key = (job.requirement_id, job.options)
        if key not in self._limits:
            requirements = self.context.requirements.get(job.requirement_id)
            if len(self._limits) >= _MOST_LIMITS:
                self._limits.clear()
            self._limits[key] = self.limits(requirements, job.options)
        return self._limits[key]

    def _with_threads(self, job: ReadyJob, environment: dict[str, str]) -> dict[str, str]:
        """Add OMP_NUM_THREADS if the file declares CPUs and the environment does not set it."""
        requirements = self.context.requirements[job.requirement_id]
        own = {**self.context.env, **(json.loads(job.env) if job.env else {})}
        declared = self.context.option(job.options, DECLARES_CPUS) is not False
        declared = declared and requirements.name != DEFAULT_REQUIREMENTS.name
        declared = declared or requirements.num_cpus != DEFAULT_REQUIREMENTS.num_cpus
        if not declared or "OMP_NUM_THREADS" in own:
            return environment
        return environment | {"OMP_NUM_THREADS": str(max(int(requirements.num_cpus), 1))}

    def _with_own(self, job: ReadyJob) -> dict[str, str]:
        """Return the environment with the `env` of the job, below the TORC variables."""
        own = own_variables(job.env, self.inherited, job.name)
        if not own:
            return self.base
        environment = self.base | own | self.shared
        if "PATH" in own:
            environment["PATH"] = with_commands(own["PATH"])
        return environment

    def requires_written(self, options: str | None) -> bool:
        """Return whether a declared output that an attempt did not write is a failure.

        ``options`` are those of the job, as the database holds them.
        """
        return bool(self.context.option(options, "output_check") == "written")

    def on_lost(self, options: str | None) -> str | None:
        """Return what the file says of a job with these options that is lost; None for nothing."""
        found: str | None = self.context.option(options, "on_lost")
        return found

    def limits(
        self, requirements: ResourceRequirements | None, options: str | None = None
    ) -> JobLimits:
        """Return what is enforced on a job with these requirements and options."""
        execution = self.context.execution
        enforced = self.limit_resources and requirements is not None
        return JobLimits(
            memory=requirements.memory if enforced and requirements else None,
            runtime=requirements.runtime
            if enforced and requirements and execution.enforce_runtime
            else None,
            termination_signal=execution.termination_signal,
            grace=self.grace,
            wait_for_background=bool(self.context.option(options, "wait_for_background")),
        )


def _factor_rule(factor: float | None, *resources: str) -> FailureRule | None:
    """Return the rule that an option of the runner stands for: more of these resources."""
    if factor is None:
        return None
    factors: dict[str, Any] = dict.fromkeys(resources, factor)
    return FailureRule(**factors)


def deletes_on_success(stdio: str | None, execution: ExecutionConfig) -> bool:
    """Return whether the output of a successful attempt is removed."""
    own = json.loads(stdio).get("delete_on_success") if stdio else None
    return execution.delete_stdio_on_success if own is None else bool(own)
