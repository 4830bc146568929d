"""Read the NVIDIA GPUs of this host repeatedly.

Input: the driver. Output: `GpuReading` records: the GPUs, the distances between them, and their use
by processes. A GPU that fails is omitted, and each problem is reported once in ``notices``; nothing
is raised. Percentages are of one whole GPU, power is in watts, temperature in °C.

Never: a deadline. The driver may not return from a call, so torc asks it in a separate process
(`gpu_helper`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from itertools import combinations

from torc_tui.model import Gpu, GpuProcess
from torc_tui.reasons import Reason
from torc_tui.records import replace
from torc_tui.resources.gpu_processes import GpuProcesses
from torc_tui.resources.gpu_reading import (
    NVLINK_DISTANCE,
    Distances,
    GpuNotices,
    GpuReading,
    GpuUse,
)
from torc_tui.resources.nvml import GpuError, GpuHandle, NvmlDriver

_COMPUTE_MODES = {0: "default", 1: "exclusive_thread", 2: "prohibited", 3: "exclusive_process"}
_LOAD_SECONDS = 0.8
"""Shortest time between two questions for the load of processes."""


class GpuMonitor:
    """Reads the GPUs, in one thread; ``environ`` says which of them may be used."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._notices = GpuNotices()
        self._driver = NvmlDriver(environ, self._notices)
        self._reported = 0
        self._distances: Distances | None = None
        self._measured: frozenset[str] | None = None
        """The GPUs between which the distances were read."""
        self._gpu_names: dict[str, str] = {}
        self._processes = GpuProcesses()
        self._sampled: dict[str, int] = {}
        """The last time stamp of the driver's samples of processes, per GPU."""
        self._asked: dict[str, float] = {}
        """When the driver was last asked for samples, per GPU."""
        self._loads: dict[str, dict[int, float] | None] = {}

    @property
    def notices(self) -> list[Reason]:
        """Return the problems so far."""
        return self._notices.reasons

    def read(
        self, own: Mapping[int, str] | None = None, *, figures: bool = True, use: bool = False
    ) -> GpuReading:
        """Return the GPUs as they are now.

        ``own`` maps the session leaders of this database's attempts to their tags (`attempt_tag`),
        which distinguish processes of jobs from foreign processes. Without ``figures``, the driver
        is not asked for load, temperature and power.
        """
        self._processes.begin(own or {}, time.time())
        handles = self._driver.gpus()
        gpus: list[Gpu] = []
        loads: list[dict[int, float] | None] = []
        reset: list[int] = []
        for order, handle in enumerate(handles):
            try:
                gpu = replace(self._reading(handle, figures), order=order)
                loads.append(self._process_loads(handle, gpu) if use or figures else None)
            except GpuError as error:
                reset += [handle.index] if error.needs_reset else []
                self._notices.does_not_answer(handle.index, str(error), handle.uuid)
            else:
                gpus.append(gpu)
                self._notices.answers(handle.index, handle.uuid)
        self._processes.end()
        notices = tuple(self.notices[self._reported :])
        self._reported = len(self.notices)
        return GpuReading(
            gpus=tuple(gpus),
            use=_use(gpus, loads) if use else {},
            notices=notices,
            distances=self._distances_between(handles),
            answers=self._driver.answers,
            damaged=self._driver.damaged(handles, reset),
        )

    def close(self) -> None:
        """Unload the driver; the monitor may be used again."""
        self._driver.close()

    def _distances_between(self, handles: Collection[GpuHandle]) -> Distances | None:
        """Return the distances between GPUs, by UUID; None if unknown. They are read once."""
        whole = [gpu for gpu in handles if gpu.parent is None]
        uuids = frozenset(gpu.uuid for gpu in whole)
        if uuids == self._measured:
            return self._distances
        table: dict[str, dict[str, int]] = {}
        for one, other in combinations(whole, 2):
            try:
                distance, linked = self._driver.topology(one.handle, other.handle)
            except GpuError:
                continue
            if linked:
                distance = min(NVLINK_DISTANCE if distance is None else distance, NVLINK_DISTANCE)
            if distance is not None:
                table.setdefault(one.uuid, {})[other.uuid] = distance
                table.setdefault(other.uuid, {})[one.uuid] = distance
        self._measured, self._distances = uuids, table or None
        return self._distances

    def _reading(self, gpu: GpuHandle, figures: bool) -> Gpu:
        ask, handle = self._driver.ask, gpu.handle
        memory = self._driver.memory(handle)
        rates = ask("nvmlDeviceGetUtilizationRates", handle) if figures else None
        temperature = ask("nvmlDeviceGetTemperature", handle, 0) if figures else None
        power = ask("nvmlDeviceGetPowerUsage", handle) if figures else None
        if gpu.uuid not in self._gpu_names:
            self._gpu_names[gpu.uuid] = self._driver.text("nvmlDeviceGetName", handle)
        listed = self._driver.processes(handle)
        return Gpu(
            uuid=gpu.uuid,
            index=gpu.index,
            name=self._gpu_names[gpu.uuid],
            memory=memory.total,
            memory_free=memory.free,
            memory_reserved=memory.reserved,
            unified=memory.unified,
            utilization=None if rates is None else float(rates.gpu),
            temperature=None if temperature is None else float(temperature),
            power=None if power is None else power / 1000,
            compute_mode=_COMPUTE_MODES.get(ask("nvmlDeviceGetComputeMode", handle)),
            parent=gpu.parent,
            processes=self._named(gpu, listed or {}, memory.total),
            lists_processes=listed is not None,
        )

    def _named(
        self, gpu: GpuHandle, listed: Mapping[int, tuple[int | None, bool]], total: int
    ) -> tuple[GpuProcess, ...]:
        loads = self._loads.get(gpu.uuid)
        return self._processes.of(listed, total, loads)

    def _process_loads(self, gpu: GpuHandle, reading: Gpu) -> dict[int, float] | None:
        """Return pid -> mean percent of about the last second; None if the GPU has no samples.

        It takes a few samples per second, and an idle process would have none in a shorter time.
        """
        now = time.monotonic()
        if now - self._asked.get(gpu.uuid, -_LOAD_SECONDS) < _LOAD_SECONDS:
            known = self._loads[gpu.uuid]
            if known is None or all(one.pid in known for one in reading.processes):
                return known
        self._asked[gpu.uuid] = now
        since = self._sampled.get(gpu.uuid, 0)
        samples = self._driver.process_samples(gpu.handle, since)
        found: dict[int, float] | None = None
        if samples is not None:
            loads: dict[int, list[int]] = {}
            for sample in samples:
                loads.setdefault(sample.pid, []).append(sample.smUtil)
                self._sampled[gpu.uuid] = max(self._sampled.get(gpu.uuid, 0), sample.timeStamp)
            found = {process.pid: 0.0 for process in reading.processes}
            found |= {pid: sum(values) / len(values) for pid, values in loads.items()}
        self._loads[gpu.uuid] = found
        return found


def _use(gpus: Collection[Gpu], loads: Collection[dict[int, float] | None]) -> dict[int, GpuUse]:
    """Return what each process uses of all GPUs; the load is the mean since it was last asked."""
    usage: dict[int, GpuUse] = {}
    for gpu, measured in zip(gpus, loads, strict=True):
        for process in gpu.processes:
            load = None if measured is None else measured.get(process.pid)
            here = GpuUse(process.memory or 0, load)
            before = usage.get(process.pid)
            usage[process.pid] = here if before is None else before.plus(here)
    return usage
