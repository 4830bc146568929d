"""Find what ready jobs lack on the runners of a workflow, and which jobs can never start there.

Input: a database, a workflow, what jobs request. Output: reasons. `torc_tui.resources` decides
which request fits on which runner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from torc_tui.model import Machine, ResourceRequirements
from torc_tui.operations import next_job
from torc_tui.operations.machine_state import (
    MachineReader,
    MachineState,
    held_by_others,
    machine_of,
)
from torc_tui.operations.next_job import NextJob
from torc_tui.operations.submitted import cluster_of
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, replace
from torc_tui.resources.detect import detect_machine
from torc_tui.resources.explain import Shortfall
from torc_tui.resources.explain import explain as shortfalls_of
from torc_tui.resources.explain import never as never_of
from torc_tui.resources.gpu_service import read_once
from torc_tui.resources.gpus import gpu_need, rules_of
from torc_tui.resources.host_ledger import Ledger
from torc_tui.resources.labels import serves
from torc_tui.resources.pool import Pool
from torc_tui.status import JobStatus
from torc_tui.store import runner_liveness, sql, workflows
from torc_tui.store.compute_nodes import is_on_this_machine
from torc_tui.store.database import Store
from torc_tui.store.runner_liveness import ActiveRunner
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.operations.cluster_state import ClusterState
    from torc_tui.operations.core_lacks import CoreLacks


class Lack(NamedTuple):
    """The resources that a request lacks: in use ``now``, or available on no runner.

    ``ends``: it lacks nothing but time; the runners that could serve it, and the seconds that each
    has left.
    """

    now: tuple[Reason, ...] = ()
    never: tuple[Reason, ...] = ()
    ends: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestLacks:
    """The labels of each runner of a workflow, and the lack of each kind of request, by id."""

    labels: tuple[tuple[str, ...], ...]
    lacks: Mapping[int, Lack]
    next_job: NextJob | None = None
    """The job for which resources are reserved."""
    cores: CoreLacks | None = None
    """The lack of cores of jobs that are bound to cores."""
    waits: tuple[Reason, ...] = ()
    """What jobs wait for that no runner serves, if the workflow was submitted to a cluster."""
    open_labels: tuple[tuple[str, ...], ...] = ()
    """The labels of each open allocation."""

    def of(self, job_id: int, requirement_id: int) -> Lack | None:
        """Return the lack of a ready job; None if it is unknown."""
        lack = self.lacks.get(requirement_id)
        if lack == Lack() and self.cores is not None:
            return Lack(self.cores.of(job_id, requirement_id))
        if self.next_job is None or self.next_job.job_id != job_id or not (lack and lack.now):
            return lack
        return Lack((*lack.now, self.next_job.reason))

    @property
    def runners(self) -> int:
        """The number of runners."""
        return len(self.labels)

    def unserved(self, labels: Collection[str]) -> Reason | None:
        """Return the reason if no runner takes jobs with these labels; None if one does.

        Without any runner, only jobs with labels have such a reason.
        """
        if any(serves(own, labels) for own in self.labels) or not (labels or self.labels):
            return None
        if any(serves(own, labels) for own in self.open_labels):
            return self.waits[0]
        return because(Kind.LABELS, labels=tuple(labels))


def request_lacks(
    store: Store,
    workflow_id: int,
    requirements: Mapping[int, ResourceRequirements],
    machine: MachineReader | MachineState,
    cluster: ClusterState | None = None,
) -> RequestLacks:
    """Return the lacks that keep ready jobs with these requirements (by id) from starting.

    A request lacks nothing if one of the runners can serve it. Without a runner, only requests that
    this machine can never serve are known. ``machine`` is a reading, or the reader that makes one
    if a request needs GPUs. ``cluster`` has the allocations of the workflow, if it was submitted.
    """
    runners = runner_liveness.runners(store, workflow_id=workflow_id)
    if not runners:
        return _without_runner(requirements, cluster)
    state: MachineState | None = None
    if isinstance(machine, MachineState):
        state = machine
    elif any(map(gpu_need, requirements.values())) and any(
        runner.location == machine.location for runner in runners
    ):
        state = machine.read(store, load=False)
    lacks: dict[int, Lack] = {}
    first: NextJob | None = None
    for runner in runners:
        is_here = runner.location == machine.location
        one = _RunnerLacks(store, runner, state if is_here else None)
        first = first or one.next_job
        for key, request in requirements.items():
            found = one.of(key, request)
            if is_here and found.now:
                found = _with_others(found, state, store)
            best = lacks.get(key)
            if best is not None and best.ends and found.ends:
                lacks[key] = Lack(ends=(*best.ends, *found.ends))
            elif best is None or _worse(best) > _worse(found):
                lacks[key] = found
    lacks = {key: _of_cluster(cluster, key, requirements[key], lack) for key, lack in lacks.items()}
    labels = tuple(tuple(runner.labels or ()) for runner in runners)
    cores = None
    if any(is_on_this_machine(runner.location) for runner in runners):
        from torc_tui.operations.core_lacks import core_lacks

        cores = core_lacks(store, workflow_id, requirements)
    return _with_waits(RequestLacks(labels, lacks, first, cores), cluster)


def _without_runner(
    requirements: Mapping[int, ResourceRequirements], cluster: ClusterState | None
) -> RequestLacks:
    """Return what requests lack of this machine, or of the allocations that will run them."""
    if cluster is None:
        here = this_machine(requirements.values())
        found = {
            key: Lack(never=_reasons(never_of(one, here))) for key, one in requirements.items()
        }
        return RequestLacks((), found)
    nowhere = Lack(never=(because(Kind.NO_RUNNER),))
    found = {key: _of_cluster(cluster, key, one, nowhere) for key, one in requirements.items()}
    return _with_waits(RequestLacks((), found), cluster)


def _with_waits(lacks: RequestLacks, cluster: ClusterState | None) -> RequestLacks:
    if cluster is None:
        return lacks
    return replace(lacks, waits=cluster.waits(None), open_labels=cluster.labels)


def _of_cluster(
    cluster: ClusterState | None, key: int, request: ResourceRequirements, lack: Lack
) -> Lack:
    """Return what a request lacks, with the allocations that it waits for.

    What no present runner can serve, the next allocation can.
    """
    late: tuple[Reason, ...] = ()
    if lack.ends:
        nodes, left = zip(*lack.ends, strict=True)
        late = (because(Kind.WALLTIME_LEFT, requested=request.runtime, nodes=nodes, left=left),)
    if cluster is None:
        return Lack(late) if late else lack
    if lack.never or late:
        never = cluster.never(key)
        return Lack(never=(never,)) if never else Lack((*late, *cluster.waits(key)))
    return Lack((*lack.now, *cluster.coming(key))) if lack.now else lack


class _RunnerLacks:
    """The lacks of requests on one runner; ``state`` is set if the runner is on this machine."""

    def __init__(self, store: Store, runner: ActiveRunner, state: MachineState | None) -> None:
        if state is None:
            held = runner_liveness.holdings(store, runner.location)
            allocations = [one.allocation for one in held]
            pool = Pool(machine_of(runner), allocations, rules=rules_of(runner.options))
        else:
            held, pool = list(state.holdings), state.pool(runner)
        self._now = time.time()
        self._pool = pool
        self._whole = machine_of(runner)
        self._name, self._ends_at = runner.name, runner.ends_at
        self._problem = None if state is None else state.gpu_problem
        own = [one for one in held if one.node_id == runner.node_id]
        limit = runner.options.get("max_parallel_jobs")
        self._full = limit is not None and len(own) >= limit
        self._limit = because(Kind.PARALLEL_LIMIT, running=len(own), limit=limit)
        self.next_job: NextJob | None = None
        if not self._full and not self._problem:
            self.next_job = next_job.find(store, runner, pool, own, self._now)

    def of(self, key: int, request: ResourceRequirements) -> Lack:
        """Return the lack of the request with that id."""
        if self._problem and gpu_need(request):
            return Lack((self._problem,))
        if never := _reasons(never_of(request, self._whole)):
            return Lack((), never)
        if gpu_need(request) and not self._whole.gpus_known:
            return Lack((because(Kind.GPUS_UNREAD),))
        first, pool = self.next_job, self._pool
        if first is not None and key in first.after:
            passes = first.reservation.lets_pass(request, self._now)
            pool.reserved = frozenset() if passes else first.reservation.gpus
            pool.reserved_for = first.name
        left = None if self._ends_at is None else float(int(self._ends_at - self._now))
        if request.runtime and left is not None and request.runtime > left:
            return Lack(ends=((self._name, left),))
        found = _reasons(shortfalls_of(request, pool))
        pool.reserved = frozenset()
        return Lack((self._limit, *found) if self._full else found)


def _with_others(lack: Lack, state: MachineState | None, store: Store) -> Lack:
    """Return what a request lacks now; for CPUs or memory, add what other databases hold."""
    if not any(one.kind in (Kind.CPUS, Kind.MEMORY) for one in lack.now):
        return lack
    others = held_by_others(Ledger(store.url).others() if state is None else state.others)
    return lack if others is None else Lack((*lack.now, others))


def this_machine(requests: Collection[ResourceRequirements]) -> Machine:
    """Return this machine, with its GPUs if a request needs some."""
    gpus = read_once().gpus if any(map(gpu_need, requests)) else ()
    return detect_machine(gpus=gpus)


class Unschedulable(NamedTuple):
    """A ready job that no runner can ever serve, and its lack."""

    job_id: int
    name: str
    reason: Reason


def unschedulable_jobs(store: Store, workflow_id: int) -> tuple[list[Unschedulable], bool]:
    """Return the ready jobs that can never run, and whether no other job is ready.

    Without a runner, the resources of this machine count.
    """
    with store.read() as conn:
        left = conn.rows(sql.REMAINING_JOBS, workflow_id=workflow_id)
        ready = [one for one in left if one.status == JobStatus.READY]
        requirements = workflows.read_requirements(conn, workflow_id)
    requested = {one.requirement_id: requirements[one.requirement_id] for one in ready}
    if not requested:
        return [], False
    cluster = cluster_of(store, workflow_id)
    lacks = request_lacks(store, workflow_id, requested, MachineReader(), cluster).lacks
    never = {
        key: because(Kind.UNSCHEDULABLE, lacks=lack.never)
        for key, lack in lacks.items()
        if lack.never
    }
    found: list[Unschedulable] = []
    with store.read() as conn:
        for one in {(one.requirement_id, one.labels): one for one in ready}.values():
            if (reason := never.get(one.requirement_id)) is not None:
                names = workflows.names(conn, workflow_id, one)
                found += [Unschedulable(job_id, name, reason) for job_id, name in names]
    return found, len(never) == len(requested)


def unserved_labels(
    store: Store, workflow_id: int, statuses: Collection[JobStatus] = (JobStatus.READY,)
) -> dict[str, int]:
    """Return the labels of jobs that no runner takes, with the number of jobs.

    Only jobs that are not held and have one of the statuses count. Labels that an open allocation
    has are served.
    """
    with store.read() as conn:
        left = conn.rows(sql.REMAINING_JOBS, workflow_id=workflow_id)
    labeled = [one for one in left if one.status in statuses and one.labels and not one.held]
    if not labeled:
        return {}
    active = runner_liveness.runners(store, workflow_id=workflow_id)
    cluster = cluster_of(store, workflow_id)
    found: dict[str, int] = {}
    for one in labeled:
        labels = json.loads(one.labels or "[]")
        if cluster is not None and any(serves(own, labels) for own in cluster.labels):
            continue
        if not any(serves(runner.labels or (), labels) for runner in active):
            key = ",".join(labels)
            found[key] = found.get(key, 0) + one.number
    return found


def _worse(lack: Lack) -> int:
    return 3 if lack.never else 2 if lack.ends else 1 if lack.now else 0


def _reasons(shortfalls: Collection[Shortfall]) -> tuple[Reason, ...]:
    return tuple(shortfall.reason for shortfall in shortfalls)
