"""Add jobs to the workflow of the job that calls this command.

Input: a fragment of a workflow file. Output: the ids of its jobs. Repeating the command changes
nothing.
"""

from __future__ import annotations

import os

from torc_tui.cli.call import Call
from torc_tui.cli.user_data_fast import parse, standard_input
from torc_tui.errors import UsageError
from torc_tui.lifecycle.spawning import Mode
from torc_tui.operations.spawning import Caller, SpawnOptions
from torc_tui.store.encoding import dumps
from torc_tui.wording import count


def spawn(call: Call) -> None:
    """Add the jobs of a file to the workflow of the calling job."""
    from torc_tui.operations.spawning import spawn as spawn_jobs
    from torc_tui.workflow_file.load import load, read_bytes

    given, caller = call.options, _caller()
    text = None
    if given.state is not None:
        text = dumps(parse(given.state, "--state"))
    if given.file == "-":
        spec = read_bytes(standard_input())
    else:
        spec = load(given.file)
    mode: Mode = "independent" if given.independent else "now" if given.now else "staged"
    done = spawn_jobs(call.store, spec, caller, SpawnOptions(mode, given.lineage, text))
    number = len(done.job_ids)
    before = number - done.created
    record = {
        "workflow_id": caller.workflow_id,
        "job_ids": dict(done.job_ids),
        "created": done.created,
        "lineage": done.lineage,
        "generation": done.generation,
    }
    message = f"Added {count(done.created, 'job')} to workflow {caller.workflow_id}"
    message += f"; {before} had been added before" if before else ""
    call.done(record, f"{message} (generation {done.generation} of {done.lineage})")


def _caller() -> Caller:
    names = ("TORC_WORKFLOW_ID", "TORC_JOB_ID", "TORC_RUN_ID", "TORC_ATTEMPT_ID")
    values = [os.environ.get(name, "") for name in names]
    if not all(value.isascii() and value.isdecimal() and len(value) < 19 for value in values):
        hint = "`torc add -- CMD` and `torc update FILE` change a workflow from outside"
        raise UsageError("torc spawn must be called by a job", hint=hint)
    return Caller(*map(int, values))
