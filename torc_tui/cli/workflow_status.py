"""Show the status of a workflow, test whether it is complete, and wait until it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.cluster_reading import read_cluster_now
from torc_tui.cli.diagnostics import FAILED, OK, after_failure, print_stderr, without_runner
from torc_tui.cli.runners import print_absent
from torc_tui.model import Workflow
from torc_tui.operations.runners import active_runners
from torc_tui.status import (
    SETTLED,
    TROUBLED,
    UNSUCCESSFUL,
    JobStatus,
    WorkflowState,
    is_complete,
    number_of,
)
from torc_tui.store import runner_liveness, workflows
from torc_tui.store.feed import warnings_by_job
from torc_tui.wording import count, duration, sentence, time_range

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.operations.request_lacks import Unschedulable

NOT_FINISHED = 3
"""Exit code of ``--exit-status`` and ``wait`` for a workflow whose jobs have not all finished."""
_ACTIVE = (WorkflowState.READY, WorkflowState.RUNNING)
_MOST_ESTIMATED = 50_000
"""Jobs of a workflow above which its end is not estimated: their rows would have to be read."""
_LONGEST_WAIT = 5.0
"""Seconds between two looks while waiting for a workflow whose database does not notify."""


def status(call: Call) -> int:
    """Print the status of a workflow."""
    workflow = _workflow(call)
    cluster = read_cluster_now(call, workflow.id)
    never, all_of_them = _unschedulable(call, workflow)
    record = _status_record(call, workflow, never)
    with call.store.read() as conn:
        absent = runner_liveness.reports(conn, workflow.id)
        held = workflows.holds(conn, workflow.id)
        record["held_jobs"] = sum(number for _, number in held)
        record["suspended_jobs"] = workflows.suspended(conn, workflow.id)
    record["unserved_ready_labels"] = _unserved(call, workflow)
    if cluster is not None:
        from torc_tui.operations.cluster_summary import state_record

        record |= state_record(cluster)
    warnings = warnings_by_job(call.store, workflow.id)
    record["jobs_with_warnings"] = [
        {"job_id": job_id, "name": name, "warnings": list(map(sentence, found))}
        for (job_id, name), found in warnings.items()
    ]
    if call.json:
        if absent:
            record["runners_not_alive"] = [reason.to_json() for reason in absent]
        if held:
            record["held"] = [{**reason.to_json(), "number": number} for reason, number in held]
        output.json_value(record)
    else:
        _print_status(workflow, record, stuck=all_of_them, cluster=cluster)
        lines = [*output.unschedulable(never), *output.holds(held, workflow.id)]
        _print_troubles(call, workflow, record, lines, cluster)
        print_absent(absent)
        if workflow.state is WorkflowState.FAILED:
            print_stderr(after_failure(call.store, workflow.id))
    return _exit_status(workflow) if call.options.exit_status else OK


def _print_troubles(
    call: Call,
    workflow: Workflow,
    record: dict[str, Any],
    lines: list[str],
    cluster: ClusterState | None,
) -> None:
    """Print what failed, what cannot start, and what users should know about other jobs."""
    failed: list[str] = []
    if number_of(workflow.counts, TROUBLED):
        from torc_tui.cli.failures import summary_lines
        from torc_tui.operations.failures import failure_groups

        groups = failure_groups(call.store, workflow.id)
        failed = summary_lines(call.store, workflow.id, groups)
    found = [*failed, *lines]
    for labels, number in record["unserved_ready_labels"].items():
        lack = "no active runner has all of them"
        found.append(f"{count(number, 'ready job')} with the labels {labels}: {lack}")
    if cluster is not None and not is_complete(workflow.counts):
        from torc_tui.operations.cluster_summary import trouble

        found += trouble(cluster)
    for text in [*found, *output.warnings(record["jobs_with_warnings"])]:
        output.line(f"  {text}")


def is_complete_(call: Call) -> int:
    """Print whether all jobs of a workflow have finished."""
    workflow = _workflow(call)
    done = is_complete(workflow.counts)
    record = {
        "is_canceled": workflow.is_canceled,
        "is_complete": done,
        "needs_to_run_completion_script": False,
    }
    call.done(record, f"Workflow {workflow.id} is {'' if done else 'not '}complete")
    return OK if done or not call.options.exit_status else NOT_FINISHED


def wait(call: Call) -> int:
    """Wait until every job of a workflow has finished, or until the timeout.

    If there is no runner after some time, a message says so once.
    """
    from torc_tui.store.feed import Feed

    warned = False
    workflow = _workflow(call)
    limit = call.options.timeout
    until = None if limit is None else time.monotonic() + limit
    feed = Feed(call.store, workflow.id, workflow.last_seq)
    try:
        while not is_complete(workflow.counts):
            left = _LONGEST_WAIT if until is None else until - time.monotonic()
            if left <= 0:
                print_stderr(f"workflow {workflow.id} has not finished after {duration(limit)}")
                break
            feed.wait(min(left, _LONGEST_WAIT))
            workflow = workflows.get_workflow(call.store, workflow.id)
            if not (
                warned
                or is_complete(workflow.counts)
                or active_runners(call.store, workflow.id)
                or _is_submitted(call, workflow.id)
            ):
                print_stderr(without_runner(call.store, workflow.id))
                warned = True
    finally:
        feed.close()
    if call.json:
        output.json_value(_status_record(call, workflow, []))
    elif is_complete(workflow.counts):
        output.line(f"Workflow {workflow.id} ({workflow.name}) {workflow.state}")
    return _exit_status(workflow)


def _is_submitted(call: Call, workflow_id: int) -> bool:
    """Return whether an allocation is open, or a process requests them."""
    cluster = read_cluster_now(call, workflow_id)
    return cluster is not None and (cluster.is_watched or bool(cluster.open))


def _exit_status(workflow: Workflow) -> int:
    """Return 0 if every job succeeded or is ignored, 1 if not, 3 if some have not finished."""
    if not is_complete(workflow.counts):
        return NOT_FINISHED
    return FAILED if number_of(workflow.counts, UNSUCCESSFUL) > workflow.ignored else OK


def _unschedulable(call: Call, workflow: Workflow) -> tuple[list[Unschedulable], bool]:
    """Return the ready jobs that can never start, and whether no other job is ready."""
    if not workflow.counts.get(JobStatus.READY) or workflow.state not in _ACTIVE:
        return [], False
    from torc_tui.operations.request_lacks import unschedulable_jobs

    return unschedulable_jobs(call.store, workflow.id)


def _unserved(call: Call, workflow: Workflow) -> dict[str, int]:
    """Return the label sets that no active runner has, with the number of ready jobs of each."""
    if not workflow.counts.get(JobStatus.READY):
        return {}
    from torc_tui.operations.request_lacks import unserved_labels

    return unserved_labels(call.store, workflow.id)


def _status_record(call: Call, workflow: Workflow, never: list[Unschedulable]) -> dict[str, Any]:
    counts = {state.word: workflow.counts.get(state, 0) for state in JobStatus}
    elapsed, eta = times(call, workflow)
    record: dict[str, Any] = {
        "id": workflow.id,
        "workflow_id": workflow.id,
        "name": workflow.name,
        "workflow_name": workflow.name,
        "workflow_user": workflow.user,
        "state": workflow.state.value,
        "run_id": workflow.run_id,
        "is_canceled": workflow.is_canceled,
        "is_archived": workflow.is_archived,
        "is_paused": workflow.is_paused,
        "is_complete": is_complete(workflow.counts),
        "has_detected_need_to_run_completion_script": False,
        "total_jobs": sum(counts.values()),
        "finished_jobs": number_of(workflow.counts, SETTLED),
        "jobs_by_status": counts,
        "ignored_jobs": workflow.ignored,
        "elapsed_seconds": elapsed,
        "walltime_seconds": elapsed,
        "total_exec_time_minutes": workflows.exec_minutes(call.store, workflow.id),
        "eta_seconds": eta,
        "active_compute_nodes": len(active_runners(call.store, workflow.id)),
    }
    if never:
        record["never"] = [one._asdict() for one in never]
    return record


def times(call: Call, workflow: Workflow) -> tuple[float | None, list[float] | None]:
    """Return how long the jobs have been running, and the shortest and longest time left."""
    first, last = workflows.job_times(call.store, workflow.id)
    if first is None:
        return None, None
    now = time.time()
    running = workflow.state is WorkflowState.RUNNING
    end = now if running or last is None else last
    return round(max(0.0, end - first), 3), _eta(call, workflow, now) if running else None


def _eta(call: Call, workflow: Workflow, now: float) -> list[float] | None:
    if sum(workflow.counts.values()) > _MOST_ESTIMATED:
        return None
    from torc_tui.views.workflow_view import WorkflowView

    found = workflows.snapshot(call.store, workflow.id)
    view = WorkflowView(found.workflow, found.jobs, found.requirements, found.cursor)
    eta = view.progress(now).eta
    return None if eta is None else [round(eta.low, 3), round(eta.high, 3)]


def _print_status(
    workflow: Workflow, record: dict[str, Any], *, stuck: bool, cluster: ClusterState | None
) -> None:
    total, finished = record["total_jobs"], record["finished_jobs"]
    counts = [f"{number} {word}" for word, number in record["jobs_by_status"].items() if number]
    if suspended := record["suspended_jobs"]:
        counts.append(f"{suspended} of the running jobs suspended")
    jobs = f"{finished} of {total} finished" if total else "none"
    if workflow.ignored:
        counts.append(f"{count(workflow.ignored, 'failure')} ignored")
    eta = record["eta_seconds"]
    where, allocations = "on this machine", None
    if cluster is not None:
        from torc_tui.operations.cluster_summary import summary

        where, allocations = "in an allocation", summary(cluster)
    output.fields(
        [
            ("Workflow", f"{workflow.id} ({workflow.name})"),
            ("Run ID", workflow.run_id),
            ("State", f"{workflow.state}{f': no job can start {where}' if stuck else ''}"),
            ("Jobs", f"{jobs}: {', '.join(counts)}" if counts else jobs),
            ("Elapsed", _shown(record["elapsed_seconds"])),
            ("ETA", None if eta is None else time_range(*eta)),
            ("Allocations", allocations),
        ]
    )


def _shown(seconds: float | None) -> str | None:
    return None if seconds is None else duration(seconds)


def _workflow(call: Call) -> Workflow:
    return workflows.get_workflow(call.store, call.workflow_id(call.options.workflow))
