"""Ask Slurm for allocations by its commands: the stable interface of all its versions.

Only options of versions before 20.02 are used, and only output for scripts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence

from torc_tui.clusters import slurm_accounts, slurm_output
from torc_tui.clusters.base import (
    AccountRecord,
    AllocationRequest,
    ClusterRefused,
    ClusterSilent,
    SeenAllocation,
    Submitted,
)
from torc_tui.clusters.commands import clean_environ, run_command
from torc_tui.clusters.slurm_script import batch_script
from torc_tui.resources.partitions import Partition

_PARTITION_SECONDS = 600.0
"""Time for which the partitions are kept."""
_HINTS = (
    (
        "account",
        "name an account with --account; `sacctmgr show assoc user=$USER` lists yours",
    ),
    ("partition", "name a partition with --partition; `torc hpc partitions` lists them"),
    ("qos", "name a QOS with --qos"),
    ("memory", "`torc hpc partitions` shows what the nodes have"),
    ("node configuration", "`torc hpc partitions` shows what the nodes have"),
    ("time limit", "shorten it with --walltime; `torc hpc partitions` shows the limits"),
)
"""What to do if Slurm refuses a request with such a word."""


class Slurm:
    """The Slurm cluster that the commands on PATH reach."""

    engine = "slurm"

    def __init__(self) -> None:
        self._partitions: tuple[float, list[Partition]] | None = None
        self._cluster: str | None = None

    def partitions(self) -> list[Partition]:
        """Return the partitions; those that are the default first."""
        now = time.monotonic()
        if self._partitions is None or now - self._partitions[0] > _PARTITION_SECONDS:
            lines = _answer("sinfo", "-h", "-o", slurm_output.SINFO_FORMAT)
            self._partitions = now, slurm_output.partitions(lines)
        return self._partitions[1]

    def script(self, request: AllocationRequest) -> str:
        """Return the script of a request, without anything secret."""
        return batch_script(request)

    def submit(self, request: AllocationRequest) -> Submitted:
        """Submit a request."""
        cluster = self.cluster_name()
        done = run_command(
            ["sbatch", "--parsable"], text=batch_script(request), environ=_environ(request)
        )
        if done.code:
            raise ClusterRefused(
                f"Slurm refused the request: {done.message}", hint=_hint(done.message)
            )
        found = slurm_output.submitted(done.lines)
        if found is None:
            raise ClusterSilent("sbatch did not print the id of the job")
        return found if found.cluster else found._replace(cluster=cluster)

    def look(self) -> Mapping[str, SeenAllocation]:
        """Return all allocations of this user by id, also those that ended a short time ago."""
        user = str(os.getuid())
        return slurm_output.queue(
            _answer("squeue", "-h", "-u", user, "-t", "all", "-o", slurm_output.SQUEUE_FORMAT)
        )

    def ended(self, ids: Collection[str]) -> Mapping[str, SeenAllocation]:
        """Return what the accounting knows of these allocations; nothing if there is none."""
        command = ["sacct", "-X", "-n", "-P", "-o", slurm_output.SACCT_FORMAT, "-j", ",".join(ids)]
        try:
            done = run_command(command)
        except ClusterSilent:
            return {}
        return {} if done.code else slurm_output.accounts(done.lines)

    def accounts(self, ids: Collection[str]) -> list[AccountRecord]:
        """Return what the accounting knows of allocations and their steps."""
        if not ids:
            return []
        fields = ",".join(slurm_accounts.FIELDS)
        done = run_command(["sacct", "-n", "-P", "-o", fields, "-j", ",".join(ids)])
        if done.code:
            raise ClusterRefused(
                f"Slurm has no accounting to show: {done.message}",
                hint="`torc slurm usage` shows what torc itself has measured",
            )
        return slurm_accounts.read_accounts(done.lines)

    def estimate(self, request: AllocationRequest) -> float | None:
        """Return when the request would start; None if that is unknown."""
        try:
            done = run_command(
                ["sbatch", "--test-only"], text=batch_script(request), environ=_environ(request)
            )
        except ClusterSilent:
            return None
        return slurm_output.estimate([*done.errors, *done.lines])

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel allocations; those that have ended are left as they are."""
        if ids:
            run_command(["scancel", *ids])

    def cluster_name(self) -> str:
        """Return the name of the cluster, which tells its ids from those of another cluster."""
        if self._cluster is None:
            lines = run_command(["scontrol", "show", "config"]).lines
            found = (line.partition("=") for line in lines if line.startswith("ClusterName"))
            self._cluster = next((name.strip() for _, _, name in found), "")
        return self._cluster


def _answer(*command: str) -> list[str]:
    """Return what a query prints; ClusterSilent if it fails."""
    done = run_command(command)
    if done.code:
        raise ClusterSilent(f"{command[0]}: {done.message}")
    return done.lines


def _environ(request: AllocationRequest) -> dict[str, str]:
    """Return the environment of sbatch, which the job inherits."""
    environ = clean_environ(os.environ) | dict(request.secrets)
    for name in ("LC_ALL", "SLURM_TIME_FORMAT"):
        environ.pop(name)
        if name in os.environ:
            environ[name] = os.environ[name]
    return environ


def _hint(message: str) -> str | None:
    return next((hint for word, hint in _HINTS if word in message.lower()), None)
