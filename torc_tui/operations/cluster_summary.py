"""Summarize the allocations of a workflow in words, the same for command line and app.

Input: a `ClusterState`. Output: phrases and sentences.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from torc_tui.operations.cluster_state import ClusterState, NodeUse
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.store.allocations import AllocationRow
from torc_tui.tuples import NamedTuple
from torc_tui.units import in_thousandths
from torc_tui.wording import count, listed, sentence
from torc_tui.wording.cluster_sentences import ended_words, slurm_name
from torc_tui.wording.quantities import start_time


class ClusterRoom(NamedTuple):
    """The resources of nodes together, and how much of them jobs hold."""

    nodes: int = 0
    cpus: float = 0
    cpus_held: float = 0
    memory: int = 0
    memory_held: int = 0
    gpus: int = 0
    gpus_held: int = 0


def room_of(nodes: Sequence[NodeUse]) -> ClusterRoom:
    """Return the resources of nodes together."""
    return ClusterRoom(
        nodes=len({one.runner.location for one in nodes}),
        cpus=sum(one.runner.num_cpus for one in nodes),
        cpus_held=in_thousandths(sum(one.held.num_cpus for one in nodes)),
        memory=sum(one.runner.memory for one in nodes),
        memory_held=sum(one.held.memory for one in nodes),
        gpus=sum(len(one.runner.gpus or ()) for one in nodes),
        gpus_held=sum(gpus_held(one) for one in nodes),
    )


def gpus_held(node: NodeUse) -> int:
    """Return the number of GPUs of a node that jobs hold, wholly or in part."""
    return len({grant.uuid for grant in node.held.gpus})


def room_words(state: ClusterState) -> str:
    """Return how much of the nodes jobs hold: ``7/8 CPUs, 1/2 GPUs on 4 nodes``."""
    room = room_of(state.places)
    words = [f"{room.cpus_held}/{count(room.cpus, 'CPU')}"]
    words += [f"{room.gpus_held}/{count(room.gpus, 'GPU')}"] if room.gpus else []
    places = count(room.nodes, "node" if state.is_submitted else "machine")
    return f"{', '.join(words)} on {places}"


def queue_words(state: ClusterState) -> str:
    """Return what waits: ``2 queued, est. 14:20 · gpu paused``; empty if nothing does."""
    words = []
    if queued := state.queued:
        starts = [row.starts_at for row in queued if row.starts_at]
        when = f", est. {start_time(min(starts))}" if starts else ""
        words.append(f"{len(queued)} queued{when}")
    if starting := state.starting:
        words.append(f"{len(starting)} starting")
    if state.paused:
        words.append(f"{listed(state.paused, 2)} paused")
    return " · ".join(words)


def summary(state: ClusterState) -> str:
    """Return the allocations of a workflow in one line."""
    places = [room_words(state)] if state.places else []
    if queue := queue_words(state):
        places.append(queue)
    return " · ".join(places) or "none"


def trouble(state: ClusterState) -> list[str]:
    """Return why nothing runs the jobs that are left, and what to do; nothing if all is well."""
    lines = [sentence(reason) for reason in state.paused.values()]
    if state.open or state.nodes:
        return lines if state.is_watched else [*lines, _UNWATCHED.format(state.workflow_id)]
    if lost := _last_ends(state):
        lines.insert(0, lost)
    if not state.paused:
        lines.append(sentence(state.waits(None)[0]))
    return lines


def _last_ends(state: ClusterState) -> str:
    """Return how the last allocations ended, as many as ended in the same way.

    Usual ends are left out as long as the next allocation is requested.
    """
    ended = [row for row in state.rows if row.state == AllocationState.ENDED.value]
    outcome = ended[-1].outcome if ended else None
    if outcome is None or (state.is_watched and outcome in _USUAL):
        return ""
    same: list[AllocationRow] = []
    for row in reversed(ended):
        if row.outcome != outcome:
            break
        same.insert(0, row)
    names = listed([_name(row) for row in same[-_LISTED:]], _LISTED, more=len(same[:-_LISTED]))
    which = "the last one" if len(same) == 1 else f"the last {len(same)}"
    return f"no allocation is open; {which} ended: {ended_words(outcome)} ({names})"


_UNWATCHED = "no process requests more allocations; `torc submit {}` starts one"
_LISTED = 4
_USUAL = (AllocationOutcome.DONE.value, AllocationOutcome.CANCELED.value)


def _name(row: AllocationRow) -> str:
    where = f" on {row.nodelist}" if row.nodelist else ""
    return f"{slurm_name(row.native_id, row.id)}{where}"


def allocation_record(state: ClusterState, row: AllocationRow) -> dict[str, Any]:
    """Return an allocation for JSON."""
    names = "id native_id queue_group state outcome reason nodes nodelist cpus memory walltime"
    found: dict[str, Any] = {name: getattr(row, name) for name in names.split()}
    started, runs = state.jobs_of(row)
    return {
        **found,
        "gpus": json.loads(row.gpus) if row.gpus else {},
        "starts_at": row.starts_at,
        "started_at": row.started_at,
        "ends_at": row.ends_at,
        "jobs_started": started,
        "jobs_running": runs,
    }


def node_record(state: ClusterState, node: NodeUse) -> dict[str, Any]:
    """Return a runner and what its jobs hold for JSON."""
    runner, row, end = node.runner, node.allocation, node.ends_at
    return {
        "compute_node_id": runner.node_id,
        "node": runner.name,
        "allocation_id": runner.allocation_id,
        "native_id": None if row is None else row.native_id,
        "jobs": node.jobs,
        "num_cpus": runner.num_cpus,
        "cpus_held": node.held.num_cpus,
        "memory_bytes": runner.memory,
        "memory_held_bytes": node.held.memory,
        "num_gpus": len(runner.gpus or ()),
        "gpus_held": gpus_held(node),
        "seconds_left": None if end is None else max(round(end - state.at, 3), 0.0),
    }


def state_record(state: ClusterState) -> dict[str, Any]:
    """Return the open allocations and the paused queue groups for JSON."""
    return {
        "allocations": [allocation_record(state, row) for row in state.open],
        "paused_queue_groups": {group: sentence(reason) for group, reason in state.paused.items()},
        "allocations_are_requested": state.is_watched,
    }
