"""Stop a runner, and take jobs from runners that are lost or whose lease has expired.

Input: a runner, or a workflow. Output: what was dropped, and the runners that remain without a
heartbeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.operations.catalog import STOP_RUNNER
from torc_tui.reasons import Reason
from torc_tui.wording import count, listed, sentence

if TYPE_CHECKING:
    from torc_tui.operations.lost_runners import Dropped


def stop(call: Call) -> None:
    """Stop one runner."""
    from torc_tui.operations.runners import stop_runner

    node, hard = call.options.id, call.options.now
    stop_runner(call.store, node, hard=hard, actor=call.actor)
    done = STOP_RUNNER.done.format(runner=f"runner {node}")
    call.done({"id": node, "hard": hard, "status": "success"}, done)


def reconcile(call: Call) -> None:
    """Print that there are no results outside the database.

    A runner without a database keeps its jobs and waits, and the next runner of the machine records
    how the jobs of a killed runner ended.
    """
    call.workflow_id(call.options.workflow)
    done = dict.fromkeys(("files", "total_completions", "accepted", "rejected"), 0)
    message = "Nothing to reconcile: runners write no journals; lost runners are found by"
    call.done(done, f"{message} `torc workflows sync-status {call.options.workflow}`")


def drop(call: Call) -> None:
    """Drop one runner."""
    from torc_tui.operations.lost_runners import drop_runner

    options = call.options
    dropped = drop_runner(call.store, options.id, force=options.force, actor=call.actor)
    call.done({**_record(dropped), "status": "success"}, _sentence(dropped))


def sync_status(call: Call) -> None:
    """Drop the lost runners of a workflow, and with --force the expired ones."""
    from torc_tui.operations import lost_runners
    from torc_tui.store import runner_liveness

    workflow_id = call.workflow_id(call.options.workflow)
    if call.options.dry_run:
        _show_lost(call, workflow_id)
        return
    dropped = lost_runners.sync_status(
        call.store, workflow_id, force=call.options.force, actor=call.actor
    )
    with call.store.read() as conn:
        left = runner_liveness.reports(conn, workflow_id)
    record = {"workflow_id": workflow_id, "dropped": [_record(one) for one in dropped]}
    record["not_alive"] = [reason.to_json() for reason in left]
    call.done(record, _sentences(dropped, workflow_id))
    if not call.json:
        print_absent(left)


def _show_lost(call: Call, workflow_id: int) -> None:
    """Print the jobs that each lost runner would lose."""
    from torc_tui.operations.lost_runners import lost_jobs

    found = lost_jobs(call.store, workflow_id, force=call.options.force)
    runners = [
        {
            "id": one.node.id,
            "hostname": one.node.hostname,
            "jobs": sorted(one.taken),
            "left_jobs": sorted(one.left),
        }
        for one in found
    ]
    lines = [
        f"Runner {one.node.id} on {one.node.hostname} would lose {count(len(one.taken), 'job')}"
        + (f" ({listed(map(str, sorted(one.taken)))})" if one.taken else "")
        for one in found
    ] or [f"No runner of workflow {workflow_id} would be dropped"]
    record = {"workflow_id": workflow_id, "dry_run": True, "runners": runners}
    call.done(record, "\n".join(lines))


def print_absent(reports: Iterable[Reason]) -> None:
    """Name the runners that are not alive."""
    for reason in reports:
        print_stderr(sentence(reason))


def _sentences(dropped: Sequence[Dropped], workflow_id: int) -> str:
    if not dropped:
        return f"No runner of workflow {workflow_id} was dropped"
    return "\n".join(map(_sentence, dropped))


def _sentence(dropped: Dropped) -> str:
    jobs = dropped.jobs
    ends = (
        (jobs.ready, "is", "are", "ready again"),
        (jobs.failed, "has", "have", "failed"),
        (jobs.canceled, "is", "are", "canceled"),
        (dropped.left, "is", "are", "left for the next runner"),
    )
    parts = [
        f"{count(len(ids), f'job {one}', f'jobs {many}')} {what}"
        for ids, one, many, what in ends
        if ids
    ]
    suffix = f": {', '.join(parts)}" if parts else ""
    what = "Runner" if dropped.left else "Dropped runner"
    return f"{what} {dropped.node.id} on {dropped.node.hostname}{suffix}"


def _record(dropped: Dropped) -> dict[str, Any]:
    return {
        "id": dropped.node.id,
        "hostname": dropped.node.hostname,
        "ready_jobs": dropped.jobs.ready,
        "failed_jobs": dropped.jobs.failed,
        "canceled_jobs": dropped.jobs.canceled,
        "left_jobs": sorted(dropped.left),
    }
