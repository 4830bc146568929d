"""Read the NVIDIA GPUs of this host again and again.

Input: the driver. Output: ``Gpu`` readings, distances between GPUs, and what processes use of them.
A GPU that fails is left out, and each problem is reported once in ``notices``; nothing is raised.
Percentages are of one whole GPU, power is in watts, temperature in °C.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from itertools import combinations
from threading import Lock
from typing import NamedTuple

from torc_tui.model import Gpu, GpuProcess
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.gpu_notices import GpuNotices
from torc_tui.resources.nvml import GpuError, GpuHandle, NvmlDriver
from torc_tui.resources.process_identity import belongs, process_name

_COMPUTE_MODES = {0: "default", 1: "exclusive_thread", 2: "prohibited", 3: "exclusive_process"}
_LOAD_SECONDS = 0.8
"""Shortest time between two questions for the load of processes."""
_NVLINK_DISTANCE = 5
"""Distance of GPUs joined by NVLink; NVML's topology levels go from 0 (one board) to 50 (other
sockets)."""


class GpuUse(NamedTuple):
    """What one process uses of all GPUs.

    ``memory`` is in bytes, 0 where the driver does not know it; ``utilization`` in percent, where
    100 is one whole GPU, None where it is unknown.
    """

    memory: int
    utilization: float | None


class GpuMonitor:
    """Read the GPUs; several threads may use one monitor.

    ``limit`` is the user's ``--num-gpus``: the largest number of GPUs that are used; on a machine
    without GPUs, the number of virtual ones.
    """

    def __init__(
        self, limit: int | None = None, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self._limit = limit
        self._lock = Lock()
        self._notices = GpuNotices()
        self._driver = NvmlDriver(os.environ if environ is None else environ, self._notices)
        self._is_virtual: bool | None = None
        self._gpus: list[GpuHandle] = []
        self._gpu_names: dict[str, str] = {}
        self._process_names: dict[int, str] = {}
        self._sampled: dict[str, int] = {}
        """The last time stamp of the driver's samples of processes, per GPU."""
        self._asked: dict[str, float] = {}
        """When the driver was last asked for samples, per GPU."""

    @property
    def notices(self) -> list[Reason]:
        """Return the problems so far."""
        return self._notices.reasons

    def read(self, own: Collection[int] = (), *, figures: bool = True) -> tuple[Gpu, ...]:
        """Return the GPUs as they are now.

        ``own`` are the process ids of our attempts (the leaders of their sessions), which tell our
        processes from those of others. Without ``figures`` the driver is not asked for load,
        temperature and power.
        """
        if self._limit == 0:
            return ()
        with self._lock:
            found = self._find() if self._is_virtual is not True else []
            if self._is_virtual is None:
                self._compare_with_limit(len(found))
            if self._is_virtual:
                return tuple(
                    Gpu(uuid=f"virtual-{index}", index=index, name="virtual GPU", virtual=True)
                    for index in range(self._limit or 0)
                )
            return self._read(found, frozenset(own), figures)

    def distances(self) -> dict[str, dict[str, int]] | None:
        """Return the distances between GPUs, by UUID, for jobs on several; None if unknown."""
        table: dict[str, dict[str, int]] = {}
        with self._lock:
            whole = [gpu for gpu in self._find() if gpu.parent is None]
            for one, other in combinations(whole, 2):
                try:
                    distance, linked = self._driver.topology(one.handle, other.handle)
                except GpuError:
                    continue
                if linked:
                    distance = min(
                        _NVLINK_DISTANCE if distance is None else distance, _NVLINK_DISTANCE
                    )
                if distance is not None:
                    table.setdefault(one.uuid, {})[other.uuid] = distance
                    table.setdefault(other.uuid, {})[one.uuid] = distance
        return table or None

    def gpu_usage_by_pid(self) -> dict[int, GpuUse]:
        """Return what each process uses of the GPUs.

        The load is the mean since it was last returned, which is about once a second however often
        this is called.
        """
        usage: dict[int, GpuUse] = {}
        with self._lock:
            for gpu in self._gpus or self._find():
                try:
                    processes = self._driver.processes(gpu.handle)
                    loads = self._loads(gpu)
                except GpuError:
                    continue
                for pid, (memory, _) in processes.items():
                    before = usage.get(pid, GpuUse(0, None))
                    load = before.utilization
                    if loads is not None:
                        load = (load or 0.0) + loads.get(pid, 0.0)
                    usage[pid] = GpuUse(before.memory + (memory or 0), load)
        return usage

    def close(self) -> None:
        """Unload the driver; the monitor may be used again."""
        with self._lock:
            self._gpus = []
            self._driver.close()

    def _find(self) -> list[GpuHandle]:
        self._gpus = self._driver.gpus()[: self._limit]
        return self._gpus

    def _compare_with_limit(self, found: int) -> None:
        """Decide once whether the GPUs are virtual."""
        self._is_virtual = not found and self._limit is not None
        if found and self._limit is not None and found < self._limit:
            reason = because(Kind.GPUS_TOO_FEW, requested=self._limit, usable=found)
            self._notices.tell_once(reason)

    def _read(
        self, gpus: Collection[GpuHandle], leaders: frozenset[int], figures: bool
    ) -> tuple[Gpu, ...]:
        readings = []
        for gpu in gpus:
            try:
                readings.append(self._reading(gpu, leaders, figures))
            except GpuError as error:
                self._notices.does_not_answer(gpu.index, str(error), gpu.uuid)
            else:
                self._notices.answers(gpu.index, gpu.uuid)
        pids = {process.pid for reading in readings for process in reading.processes}
        self._process_names = {
            pid: name for pid, name in self._process_names.items() if pid in pids
        }
        return tuple(readings)

    def _reading(self, gpu: GpuHandle, leaders: frozenset[int], figures: bool) -> Gpu:
        ask, handle = self._driver.ask, gpu.handle
        total, free = self._driver.memory(handle)
        rates = ask("nvmlDeviceGetUtilizationRates", handle) if figures else None
        temperature = ask("nvmlDeviceGetTemperature", handle, 0) if figures else None
        power = ask("nvmlDeviceGetPowerUsage", handle) if figures else None
        if gpu.uuid not in self._gpu_names:
            self._gpu_names[gpu.uuid] = self._driver.text("nvmlDeviceGetName", handle)
        return Gpu(
            uuid=gpu.uuid,
            index=gpu.index,
            name=self._gpu_names[gpu.uuid],
            memory=total,
            memory_free=free,
            utilization=None if rates is None else float(rates.gpu),
            temperature=None if temperature is None else float(temperature),
            power=None if power is None else power / 1000,
            compute_mode=_COMPUTE_MODES.get(ask("nvmlDeviceGetComputeMode", handle)),
            parent=gpu.parent,
            processes=self._processes(handle, leaders),
        )

    def _processes(self, handle: object, leaders: frozenset[int]) -> tuple[GpuProcess, ...]:
        processes = []
        for pid, (memory, graphics) in sorted(self._driver.processes(handle).items()):
            if pid not in self._process_names:
                self._process_names[pid] = process_name(pid)
            processes.append(
                GpuProcess(
                    pid=pid,
                    name=self._process_names[pid],
                    memory=memory,
                    own=bool(leaders) and belongs(pid, leaders),
                    graphics=graphics,
                )
            )
        return tuple(processes)

    def _loads(self, gpu: GpuHandle) -> dict[int, float] | None:
        """Return pid -> mean percent since the last call.

        None if the GPU has no samples, or was asked a moment ago: it takes a few samples per
        second, and no new sample would be taken for an idle process.
        """
        now = time.monotonic()
        if now - self._asked.get(gpu.uuid, -_LOAD_SECONDS) < _LOAD_SECONDS:
            return None
        self._asked[gpu.uuid] = now
        since = self._sampled.get(gpu.uuid, 0)
        samples = self._driver.process_samples(gpu.handle, since)
        if samples is None:
            return None
        loads: dict[int, list[int]] = {}
        for sample in samples:
            loads.setdefault(sample.pid, []).append(sample.smUtil)
            self._sampled[gpu.uuid] = max(self._sampled.get(gpu.uuid, 0), sample.timeStamp)
        return {pid: sum(values) / len(values) for pid, values in loads.items()}
