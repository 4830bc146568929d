"""The NVIDIA GPUs of this host, read through NVML (the module ``pynvml``).

In: the driver. Out: ``Gpu`` readings, distances between GPUs, use by process. Trouble never
raises: a GPU that fails is left out, what a driver does not know is None, and each trouble is said
once, in words, through ``notices``. Nothing on a GPU is ever changed here. Percentages are of one
whole GPU, power is in watts, temperature in °C.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from torc_tui.model import Gpu, GpuProcess
from torc_tui.resources.process_identity import belongs, process_name
from torc_tui.resources.visible import Device, Instance, visible

LIBRARY = "libnvidia-ml.so.1"
_PLACES = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/lib/wsl/lib",
)
_COMPUTE_MODES = {0: "default", 1: "exclusive_thread", 2: "prohibited", 3: "exclusive_process"}
_BUSY_EVERY = 0.8
"""Seconds: the load of processes is not asked for more often."""
_LINKED = 5
"""Distance of GPUs joined by NVLink; NVML's topology levels go from 0 (one board) to 50 (other
sockets)."""


class GpuUse(NamedTuple):
    """What one process uses, over all GPUs: bytes (0 where the driver does not tell), and percent
    (100 is one whole GPU; None: not known).
    """

    memory: int
    utilization: float | None


class _Found(NamedTuple):
    """A device that may be used, and the driver's handle of it."""

    uuid: str
    number: int
    parent: str | None
    handle: Any


class _Lost(Exception):
    """The GPU does not answer any more."""


def library_present(environ: Mapping[str, str] | None = None, root: Path = Path("/")) -> bool:
    """Whether the loader would find NVML, asked without loading anything."""
    if not sys.platform.startswith("linux"):
        return False
    places = (os.environ if environ is None else environ).get("LD_LIBRARY_PATH", "").split(":")
    if any(place and os.path.exists(f"{place}/{LIBRARY}") for place in places):  # noqa: PTH110  # start-up counts
        return True
    try:
        if LIBRARY.encode() in (root / "etc/ld.so.cache").read_bytes():
            return True
    except OSError:
        pass
    return any((root / place.lstrip("/") / LIBRARY).exists() for place in _PLACES)


