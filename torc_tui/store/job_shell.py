"""One job as it was, or would be, started: read from the store, for people who want to try it by
hand.

What comes in: an open store and a job. What goes out: its folder, command and variables. Nothing is
written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from torc_tui.errors import NotFound
from torc_tui.model import Gpu
from torc_tui.store import run_context
from torc_tui.store.database import Statement, Store
from torc_tui.store.job_environment import (
    attempt_variables,
    expand,
    own_variables,
    shell_line,
    user_environment,
    workflow_variables,
)
from torc_tui.store.log_files import output_folder
from torc_tui.store.scheduling import decode_allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetting:
    """``variables`` are only those that a job has beyond what it inherits."""

    job_id: int
    name: str
    directory: str
    command: str
    invocation_script: str | None
    variables: dict[str, str]

    @property
    def line(self) -> str:
        """One line for bash that reproduces the job."""
        return shell_line(self.directory, self.variables, self.command, self.invocation_script)


_JOB = Statement(
    "SELECT id, name, workflow_id, command, invocation_script, env, attempt_id, allocation, output_dir,"
    " compute_node_id FROM job WHERE id = ?"
)
_LAST = Statement(
    "SELECT allocation, compute_node_id FROM result WHERE job_id = ? AND allocation IS NOT NULL"
    " ORDER BY id DESC LIMIT 1"
)
_NODE = Statement("SELECT gpus FROM compute_node WHERE id = ?")


def read(store: Store, job_id: int, *, environment: Mapping[str, str] | None = None) -> JobSetting:
    """Return the setting of the newest attempt, with the GPUs that it holds or held last.

    References in `env` are expanded from ``environment`` (None: that of this process). Raise
    NotFound when there is no such job, and UsageError for a variable that is not set.
    """
    with store.read() as conn:
        row = _JOB.run(conn, (job_id,)).fetchone()
        if row is None:
            raise NotFound(
                f"there is no job {job_id}",
                hint="`torc jobs list WORKFLOW` shows those that are there",
            )
        number, name, workflow_id, command, script, env, attempt, held, output_dir, node = row
        context = run_context.read(conn, workflow_id)
        if held is None:
            last = _LAST.run(conn, (job_id,)).fetchone()
            held, node = last if last is not None else (None, None)
        known = _NODE.run(conn, (node,)).fetchone() if node is not None else None
    present = json.loads(known[0]) if known is not None and known[0] else []
    gpus = [
        Gpu(uuid=gpu["uuid"], index=gpu["index"], virtual=gpu.get("virtual", False))
        for gpu in present
    ]
    inherited = user_environment() if environment is None else environment
    variables = expand(context.env, inherited, f"workflow {context.name!r}")
    variables |= own_variables(env, inherited, name)
    variables |= workflow_variables(
        store_url=store.url,
        workflow_id=workflow_id,
        run_id=context.run_id,
        directory=context.directory,
        output_dir=output_dir or output_folder(context.directory),
    )
    variables |= attempt_variables(
        job_id=number,
        name=name,
        attempt_id=attempt,
        allocation=decode_allocation(held),
        gpus=gpus,
        gpus_by_index=context.execution.gpu_binding == "index",
    )
    return JobSetting(
        job_id=number,
        name=name,
        directory=context.directory,
        command=command,
        invocation_script=script,
        variables=variables,
    )
