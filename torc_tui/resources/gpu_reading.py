"""Define what one reading of the GPUs contains, and collect notices, each problem once. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from torc_tui.model import Gpu, GpuDamage, GpuProcess
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import fields, replace
from torc_tui.tuples import NamedTuple

Distances = Mapping[str, Mapping[str, int]]
"""UUID -> UUID -> distance between two GPUs; a missing pair is far apart."""


LENGTH = struct.Struct("!I")
"""The format of the length that precedes a pickled `GpuReading`."""
NVLINK_DISTANCE = 5
"""Distance of GPUs joined by NVLink; NVML's topology levels go from 0 (one board) to 50 (other
sockets)."""


class GpuUse(NamedTuple):
    """What one process uses of all GPUs.

    ``memory`` is in bytes, 0 where the driver does not know it; ``utilization`` in percent, where
    100 is one whole GPU, None where it is unknown.
    """

    memory: int
    utilization: float | None

    def plus(self, other: GpuUse) -> GpuUse:
        """Return the sum of both uses."""
        loads = [one.utilization for one in (self, other) if one.utilization is not None]
        return GpuUse(self.memory + other.memory, sum(loads) if loads else None)


NO_USE = GpuUse(0, None)


class Damaged(NamedTuple):
    """The damage of a whole GPU that was checked, even if it no longer responds."""

    uuid: str
    gpu_index: int
    damage: GpuDamage


class GpuReading(NamedTuple):
    """One reading of the GPUs.

    ``use`` is by process id; ``notices`` are new since the last reading of the same process;
    unknown ``distances`` are None. ``answers`` is False if the driver fails; the reading then has
    no GPUs. ``damaged`` contains every GPU whose health is known.
    """

    gpus: tuple[Gpu, ...] = ()
    use: Mapping[int, GpuUse] = {}
    notices: tuple[Reason, ...] = ()
    distances: Distances | None = None
    answers: bool = True
    damaged: tuple[Damaged, ...] = ()


_values: Any = attrgetter(*(field.name for field in fields(GpuProcess)))


def pack(reading: GpuReading) -> GpuReading:
    """Return a reading with tuples in place of the records of processes.

    There may be hundreds, and records take five times as long to pickle.
    """
    gpus = [replace(gpu, processes=tuple(map(_values, gpu.processes))) for gpu in reading.gpus]
    use: Any = {pid: tuple(one) for pid, one in reading.use.items()}
    return reading._replace(gpus=tuple(gpus), use=use)


def unpack(packed: GpuReading) -> GpuReading:
    """Return the inverse of `pack`."""
    gpus = [replace(gpu, processes=tuple(map(_process, gpu.processes))) for gpu in packed.gpus]
    use = {pid: GpuUse(*one) for pid, one in packed.use.items()}
    return packed._replace(gpus=tuple(gpus), use=use)


def _process(values: Any) -> GpuProcess:
    return GpuProcess(*values)


class GpuNotices:
    """The notices since a monitor was made, in ``reasons``."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []
        self._silent: set[tuple[int, str | None]] = set()

    def report_once(self, reason: Reason) -> None:
        """Add a notice, unless it was added before."""
        if reason not in self.reasons:
            self.reasons.append(reason)

    def does_not_answer(self, index: int, error: str, uuid: str | None = None) -> None:
        """Note that a GPU does not answer."""
        if (index, uuid) not in self._silent:
            self._silent.add((index, uuid))
            self.reasons.append(because(Kind.GPU_SILENT, index=index, uuid=uuid, error=error))

    def answers(self, index: int, uuid: str | None = None) -> None:
        """Note that a GPU answers."""
        if (index, uuid) in self._silent:
            self._silent.remove((index, uuid))
            self.reasons.append(because(Kind.GPU_BACK, index=index, uuid=uuid))
