"""Ask the NVIDIA driver whether its GPUs are damaged.

Input: the module ``pynvml``, and the GPUs that were opened. Output: `Damaged` records of whole
GPUs, including those that no longer answer. A value that the driver does not report counts as no
damage.

Never: changing a GPU.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Collection
from typing import Any

from torc_tui.model import GpuDamage
from torc_tui.records import dataclass, field
from torc_tui.resources.gpu_reading import Damaged

EVERY_SECONDS = 10.0
"""Time between two readings of the counters of a GPU."""
FATAL_XIDS = frozenset({48, 62, 64, 74, 79, 95, 110, 119, 120, 136, 140, 143})
"""Xid errors after which a GPU needs a reset, a reboot or a repair.

Other errors, such as 13, 31 and 43, are caused by programs (NVIDIA, *XID Errors*).
"""
_UNCORRECTED, _VOLATILE = 1, 0
"""NVML constants for uncorrected errors, and for the counter since the last reset."""
_RESETTING = frozenset({1, 2, 4, 6, 7})
"""Recovery actions that reset the GPU or reboot the machine."""
_MOST_EVENTS = 1000


@dataclass(slots=True)
class _Whole:
    """A whole GPU; ``handle`` is None while it does not answer."""

    uuid: str
    index: int
    handle: Any = None
    asked_at: float = -EVERY_SECONDS
    damage: GpuDamage = field(default_factory=GpuDamage)


class NvmlHealth:
    """The damage of the GPUs since the driver was loaded."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._gpus: dict[str, _Whole] = {}
        self._registered: dict[int | None, str] = {}
        """The GPUs whose errors are monitored, by the address of the handle."""
        try:
            self._events = nvml.nvmlEventSetCreate()
        except nvml.NVMLError:
            self._events = None

    def begin(self) -> None:
        """Begin a reading, before any GPU is opened."""
        for gpu in self._gpus.values():
            gpu.handle = None

    def opened(self, uuid: str, index: int, handle: Any) -> None:
        """Note a whole GPU that answers."""
        gpu = self._gpus.setdefault(uuid, _Whole(uuid, index))
        gpu.index, gpu.handle = index, handle
        address = ctypes.cast(handle, ctypes.c_void_p).value
        if self._events is not None and address not in self._registered:
            self._registered[address] = uuid
            try:
                self._nvml.nvmlDeviceRegisterEvents(
                    handle, self._nvml.nvmlEventTypeXidCriticalError, self._events
                )
            except self._nvml.NVMLError:
                return  # not supported by this GPU

    def needs_reset(self, index: int) -> None:
        """Note that a GPU does not answer before it is reset."""
        for gpu in self._gpus.values():
            if gpu.index == index:
                gpu.damage, gpu.handle = gpu.damage._replace(reset=1), None

    def read(self, uuids: Collection[str]) -> tuple[Damaged, ...]:
        """Return the damage of these whole GPUs."""
        self._take_events()
        now = time.monotonic()
        for gpu in self._gpus.values():
            if gpu.handle is not None and now - gpu.asked_at >= EVERY_SECONDS:
                gpu.asked_at = now
                gpu.damage = self._counters(gpu.handle, gpu.damage)
        found = [gpu for gpu in self._gpus.values() if gpu.uuid in uuids]
        return tuple(Damaged(gpu.uuid, gpu.index, gpu.damage) for gpu in found)

    def _take_events(self) -> None:
        """Note the fatal errors that the driver has reported since the last call."""
        for _ in range(_MOST_EVENTS if self._events is not None else 0):
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._events, 0)
            except self._nvml.NVMLError:  # no event is pending
                return
            uuid = self._registered.get(ctypes.cast(event.device, ctypes.c_void_p).value)
            if uuid is not None and event.eventData in FATAL_XIDS:
                gpu = self._gpus[uuid]
                gpu.damage = gpu.damage._replace(xid=event.eventData, xid_at=time.time())

    def _counters(self, handle: Any, before: GpuDamage) -> GpuDamage:
        nvml = self._nvml
        ecc = self._ask("nvmlDeviceGetTotalEccErrors", handle, _UNCORRECTED, _VOLATILE)
        rows = self._ask("nvmlDeviceGetRemappedRows", handle)
        action = 0
        if (field := getattr(nvml, "NVML_FI_DEV_GET_GPU_RECOVERY_ACTION", None)) is not None:
            values = self._ask("nvmlDeviceGetFieldValues", handle, [field])
            action = values[0].value.uiVal if values and not values[0].nvmlReturn else 0
        return before._replace(
            ecc=before.ecc if ecc is None else ecc,
            remap=before.remap if rows is None else int(bool(rows[3])),
            reset=int(action in _RESETTING),
        )

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return the result of a function; None if this driver or GPU does not support it."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except (self._nvml.NVMLError, AttributeError):
            return None
