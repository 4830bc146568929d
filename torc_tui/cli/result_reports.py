"""Print the reports of upstream: a summary of a workflow, and its results with their logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.workflow_status import times
from torc_tui.operations.runners import active_runners
from torc_tui.status import UNSUCCESSFUL, JobStatus, is_complete, number_of
from torc_tui.store import log_files, queries, workflows
from torc_tui.store.selection import ListSelection
from torc_tui.wording import duration, with_timestamps


def summary(call: Call) -> None:
    """Print how many jobs have each status, the times, and a verdict."""
    workflow = workflows.get_workflow(call.store, call.workflow_id(call.options.workflow))
    counts = {state.word: workflow.counts.get(state, 0) for state in JobStatus}
    minutes = workflows.exec_minutes(call.store, workflow.id)
    walltime, _ = times(call, workflow)
    record: dict[str, Any] = {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "workflow_user": workflow.user,
        "total_jobs": sum(counts.values()),
        "jobs_by_status": counts,
        "total_exec_time_minutes": minutes,
        "total_exec_time_formatted": duration(minutes * 60),
        "active_compute_nodes": len(active_runners(call.store, workflow.id)),
        "pending_scheduled_nodes": 0,
        "active_scheduled_nodes": 0,
        "is_complete": is_complete(workflow.counts),
        "is_canceled": workflow.is_canceled,
        "walltime_seconds": walltime,
        "walltime_formatted": None if walltime is None else duration(walltime),
    }
    if call.json:
        output.json_value(record)
        return
    output.fields(
        [
            ("Workflow", f"{workflow.id} ({workflow.name})"),
            ("User", workflow.user),
            ("Jobs", record["total_jobs"]),
            *((f"  {word}", number) for word, number in counts.items() if number),
            ("Total execution time", record["total_exec_time_formatted"]),
            ("Walltime", record["walltime_formatted"]),
        ]
    )
    failed = number_of(workflow.counts, UNSUCCESSFUL) > workflow.ignored
    if not record["is_complete"]:
        output.line("Not all jobs have finished")
    else:
        output.line("Some jobs did not succeed" if failed else "All jobs succeeded")


def results(call: Call) -> None:
    """Print results with the paths of their logs: the last one of each job, or all."""
    workflow_id = call.workflow_id(call.options.workflow)
    wanted = ListSelection(current=None if call.options.all_runs else True)
    found = queries.list_results(call.store, workflow_id, wanted)
    records = list(map(with_timestamps, with_logs(call, workflow_id, found)))
    output.json_value({"workflow_id": workflow_id, "results": records})


def with_logs(
    call: Call, workflow_id: int, results: Sequence[queries.Record]
) -> list[queries.Record]:
    """Return results with the paths of their logs."""
    logs = {
        (one.job_id, one.run_id, one.attempt_id): (one.stdout, one.stderr)
        for one in log_files.all_attempts(call.store, workflow_id)
    }
    found = []
    for result in results:
        key = (result["job_id"], result["run_id"], result["attempt_id"])
        stdout, stderr = logs.get(key, (None, None))
        found.append({**result, "stdout_path": stdout, "stderr_path": stderr})
    return found
