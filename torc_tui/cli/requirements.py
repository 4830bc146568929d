"""Show, create, change and delete resource requirements.

Input: a workflow or the id of an entry. Output: the entry, and how many jobs a change concerns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_tui.cli.call import Call
from torc_tui.cli.job_filters import named_jobs
from torc_tui.errors import UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.operations.job_changes import Amount, new_requirements, parse_changes
from torc_tui.operations.requirements import (
    create_requirements,
    delete_requirements,
    update_requirements,
)
from torc_tui.store import queries
from torc_tui.wording import count

_OTHERS = ("name", "gpu_memory", "gpu_model", "num_nodes")
"""Options that are no amounts."""
_AMOUNTS = {"cpus": "num_cpus", "memory": "memory", "gpus": "num_gpus", "runtime": "runtime"}
"""Name of an amount of a job, and the option that gives it here."""


def get(call: Call) -> None:
    """Print an entry."""
    call.show_record(queries.get_requirements(call.store, call.options.id))


def create(call: Call) -> None:
    """Add an entry to a workflow."""
    workflow_id = call.workflow_id(call.options.workflow)
    amounts = _amounts(call)
    if any(amount.absolute is None for amount in amounts.values()):
        raise UsageError("a new entry needs absolute values", hint="write 16g instead of +4g or x2")
    fields: dict[str, Any] = {name: amount.absolute for name, amount in amounts.items()}
    fields |= _others(call)
    wanted = new_requirements(ResourceRequirements(**fields), amounts)
    number = create_requirements(call.store, workflow_id, wanted, actor=call.actor)
    record = queries.get_requirements(call.store, number)
    call.done(record, f"Created resource requirements {number} ({wanted.name})")


def update(call: Call) -> None:
    """Change an entry for all jobs that use it, or for some of them."""
    options = call.options
    amounts, others = _amounts(call), _others(call)
    if not amounts and not others:
        raise UsageError("nothing to update", hint="give at least one option, such as --memory")
    only = named_jobs(call, options.only, options.workflow) if options.only else []
    done = update_requirements(call.store, options.id, amounts, others, only=only, actor=call.actor)
    verb = "uses" if done.jobs == 1 else "use"
    summary = f"{count(done.jobs, 'job')} {verb} them"
    if done.running:
        summary += f"; {count(done.running, 'running job keeps', 'running jobs keep')} the old ones"
    record = queries.get_requirements(call.store, done.id) | {"running": done.running}
    call.done(record, f"Updated resource requirements {done.id} ({done.name}): {summary}")


def delete(call: Call) -> None:
    """Delete an entry that no job uses."""
    number = call.options.id
    record = queries.get_requirements(call.store, number)
    name = delete_requirements(call.store, number, actor=call.actor)
    call.done(record, f"Deleted resource requirements {number} ({name})")


def _amounts(call: Call) -> Mapping[str, Amount]:
    given = {name: getattr(call.options, option) for name, option in _AMOUNTS.items()}
    return parse_changes(given).amounts


def _others(call: Call) -> dict[str, Any]:
    given = {name: getattr(call.options, name) for name in _OTHERS}
    return {name: value for name, value in given.items() if value is not None}