class GpuMonitor:
    """Reads the GPUs again and again; may be used from several threads.

    ``limit`` is the user's ``--num-gpus``: at most so many GPUs; on a machine without GPUs, so
    many virtual ones. ``notice`` is told each trouble when it first appears; ``notices`` keeps
    them. ``unavailable`` says why there are no GPUs at all (no news to a machine that never had
    one, so it is not among the notices unless the driver is broken).
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.notices: list[str] = []
        self.unavailable: str | None = None
        self._limit = limit
        self._environ = os.environ if environ is None else environ
        self._notice = notice
        self._lock = Lock()
        self._nvml: Any = None
        self._virtual: bool | None = None
        self._found: list[_Found] = []
        self._said: set[str] = set()
        self._lost: dict[str, str] = {}
        self._names: dict[int, str] = {}
        self._gpu_names: dict[str, str] = {}
        self._sampled: dict[str, int] = {}
        self._asked: dict[str, float] = {}

    # -- what others call --------------------------------------------------------------------------

    def read(self, own: Collection[int] = (), *, figures: bool = True) -> tuple[Gpu, ...]:
        """The GPUs as they are now. ``own`` are the process ids of our attempts (the leaders of
        their sessions), by which processes are told from those of others. Without ``figures`` the
        driver is not asked for load, temperature and power, which only people want to know.
        """
        if self._limit == 0:
            return ()
        with self._lock:
            found = self._enumerate() if self._virtual is not True else []
            if self._virtual is None:
                self._virtual = not found and self._limit is not None
                if found and self._limit is not None and len(found) < self._limit:
                    self._say(
                        f"{self._limit} GPUs were asked for, and {len(found)} may be used here"
                    )
            if self._virtual:
                count = self._limit or 0
                return tuple(
                    Gpu(uuid=f"virtual-{i}", index=i, name="virtual GPU", virtual=True)
                    for i in range(count)
                )
            gpus = []
            pids: set[int] = set()
            leaders = frozenset(own)
            for device in found:
                try:
                    gpu = self._reading(device, leaders, figures)
                except _Lost as lost:
                    self._lose(device.uuid, _called(device), str(lost))
                    continue
                self._regain(device.uuid, _called(device))
                pids.update(process.pid for process in gpu.processes)
                gpus.append(gpu)
            self._names = {pid: name for pid, name in self._names.items() if pid in pids}
            return tuple(gpus)

    def distances(self) -> dict[str, dict[str, int]] | None:
        """How far the GPUs are from each other, for placing jobs on several; None if nobody
        knows.
        """
        with self._lock:
            devices = [device for device in self._enumerate() if device.parent is None]
            table: dict[str, dict[str, int]] = {}
            for one, other in combinations(devices, 2):
                try:
                    apart = self._ask(
                        "nvmlDeviceGetTopologyCommonAncestor", one.handle, other.handle
                    )
                    linked = self._ask(
                        "nvmlDeviceGetP2PStatus", one.handle, other.handle, 2
                    )  # 2: over NVLink
                except _Lost:
                    continue
                if linked == 0:
                    apart = _LINKED if apart is None else min(apart, _LINKED)
                if apart is not None:
                    table.setdefault(one.uuid, {})[other.uuid] = apart
                    table.setdefault(other.uuid, {})[one.uuid] = apart
            return table or None

    def gpu_usage_by_pid(self) -> dict[int, GpuUse]:
        """What each process uses of the GPUs: its memory now, and its load since that was told
        last, which is about once a second however often this is called.
        """
        use: dict[int, GpuUse] = {}
        with self._lock:
            for device in self._found or self._enumerate():
                try:
                    processes = self._processes(device.handle)
                    busy = self._busy(device)
                except _Lost:
                    continue
                for pid, (memory, _) in processes.items():
                    before = use.get(pid, GpuUse(0, None))
                    load = before.utilization
                    if busy is not None:
                        load = (load or 0.0) + busy.get(pid, 0.0)
                    use[pid] = GpuUse(before.memory + (memory or 0), load)
        return use

    def close(self) -> None:
        """Let go of the driver; the monitor may be used again."""
        with self._lock:
            self._stop()

    # -- the driver --------------------------------------------------------------------------------

    def _start(self) -> bool:
        if self._nvml is not None:
            return True
        if not library_present(self._environ):
            self.unavailable = f"no NVIDIA driver ({LIBRARY} is not there)"
            return False
        try:
            import pynvml
        except ImportError:
            return self._fail(
                "the Python package nvidia-ml-py is missing, so no NVIDIA GPU can be used"
            )
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return self._fail(_why_not(error))
        except OSError as error:
            return self._fail(
                f"NVIDIA's {LIBRARY} cannot be loaded ({error}); its GPUs are not used"
            )
        self._nvml = pynvml
        self.unavailable = None
        return True

    def _fail(self, text: str) -> bool:
        self.unavailable = text
        self._say(text)
        return False

    def _stop(self) -> None:
        nvml, self._nvml, self._found = self._nvml, None, []
        if nvml is not None:
            with suppress(nvml.NVMLError):  # it may be gone already
                nvml.nvmlShutdown()

    def _enumerate(self) -> list[_Found]:
        """The devices that may be used now. A driver that fails is let go, and asked anew the next
        time.
        """
        self._found = []
        if not self._start():
            return self._found
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            self._stop()
            self._fail(_why_not(error))
            return self._found
        devices: list[Device] = []
        handles: dict[str, _Found] = {}
        hidden = False
        for index in range(count):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                uuid = _text(self._nvml.nvmlDeviceGetUUID(handle))
                devices.append(self._device(index, uuid, handle, handles))
            except self._nvml.NVMLError as error:
                if error.value == self._nvml.NVML_ERROR_NO_PERMISSION:
                    hidden = True
                else:
                    self._lose(str(index), f"GPU {index}", str(error))
            except _Lost as lost:
                self._lose(str(index), f"GPU {index}", str(lost))
            else:
                self._regain(str(index), f"GPU {index}")
        chosen = visible(devices, self._environ, hidden=hidden)
        self._found = [handles[uuid] for uuid in chosen][: self._limit]
        return self._found

    def _device(self, index: int, uuid: str, handle: Any, handles: dict[str, _Found]) -> Device:
        modes = self._ask("nvmlDeviceGetMigMode", handle)
        if not modes or modes[0] != 1:
            handles[uuid] = _Found(uuid, index, None, handle)
            return Device(index, uuid)
        instances = []
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
            instance = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            if instance is None:
                continue
            name = _text(self._nvml.nvmlDeviceGetUUID(instance))
            handles[name] = _Found(name, index, uuid, instance)
            numbers = (
                self._ask(f"nvmlDeviceGet{kind}InstanceId", instance) for kind in ("Gpu", "Compute")
            )
            instances.append(
                Instance(name, *(-1 if number is None else number for number in numbers))
            )
        if not instances:
            self._say(f"GPU {index} is in MIG mode and has no instances, so it cannot be used")
        return Device(index, uuid, True, tuple(instances))

    def _ask(self, function: str, *arguments: Any) -> Any:
        """The answer, or None if this driver or GPU has none; _Lost if the GPU is gone."""
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
                raise _Lost(str(error)) from None
            if (
                error.value == self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND
                and "Processes_v2" in function
            ):
                self._say(
                    "the NVIDIA driver is too old to tell which processes use its GPUs; others are not seen"
                )
            return None

    # -- one GPU ----------------------------------------------------------------------------------

    def _reading(self, device: _Found, leaders: frozenset[int], figures: bool) -> Gpu:
        handle = device.handle
        total, free = self._memory(handle)
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle) if figures else None
        temperature = self._ask("nvmlDeviceGetTemperature", handle, 0) if figures else None
        power = self._ask("nvmlDeviceGetPowerUsage", handle) if figures else None
        mode = self._ask("nvmlDeviceGetComputeMode", handle)
        name = self._gpu_names.get(device.uuid)
        if name is None:
            found = self._ask("nvmlDeviceGetName", handle)
            name = self._gpu_names[device.uuid] = "" if found is None else _text(found)
        processes = []
        for pid, (memory, graphics) in sorted(self._processes(handle).items()):
            if pid not in self._names:
                self._names[pid] = process_name(pid)
            processes.append(
                GpuProcess(
                    pid=pid,
                    name=self._names[pid],
                    memory=memory,
                    own=bool(leaders) and belongs(pid, leaders),
                    graphics=graphics,
                )
            )
        return Gpu(
            uuid=device.uuid,
            index=device.number,
            name=name,
            memory=total,
            memory_free=free,
            utilization=None if rates is None else float(rates.gpu),
            temperature=None if temperature is None else float(temperature),
            power=None if power is None else power / 1000,
            compute_mode=_COMPUTE_MODES.get(mode),
            parent=device.parent,
            processes=tuple(processes),
        )

    def _memory(self, handle: Any) -> tuple[int, int | None]:
        """(total, free) in bytes; (0, None) where the GPU has no memory of its own to tell
        about.
        """
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
        except self._nvml.NVMLError as error:
            nvml = self._nvml
            untold = (
                nvml.NVML_ERROR_NOT_SUPPORTED,
                nvml.NVML_ERROR_FUNCTION_NOT_FOUND,
                nvml.NVML_ERROR_NO_PERMISSION,
            )
            if error.value in untold:
                return 0, None
            raise _Lost(str(error)) from None
        return memory.total, memory.free

    def _processes(self, handle: Any) -> dict[int, tuple[int | None, bool]]:
        """pid -> (bytes or None, whether it only draws)."""
        found: dict[int, tuple[int | None, bool]] = {}
        for kind in ("Graphics", "Compute"):
            listed = self._ask(f"nvmlDeviceGet{kind}RunningProcesses_v3", handle)
            if listed is None:
                listed = self._ask(f"nvmlDeviceGet{kind}RunningProcesses_v2", handle) or ()
            for process in listed:
                memory = process.usedGpuMemory
                drawn = found.get(process.pid, (None, True))[0]
                # A process in both lists is one process, with the same memory in both.
                memory = drawn if memory is None else max(memory, drawn or 0)
                found[process.pid] = (memory, kind == "Graphics")
        return found

    def _busy(self, device: _Found) -> dict[int, float] | None:
        """pid -> mean percent since the last call; None if the GPU does not tell, or was asked a
        moment ago: its own samples come a few times a second, and none since then would read as
        idle.
        """
        now = time.monotonic()
        if now - self._asked.get(device.uuid, -_BUSY_EVERY) < _BUSY_EVERY:
            return None
        self._asked[device.uuid] = now
        since = self._sampled.get(device.uuid, 0)
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(device.handle, since)
        except self._nvml.NVMLError as error:
            nothing_new = (self._nvml.NVML_SUCCESS, self._nvml.NVML_ERROR_NOT_FOUND)
            return {} if error.value in nothing_new else None
        sums: dict[int, list[int]] = {}
        for sample in samples:
            if sample.pid and sample.timeStamp > since:
                sums.setdefault(sample.pid, []).append(sample.smUtil)
                self._sampled[device.uuid] = max(
                    self._sampled.get(device.uuid, 0), sample.timeStamp
                )
        return {pid: sum(values) / len(values) for pid, values in sums.items()}

    # -- what is said ------------------------------------------------------------------------------

    def _lose(self, key: str, called: str, reason: str) -> None:
        if key not in self._lost:
            self._lost[key] = called
            self._tell(f"{called} does not answer ({reason}); going on without it")

    def _regain(self, key: str, called: str) -> None:
        if self._lost.pop(key, None) is not None:
            self._tell(f"{called} answers again")

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._tell(text)

    def _tell(self, text: str) -> None:
        self.notices.append(text)
        if self._notice is not None:
            self._notice(text)


def _called(device: _Found) -> str:
    return f"GPU {device.number} ({device.uuid})"


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _why_not(error: Any) -> str:
    """Why the driver cannot be used, by NVML's error code."""
    reasons = {
        9: "the NVIDIA driver is not loaded",
        12: f"NVIDIA's {LIBRARY} cannot be loaded",
        13: "the NVIDIA driver is too old",
        4: "the NVIDIA driver may not be used by this user",
        18: "the NVIDIA driver was updated and its kernel module was not (a reboot helps)",
    }
    return (
        f"{reasons.get(error.value, f'the NVIDIA driver fails ({error})')}; no NVIDIA GPU is used"
    )
