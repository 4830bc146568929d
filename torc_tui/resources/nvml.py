"""Ask the NVIDIA driver about its GPUs, through NVML (the module ``pynvml``).

Input: the driver. Output: plain values; None where a driver or a GPU cannot answer.

Never: a change of anything on a GPU.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torc_tui.reasons import Kind, because
from torc_tui.resources.gpu_notices import GpuNotices
from torc_tui.resources.visible import Device, Instance, visible

LIBRARY = "libnvidia-ml.so.1"
_DIRECTORIES = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/wsl/lib",
)
_NVLINK = 2
"""Index of the peer-to-peer capability that NVML calls NVML_P2P_CAPS_INDEX_NVLINK."""
_ERRORS = {
    4: "permission",
    9: "not loaded",
    12: "library",
    13: "too old",
    18: "version",
}


class GpuError(Exception):
    """A GPU does not answer any more."""


@dataclass(frozen=True, slots=True)
class GpuHandle:
    """A GPU or MIG instance that may be used, and the driver's handle of it.

    ``index`` is that of the GPU; ``parent`` is its UUID if this is an instance.
    """

    uuid: str
    index: int
    parent: str | None
    handle: Any


def library_present(environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Return whether the loader would find NVML, without loading anything."""
    if not sys.platform.startswith("linux"):
        return False
    directories = (os.environ if environ is None else environ).get("LD_LIBRARY_PATH", "").split(":")
    if any(directory and Path(directory, LIBRARY).exists() for directory in directories):
        return True
    with suppress(OSError):
        if LIBRARY.encode() in (root / "etc/ld.so.cache").read_bytes():
            return True
    return any((root / directory.lstrip("/") / LIBRARY).exists() for directory in _DIRECTORIES)


class NvmlDriver:
    """The driver, loaded when it is first asked; one that fails is loaded again the next time."""

    def __init__(self, environ: Mapping[str, str], notices: GpuNotices) -> None:
        self._environ = environ
        self._notices = notices
        self._nvml: Any = None

    def gpus(self) -> list[GpuHandle]:
        """Return the GPUs and MIG instances that may be used now."""
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
        for index in range(count):
            try:
                devices.append(self._open(index, handles))
            except self._nvml.NVMLError as error:
                if error.value == self._nvml.NVML_ERROR_NO_PERMISSION:
                    hidden = True
                else:
                    self._notices.does_not_answer(index, str(error))
            except GpuError as error:
                self._notices.does_not_answer(index, str(error))
            else:
                self._notices.answers(index)
        return [handles[uuid] for uuid in visible(devices, self._environ, hidden=hidden)]

    def close(self) -> None:
        """Unload the driver; it may be used again."""
        nvml, self._nvml = self._nvml, None
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
            if error.value in (
                self._nvml.NVML_ERROR_GPU_IS_LOST,
                self._nvml.NVML_ERROR_RESET_REQUIRED,
            ):
                raise GpuError(str(error)) from None
            unknown = error.value == self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND
            if unknown and "Processes_v2" in function:
                self._notices.tell_once(because(Kind.GPU_DRIVER, problem="processes"))
            return None

    def text(self, function: str, handle: Any) -> str:
        """Return an answer as text; empty if there is none."""
        answer = self.ask(function, handle)
        return "" if answer is None else _text(answer)

    def memory(self, handle: Any) -> tuple[int, int | None]:
        """Return (total, free) in bytes; (0, None) for a GPU without memory of its own."""
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        except self._nvml.NVMLError as error:
            if error.value in (
                self._nvml.NVML_ERROR_NOT_SUPPORTED,
                self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
                self._nvml.NVML_ERROR_NO_PERMISSION,
            ):
                return 0, None
            raise GpuError(str(error)) from None
        return memory.total, memory.free

    def processes(self, handle: Any) -> dict[int, tuple[int | None, bool]]:
        """Return pid -> (memory in bytes or None, whether the process only draws)."""
        found: dict[int, tuple[int | None, bool]] = {}
        for kind in ("Graphics", "Compute"):
            listed = self.ask(f"nvmlDeviceGet{kind}RunningProcesses_v3", handle)
            if listed is None:
                listed = self.ask(f"nvmlDeviceGet{kind}RunningProcesses_v2", handle) or ()
            for process in listed:
                memory = process.usedGpuMemory
                drawn = found.get(process.pid, (None, True))[0]
                # A process in both lists is one process, with the same memory in both.
                memory = drawn if memory is None else max(memory, drawn or 0)
                found[process.pid] = (memory, kind == "Graphics")
        return found

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
        try:
            import pynvml
        except ImportError:
            self._notices.tell_once(because(Kind.GPU_DRIVER, problem="package"))
            return False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self._fail(error)
            return False
        except OSError as error:
            reason = because(Kind.GPU_DRIVER, problem="library", error=str(error))
            self._notices.tell_once(reason)
            return False
        self._nvml = pynvml
        return True

    def _fail(self, error: Any) -> None:
        problem = _ERRORS.get(error.value)
        detail = str(error) if problem is None else None
        self._notices.tell_once(because(Kind.GPU_DRIVER, problem=problem, error=detail))

    def _open(self, index: int, handles: dict[str, GpuHandle]) -> Device:
        """Return a GPU with its MIG instances, and add their handles."""
        handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
        uuid = _text(self._nvml.nvmlDeviceGetUUID(handle))
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
            self._notices.tell_once(because(Kind.GPU_WITHOUT_INSTANCES, index=index))
        return Device(index, uuid, True, tuple(instances))


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
