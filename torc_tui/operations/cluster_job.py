"""Run a small job of torc itself on the cluster, and wait until it has done something.

Input: a cluster, a request. Output: the id of the job. An interrupted caller cancels the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from torc_tui.clusters.base import AllocationRequest, Cluster, ClusterSilent
from torc_tui.errors import TorcError
from torc_tui.quoting import shorten
from torc_tui.redaction import password_of
from torc_tui.resources.allocation_states import AllocationState
from torc_tui.tuples import NamedTuple

_LOOK_SECONDS = 5.0
_POLL_SECONDS = 0.2
_LINE = 200
"""Characters of the last message of a log that are shown."""
_TAIL = 4096
_OF_SLURM = ("srun: ", "slurmstepd: ")


class ClusterJobOptions(NamedTuple):
    """Where a job runs, and how long the caller waits for it in seconds."""

    account: str | None = None
    partition: str | None = None
    qos: str | None = None
    timeout: float = 600.0


class DatabaseEnviron(NamedTuple):
    """The variable that names the database, for the script of a job or outside of it."""

    environ: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()


def database_environ(url: str) -> DatabaseEnviron:
    """Return the variable by which a node finds the database; a password stays off the script."""
    variable = (("TORC_DATABASE", url),)
    is_secret = password_of(url) is not None
    return DatabaseEnviron(secrets=variable) if is_secret else DatabaseEnviron(variable)


def run_job(
    cluster: Cluster,
    request: AllocationRequest,
    options: ClusterJobOptions,
    is_done: Callable[[], bool],
) -> str:
    """Submit a job and wait until it is done, or has ended; return its id.

    A job that is not done in time is canceled.
    """
    native_id = cluster.submit(
        request._replace(account=options.account, partition=options.partition, qos=options.qos)
    ).native_id
    try:
        _wait(cluster, native_id, options.timeout, is_done)
    except BaseException:
        with suppress(TorcError):
            cluster.cancel([native_id])
        raise
    return native_id


def _wait(cluster: Cluster, native_id: str, timeout: float, is_done: Callable[[], bool]) -> None:
    end = time.monotonic() + timeout
    next_look = time.monotonic() + _LOOK_SECONDS
    reason = "the cluster does not answer"
    while not is_done():
        now = time.monotonic()
        if now > end:
            raise TorcError(
                f"Slurm job {native_id} did not start or end within {timeout:g} s ({reason})",
                hint="wait longer with --timeout, or name another --partition",
            )
        if now >= next_look:
            next_look = now + _LOOK_SECONDS
            with suppress(ClusterSilent):
                seen = cluster.look().get(native_id)
                if seen is None or seen.state is AllocationState.ENDED:
                    return
                reason = seen.reason or seen.word
        time.sleep(_POLL_SECONDS)


def last_message(log: Path) -> str:
    """Return the last message in the log of a job of torc; empty without a log.

    Lines about exit codes say nothing about the reason, and indented lines are hints.
    """
    try:
        lines = log.read_bytes()[-_TAIL:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    texts = [line for line in lines if line.strip()]
    found = [text for text in texts if not text.startswith((*_OF_SLURM, " ", "\t"))] or texts
    return shorten(found[-1].strip(), _LINE) if found else ""
