"""Read the state of this machine: CPUs, memory and GPUs, what jobs hold and what others use.

Input: the system, the GPU driver, the database. Output: `MachineState` readings. A reading
takes milliseconds, so the app makes it in a thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence

from torc_tui.clusters.inside import read_allocation
from torc_tui.model import Allocation, AttemptKey, Gpu, Machine
from torc_tui.operations.gpu_health import SharedHealth, reasons
from torc_tui.operations.own_load import OwnLoad, OwnUse
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field, replace
from torc_tui.resources.attempt_tag import attempt_tag
from torc_tui.resources.detect import detect_machine
from torc_tui.resources.gpu_claims import GrantOwner, Tenant
from torc_tui.resources.gpu_health import GpuHealth
from torc_tui.resources.gpu_reading import GpuReading
from torc_tui.resources.gpu_service import SILENT, GpuService
from torc_tui.resources.gpu_state import GpuState
from torc_tui.resources.gpus import rules_of
from torc_tui.resources.host_ledger import Ledger, LedgerEntry
from torc_tui.resources.machine_identity import hostname
from torc_tui.resources.pool import Pool
from torc_tui.store import runner_liveness
from torc_tui.store.compute_nodes import this_location
from torc_tui.store.database import Store
from torc_tui.store.runner_liveness import ActiveRunner, Holding
from torc_tui.tuples import NamedTuple
from torc_tui.units import in_thousandths


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """One reading.

    ``machine`` has all resources of this machine, and its GPUs as they are now. ``cpu_percent`` is
    the load of each CPU since the last reading, empty in the first one. ``memory_used`` is in bytes
    and counts all programs. ``own`` is the part of the jobs of this database.
    """

    at: float
    machine: Machine
    holdings: Sequence[Holding] = ()
    runners: Sequence[ActiveRunner] = ()
    cpu_percent: Sequence[float] = ()
    memory_used: int = 0
    own: OwnUse = OwnUse()
    notices: Sequence[Reason] = ()
    location: str = ""
    others: Sequence[LedgerEntry] = ()
    health: GpuHealth = field(default_factory=GpuHealth)

    @property
    def sees_gpus(self) -> bool:
        """Return whether the driver answers; if not, only what runners found is known."""
        return any(not gpu.virtual for gpu in self.machine.gpus)

    @property
    def gpu_problem(self) -> Reason | None:
        """Return what keeps the GPUs from being read; None if they are read."""
        if self.sees_gpus:
            return None
        found = (one for one in self.notices if one.kind is Kind.GPU_DRIVER)
        return next(found, None)

    @property
    def held(self) -> Allocation:
        """Return the CPUs and the memory that all jobs hold together."""
        held = [one.allocation for one in self.holdings]
        cpus = in_thousandths(sum(one.num_cpus for one in held))
        return Allocation(cpus, sum(one.memory for one in held))

    def gpu_states(self) -> list[GpuState]:
        """Return the GPUs, also virtual ones, with what is held, reserved and used of each."""
        return self._with_holdings(Pool(self.machine), None).gpu_states

    def set_aside(self) -> Mapping[str, Reason]:
        """Return why no job starts on GPUs, by UUID."""
        return self._with_holdings(Pool(self.machine), None).set_aside

    def holders(self, uuid: str) -> list[Holding]:
        """Return the jobs that hold a GPU or a part of it."""
        return [
            one for one in self.holdings if any(grant.uuid == uuid for grant in one.allocation.gpus)
        ]

    def pool(self, runner: ActiveRunner) -> Pool:
        """Return what a runner of this machine has free, without what all runners hold."""
        live = {gpu.uuid: gpu for gpu in self.machine.gpus}
        machine = machine_of(runner, live if self.sees_gpus else None)
        return self._with_holdings(Pool(machine, rules=rules_of(runner.options)), runner)

    def _with_holdings(self, pool: Pool, runner: ActiveRunner | None) -> Pool:
        """Count in a pool what all runners hold, and what their jobs use of the GPUs."""
        tenants = []
        for one in self.holdings:
            other = runner is None or one.node_id != runner.node_id
            pool.hold(one.allocation, other=other)
            if one.pid:
                tenants.append((Tenant(one.pid, one.started_at or 0.0), one.allocation))
        for entry in self.others:
            owner = GrantOwner(entry.user, entry.job, entry.since)
            pool.hold(Allocation(gpus=entry.allocation.gpus), other=True, owner=owner)
        gpus = [state.gpu for state in pool.gpu_states if state.gpu is not None]
        pool.update(gpus, tenants, self.at)
        in_use = [state.gpu.uuid for state in pool.gpu_states if state.gpu and state.grants]
        pool.set_aside = reasons(self.health, gpus, in_use, self.at)
        return pool


class OtherUse(NamedTuple):
    """The resources that the jobs of a workflow in another database hold here."""

    user: str
    workflow: str
    jobs: int
    held: Allocation


def other_use(entries: Iterable[LedgerEntry]) -> list[OtherUse]:
    """Return the resources held by workflows of other databases, the largest first."""
    found: dict[tuple[str, str], OtherUse] = {}
    for entry in entries:
        key, more = (entry.user, entry.workflow), entry.allocation
        known = found.get(key, OtherUse(*key, 0, Allocation()))
        held = Allocation(
            in_thousandths(known.held.num_cpus + more.num_cpus),
            known.held.memory + more.memory,
            (*known.held.gpus, *more.gpus),
        )
        found[key] = OtherUse(*key, known.jobs + entry.jobs, held)
    return sorted(found.values(), key=lambda one: (-one.held.num_cpus, one.user, one.workflow))


def held_by_others(entries: Iterable[LedgerEntry]) -> Reason | None:
    """Return the CPUs and memory held by jobs of other databases; None if they hold nothing."""
    use = other_use(entries)
    cpus = in_thousandths(sum(one.held.num_cpus for one in use))
    memory = sum(one.held.memory for one in use)
    if not cpus and not memory:
        return None
    users = tuple(sorted({one.user for one in use}))
    return because(Kind.OTHER_DATABASES, users=users, num_cpus=cpus, memory=memory)


class MachineReader:
    """Makes readings, in one thread; the driver stays open between them.

    It reads all GPUs that can be opened, also those that CUDA_VISIBLE_DEVICES or Slurm hide from
    this process, because other runners may use them. A driver that does not answer costs at most
    the deadline of `GpuService`.
    """

    def __init__(self) -> None:
        allocation = read_allocation(os.environ)
        self.location = this_location(allocation.name_on(hostname()) if allocation else "")
        hiding = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
        self._gpus = GpuService(
            {name: value for name, value in os.environ.items() if name not in hiding}
        )
        self._notices: list[Reason] = []
        self._machine: Machine | None = None
        self._measured = False
        self._own = OwnLoad()

    def read(self, store: Store | None, *, load: bool = True) -> MachineState:
        """Return the current state; without a store, the jobs are not known.

        With ``load``, also measure the load of CPUs and memory.
        """
        held = runner_liveness.holdings(store, self.location) if store is not None else []
        runners = (
            runner_liveness.runners(store, location=self.location) if store is not None else []
        )
        reading = self._read_gpus(held, "" if store is None else store.url)
        ledger = Ledger(store.url if store is not None else "")
        health = SharedHealth(ledger, store).load()
        health.damaged(reading.damaged, time.time())  # the next runner that reads it records it
        if self._machine is None:
            self._machine = detect_machine()
        percent: Sequence[float] = ()
        used, own = 0, OwnUse()
        if load:
            import psutil

            measured = psutil.cpu_percent(percpu=True)
            percent = measured if self._measured else ()
            self._measured = True
            memory = psutil.virtual_memory()
            used = memory.total - memory.available
            own = self._own.measure((one.pid for one in held), (one.pid for one in runners))
        virtual = {
            gpu["uuid"]: _virtual(gpu)
            for one in runners
            for gpu in one.gpus or ()
            if gpu["virtual"]
        }
        return MachineState(
            at=time.time(),
            machine=replace(self._machine, gpus=(*reading.gpus, *virtual.values())),
            holdings=held,
            runners=runners,
            cpu_percent=percent,
            memory_used=used,
            own=own,
            notices=tuple(self._notices),
            location=self.location,
            others=ledger.others(),
            health=health,
        )

    def _read_gpus(self, held: Sequence[Holding], database: str) -> GpuReading:
        own = {
            one.pid: attempt_tag(
                database, AttemptKey(one.workflow_id, one.job_id, one.run_id, one.attempt_id)
            )
            for one in held
            if one.pid
        }
        reading = self._gpus.read(own)
        if reading is None:
            if SILENT not in self._notices:
                self._notices.append(SILENT)
            return GpuReading()
        silent = [SILENT] if SILENT in self._notices and not reading.answers else []
        self._notices = [*(one for one in self._notices if one != SILENT), *silent]
        self._notices += [one for one in reading.notices if one not in self._notices]
        return reading

    def close(self) -> None:
        """Close the driver."""
        self._gpus.close()


def machine_of(runner: ActiveRunner, live: Mapping[str, Gpu] | None = None) -> Machine:
    """Return the machine as a runner may use it.

    ``live`` are new readings of GPUs by UUID; a GPU that is not among them does not answer. None
    for the GPUs as the runner found them.
    """
    gpus = []
    for gpu in runner.gpus or ():
        if gpu["virtual"]:
            gpus.append(_virtual(gpu))
        elif live is None:
            gpus.append(
                Gpu(uuid=gpu["uuid"], index=gpu["index"], name=gpu["name"], memory=gpu["memory"])
            )
        elif gpu["uuid"] in live:
            gpus.append(live[gpu["uuid"]])
    return Machine(
        hostname=runner.hostname,
        num_cpus=runner.num_cpus,
        memory=runner.memory,
        gpus=tuple(gpus),
        gpu_limit=runner.options.get("num_gpus"),
        gpus_known=runner.gpus is not None,
    )


def _virtual(gpu: Mapping[str, object]) -> Gpu:
    return Gpu(
        uuid=str(gpu["uuid"]), index=int(str(gpu["index"])), name=str(gpu["name"]), virtual=True
    )
