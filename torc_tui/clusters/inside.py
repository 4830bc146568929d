"""Read the cluster allocation of a process from its environment.

Input: an environment. Output: a record, or None outside of an allocation. Pure.

A process runs inside an allocation if Slurm has started it on a node: only then SLURMD_NODENAME is
set. The shell of ``salloc`` on a login node has SLURM_JOB_ID alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_tui.lazy_regex import regex
from torc_tui.resources.detect import granted_cpus, granted_memory, number_in
from torc_tui.resources.visible import granted_gpus
from torc_tui.tuples import NamedTuple


class ClusterAllocation(NamedTuple):
    """An allocation, and the node of it on which this process runs.

    ``restart`` counts how often the allocation was requeued, ``user_id`` is the owner.
    ``node_rank`` is the number of the node in the job step, from 0. ``cpus``, ``memory`` (bytes)
    and ``gpu_numbers`` are the resources granted on this node; ``ends_at`` is in seconds since the
    epoch. None means unknown.
    """

    engine: str
    cluster: str
    native_id: str
    restart: int
    node_name: str
    node_rank: int
    nodes: int
    cpus: int | None
    memory: int | None
    gpu_numbers: tuple[int, ...] | None
    ends_at: float | None
    user_id: int | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ClusterAllocation:
        """Return a stored allocation; versions that stored less left the rest out."""
        known: dict[str, Any] = {name: value.get(name) for name in cls._fields}
        return cls(**known)

    def is_earlier_start_of(self, other: ClusterAllocation) -> bool:
        """Return whether this allocation was requeued since and is the other one now."""
        same = (self.engine, self.cluster, self.native_id)
        return (
            same == (other.engine, other.cluster, other.native_id) and self.restart < other.restart
        )

    def name_on(self, hostname: str) -> str:
        """Return the name of the allocation in the location of a runner on this host.

        If several nodes have the same host name, each node is a separate location.
        """
        name = f"{self.engine}:{self.cluster}:{self.native_id}"
        same = self.node_name.partition(".")[0] == hostname.partition(".")[0]
        return name if same else f"{name}:{self.node_name}"


_OF_STEP = regex(
    r"SLURM_(STEP(?!_GPUS)|NTASKS|NPROCS|PROCID|LOCALID|GTIDS|TASK_PID|NODEID|CPU_BIND|MEM_BIND|LAUNCH"
    r"|SRUN_COMM|DISTRIBUTION|PRIO_PROCESS|UMASK|MPI_TYPE|PMIX?|KILL_BAD_EXIT|WAIT|EXACT).*"
    r"|SLURM_CPUS_PER_TASK|SRUN_CPUS_PER_TASK|SRUN_DEBUG|PMI_.*|PMIX_.*"
)
"""Variables about the tasks of a job step. A program that starts tasks of its own, such as srun or
mpirun, would take those of the runner for its own."""


def job_environment(
    environ: Mapping[str, str], allocation: ClusterAllocation | None
) -> dict[str, str]:
    """Return what the jobs of a runner inherit from its environment.

    They stay in the allocation, so that srun works in them, and are not tasks of the step of the
    runner.
    """
    if allocation is None:
        return dict(environ)
    kept = {name: value for name, value in environ.items() if not _OF_STEP.fullmatch(name)}
    named = {"TORC_ALLOCATION": allocation.native_id, "TORC_NODE_NAME": allocation.node_name}
    return kept | named


def read_allocation(environ: Mapping[str, str]) -> ClusterAllocation | None:
    """Return the allocation in which a process with this environment runs."""
    number = number_in(environ, "SLURM_JOB_ID")
    node_name = environ.get("SLURMD_NODENAME", "").strip()
    if not number or not node_name:
        return None
    gpus = granted_gpus(environ)
    return ClusterAllocation(
        engine="slurm",
        cluster=environ.get("SLURM_CLUSTER_NAME", "").strip(),
        native_id=str(number),
        restart=number_in(environ, "SLURM_RESTART_COUNT") or 0,
        node_name=node_name,
        node_rank=number_in(environ, "SLURM_NODEID") or 0,
        nodes=number_in(environ, "SLURM_JOB_NUM_NODES") or number_in(environ, "SLURM_NNODES") or 1,
        cpus=granted_cpus(environ),
        memory=granted_memory(environ),
        gpu_numbers=None if gpus is None else tuple(sorted(gpus)),
        ends_at=number_in(environ, "SLURM_JOB_END_TIME") or None,
        user_id=number_in(environ, "SLURM_JOB_UID"),
    )
