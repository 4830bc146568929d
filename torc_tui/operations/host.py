"""Read the state of this host: CPUs, memory and GPUs, what jobs hold and what others use.

Input: the system, the GPU driver, the database. Output: `Host` readings. A reading takes
milliseconds, so the app makes it in a thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torc_tui.model import Allocation, Gpu, Machine
from torc_tui.resources.detect import detect_machine
from torc_tui.resources.gpu_monitor import GpuMonitor
from torc_tui.resources.gpus import ForeignPolicy, GpuState
from torc_tui.resources.pool import Pool
from torc_tui.store import allocations_held
from torc_tui.store.allocations_held import Holding, Runner
from torc_tui.store.compute_nodes import this_location
from torc_tui.store.database import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One reading. ``machine`` has all that could be used here, its GPUs as they are;
    ``cpu_percent`` is of each CPU of the host since the reading before (empty in the first),
    ``memory_used`` bytes in use by anybody.
    """

    at: float
    machine: Machine
    holdings: Sequence[Holding] = ()
    runners: Sequence[Runner] = ()
    cpu_percent: Sequence[float] = ()
    memory_used: int = 0
    notices: Sequence[str] = ()
    location: str = ""

    @property
    def sees_gpus(self) -> bool:
        """Whether the driver answers here; else what a runner has found is all that is known."""
        return any(not gpu.virtual for gpu in self.machine.gpus)

    @property
    def held(self) -> Allocation:
        """The CPUs and the memory that jobs hold, all together."""
        held = [one.allocation for one in self.holdings]
        return Allocation(sum(one.num_cpus for one in held), sum(one.memory for one in held))

    def gpu_states(self) -> list[GpuState]:
        """The GPUs with what is granted, reserved and used by others of each; those of runners
        without a driver (virtual ones) among them.
        """
        return Pool(self.machine, [one.allocation for one in self.holdings]).gpu_states

    def holders(self, uuid: str) -> list[Holding]:
        """The jobs that hold that GPU or a part of it."""
        return [
            one for one in self.holdings if any(grant.uuid == uuid for grant in one.allocation.gpus)
        ]

    def pool(self, runner: Runner, foreign: ForeignPolicy) -> Pool:
        """What that runner of this host could still give, with what all runners hold subtracted."""
        live = {gpu.uuid: gpu for gpu in self.machine.gpus}
        machine = machine_of(runner, live if self.sees_gpus else None)
        return Pool(machine, [one.allocation for one in self.holdings], foreign=foreign)


class HostReader:
    """Reads this host again and again, from one thread. The driver is kept open in between.

    All GPUs that can be opened are read, also those that CUDA_VISIBLE_DEVICES or Slurm keep from
    this process: a runner that was started elsewhere may use them.
    """

    def __init__(self) -> None:
        self.location = this_location()
        hiding = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
        self._monitor = GpuMonitor(
            environ={name: value for name, value in os.environ.items() if name not in hiding}
        )
        self._machine: Machine | None = None
        self._measured = False

    def read(self, store: Store | None, *, load: bool = True) -> Host:
        """The host now; without a store nobody is known to hold anything. ``load``: measure CPUs
        and memory too.
        """
        held = allocations_held.holdings(store, self.location) if store is not None else []
        runners = (
            allocations_held.runners(store, location=self.location) if store is not None else []
        )
        gpus = self._monitor.read([one.pid for one in held if one.pid])
        if self._machine is None:
            self._machine = detect_machine(monitor=self._monitor)
        percent: Sequence[float] = ()
        used = 0
        if load:
            import psutil

            measured = psutil.cpu_percent(percpu=True)
            percent = measured if self._measured else ()
            self._measured = True
            memory = psutil.virtual_memory()
            used = memory.total - memory.available
        virtual = {
            gpu["uuid"]: _virtual(gpu) for one in runners for gpu in one.gpus if gpu["virtual"]
        }
        return Host(
            at=time.time(),
            machine=replace(self._machine, gpus=(*gpus, *virtual.values())),
            holdings=held,
            runners=runners,
            cpu_percent=percent,
            memory_used=used,
            notices=tuple(self._monitor.notices),
            location=self.location,
        )

    def close(self) -> None:
        """Let go of the driver."""
        self._monitor.close()


def machine_of(runner: Runner, live: Mapping[str, Gpu] | None = None) -> Machine:
    """The machine as that runner may use it. ``live`` are fresh readings by uuid, where they can be
    had; a GPU that is not among them does not answer. None: the GPUs as the runner found them.
    """
    gpus = []
    for gpu in runner.gpus:
        if gpu["virtual"]:
            gpus.append(_virtual(gpu))
        elif live is None:
            gpus.append(
                Gpu(uuid=gpu["uuid"], index=gpu["index"], name=gpu["name"], memory=gpu["memory"])
            )
        elif gpu["uuid"] in live:
            gpus.append(live[gpu["uuid"]])
    return Machine(
        hostname=runner.hostname, num_cpus=runner.num_cpus, memory=runner.memory, gpus=tuple(gpus)
    )


def _virtual(gpu: Mapping[str, object]) -> Gpu:
    return Gpu(
        uuid=str(gpu["uuid"]), index=int(str(gpu["index"])), name=str(gpu["name"]), virtual=True
    )
