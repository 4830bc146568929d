"""Choose the batch system of this host."""

from __future__ import annotations

import shutil

from torc_tui.clusters.base import Cluster
from torc_tui.errors import UsageError


def is_cluster_here() -> bool:
    """Return whether this host has the commands of a batch system."""
    return shutil.which("sbatch") is not None


def this_cluster() -> Cluster:
    """Return the batch system whose commands are on PATH; UsageError without one."""
    if not is_cluster_here():
        raise UsageError(
            "no batch system was found: sbatch is not on PATH",
            hint="run this on a login node of the cluster, or load its module first",
        )
    from torc_tui.clusters.slurm_client import Slurm

    return Slurm()
