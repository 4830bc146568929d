"""Join a workflow: examine the machine, check the directories, and register the runner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torc_tui.clusters.inside import ClusterAllocation, job_environment
from torc_tui.clusters.slurm import current_allocation
from torc_tui.engine.database_retry import DEFAULT_MINUTES, Outage
from torc_tui.engine.gpu_readings import GpuWatch
from torc_tui.engine.log_ownership import log_location
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.report import Observer, RunOptions
from torc_tui.engine.shared_state import NodeIdentity
from torc_tui.engine.state import Deadline
from torc_tui.errors import StoreUnavailable, UsageError
from torc_tui.executors.base import Executor
from torc_tui.model import Json, Machine
from torc_tui.operations.job_environment import user_environment
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.resources.gpu_service import GpuService
from torc_tui.resources.pool import Pool
from torc_tui.resources.stand_ins import stand_ins
from torc_tui.store import compute_nodes, run_context, sql, workflows
from torc_tui.store.database import Store
from torc_tui.store.event_log import append
from torc_tui.store.log_files import output_folder
from torc_tui.tuples import NamedTuple

ALLOCATION_BUFFER_SECONDS = 10.0
"""Time that a runner reserves before the end of an allocation to record the ends of its jobs."""


class RunnerHost(NamedTuple):
    """The machine of a runner, its executor, its GPU watch, and its allocation.

    ``machine`` has no GPUs of a driver: ``watch`` reads them once a job requests GPUs.
    """

    machine: Machine
    executor: Executor
    watch: GpuWatch | None
    allocation: ClusterAllocation | None

    def process(self) -> compute_nodes.MachineProcess:
        """Return the identity of this process and of the allocation in which it runs."""
        name, found = self.machine.hostname, self.allocation
        if found is None:
            return compute_nodes.this_process(name)
        return compute_nodes.this_process(
            name,
            allocation=found.name_on(name),
            node_name=found.node_name,
            ends_at=found.ends_at,
        )

    def pool(self, options: RunOptions) -> Pool:
        """Return the resources of the machine, all of them free."""
        return Pool(self.machine, rules=options.gpu_rules)


class Joined(NamedTuple):
    """A registered runner."""

    process: compute_nodes.MachineProcess
    node: NodeIdentity
    maker: OrderMaker
    deadline: Deadline


def examine_host(
    options: RunOptions, machine: Machine | None, executor: Executor | None
) -> RunnerHost:
    """Return the host as the options limit it; detect what is not given."""
    from torc_tui.resources.detect import detect_machine

    watch = None
    if machine is None:
        chosen = {} if options.gpus is None else {"CUDA_VISIBLE_DEVICES": options.gpus}
        environ = {**os.environ, **chosen}
        service = GpuService(environ)
        gpus = stand_ins(environ, service.has_driver, options.num_gpus, options.virtual_gpus)
        if not gpus and options.num_gpus != 0:
            watch = GpuWatch(service, options.gpu_wait)
        machine = replace(
            detect_machine(num_cpus=options.num_cpus, memory_gb=options.memory_gb, gpus=gpus),
            gpu_limit=options.num_gpus,
            gpus_known=watch is None,
        )
    if executor is None:
        from torc_tui.executors.local import LocalExecutor

        executor = LocalExecutor(gpu_usage=watch.use if watch is not None else None)
    allocation = current_allocation(os.environ)
    if allocation and allocation.memory and options.memory_gb is None:  # a step may have less
        machine = replace(machine, memory=min(machine.memory, allocation.memory))
    return RunnerHost(machine, executor, watch, allocation)


def join(
    store: Store, workflow_id: int, options: RunOptions, host: RunnerHost, began: float
) -> Joined:
    """Register a runner that begins now; raise UsageError when no job could run."""
    with store.read() as conn:
        context = run_context.read(conn, workflow_id)
    output_dir = options.output_dir or output_folder(context.directory)
    check_directories(context.directory, output_dir)
    maker = OrderMaker(
        context,
        options,
        store_url=store.url,
        output_dir=output_dir,
        log_location=log_location(store, output_dir),
        gpus=host.machine.gpus,
        inherited=job_environment(user_environment(), host.allocation),
    )
    allocation = host.allocation
    jobs_end = allocation.ends_at - maker.grace if allocation and allocation.ends_at else None
    end_time = _end_time(options, context.settings, began, jobs_end)
    usual: Any = context.settings.get("compute_node_min_time_for_new_jobs_seconds", 0)
    deadline = Deadline(end_time, began, time.monotonic(), float(usual))
    with store.read() as conn:
        maker.check(conn.rows(sql.ENVIRONMENTS_WITH_REFERENCES, workflow_id=workflow_id))
    process = host.process()
    stored: Mapping[str, Any] = {
        "max_parallel_jobs": options.max_parallel_jobs,
        "output_dir": output_dir,
        "log_location": maker.log_location,
        "end_time": deadline.end_time,
        "limit_resources": options.limit_resources,
        "gpu_foreign": options.gpu_rules.foreign,
        "gpu_headroom": options.gpu_rules.headroom,
        "gpu_idle_memory": options.gpu_rules.idle_memory,
        "gpu_packing": options.gpu_rules.packing,
        "num_gpus": options.num_gpus,
        "labels": options.labels,
        "allocation": allocation._asdict() if allocation else None,
        "allocation_id": options.allocation,
    }
    with store.write() as conn:
        if options.silent_elsewhere is not None:
            from torc_tui.operations.shared_file import refuse_second_node  # seldom needed

            refuse_second_node(store, conn, options.silent_elsewhere)
        node_id, event = compute_nodes.register(
            conn, workflow_id, context.run_id, process, host.machine, stored, began
        )
        resumed = workflows.resume_interrupted(conn, workflow_id)
        append(conn, workflow_id, [event, *resumed], at=began)
    node = NodeIdentity(
        node_id=node_id,
        location=process.location,
        labels=options.labels,
        persistent=options.persistent,
        in_allocation=allocation is not None,
    )
    return Joined(process, node, maker, deadline)


def join_when_available(
    attempt: Callable[[], Joined], observer: Observer, executor: Executor
) -> Joined:
    """Return what ``attempt`` returns, as soon as the database can be used.

    No job runs yet, and the settings of the workflow are not known.
    """
    outage = Outage(DEFAULT_MINUTES * 60)
    while True:
        try:
            return attempt()
        except StoreUnavailable as error:
            first = outage.since is None
            pause = outage.failed(error, time.monotonic(), 0)
            if first:
                observer.notice(
                    because(Kind.DATABASE_AWAY, error=error.message, limit=outage.limit)
                )
            executor.wait(pause)


def check_directories(directory: str, output_dir: str) -> None:
    """Raise UsageError for a missing directory, without which every job would fail."""
    if not Path(directory).is_dir():
        raise UsageError(
            f"the working directory of the workflow does not exist: {directory}",
            hint="create it again, with the files that jobs need",
        )
    try:
        (Path(output_dir) / "job_stdio").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write to the output directory {output_dir}: {error.strerror}",
            hint="choose another directory with --output-dir",
        ) from error


def _end_time(
    options: RunOptions, settings: Mapping[str, Json], began: float, jobs_end: float | None
) -> float | None:
    """Return when the run ends: early enough to record the ends of its jobs.

    ``jobs_end`` is when the jobs must be stopped because their allocation ends.
    """
    buffer: Any = settings.get("compute_node_expiration_buffer_seconds")
    ends = []
    if options.end_time is not None:
        ends.append(options.end_time - float(buffer or 0))
    if options.time_limit is not None:
        ends.append(began + options.time_limit - float(buffer or 0))
    if jobs_end is not None:
        ends.append(jobs_end - float(ALLOCATION_BUFFER_SECONDS if buffer is None else buffer))
    return min(ends, default=None)
