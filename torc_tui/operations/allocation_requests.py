"""Request allocations from a cluster.

Input: what is wanted. Output: rows of allocations, and requests to the cluster.

Invariant: the row of an allocation is committed before the cluster is asked, and its id is in the
comment of the request. Whatever process dies in between, the allocation is found by its comment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torc_tui.clusters.base import AllocationRequest, Cluster, ClusterRefused, ClusterSilent
from torc_tui.errors import TorcError
from torc_tui.model import Workflow
from torc_tui.operations.cluster_job import database_environ
from torc_tui.operations.submit_options import SchedulerSettings
from torc_tui.quoting import shorten
from torc_tui.resources.allocation_states import AllocationState
from torc_tui.resources.demand_records import WantedAllocation
from torc_tui.store import allocations
from torc_tui.store.allocations import AllocationChange, NewAllocation
from torc_tui.store.connection import Connection
from torc_tui.store.database import Store
from torc_tui.store.log_files import output_folder
from torc_tui.tuples import NamedTuple

COMMENT = "torc"
"""First word of the comment of every request: torc:DATABASE:ALLOCATION."""
_REASON = 500
"""Characters of a refusal that are stored."""


class RequestResult(NamedTuple):
    """A requested allocation; at most one of the errors is set.

    After ``silent`` it is unknown whether the cluster accepted the request.
    """

    allocation_id: int
    wanted: WantedAllocation
    native_id: str | None = None
    refused: ClusterRefused | None = None
    silent: ClusterSilent | None = None


class Requester:
    """Requests allocations of one workflow from a cluster."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        workflow: Workflow,
        schedulers: dict[str | None, SchedulerSettings],
        actor: str | None,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._workflow = workflow
        self._schedulers = schedulers
        self._actor = actor

    def request(
        self, wanted: WantedAllocation, at: float, *, by_hand: bool = False
    ) -> RequestResult:
        """Request an allocation and record what became of the request."""
        allocation_id, request = self._record(wanted, at, by_hand)
        try:
            found = self._cluster.submit(request)
        except ClusterSilent as silent:
            return RequestResult(allocation_id, wanted, silent=silent)
        except ClusterRefused as refused:
            self._refuse(allocation_id, refused, at)
            return RequestResult(allocation_id, wanted, refused=refused)
        with self._store.write() as conn:
            allocations.submitted(conn, allocation_id, found.native_id, found.cluster)
        return RequestResult(allocation_id, wanted, native_id=found.native_id)

    def preview(self, wanted: WantedAllocation) -> AllocationRequest:
        """Return the request without recording anything."""
        return self._build(wanted, 0, f"{COMMENT}:preview:0")

    def _record(
        self, wanted: WantedAllocation, at: float, by_hand: bool
    ) -> tuple[int, AllocationRequest]:
        """Write the row of an allocation that is about to be requested."""
        settings = {
            "jobs": {str(number): jobs for number, jobs in wanted.jobs.items()},
            "labels": list(wanted.labels),
            "partition": wanted.partition,
            **({"by_hand": True} if by_hand else {}),
        }
        new = NewAllocation(
            workflow_id=self._workflow.id,
            run_id=self._workflow.run_id,
            engine=self._cluster.engine,
            queue_group=wanted.group,
            scheduler=wanted.scheduler,
            nodes=wanted.nodes,
            cpus=wanted.cpus,
            memory=wanted.memory,
            gpus={wanted.gpu_type: wanted.gpus} if wanted.gpus else {},
            walltime=wanted.walltime,
            settings=settings,
        )
        self._make_folder()
        with self._store.write() as conn:
            number = allocations.request(conn, new, at=at, actor=self._actor)
            comment = comment_of(conn, number)
            request = self._build(wanted, number, comment)
            allocations.describe(
                conn,
                number,
                script=self._cluster.script(request),
                stdout=request.output,
                settings=settings,
            )
        return number, request

    def _refuse(self, allocation_id: int, refused: ClusterRefused, at: float) -> None:
        change = AllocationChange(
            AllocationState.REFUSED,
            reason=shorten(refused.message, _REASON),
            ended_at=at,
        )
        with self._store.write() as conn:
            for row in allocations.open_of(conn, self._workflow.id):
                if row.id == allocation_id:
                    settings = allocations.settings_of(row)
                    allocations.change(conn, row, change._replace(settings=settings), at=at)

    def _make_folder(self) -> None:
        """Create the folder of the logs: the cluster does not."""
        folder = Path(output_folder(self._workflow.directory))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TorcError(f"cannot create the folder {folder}: {error.strerror}") from error

    def _build(self, wanted: WantedAllocation, number: int, comment: str) -> AllocationRequest:
        workflow = self._workflow
        own = self._schedulers.get(wanted.scheduler) or self._schedulers[None]
        folder = output_folder(workflow.directory)
        database = database_environ(self._store.url)
        name = f"torc-wf{workflow.id}"
        return AllocationRequest(
            name=f"{name}-{wanted.scheduler}" if wanted.scheduler else name,
            comment=comment,
            directory=workflow.directory,
            output=f"{folder}/slurm_output_wf{workflow.id}_al{number}_%j.log",
            walltime=wanted.walltime,
            runner=_runner(workflow.id, number, wanted),
            nodes=wanted.nodes,
            cpus=max(wanted.cpus, own.least_cpus),
            memory=wanted.memory,
            gpus=own.gres or _gres(wanted),
            account=own.account or None,
            partition=wanted.partition or None,
            qos=own.qos,
            options=own.options,
            commands=own.commands,
            environ=database.environ,
            secrets=database.secrets,
            requeue=own.requeue,
            serialize=own.serialize,
        )


def _runner(workflow_id: int, number: int, wanted: WantedAllocation) -> tuple[str, ...]:
    """Return the command that starts a runner."""
    program = (sys.executable, "-m", "torc_tui.cli.main", "run", str(workflow_id))
    labels = ("--label", ",".join(wanted.labels)) if wanted.labels else ()
    parallel = wanted.max_parallel_jobs
    limit = () if parallel is None else ("--max-parallel-jobs", str(parallel))
    return (*program, "--allocation", str(number), *labels, *limit)


def _gres(wanted: WantedAllocation) -> str:
    if not wanted.gpus:
        return ""
    kind = f":{wanted.gpu_type}" if wanted.gpu_type else ""
    return f"gpu{kind}:{wanted.gpus}"


def comment_of(conn: Connection, allocation_id: int) -> str:
    """Return the comment by which the allocation is found in the queue."""
    return f"{COMMENT}:{allocations.database_id(conn)}:{allocation_id}"
