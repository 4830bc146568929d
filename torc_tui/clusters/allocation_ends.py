"""Ask Slurm whether the allocations of runners have ended, or their nodes have failed.

Input: allocations as runners have recorded them. Output: the runners that are lost for certain.

Invariants
* An allocation that Slurm does not list has ended only if Slurm would list it: it belongs to this
  cluster and to this user.
* In an allocation, an answer counts only if it lists that allocation.
* An unknown state proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from torc_tui.clusters.base import ClusterSilent
from torc_tui.clusters.commands import CommandOutput, run_command
from torc_tui.clusters.inside import ClusterAllocation
from torc_tui.clusters.slurm_output import state_of
from torc_tui.resources.allocation_states import AllocationState

QUEUE_FORMAT = "JobID:20,State:20,RestartCnt:20"
NODE_FORMAT = "%N|%T"


class Loss(StrEnum):
    """Why a runner is lost, as a `torc_tui.lifecycle.liveness.Proof` has it."""

    ALLOCATION_ENDED = "allocation_ended"
    NODE_DOWN = "node_down"


Seen = tuple[AllocationState, int]
"""The state of an allocation, and how often it was requeued."""


def find_lost(
    recorded: Mapping[int, ClusterAllocation], here: ClusterAllocation | None
) -> dict[int, Loss]:
    """Return which of these runners are lost, by their ids, and why.

    ``here`` is the allocation of this process. Raise ClusterSilent if Slurm does not answer.
    """
    cluster = here.cluster if here is not None else _cluster_name()
    known = {key: one for key, one in recorded.items() if cluster and one.cluster == cluster}
    if not known:
        return {}
    ids = {one.native_id for one in known.values()} | ({here.native_id} if here else set())
    seen = queue_states(_queue(ids).lines)
    if here is not None and here.native_id not in seen:
        raise ClusterSilent("squeue does not list the allocation of this runner")
    lost = {key: Loss.ALLOCATION_ENDED for key, one in known.items() if _is_over(one, seen)}
    return lost | _on_failed_nodes({key: known[key] for key in known.keys() - lost.keys()})


def queue_states(lines: Iterable[str]) -> dict[str, Seen]:
    """Return what squeue lists in `QUEUE_FORMAT`, by id."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 3 and words[0].isdigit() and words[2].isdigit():
            found[words[0]] = (state_of(words[1]), int(words[2]))
    return found


def failed_nodes(lines: Iterable[str]) -> Iterator[str]:
    """Yield the names of the nodes that sinfo lists in `NODE_FORMAT` as down."""
    for line in lines:
        name, _, state = line.partition("|")
        if state.strip().startswith("down"):
            yield name.strip()


def _is_over(recorded: ClusterAllocation, seen: Mapping[str, Seen]) -> bool:
    """Return whether the allocation has ended, or was requeued since the runner started."""
    if recorded.native_id not in seen:
        return recorded.user_id == os.getuid()
    state, restart = seen[recorded.native_id]
    over = state in (AllocationState.ENDED, AllocationState.QUEUED)
    return over or restart > recorded.restart


def _on_failed_nodes(recorded: Mapping[int, ClusterAllocation]) -> dict[int, Loss]:
    """Return the runners whose node is down in an allocation of several nodes that goes on."""
    on_nodes = {key: one.node_name for key, one in recorded.items() if one.nodes > 1}
    if not on_nodes:
        return {}
    names = ",".join(sorted(set(on_nodes.values())))
    answer = run_command(["sinfo", "-h", "-N", "-n", names, "-o", NODE_FORMAT])
    down = set(failed_nodes(answer.lines)) if answer.code == 0 else set()
    return {key: Loss.NODE_DOWN for key, name in on_nodes.items() if name in down}


def _queue(ids: Iterable[str]) -> CommandOutput:
    """Return the answer of squeue. For a single id that Slurm no longer knows, it is an error."""
    command = ["squeue", "-h", "-t", "all", "-j", ",".join(sorted(ids)), "-O", QUEUE_FORMAT]
    answer = run_command(command)
    if answer.code and "invalid job id" not in answer.message.lower():
        raise ClusterSilent(f"squeue: {answer.message}")
    return answer


def _cluster_name() -> str:
    """Return the name of the cluster whose commands are on PATH; empty if it is unknown."""
    lines = run_command(["scontrol", "show", "config"]).lines
    found = (line.partition("=") for line in lines if line.startswith("ClusterName"))
    return next((name.strip() for _, _, name in found), "")
