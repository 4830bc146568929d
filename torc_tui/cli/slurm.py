"""Show and control the allocations of a workflow, and the partitions of the cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from torc_tui.cli import cluster_columns as columns
from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import OK, WRONG_USE, note, print_stderr
from torc_tui.cli.terminal_text import is_id
from torc_tui.errors import NotFound, TorcError, UsageError
from torc_tui.store import allocations, sql
from torc_tui.store.prepared import record
from torc_tui.wording import count, listed, sentence
from torc_tui.wording.cluster_sentences import slurm_reason

if TYPE_CHECKING:
    from torc_tui.clusters.base import Cluster


def status(call: Call) -> None:
    """List the allocations of a workflow, as the cluster knows them now."""
    workflow_id = call.workflow_id(call.options.workflow)
    refresh(call, workflow_id)
    with call.store.read() as conn:
        rows = [record(row) for row in allocations.all_of(conn, workflow_id)]
        started = {
            row["id"]: allocations.jobs_started(conn, row["id"])
            for row in rows
            if row["state"] in _OPEN
        }
        groups = allocations.submission(conn, workflow_id).get("groups", {})
    if not call.options.all:
        rows = [row for row in rows if row["state"] in _OPEN] or rows[-_LAST:]
    for row in rows:
        row["jobs_started"] = started.get(row["id"], row["jobs_started"])
        row["note"] = slurm_reason(row.get("reason") or "") or None
    call.show_list("allocations", columns.ALLOCATIONS, rows)
    if not call.json and call.format == "table":
        from torc_tui.reasons import Kind, because, decode

        for group, known in groups.items():
            if known.get("paused"):
                cause = decode(known.get("cause"))
                reason = because(Kind.GROUP_PAUSED, group=group, workflow=workflow_id, cause=cause)
                print_stderr(sentence(reason))


_OPEN = ("requested", "queued", "running")
_LAST = 10
"""Ended allocations that are listed if none is open."""


def refresh(call: Call, workflow_id: int) -> None:
    """Look at the queue once, if there is a cluster here and an open allocation."""
    from torc_tui.clusters.choice import is_cluster_here, this_cluster
    from torc_tui.operations.allocation_control import open_allocations
    from torc_tui.operations.allocation_updates import look_at, record_look

    if not is_cluster_here() or not open_allocations(call.store, workflow_id):
        return
    try:
        look = look_at(call.store, this_cluster(), [workflow_id], time.time())
        record_look(call.store, workflow_id, look)
    except TorcError as error:
        note(f"the cluster did not answer, so this is its last known state: {error.message}")


def nodes(call: Call) -> None:
    """List the runners in allocations."""
    workflow_id = call.workflow_id(call.options.workflow)
    now = time.time()
    with call.store.read() as conn:
        rows = [
            record(row) for row in conn.rows(sql.RUNNERS_IN_ALLOCATIONS, workflow_id=workflow_id)
        ]
    for row in rows:
        row["walltime_left"] = None if row["ends_at"] is None else max(row["ends_at"] - now, 0.0)
        row["num_gpus"] = len(row.pop("gpus") or ())
        row["node"] = row["node_name"] or row["hostname"]
    call.show_list("compute_nodes", columns.ALLOCATION_NODES, rows)


def partitions(call: Call) -> None:
    """List the partitions of the cluster."""
    rows = [
        {
            "name": one.name,
            "is_default": one.is_default,
            "is_up": one.is_up,
            "max_walltime": one.max_walltime,
            "nodes": shape.nodes,
            "cpus": shape.cpus,
            "memory": shape.memory,
            "gpus": dict(shape.gpus),
        }
        for one in _cluster().partitions()
        for shape in one.shapes
        if shape.gpus or not call.options.gpu
    ]
    call.show_list("partitions", columns.PARTITIONS, rows)


def _cluster() -> Cluster:
    from torc_tui.clusters.choice import this_cluster

    return this_cluster()


# -- queue groups ----------------------------------------------------------------------------------


def pause(call: Call) -> None:
    """Request no more allocations for queue groups."""
    from torc_tui.operations.allocation_control import pause_group

    workflow_id, groups = _groups(call)
    for group in groups:
        pause_group(call.store, workflow_id, group, None, actor=call.actor)
    _done(call, workflow_id, groups, "Paused")


def resume(call: Call) -> None:
    """Request allocations for queue groups again."""
    from torc_tui.operations.allocation_control import resume_group

    workflow_id, groups = _groups(call)
    for group in groups:
        resume_group(call.store, workflow_id, group, actor=call.actor)
    _done(call, workflow_id, groups, "Resumed")


def _groups(call: Call) -> tuple[int, list[str]]:
    """Return the workflow and its queue groups that a command is about: all, or the named ones."""
    from torc_tui.operations.allocation_control import check_group, known_groups

    words = list(call.options.words)
    first = words[0] if words else None
    named = first is not None and (len(words) > 1 or is_id(first) or call.means_workflow(first))
    workflow_id = call.workflow_id(words.pop(0) if named else None)
    known = known_groups(call.store, workflow_id)
    for group in words:
        check_group(group, known)
    if not known:
        raise NotFound(
            f"workflow {workflow_id} has no queue groups yet",
            hint=f"`torc submit {workflow_id}` requests its first allocations",
        )
    return workflow_id, words or known


def _done(call: Call, workflow_id: int, groups: list[str], verb: str) -> None:
    names = f"queue group{'s' if len(groups) > 1 else ''} {listed(groups, 20)}"
    values = {"workflow_id": workflow_id, "groups": groups, "status": "success"}
    call.done(values, f"{verb} {names} of workflow {workflow_id}")


# -- allocations -----------------------------------------------------------------------------------


def schedule_nodes(call: Call) -> int:
    """Request allocations by hand."""
    from torc_tui.operations.allocation_actions import request_fixed, request_like

    options = call.options
    workflow_id = call.workflow_id(options.workflow)
    if options.like is not None:
        results = request_like(call.store, options.like, options.number, actor=call.actor)
    else:
        results = request_fixed(
            call.store,
            workflow_id,
            options.number,
            scheduler=options.scheduler,
            max_parallel_jobs=options.max_parallel_jobs,
            actor=call.actor,
        )
    ids = [result.native_id for result in results if result.native_id]
    call.done(
        {
            "workflow_id": workflow_id,
            "allocations": [result.allocation_id for result in results],
            "slurm_jobs": ids,
            "status": "success",
        },
        f"Requested {count(len(ids), 'allocation')} for workflow {workflow_id}:"
        f" Slurm {listed(ids, 20)}",
    )
    return OK


def cancel(call: Call) -> int:
    """Cancel allocations; jobs that run in them are stopped, and run again elsewhere."""
    from torc_tui.operations.allocation_control import cancel_allocations, open_allocations

    chosen = call.options.ids
    if chosen and call.options.workflow:
        raise UsageError("name allocations or a workflow, not both")
    if chosen:
        with call.store.read() as conn:
            found = [allocations.get(conn, one) for one in chosen]
        by_workflow: dict[int, list[int]] = {}
        for one in found:
            by_workflow.setdefault(one["workflow_id"], []).append(one["id"])
    else:
        workflow_id = call.workflow_id(call.options.workflow)
        rows = open_allocations(call.store, workflow_id)
        by_workflow = {workflow_id: [row.id for row in rows]}
    number = sum(map(len, by_workflow.values()))
    call.confirm(f"Cancel {count(number, 'allocation')}?", "Jobs that run in them are stopped.")
    done: list[int] = []
    for workflow_id, ids in by_workflow.items():
        done += cancel_allocations(call.store, _cluster(), workflow_id, ids)
    values: dict[str, Any] = {"canceled": done, "status": "success" if done else "nothing to do"}
    call.done(values, f"Canceled {count(len(done), 'allocation')}")
    return OK if done or not chosen else WRONG_USE


def script(call: Call) -> None:
    """Print the batch script of an allocation."""
    with call.store.read() as conn:
        found = allocations.get(conn, call.options.id)
    if call.json:
        output.json_value({"allocation_id": found["id"], "script": found["script"]})
    else:
        output.text((found["script"] or "").rstrip("\n"))


def logs(call: Call) -> int:
    """Print the log of an allocation: what its runners wrote."""
    from pathlib import Path

    with call.store.read() as conn:
        found = allocations.get(conn, call.options.id)
    path = Path((found["stdout"] or "").replace("%j", found["native_id"] or "%j"))
    if call.json:
        output.json_value({"allocation_id": found["id"], "path": str(path)})
        return OK
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        hint = "it is written when the allocation starts"
        raise NotFound(f"cannot read {path}: {error.strerror}", hint=hint) from error
    note(str(path))
    output.text(text.rstrip("\n"))
    return OK
