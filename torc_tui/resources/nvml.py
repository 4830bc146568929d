"""Ask the NVIDIA driver about its GPUs, through NVML (the module ``pynvml``).

Input: the driver. Output: plain values; None where a driver or a GPU cannot answer.

Never: a change of anything on a GPU.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torc_tui.reasons import Kind, because
from torc_tui.records import dataclass
from torc_tui.resources.driver_library import LIBRARY, library_present
from torc_tui.resources.gpu_reading import Damaged, GpuNotices
from torc_tui.resources.nvml_health import NvmlHealth
from torc_tui.resources.nvml_lists import COMPUTE, LISTS, ProcessLists
from torc_tui.resources.visible import Device, Instance, names_twice, visible
from torc_tui.tuples import NamedTuple

_NVLINK = 2
"""Index of the peer-to-peer capability that NVML calls NVML_P2P_CAPS_INDEX_NVLINK."""
_ERRORS = {
    4: "permission",
    9: "not loaded",
    12: "library",
    13: "too old",
    18: "version",
}


class Memory(NamedTuple):
    """The memory of a GPU in bytes.

    ``reserved`` is kept by the driver and part of ``total``. ``unified`` memory is that of the
    machine.
    """

    total: int
    free: int | None
    reserved: int = 0
    unified: bool = False


class GpuError(Exception):
    """A GPU no longer responds; it may need a reset."""

    def __init__(self, message: str, *, needs_reset: bool = False) -> None:
        super().__init__(message)
        self.needs_reset = needs_reset


@dataclass(frozen=True, slots=True)
class GpuHandle:
    """A GPU or MIG instance that may be used, and the driver's handle of it.

    ``index`` is that of the GPU; ``parent`` is its UUID if this is an instance.
    """

    uuid: str
    index: int
    parent: str | None
    handle: Any


class NvmlDriver:
    """The driver, loaded when it is first asked; one that fails is loaded again the next time."""

    def __init__(self, environ: Mapping[str, str], notices: GpuNotices) -> None:
        self._environ = environ
        self._notices = notices
        self._nvml: Any = None
        self._lists: ProcessLists | None = None
        self._health: NvmlHealth | None = None
        self._wholes: set[str] = set()
        """The whole GPUs that were usable at some time since the start."""
        self.answers = True
        """Whether the driver works, as far as there is one."""

    def gpus(self) -> list[GpuHandle]:
        """Return the GPUs and MIG instances that may be used now."""
        self.answers = True
        if not self._load():
            return []
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            self.close()
            self._fail(error)
            return []
        devices: list[Device] = []
        handles: dict[str, GpuHandle] = {}
        hidden = False
        assert self._health is not None  # created with the driver
        self._health.begin()
        for index in range(count):
            try:
                devices.append(self._open(index, handles))
            except self._nvml.NVMLError as error:
                if error.value == self._nvml.NVML_ERROR_NO_PERMISSION:
                    hidden = True
                else:
                    if error.value == self._nvml.NVML_ERROR_RESET_REQUIRED:
                        self._health.needs_reset(index)
                    self._notices.does_not_answer(index, str(error))
            except GpuError as error:
                self._notices.does_not_answer(index, str(error))
            else:
                self._notices.answers(index)
        if names_twice(devices, self._environ):
            value = self._environ["CUDA_VISIBLE_DEVICES"]
            self._notices.report_once(because(Kind.GPU_LIST, value=value))
        return [handles[uuid] for uuid in visible(devices, self._environ, hidden=hidden)]

    def close(self) -> None:
        """Unload the driver; it may be used again."""
        nvml, self._nvml, self._health = self._nvml, None, None
        if nvml is not None:
            with suppress(nvml.NVMLError):  # it may be gone already
                nvml.nvmlShutdown()

    def ask(self, function: str, *arguments: Any) -> Any:
        """Return the answer of an NVML function; None if this driver or GPU cannot answer.

        Raise GpuError if the GPU is lost.
        """
        ask = getattr(self._nvml, function, None)
        if ask is None:
            return None
        try:
            return ask(*arguments)
        except self._nvml.NVMLError as error:
            self._raise_if_lost(error)
            return None

    def _raise_if_lost(self, error: Any) -> None:
        nvml = self._nvml
        if error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED):
            needs_reset = error.value == nvml.NVML_ERROR_RESET_REQUIRED
            raise GpuError(str(error), needs_reset=needs_reset) from None

    def text(self, function: str, handle: Any) -> str:
        """Return an answer as text; empty if there is none."""
        answer = self.ask(function, handle)
        return "" if answer is None else _text(answer)

    def memory(self, handle: Any) -> Memory:
        """Return the memory of a GPU; that of the machine where the GPU has none of its own."""
        nvml = self._nvml
        try:
            return self._second_memory(handle) or self._first_memory(handle)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_NOT_SUPPORTED:
                total, free = machine_memory()
                return Memory(total, free, unified=True)
            if error.value in (
                nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
                nvml.NVML_ERROR_NO_PERMISSION,
            ):
                return Memory(0, None)
            self._raise_if_lost(error)
            raise GpuError(str(error)) from None

    def _second_memory(self, handle: Any) -> Memory | None:
        """Return what the memory call of version 2 says; None if this driver does not have it."""
        nvml = self._nvml
        try:
            found = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        except (nvml.NVMLError, AttributeError) as error:
            if getattr(error, "value", None) == nvml.NVML_ERROR_GPU_IS_LOST:
                raise
            return None
        return Memory(found.total, found.free, found.reserved)

    def _first_memory(self, handle: Any) -> Memory:
        found = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        return Memory(found.total, found.free)

    def processes(self, handle: Any) -> dict[int, tuple[int | None, bool]] | None:
        """Return pid -> (memory in bytes or None, whether the process only draws).

        None if the driver has no list of processes that compute.
        """
        found: dict[int, tuple[int | None, bool]] = {}
        listed = False
        lists = self._lists = self._lists or ProcessLists(self._nvml, LIBRARY)
        for name, graphics in LISTS:
            try:
                processes = lists.read(name, handle)
            except self._nvml.NVMLError as error:
                self._raise_if_lost(error)
                continue
            if processes is None:
                continue
            listed = listed or name == COMPUTE
            for pid, memory in processes:
                drawn = found.get(pid, (None, True))[0]
                # A process in two lists is one process, with the same memory in both.
                found[pid] = (drawn if memory is None else max(memory, drawn or 0), graphics)
        if not listed:
            self._notices.report_once(because(Kind.GPU_DRIVER, problem="processes"))
        return found if listed else None

    def damaged(self, gpus: Collection[GpuHandle], reset: Collection[int]) -> tuple[Damaged, ...]:
        """Return the damage of these whole GPUs; the indices ``reset`` need a reset."""
        if self._health is None:
            return ()
        self._wholes |= {gpu.parent or gpu.uuid for gpu in gpus}
        for index in reset:
            self._health.needs_reset(index)
        return self._health.read(self._wholes)

    def process_samples(self, handle: Any, since: int) -> list[Any] | None:
        """Return samples of the load of processes since that time stamp; None if it has none."""
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(handle, since)
        except self._nvml.NVMLError as error:
            nothing_new = (self._nvml.NVML_SUCCESS, self._nvml.NVML_ERROR_NOT_FOUND)
            return [] if error.value in nothing_new else None
        return [sample for sample in samples if sample.pid and sample.timeStamp > since]

    def topology(self, one: Any, other: Any) -> tuple[int | None, bool]:
        """Return the topology level between two GPUs, and whether NVLink joins them."""
        level = self.ask("nvmlDeviceGetTopologyCommonAncestor", one, other)
        return level, self.ask("nvmlDeviceGetP2PStatus", one, other, _NVLINK) == 0

    def _load(self) -> bool:
        if self._nvml is not None:
            return True
        if not library_present(self._environ):
            return False
        self.answers = False
        try:
            import pynvml
        except ImportError:
            self._notices.report_once(because(Kind.GPU_DRIVER, problem="package"))
            return False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self._fail(error)
            return False
        except OSError as error:
            reason = because(Kind.GPU_DRIVER, problem="library", error=str(error))
            self._notices.report_once(reason)
            return False
        self._nvml = pynvml
        self._health = NvmlHealth(pynvml)
        self.answers = True
        return True

    def _fail(self, error: Any) -> None:
        self.answers = False
        problem = _ERRORS.get(error.value)
        detail = str(error) if problem is None else None
        self._notices.report_once(because(Kind.GPU_DRIVER, problem=problem, error=detail))

    def _open(self, index: int, handles: dict[str, GpuHandle]) -> Device:
        """Return a GPU with its MIG instances, and add their handles."""
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _text(self._nvml.nvmlDeviceGetUUID(handle))
        assert self._health is not None
        self._health.opened(uuid, index, handle)
        modes = self.ask("nvmlDeviceGetMigMode", handle)
        if not modes or modes[0] != 1:
            handles[uuid] = GpuHandle(uuid, index, None, handle)
            return Device(index, uuid)
        instances = []
        for number in range(self.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            instance = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if instance is None:
                continue
            name = _text(self._nvml.nvmlDeviceGetUUID(instance))
            handles[name] = GpuHandle(name, index, uuid, instance)
            numbers = (
                self.ask(f"nvmlDeviceGet{kind}InstanceId", instance) for kind in ("Gpu", "Compute")
            )
            instances.append(
                Instance(name, *(-1 if number is None else number for number in numbers))
            )
        if not instances:
            self._notices.report_once(because(Kind.GPU_WITHOUT_INSTANCES, index=index))
        return Device(index, uuid, True, tuple(instances))


def machine_memory() -> tuple[int, int]:
    """Return the memory of the machine that exists and that is available, in bytes."""
    amounts = {"MemTotal:": 0, "MemAvailable:": 0}
    with suppress(OSError, ValueError), Path("/proc/meminfo").open() as lines:
        for line in lines:
            name, number, *_ = line.split()
            if name in amounts:
                amounts[name] = int(number) << 10
    return amounts["MemTotal:"], amounts["MemAvailable:"]


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
