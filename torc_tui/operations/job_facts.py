"""Gather the facts that explain the status of jobs: from the database, the runners and the GPUs.

Input: a database and a workflow. Output: the facts for `torc_tui.views.why`. What fits where is
decided in `torc_tui.resources`; nothing is decided or changed here.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torc_tui.errors import NotFound
from torc_tui.model import Allocation, Job, Machine, ResourceRequirements, Workflow
from torc_tui.operations.host import Host, HostReader, machine_of
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.detect import detect_machine
from torc_tui.resources.explain import Shortfall
from torc_tui.resources.explain import explain as shortfalls_of
from torc_tui.resources.explain import never as never_of
from torc_tui.resources.gpus import ForeignPolicy, gpu_need
from torc_tui.resources.pool import Pool
from torc_tui.status import FINISHED, FOLLOWING, STARTABLE, JobStatus
from torc_tui.store import allocations_held, queries, workflows
from torc_tui.store import workflow_progress as store_outlook
from torc_tui.store.allocations_held import Runner
from torc_tui.store.database import Store
from torc_tui.views import why as views


class Lack(NamedTuple):
    """What keeps a request from being served: resources in use now, or that no machine has."""

    now: tuple[Reason, ...] = ()
    never: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """How the runners of a workflow stand: how many there are, and what each kind of request
    lacks.
    """

    runners: int
    lacks: Mapping[int, Lack]


def outlook(
    store: Store,
    workflow_id: int,
    requirements: Mapping[int, ResourceRequirements],
    host: HostReader | Host,
) -> Outlook:
    """What keeps ready jobs with these requirements (by id) from starting.

    The best runner counts: what one of them can serve lacks nothing. Without a runner it is said
    what this host can never give. ``host``: a reading, or who makes one if a request wants GPUs.
    """
    runners = allocations_held.runners(store, workflow_id=workflow_id)
    reading = host if isinstance(host, Host) else None

    def read() -> Host:
        nonlocal reading
        if reading is None:
            assert isinstance(host, HostReader)
            reading = host.read(store, load=False)
        return reading

    if not runners:
        machine = detect_machine() if requirements else Machine(hostname="", num_cpus=0, memory=0)
        return Outlook(
            0,
            {
                key: Lack(never=_reasons(never_of(one, machine)))
                for key, one in requirements.items()
            },
        )
    lacks: dict[int, Lack] = {}
    wants_gpus = any(gpu_need(one) for one in requirements.values())
    for runner in runners:
        here = runner.location == host.location
        pool, whole = _pool(store, runner, read() if here and wants_gpus else None)
        full = _full(store, runner)
        for key, one in requirements.items():
            never = _reasons(never_of(one, whole))
            found = Lack((), never) if never else Lack((*full, *_reasons(shortfalls_of(one, pool))))
            best = lacks.get(key)
            if best is None or _worse(best) > _worse(found):
                lacks[key] = found
    return Outlook(len(runners), lacks)


class Stuck(NamedTuple):
    """A ready job that nobody can ever serve, with what it lacks."""

    job_id: int
    name: str
    reason: Reason


def stuck(store: Store, workflow_id: int, limit: int = 1000) -> tuple[list[Stuck], bool]:
    """The ready jobs that can never run on the runners that there are (without one: on this host),
    and whether that is all that is ready.
    """
    with store.read() as conn:
        ready = [
            one for one in store_outlook.left(conn, workflow_id) if one.status == JobStatus.READY
        ]
        requirements = workflows.read_requirements(conn, workflow_id)
    asked = {one.requirement_id: requirements[one.requirement_id] for one in ready}
    if not asked:
        return [], False
    lacks = outlook(store, workflow_id, asked, HostReader()).lacks
    never = {
        key: because(Kind.UNSCHEDULABLE, lacks=lack.never)
        for key, lack in lacks.items()
        if lack.never
    }
    found: list[Stuck] = []
    with store.read() as conn:
        for key, reason in never.items():
            names = store_outlook.names(conn, workflow_id, key, JobStatus.READY, limit)
            found += [Stuck(job_id, name, reason) for job_id, name in names]
    return found, len(never) == len(asked)


def _pool(store: Store, runner: Runner, here: Host | None) -> tuple[Pool, Machine]:
    """What a runner could give now, and its machine as it was found."""
    whole = machine_of(runner)
    policy: ForeignPolicy = "ignore" if runner.options.get("gpu_foreign") == "ignore" else "avoid"
    if here is not None:
        return here.pool(runner, policy), whole
    held: list[Allocation] = [
        one.allocation for one in allocations_held.holdings(store, runner.location)
    ]
    return Pool(whole, held, foreign=policy), whole


def _full(store: Store, runner: Runner) -> tuple[Reason, ...]:
    limit = runner.options.get("max_parallel_jobs")
    if limit is None:
        return ()
    running = sum(
        one.node_id == runner.node_id for one in allocations_held.holdings(store, runner.location)
    )
    if running < limit:
        return ()
    return (because(Kind.PARALLEL_LIMIT, running=running, limit=limit),)


def _worse(lack: Lack) -> int:
    return 2 if lack.never else 1 if lack.now else 0


def _reasons(shortfalls: Collection[Shortfall]) -> tuple[Reason, ...]:
    return tuple(shortfall.reason for shortfall in shortfalls)


class JobFacts:
    """Gathers what ``views.why`` wants to know about the jobs of one workflow, each thing once."""

    def __init__(self, store: Store, workflow_id: int, host: HostReader | None = None) -> None:
        self.store = store
        self.workflow: Workflow = workflows.get_workflow(store, workflow_id)
        self.now = time.time()
        self._host = host or HostReader()
        with store.read() as conn:
            self.requirements = workflows.read_requirements(conn, workflow_id)
        self._outlook: Outlook | None = None

    @property
    def outlook(self) -> Outlook:
        """How the runners stand; read when it is first wanted."""
        if self._outlook is None:
            self._outlook = outlook(self.store, self.workflow.id, self.requirements, self._host)
        return self._outlook

    def of(self, job_id: int) -> views.Facts | None:
        """The facts about a job; None when it is gone."""
        try:
            record = queries.get_job(self.store, job_id)
        except NotFound:
            return None
        job = job_of(record)
        blockers = []
        if job.status in FOLLOWING:
            blockers = [self._blocker(found) for found in queries.dependencies(self.store, job_id)]
            done = JobStatus.COMPLETED
            blockers = [blocker for blocker in blockers if blocker.status is not done]
        waits = job.status in STARTABLE
        lack = (
            self.outlook.lacks.get(job.requirement_id, Lack())
            if job.status is JobStatus.READY
            else Lack()
        )
        return views.Facts(
            job=job,
            now=self.now,
            blockers=blockers,
            shortfalls=lack.now,
            never=lack.never,
            paused=self.workflow.is_paused,
            canceled=self.workflow.is_canceled,
            runners=self.outlook.runners if waits else None,
            missing_inputs=self._missing(job_id)
            if job.status in (JobStatus.READY, JobStatus.FAILED)
            else (),
        )

    def _blocker(self, found: queries.Dependency) -> views.Blocker:
        code = reason = None
        if found.status in FINISHED and found.status is not JobStatus.COMPLETED:
            record = queries.get_job(self.store, found.job_id)
            code, reason = record["return_code"], record["reason"]
        return views.Blocker(
            found.job_id, found.name, found.status, found.kind, found.via, code, reason
        )

    def _missing(self, job_id: int) -> list[str]:
        folder = Path(self.workflow.directory)
        files = queries.job_io(self.store, job_id).input_files
        return [file["name"] for file in files if not (folder / file["path"]).exists()]


def job_of(record: dict[str, Any]) -> Job:
    """The row of a job from its record."""
    return Job(
        id=record["id"],
        name=record["name"],
        status=JobStatus.from_word(record["status"]),
        group=record["group"],
        priority=record["priority"],
        held=record["held"],
        attempt_id=record["attempt_id"],
        requirement_id=record["resource_requirements_id"],
        compute_node_id=record["compute_node_id"],
        started_at=record["started_at"],
        ended_at=record["ended_at"],
        return_code=record["return_code"],
        reason=record["reason"],
        not_before=record["not_before"],
    )
