"""From a claimed job to an order for the executor.

What comes in: a job's row, its allocation, the workflow around it. What goes out: an Order with the
whole environment, the paths of its files and its limits. No file is touched here.

The variables and the names of files are those of reference facts, sections 6.5 and 6.6.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from torc_tui.model import (
    Allocation,
    AttemptKey,
    ExecutionConfig,
    Gpu,
    Limits,
    Order,
    ResourceRequirements,
)
from torc_tui.store.job_environment import job_variables, with_torc, workflow_variables
from torc_tui.store.log_files import attempt_files as attempt_files
from torc_tui.store.run_context import RunContext
from torc_tui.store.scheduling import ReadyJob


class OrderMaker:
    """Makes the orders of one runner. ``output_dir`` is absolute."""

    def __init__(
        self,
        context: RunContext,
        *,
        store_url: str,
        output_dir: str,
        gpus: Sequence[Gpu] = (),
        limit_resources: bool = True,
        grace: float | None = None,
        gpus_by_index: bool = False,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        self.context = context
        self.output_dir = output_dir
        self.gpus = gpus
        self.gpus_by_index = gpus_by_index or context.execution.gpu_binding == "index"
        self.limit_resources = limit_resources and context.execution.limit_resources
        self.grace = context.execution.sigterm_lead_seconds if grace is None else grace
        base = dict(os.environ if inherited is None else inherited)
        path = with_torc(base.get("PATH"))
        if path is not None:
            base["PATH"] = path
        self.base = base | workflow_variables(
            context.env,
            store_url=store_url,
            workflow_id=context.workflow_id,
            run_id=context.run_id,
            directory=context.directory,
            output_dir=output_dir,
        )

    def make(self, job: ReadyJob, allocation: Allocation) -> Order:
        """The order for the attempt that was just claimed."""
        key = AttemptKey(self.context.workflow_id, job.id, self.context.run_id, job.attempt_id)
        environment = self.base | job_variables(
            job.env,
            job_id=job.id,
            name=job.name,
            attempt_id=job.attempt_id,
            allocation=allocation,
            gpus=self.gpus,
            gpus_by_index=self.gpus_by_index,
        )
        stdout, stderr, exit_file = attempt_files(
            self.output_dir, key, job.stdio, self.context.execution
        )
        return Order(
            key=key,
            name=job.name,
            command=job.command,
            directory=self.context.directory,
            environment=environment,
            invocation_script=job.invocation_script,
            stdout=stdout,
            stderr=stderr,
            exit_file=exit_file,
            limits=self.limits(self.context.requirements.get(job.requirement_id)),
            allocation=allocation,
        )

    def limits(self, requirements: ResourceRequirements | None) -> Limits:
        """What is enforced on a job with these requirements."""
        execution = self.context.execution
        enforced = requirements is not None and requirements.enforced and self.limit_resources
        return Limits(
            memory=requirements.memory if enforced and requirements else None,
            runtime=requirements.runtime if enforced and requirements else None,
            termination_signal=execution.termination_signal,
            grace=self.grace,
        )


def deletes_on_success(stdio: str | None, execution: ExecutionConfig) -> bool:
    """Whether the output of a successful attempt is thrown away."""
    own = json.loads(stdio).get("delete_on_success") if stdio else None
    return execution.delete_stdio_on_success if own is None else bool(own)
