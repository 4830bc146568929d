"""Decide which GPUs may be used, and which may be waited for, from what readings show. Pure.

Input: readings with their times, in seconds of a clock that is never set. Output: GPUs, and
notices.

Invariants
* A GPU that is missing in a reading leaves at once. It returns after `GOOD_READINGS` readings that
  show it, over at least `GOOD_SECONDS`.
* Readings older than `STALE_SECONDS` serve no placement.
* There are at most `MOST_NOTICES` notices per GPU in `NOTICE_SECONDS`.
"""

from __future__ import annotations

from collections import deque

from torc_tui.model import Gpu
from torc_tui.reasons import Kind, Reason, because
from torc_tui.records import dataclass, field
from torc_tui.resources.gpu_reading import GpuReading

GOOD_READINGS = 3
GOOD_SECONDS = 5.0
STALE_SECONDS = 3.0
NOTICE_SECONDS = 60.0
MOST_NOTICES = 2
WAIT_SECONDS = 120.0
"""How long jobs wait for a GPU or a driver that does not answer, by default."""


@dataclass(slots=True)
class _Device:
    """A GPU that was seen: the last reading of it, and since when it is there or away."""

    gpu: Gpu
    seen: float
    is_present: bool = True
    good: int = 0
    good_since: float = 0.0
    left: float = 0.0
    reported_missing: bool = False
    reports: deque[float] = field(default_factory=deque)


class Presence:
    """The GPUs of a machine over time; ``wait`` is the time that jobs wait for what is away."""

    def __init__(self, began: float, wait: float = WAIT_SECONDS) -> None:
        self.wait = wait
        self.notices: list[Reason] = []
        self._devices: dict[str, _Device] = {}
        self._began = began
        self._read_at: float | None = None
        """When the driver answered last."""
        self._failing_since: float | None = began
        self._has_failed = False
        self._reported_stale = False
        self._errors: dict[int, str] = {}

    def read(self, reading: GpuReading | None, now: float) -> None:
        """Take a reading; None when the driver did not answer."""
        if reading is None or not reading.answers:
            self._has_failed = True
            if self._failing_since is None:
                self._failing_since = now
            for reason in reading.notices if reading is not None else ():
                self._take_notice(reason)
            if reading is not None:
                self._read_at = now
                self._see({}, now)
            return
        self._failing_since, self._read_at = None, now
        for reason in reading.notices:
            self._take_notice(reason)
        if self._reported_stale:
            self._reported_stale = False
            self.notices.append(because(Kind.GPU_DRIVER_BACK))
        self._see({gpu.uuid: gpu for gpu in reading.gpus}, now)

    def check(self, now: float) -> None:
        """Report readings that are too old for placement."""
        slow_start = self._read_at is None and not self._has_failed
        if self.is_stale(now) and not self._reported_stale and not slow_start:
            self._reported_stale = True
            self.notices.append(because(Kind.GPU_DRIVER, problem="silent"))

    def is_stale(self, now: float) -> bool:
        """Return whether the last reading is too old to start jobs on it."""
        last = self._began if self._read_at is None else self._read_at
        return now - last > STALE_SECONDS

    def usable(self, now: float) -> tuple[Gpu, ...]:
        """Return the GPUs on which jobs may start."""
        if self._read_at is None or self.is_stale(now):
            return ()
        return self._sorted([one for one in self._devices.values() if one.is_present])

    def awaited(self, now: float) -> tuple[Gpu, ...] | None:
        """Return the GPUs for which jobs may wait; None while that is not known yet."""
        devices = [
            one for one in self._devices.values() if one.is_present or now - one.left < self.wait
        ]
        since = self._failing_since
        if since is not None and not devices and now - since < self.wait:
            return None
        if since is not None and now - since >= self.wait:
            return ()
        return self._sorted(devices)

    def missing(self) -> dict[str, float]:
        """Return the GPUs that are away, by UUID, and since when."""
        return {uuid: one.left for uuid, one in self._devices.items() if not one.is_present}

    def _see(self, present: dict[str, Gpu], now: float) -> None:
        for uuid, device in self._devices.items():
            if uuid not in present:
                self._miss(device, now)
        for uuid, gpu in present.items():
            known = self._devices.get(uuid)
            if known is None:
                self._devices[uuid] = _Device(gpu, now)
            else:
                known.gpu, known.seen = gpu, now
                self._find(known, now)

    def _miss(self, device: _Device, now: float) -> None:
        device.good = 0
        if device.is_present:
            device.is_present, device.left = False, now
        if not device.reported_missing:
            error = self._errors.get(device.gpu.index)
            device.reported_missing = self._report(device, Kind.GPU_SILENT, now, error=error)

    def _find(self, device: _Device, now: float) -> None:
        if device.is_present:
            return
        if device.good == 0:
            device.good_since = now
        device.good += 1
        if device.good < GOOD_READINGS or now - device.good_since < GOOD_SECONDS:
            return
        device.is_present = True
        if device.reported_missing:
            self._report(device, Kind.GPU_BACK, now)
            device.reported_missing = False

    def _report(self, device: _Device, kind: Kind, now: float, *, error: str | None = None) -> bool:
        """Add a notice about a GPU, unless there were too many; return whether it was added."""
        while device.reports and now - device.reports[0] >= NOTICE_SECONDS:
            device.reports.popleft()
        if len(device.reports) >= MOST_NOTICES:
            return False
        device.reports.append(now)
        gpu = device.gpu
        arguments = {} if error is None else {"error": error}
        self.notices.append(because(kind, index=gpu.index, uuid=gpu.uuid, **arguments))
        return True

    def _take_notice(self, reason: Reason) -> None:
        """Add a notice of the driver; those about one GPU are made here."""
        if reason.kind is Kind.GPU_SILENT:
            self._errors[reason["index"]] = reason["error"]
            known = any(one.gpu.index == reason["index"] for one in self._devices.values())
            if not known:
                self.notices.append(reason)
        elif reason.kind is not Kind.GPU_BACK:
            self.notices.append(reason)

    @staticmethod
    def _sorted(devices: list[_Device]) -> tuple[Gpu, ...]:
        return tuple(sorted((one.gpu for one in devices), key=lambda gpu: (gpu.index, gpu.uuid)))
