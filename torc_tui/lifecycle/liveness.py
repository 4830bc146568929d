"""Judge whether a runner is alive, silent, past its lease or lost for certain.

A host name does not identify a machine: laptops are renamed, and containers and the nodes of a
cluster share names. A runner is identified by its machine (machine id, boot id and pid namespace)
and its process (pid and start time). Where the process cannot be seen, only the heartbeat is known.

Input: the row of a runner, the identity of this machine, and what the caller observed. Output: a
`LivenessVerdict`. No clock and no process table is read here.

Invariants
* `LOST` is proven: the process is gone, or the machine was rebooted; or the batch system says so,
  which is not asked here. Its jobs are adopted or run again.
* `EXPIRED` proves nothing. A user, or ``on_lost`` in the workflow file, decides what happens to the
  jobs.
"""

from __future__ import annotations

from enum import StrEnum

from torc_tui.model import MachineIdentity
from torc_tui.records import dataclass

SILENT_SECONDS = 15.0
"""Time without a heartbeat after which a runner is shown as silent."""
LEASE_SECONDS = 60.0
"""Time without a heartbeat after which the lease of a runner has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerFacts:
    """The row of a runner. ``machine_id`` is None in rows of versions that did not record it."""

    machine_id: str | None
    boot_id: str
    pid_namespace: str | None
    hostname: str
    heartbeat_at: float
    lease_seconds: float = LEASE_SECONDS


class Relation(StrEnum):
    """Where a runner is, seen from this machine."""

    HERE = "here"
    """Its process is in the process table of this machine."""
    OTHER_NAMESPACE = "other namespace"
    """It runs on this machine, in a container whose processes have other ids."""
    BEFORE_REBOOT = "before reboot"
    """It ran on this machine before the last boot."""
    ELSEWHERE = "elsewhere"
    """It runs on another machine."""


class Liveness(StrEnum):
    """What is known about a runner."""

    ALIVE = "alive"
    SILENT = "silent"
    EXPIRED = "expired"
    LOST = "lost"


class Proof(StrEnum):
    """Why a runner is lost for certain."""

    PROCESS_GONE = "process_gone"
    REBOOTED = "rebooted"
    ALLOCATION_ENDED = "allocation_ended"
    NODE_DOWN = "node_down"


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """What is known about a runner; ``proof`` is set when it is lost."""

    liveness: Liveness
    proof: Proof | None = None

    @property
    def is_lost(self) -> bool:
        """Return whether the jobs of the runner can be taken over."""
        return self.liveness is Liveness.LOST


def relation(runner: RunnerFacts, here: MachineIdentity) -> Relation:
    """Return where the runner is, seen from this machine."""
    if runner.machine_id is None:
        return _relation_by_name(runner, here)
    if not runner.machine_id or runner.machine_id != here.machine_id:
        return Relation.ELSEWHERE
    if runner.boot_id == here.boot_id:
        same = (runner.pid_namespace or "") == here.pid_namespace
        return Relation.HERE if same else Relation.OTHER_NAMESPACE
    return _relation_across_boots(runner, here)


def _relation_by_name(runner: RunnerFacts, here: MachineIdentity) -> Relation:
    """Judge a row without a machine id by boot id, and by host name."""
    if runner.hostname != here.hostname:
        return Relation.ELSEWHERE
    if runner.boot_id == here.boot_id:
        return Relation.HERE
    return _relation_across_boots(runner, here)


def _relation_across_boots(runner: RunnerFacts, here: MachineIdentity) -> Relation:
    """Tell this machine before its last boot from another machine with its id or name.

    Diskless nodes and containers share a machine id. If this machine was already running when the
    runner sent its last heartbeat, the runner is on another machine.
    """
    rebooted = here.booted_at > runner.heartbeat_at
    return Relation.BEFORE_REBOOT if rebooted else Relation.ELSEWHERE


def judge(
    runner: RunnerFacts, here: MachineIdentity, *, process_runs: bool, quiet: float
) -> LivenessVerdict:
    """Return what is known about a runner.

    ``process_runs`` says whether its process is in the process table of this machine, and counts
    only for a runner that is `HERE`. ``quiet`` is the time in seconds since its heartbeat counter
    changed, measured by the caller while it could read the database.
    """
    place = relation(runner, here)
    if place is Relation.BEFORE_REBOOT:
        return LivenessVerdict(Liveness.LOST, Proof.REBOOTED)
    if place is Relation.HERE and not process_runs:
        return LivenessVerdict(Liveness.LOST, Proof.PROCESS_GONE)
    if quiet < SILENT_SECONDS:
        return LivenessVerdict(Liveness.ALIVE)
    if place is Relation.HERE or quiet < runner.lease_seconds:
        return LivenessVerdict(
            Liveness.SILENT
        )  # a process that exists holds its jobs, however slow it is
    return LivenessVerdict(Liveness.EXPIRED)
