"""Let nodes of the cluster check whether they can use the database.

Exit code 1 if they cannot.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torc_tui.cli import output
from torc_tui.cli.call import Call
from torc_tui.cli.diagnostics import FAILED, OK, note, print_stderr
from torc_tui.clusters.choice import this_cluster
from torc_tui.engine.database_retry import DEFAULT_MINUTES, Outage
from torc_tui.engine.report import RunOptions
from torc_tui.errors import NotFound, Refused, StoreUnavailable
from torc_tui.operations import database_check
from torc_tui.operations.cluster_job import ClusterJobOptions
from torc_tui.operations.database_check import NodeCheck
from torc_tui.operations.node_probe import INCREMENTS
from torc_tui.operations.shared_file import examine_file, report_unfit
from torc_tui.records import replace
from torc_tui.redaction import redact
from torc_tui.resources.machine_identity import hostname
from torc_tui.store.database import Store
from torc_tui.wording import listed


def check_nodes(call: Call, dialect: str, place: str) -> int:
    """Run the check on nodes, keep its result, and print it."""
    cluster, given = this_cluster(), call.options
    wanted = job_options(given)
    if sys.stderr.isatty():
        note("waiting for nodes of the cluster; Ctrl-C cancels the check")
    if dialect == "sqlite":
        with_store = Store.open(f"sqlite:///{place}")
        try:
            found = database_check.check_locks(place, cluster, wanted)
            with with_store.write() as conn:
                database_check.keep(conn, found)
        finally:
            with_store.close()
        good = (
            f"{listed(found.hosts)} lock files on {place} against each other and counted to"
            f" {2 * INCREMENTS}: several nodes can use it"
        )
    else:
        found = database_check.check_server(place, Path.cwd(), cluster, wanted)
        good = f"{listed(found.hosts)} can log in to {redact(place)}"
    return _print(call, found, place, dialect, good)


def open_in_allocation(call: Call, sleep: Callable[[float], None] = time.sleep) -> None:
    """Open the database on a node; wait for a server that does not answer, as a runner does later.

    The server may restart at the moment in which the allocation starts. Raise StoreUnavailable if
    it stays unavailable for too long, and NotFound for a file that the node does not see.
    """
    if call.missing_store is not None:
        raise NotFound(
            f"{hostname()} does not see the database {call.missing_store}",
            hint="put it into a directory that all nodes see, or use PostgreSQL",
        )
    outage = Outage(DEFAULT_MINUTES * 60)
    began, waited = time.monotonic(), 0.0
    while True:
        try:
            with call.store.read():
                return
        except StoreUnavailable as error:
            if not waited:
                print_stderr(f"waiting for the database: {error.message}")
            pause = outage.failed(error, began + waited, running=0)
        sleep(pause)
        waited += pause


def check_file(store: Store, options: RunOptions) -> RunOptions | None:
    """Return the options of a runner on this node if it may use an SQLite file.

    If not, report it to the allocator; raise Refused outside of the allocations that torc requests.
    """
    problem, silent = examine_file(store)
    if problem is None:
        return replace(options, silent_elsewhere=silent)
    if options.allocation is None:
        raise Refused(problem, hint="check the database first: `torc database check --slurm`")
    report_unfit(store, options.allocation, problem)
    print_stderr(problem)
    return None


def job_options(given: Any) -> ClusterJobOptions:
    """Return where a job of torc runs, as the command line says."""
    found = ClusterJobOptions(given.account, given.partition, given.qos)
    return found if given.timeout is None else found._replace(timeout=given.timeout)


def _print(call: Call, found: NodeCheck, place: str, dialect: str, good: str) -> int:
    if call.json:
        record = {"database": redact(place), "passed": found.problem is None, **found._asdict()}
        output.json_value(record)
    elif found.problem is None:
        output.line(good)
    else:
        print_stderr(f"nodes cannot use {redact(place)}: {found.problem}")
        print_stderr(f"  {_hint(found, dialect)}")
    return OK if found.problem is None else FAILED


def _hint(found: NodeCheck, dialect: str) -> str:
    if dialect == "sqlite":
        return "use PostgreSQL; `torc database serve` starts a server of your own"
    if found.hint is not None:
        return found.hint
    good = [target.rpartition(":")[0] for target, error in found.reached.items() if error is None]
    if good:
        return f"use this host in the URL: {good[0]}"
    return "start the server where nodes reach it, for instance with `torc database serve --slurm`"
