"""Show which partition fits which jobs, and why another one does not."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from torc_tui.cli import cluster_columns as columns
from torc_tui.cli.call import Call
from torc_tui.cli.command_line import names_file
from torc_tui.cli.diagnostics import OK
from torc_tui.cli.submit import FITS_NOWHERE, temporary_store
from torc_tui.clusters.base import Cluster
from torc_tui.clusters.choice import this_cluster
from torc_tui.errors import UsageError
from torc_tui.model import ResourceRequirements
from torc_tui.operations.allocation_demand import read_demand
from torc_tui.reasons import Reason
from torc_tui.resources.partitions import fitting
from torc_tui.store.database import Store
from torc_tui.store.job_use import workflow_use
from torc_tui.wording import sentence

_REQUEST = ("cpus", "gpus", "memory", "walltime")


def match(call: Call) -> int:
    """List all partitions for each request; exit code 3 if a request fits none."""
    options, cluster = call.options, this_cluster()
    given = [name for name in _REQUEST if getattr(options, name) is not None]
    if given and options.what is not None:
        raise UsageError(f"name a workflow, or --{given[0]}, not both")
    if given:
        request = ResourceRequirements(
            name="request",
            num_cpus=options.cpus or 1,
            num_gpus=options.gpus or 0,
            memory=options.memory,
            runtime=options.walltime,
        )
        rows = _rows(cluster, [(request, None)], 0.0)
    elif options.what is not None and names_file(options.what):
        with temporary_store(call, options.what) as (store, workflow_id):
            rows = _of_workflow(cluster, store, workflow_id)
    else:
        rows = _of_workflow(cluster, call.store, call.workflow_id(options.what))
    call.show_list("matches", columns.MATCHES, rows)
    chosen: dict[str, bool] = defaultdict(bool)
    for row in rows:
        chosen[row["resource_requirements"]] |= row["fits"]
    return OK if all(chosen.values()) else FITS_NOWHERE


def _of_workflow(cluster: Cluster, store: Store, workflow_id: int) -> list[dict[str, Any]]:
    """Return the rows of the requests that jobs of a workflow have, whatever their status."""
    options = read_demand(store, cluster, workflow_id, time.time()).options
    use = workflow_use(store, workflow_id)
    numbers = Counter(job.requirement_id for job in use.jobs)
    requests = [(use.requirements[number], jobs) for number, jobs in sorted(numbers.items())]
    return _rows(cluster, requests, options.runtime)


def _rows(
    cluster: Cluster, requests: Sequence[tuple[ResourceRequirements, int | None]], runtime: float
) -> list[dict[str, Any]]:
    """Return a row for each request and partition; the first one that is up is chosen."""
    found = []
    for request, jobs in requests:
        is_chosen = False
        for one in cluster.partitions():
            nodes = fitting(request, request.runtime or runtime, [one])
            fits = not isinstance(nodes, Reason)
            row: dict[str, Any] = {
                "resource_requirements": request.name,
                "jobs": jobs,
                "partition": one.name,
                "fits": fits and one.is_up,
                "is_chosen": fits and one.is_up and not is_chosen,
                "reason": sentence(nodes) if isinstance(nodes, Reason) else None,
            }
            if fits and not one.is_up:
                row["reason"] = "the partition is down"
            is_chosen = is_chosen or bool(row["is_chosen"])
            found.append(row)
    return found
