"""Show how well the allocations of a workflow were used."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from torc_tui.cli import cluster_columns as columns
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import note, print_stderr
from torc_tui.cli.slurm import refresh
from torc_tui.cli.terminal_text import json_text
from torc_tui.clusters.choice import is_cluster_here, this_cluster
from torc_tui.errors import NotFound, UsageError
from torc_tui.operations.allocation_usage import workflow_usage
from torc_tui.store import allocations
from torc_tui.units import format_memory
from torc_tui.views.allocation_usage import AllocationUse, total_use
from torc_tui.views.resource_correction import Adjustment
from torc_tui.wording import count, size


def usage(call: Call) -> None:
    """Print the use of each allocation, and requests that could be smaller."""
    workflow_id = call.workflow_id(call.options.workflow)
    refresh(call, workflow_id)
    cluster = this_cluster() if is_cluster_here() else None
    found = workflow_usage(call.store, workflow_id, cluster, time.time())
    total = total_use(found.allocations)
    if call.json:
        output.json_value(
            {
                "workflow_id": workflow_id,
                "allocations": [one._asdict() for one in found.allocations],
                "total": total._asdict(),
                "requests": list(map(_request, found.smaller)),
            }
        )
        return
    rows = [one._asdict() for one in found.allocations]
    call.show_list("allocations", columns.ALLOCATION_USE, rows)
    if call.format != "table" or not rows:
        return
    words = [f"{total.node_hours:.2f} node hours, {total.cpu_hours:.2f} CPU hours"]
    if total.cpu_efficiency is not None:
        words.append(f"{total.cpu_efficiency * 100:.0f} % of the CPU time used")
    if total.idle_share is not None:
        words.append(f"{total.idle_share * 100:.0f} % not held by any job")
    output.line(", ".join(words))
    for one in found.smaller:
        output.line(_hint(one))
    if found.smaller:
        note(f"`torc workflows correct-resources {workflow_id}` corrects the requests")
    _note_source(found.allocations)


def _note_source(found: list[AllocationUse]) -> None:
    own = sum(one.source == "torc" for one in found)
    if own:
        note(f"CPU time and memory of {count(own, 'allocation')} are as torc measured the jobs")


def _request(one: Adjustment) -> dict[str, Any]:
    return {
        "resource_requirements": one.before.name,
        "jobs": len(one.members),
        "memory": one.before.memory,
        "peak_memory": one.peak_memory,
        "enough": one.after.memory,
    }


def _hint(one: Adjustment) -> str:
    jobs = "1 job" if len(one.members) == 1 else f"each of {len(one.members)} jobs"
    return (
        f"'{one.before.name}': {jobs} requested {size(one.before.memory or 0)} of memory and used"
        f" at most {size(one.peak_memory or 0)}; `memory: {format_memory(one.after.memory or 0)}`"
        " is enough"
    )


def sacct(call: Call) -> None:
    """List what the accounting knows of the allocations and their steps."""
    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    with call.store.read() as conn:
        ids = [row.native_id for row in allocations.all_of(conn, workflow_id) if row.native_id]
    if options.output_dir and not options.save_json:
        raise UsageError("--output-dir needs --save-json")
    if not ids:
        raise NotFound(f"workflow {workflow_id} has no allocation that Slurm knows")
    rows = []
    for one in this_cluster().accounts(ids):
        number = f"{one.native_id}.{one.step}" if one.step else one.native_id
        rows.append({"id": number, **one._asdict()})
    if not options.save_json:
        call.show_list("records", columns.ACCOUNT_RECORDS, rows)
        return
    file = Path(options.output_dir or "torc_output", f"sacct_wf{workflow_id}.json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json_text(rows) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
    print_stderr(f"Wrote {file}")
