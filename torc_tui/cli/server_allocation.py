"""Run the PostgreSQL server of a user in a small allocation of its own."""

from __future__ import annotations

import sys
import time

from torc_tui.cli.call import Call
from torc_tui.cli.database_server import print_started
from torc_tui.cli.diagnostics import OK, note
from torc_tui.cli.node_check import job_options
from torc_tui.clusters.base import AllocationRequest, Cluster
from torc_tui.clusters.choice import this_cluster
from torc_tui.errors import Refused, TorcError, UsageError
from torc_tui.operations.cluster_job import last_message, run_job
from torc_tui.operations.database_server import answers
from torc_tui.operations.server_files import ServerFiles, ServerRecord

_WALLTIME = 86_400.0
_LEAST_WALLTIME = 300.0
_MEMORY = 2 << 30
_CPUS = 1


def serve_in_allocation(call: Call, files: ServerFiles) -> int:
    """Request an allocation, and return when the server in it answers."""
    cluster = this_cluster()
    _refuse_second(files)
    files.make()
    log, since = files.directory / "serve.log", time.time()
    log.unlink(missing_ok=True)
    before = files.record()

    def new_record() -> ServerRecord | None:
        record = files.record()
        is_new = record is not None and record != before
        return record if is_new and record and record.stopped_at is None else None

    request = AllocationRequest(
        name="torc-database",
        comment="torc-database",
        directory=str(files.directory),
        output=str(log),
        walltime=_walltime(call, cluster),
        runner=_command(call, files),
        cpus=_CPUS,
        memory=_MEMORY,
    )
    if sys.stderr.isatty():
        note("waiting for a node of the cluster; Ctrl-C cancels the request")
    native_id = run_job(cluster, request, job_options(call.options), lambda: bool(new_record()))
    record = new_record()
    if record is None:
        raise TorcError(
            f"Slurm job {native_id} ended without a server: {last_message(log) or 'no message'}",
            hint=f"its output is in {log}",
        )
    if not answers(record):
        raise TorcError(
            f"the server runs on {record.machine}, but this host cannot reach"
            f" {record.host}:{record.port}",
            hint="stop it with `torc database stop`, and name it as this host knows it with --host",
        )
    print_started(call, files, record)
    note(
        f"Slurm job {native_id} on {record.machine}, started {time.time() - since:.1f} s after"
        " the request"
    )
    return OK


def _refuse_second(files: ServerFiles) -> None:
    record = files.record()
    if record is not None and record.stopped_at is None and answers(record):
        raise Refused(
            f"a server of this directory runs on {record.machine}, port {record.port}",
            hint="`torc database stop` stops it",
        )


def _walltime(call: Call, cluster: Cluster) -> float:
    """Return the time limit to request: what the user wants, else a day or what is allowed."""
    given: float | None = call.options.walltime
    if given is not None:
        if given < _LEAST_WALLTIME:
            raise UsageError(f"--walltime must be at least {_LEAST_WALLTIME:g} s")
        return given
    name = call.options.partition
    for one in cluster.partitions():
        if one.name == name or (name is None and one.is_default):
            return min(_WALLTIME, one.max_walltime or _WALLTIME)
    return _WALLTIME


def _command(call: Call, files: ServerFiles) -> tuple[str, ...]:
    """Return the command that serves on the node."""
    given = call.options
    values = {
        "--directory": files.directory,
        "--data": given.data,
        "--host": given.host,
        "--port": given.port,
        "--pg-bin": given.pg_bin,
        "--dump-every": given.dump_every,
    }
    words = [f"{name}={value}" for name, value in values.items() if value is not None]
    flags = {"--fast-commits": given.fast_commits, "--from-dump": given.from_dump}
    words += [name for name, chosen in flags.items() if chosen]
    return (sys.executable, "-m", "torc_tui.cli.main", "database", "serve", *words)
