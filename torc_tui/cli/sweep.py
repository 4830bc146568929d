"""List the jobs of a parameterized group with their parameters, results and user data."""

from __future__ import annotations

import time

from torc_tui.cli.call import Call
from torc_tui.cli.columns import OutputColumn, shown
from torc_tui.errors import NotFound, UsageError
from torc_tui.operations.sweep import read_values
from torc_tui.quoting import nearest
from torc_tui.store import workflows
from torc_tui.views.json_document import path_of
from torc_tui.views.sweep import Sweep, sweeps_of
from torc_tui.wording import duration, listed, size

_SHOWN = {
    "seconds": OutputColumn("Time", shown("seconds", duration), 2),
    "peak_memory_bytes": OutputColumn("Peak Memory", shown("peak_memory_bytes", size), 4),
    "return_code": OutputColumn("Code", "return_code", 3),
    "attempt_id": OutputColumn("Attempt", "attempt_id", 6),
    "job_id": OutputColumn("Job ID", "job_id", 5),
    "job_name": OutputColumn("Job Name", "job_name", 5, cut="middle"),
}
"""The columns whose values a table shows in words, or that it leaves out first."""


def sweep(call: Call) -> None:
    """List the jobs of one group."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    sweeps = sweeps_of(workflows.snapshot(call.store, workflow_id).jobs)
    if not sweeps and options.group is None:
        call.show_list("jobs", list(_SHOWN.values()), [])
        return
    found = _chosen(sweeps, options.group)
    values = read_values(call.store, found.ids, _figures(options.path))
    if options.path is None:
        every = [offer.path for offer in values.offers]
        values = read_values(call.store, found.ids, every)
    found.learn(values, all_read=True)
    records = found.records(time.time())
    names = list(records[0])
    records = records[: call.limit]
    call.show_list("jobs", [_SHOWN.get(name, OutputColumn(name, name)) for name in names], records)


def _figures(paths: list[str] | None) -> list[str] | None:
    for path in paths or ():
        if path_of(path) is None or not path.startswith("."):
            hint = "write a path such as .metrics.loss"
            raise UsageError(f"{path!r} is not a path in user data", hint=hint)
    return paths


def _chosen(sweeps: list[Sweep], name: str | None) -> Sweep:
    """Return the sweep of this name, or the only one."""
    known = {one.name: one for one in sweeps}
    if name in known:
        return known[name]
    if name is None:
        if len(known) == 1:
            return sweeps[0]
        raise UsageError(
            f"the workflow has {len(known)} job groups with parameters",
            hint=f"name one of them: {listed(list(known))}",
        )
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"job groups: {listed(list(known)) or 'none'}"
    raise NotFound(f"there is no job group {name!r} with parameters", hint=hint)
