"""Collect measures over time for charts: of attempts, and of the machines of a workflow.

Input: a database, ids. Output: plots. Nothing is drawn here.
"""

from __future__ import annotations

import json

from torc_tui.model import ResourceRequirements
from torc_tui.resources.usage_series import Metric, unpack
from torc_tui.store import queries, sql, usage_series, workflows
from torc_tui.store.database import Store
from torc_tui.views.usage_plot import UsagePlot
from torc_tui.wording import moment


def attempt_plot(
    store: Store, job_id: int, *, run_id: int | None = None, attempt_id: int | None = None
) -> UsagePlot | None:
    """Return the plot of the last attempt of a job, or of the given one; None without measures."""
    job = queries.get_job(store, job_id)
    with store.read() as conn:
        found = [
            one
            for one in usage_series.of_job(conn, job_id)
            if run_id in (None, one.run_id) and attempt_id in (None, one.attempt_id)
        ]
        known = workflows.read_requirements(conn, job["workflow_id"])
    if not found:
        return None
    last = found[-1]
    started = job["started_at"] or 0.0 if last.started_at is None else last.started_at
    record = {
        "workflow_id": job["workflow_id"],
        "job_id": job_id,
        "job_name": job["name"],
        "run_id": last.run_id,
        "attempt_id": last.attempt_id,
    }
    title = f"{job['name']} (job {job_id}, run {last.run_id}, attempt {last.attempt_id})"
    return UsagePlot(
        f"{title}, {moment(started)}",
        started,
        last.series,
        _requested(known.get(job["resource_requirements_id"])),
        record,
    )


def _requested(wanted: ResourceRequirements | None) -> dict[Metric, float]:
    if wanted is None:
        return {}
    found = {Metric.CPU: wanted.num_cpus * 100.0}
    if wanted.memory:
        found[Metric.MEMORY] = float(wanted.memory)
    if wanted.gpu_memory and wanted.gpu_memory > 0:
        found[Metric.GPU_MEMORY] = float(wanted.gpu_memory) * max(1, int(wanted.num_gpus))
    return found


def machine_plots(store: Store, workflow_id: int) -> list[UsagePlot]:
    """Return the plots of the machines of all runners that were measured, the oldest first."""
    workflows.get_workflow(store, workflow_id)
    with store.read() as conn:
        rows = conn.rows(sql.MACHINE_SERIES, workflow_id=workflow_id)
    plots = []
    for row in rows:
        series = unpack(bytes(row.series))
        if series is None:
            continue
        gpus = sum(gpu.get("memory") or 0 for gpu in json.loads(row.gpus) or ())
        limits = {Metric.CPU: row.num_cpus * 100.0, Metric.MEMORY: float(row.memory)}
        limits |= {Metric.GPU_MEMORY: float(gpus)} if gpus else {}
        title = f"{row.hostname} (runner {row.id}, run {row.run_id}), {moment(row.started_at)}"
        record = {
            "workflow_id": workflow_id,
            "compute_node_id": row.id,
            "hostname": row.hostname,
            "run_id": row.run_id,
        }
        plots.append(UsagePlot(title, row.started_at, series, limits, record))
    return plots
