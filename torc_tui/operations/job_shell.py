"""Read how a job was started, or would be, so that a user can reproduce it.

Input: an open database and a job. Output: its directory, command and variables.
"""

from __future__ import annotations

from collections.abc import Mapping

from torc_tui.model import AttemptKey
from torc_tui.operations.job_environment import (
    attempt_variables,
    expand,
    lineage_variables,
    own_variables,
    shell_line,
    user_environment,
    workflow_variables,
)
from torc_tui.records import dataclass
from torc_tui.resources.attempt_tag import attempt_tag
from torc_tui.store import run_context
from torc_tui.store.database import Store
from torc_tui.store.log_files import output_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetting:
    """How a job is started.

    ``variables`` are those that it has beyond what it inherits.
    """

    job_id: int
    name: str
    directory: str
    command: str
    invocation_script: str | None
    shell: str | None
    variables: dict[str, str]

    @property
    def line(self) -> str:
        """Return one line for bash that reproduces the job."""
        return shell_line(
            self.directory, self.variables, self.command, self.invocation_script, self.shell
        )


def read(store: Store, job_id: int, *, environment: Mapping[str, str] | None = None) -> JobSetting:
    """Return the setting of the newest attempt, with the GPUs that it holds or held last.

    References in `env` are expanded from ``environment`` (None: that of this process). Raise
    NotFound if there is no such job, and UsageError for a variable that is not set.
    """
    with store.read() as conn:
        row, allocation, gpus = run_context.last_attempt(conn, job_id)
        context = run_context.read(conn, row.workflow_id)
    inherited = user_environment() if environment is None else environment
    variables = expand(context.env, inherited, f"workflow {context.name!r}")
    variables |= own_variables(row.env, inherited, row.name)
    variables |= workflow_variables(
        store_url=store.url,
        workflow_id=row.workflow_id,
        run_id=context.run_id,
        directory=context.directory,
        output_dir=row.output_dir or output_folder(context.directory),
    )
    variables |= attempt_variables(
        job_id=row.id,
        name=row.name,
        attempt_id=row.attempt_id,
        allocation=allocation,
        gpus=gpus,
        gpus_by_index=context.execution.gpu_binding == "index",
    )
    variables |= lineage_variables(row.name, row.spawn)
    if allocation.gpus:
        key = AttemptKey(row.workflow_id, row.id, context.run_id, row.attempt_id)
        variables["TORC_CGROUP"] = attempt_tag(store.url, key)
    return JobSetting(
        job_id=row.id,
        name=row.name,
        directory=context.directory,
        command=row.command,
        invocation_script=row.invocation_script,
        shell=context.shell(row.invocation_script, row.options),
        variables=variables,
    )
