"""Measure the machine of a runner over time: CPUs, memory, GPUs, disks.

Input: the system, and the latest readings of the GPUs. Output: one row for the runner, written
again every minute and at its end.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from torc_tui.engine.series_writer import keeps_series
from torc_tui.errors import StoreError
from torc_tui.model import Gpu
from torc_tui.resources.usage_series import Metric, SeriesRecorder, pack
from torc_tui.store import usage_series
from torc_tui.store.database import Store
from torc_tui.store.run_context import RunContext

_FIRST_SECONDS, _SAMPLE_SECONDS = 1.0, 5.0
"""Age of the runner at the first sample, and the time between two of them."""
_WRITE_SECONDS = 60.0


class MachineSampler:
    """Take samples in a daemon thread, until `close`."""

    def __init__(
        self, store: Store, context: RunContext, node_id: int, gpus: Callable[[], Sequence[Gpu]]
    ) -> None:
        self._store = store
        self._node_id = node_id
        self._read_gpus = gpus
        self._recorder = SeriesRecorder()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._began = self._written_at = time.monotonic()
        self._io: tuple[float, int] | None = None
        self._thread: threading.Thread | None = None
        if keeps_series(context, "compute_node"):
            thread = threading.Thread(target=self._work, name="torc-machine", daemon=True)
            with contextlib.suppress(RuntimeError):  # no more threads: nothing is measured
                thread.start()
                self._thread = thread

    def write_if_due(self) -> None:
        """Write what was measured, once a minute."""
        if time.monotonic() - self._written_at >= _WRITE_SECONDS:
            self._write()

    def close(self) -> None:
        """End the thread and write what was measured, if the database can be used."""
        self._over.set()
        with contextlib.suppress(StoreError):
            self._write()

    def _write(self) -> None:
        with self._lock:
            series = self._recorder.series
        self._written_at = time.monotonic()
        if series.length:
            with self._store.write() as conn:
                usage_series.save_machine(conn, self._node_id, pack(series))

    def _work(self) -> None:
        pause = _FIRST_SECONDS
        while not self._over.wait(pause):
            try:
                self._sample()
            except Exception:
                return  # a system without these figures: the run goes on without them
            pause = _SAMPLE_SECONDS

    def _sample(self) -> None:
        import psutil  # slow to load: a short run does without it

        at = time.monotonic() - self._began
        memory = psutil.virtual_memory()
        values = {Metric.MEMORY: float(memory.total - memory.available)}
        share = psutil.cpu_percent() * (psutil.cpu_count() or 1)
        if self._io is not None:  # the first reading of the CPUs has no time to refer to
            values[Metric.CPU] = share
        disks = psutil.disk_io_counters()
        if disks is not None:
            amount = disks.read_bytes + disks.write_bytes
            if self._io is not None and at > self._io[0]:
                values[Metric.IO] = max(0, amount - self._io[1]) / (at - self._io[0])
            self._io = at, amount
        else:
            self._io = at, 0
        values |= self._gpus()
        with self._lock:
            for metric, value in values.items():
                self._recorder.add(at, metric, value)

    def _gpus(self) -> dict[Metric, float]:
        """Return the mean load of all GPUs, and the memory in use on them."""
        gpus = self._read_gpus()
        loads = [gpu.utilization for gpu in gpus if gpu.utilization is not None]
        used = [gpu.memory - gpu.memory_free for gpu in gpus if gpu.memory_free is not None]
        found: dict[Metric, float] = {}
        if loads:
            found[Metric.GPU] = sum(loads) / len(loads)
        if used:
            found[Metric.GPU_MEMORY] = float(sum(used))
        return found
