"""Read the lists of processes on GPUs from NVML, in the form that the driver has.

The module ``pynvml`` reads only the newest forms, and asks twice for each list.
"""

from __future__ import annotations

import ctypes
from typing import Any

COMPUTE = "nvmlDeviceGetComputeRunningProcesses"
LISTS = (
    ("nvmlDeviceGetGraphicsRunningProcesses", True),
    (COMPUTE, False),
    ("nvmlDeviceGetMPSComputeRunningProcesses", False),
)
"""The lists of processes: name of the function, and whether its processes only draw."""
_UNKNOWN_MEMORY = (1 << 64) - 1
_MANY_PROCESSES = 256
"""Number of processes for which there is room at first."""


class _Process(ctypes.Structure):
    """A process as the lists of version 2 and 3 have it."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("memory", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class _FirstProcess(ctypes.Structure):
    """A process as the lists of version 1 have it, of drivers before 470."""

    _fields_ = (("pid", ctypes.c_uint), ("memory", ctypes.c_ulonglong))


class ProcessLists:
    """The lists of one library, which is loaded already."""

    def __init__(self, nvml: Any, library: str) -> None:
        self._nvml = nvml
        self._library = ctypes.CDLL(library)
        self._functions: dict[str, tuple[Any, Any] | None] = {}
        """The function and record of each list; None if the driver lacks the list."""

    def read(self, name: str, handle: Any) -> list[tuple[int, int | None]] | None:
        """Return (pid, bytes or None) of one list of processes; None if the driver lacks it.

        Raise NVMLError if it fails otherwise.
        """
        if name not in self._functions:
            self._functions[name] = self._function(name)
        chosen = self._functions[name]
        if chosen is None:
            return None
        function, record = chosen
        size = _MANY_PROCESSES
        for _ in range(4):
            number, into = ctypes.c_uint(size), (record * size)()
            code = function(handle, ctypes.byref(number), into)
            if code != self._nvml.NVML_ERROR_INSUFFICIENT_SIZE:
                break
            size = number.value * 2
        if code == self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND:  # found by the loader all the same
            return self._older(name, handle)
        if code:
            raise self._nvml.NVMLError(code)
        return [
            (one.pid, None if one.memory == _UNKNOWN_MEMORY else one.memory)
            for one in into[: number.value]
        ]

    def _function(self, name: str, newest: int = 3) -> tuple[Any, Any] | None:
        """Return the newest form of a list function that the library has."""
        for version in range(newest, 0, -1):
            suffix = f"_v{version}" if version > 1 else ""
            function = getattr(self._library, name + suffix, None)
            if function is not None:
                function._torc_version = version
                return function, _Process if version > 1 else _FirstProcess
        return None

    def _older(self, name: str, handle: Any) -> list[tuple[int, int | None]] | None:
        chosen = self._functions[name]
        version = chosen[0]._torc_version if chosen is not None else 1
        self._functions[name] = self._function(name, version - 1)
        return self.read(name, handle)
