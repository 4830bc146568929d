"""The readings beside the loop: what is news, and which GPUs may still be waited for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.waiting import wait_for
from torc_tui.engine import gpu_readings
from torc_tui.model import Gpu


class Monitor:
    """GPUs as the test says."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.gpus: tuple[Gpu, ...] = (Gpu(uuid="a", index=0), Gpu(uuid="b", index=1))

    def read(self, own: frozenset[int], *, figures: bool) -> tuple[Gpu, ...]:
        return self.gpus

    def close(self) -> None: ...


def test_a_gpu_that_stays_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_readings, "SILENT_SECONDS", 0.3)
    monitor: Any = Monitor()
    watch = gpu_readings.GpuWatch(monitor, lambda: None, every=0.01)
    try:
        wait_for(watch.present)
        assert [gpu.uuid for gpu in watch.present() or ()] == ["a", "b"]
        monitor.gpus = monitor.gpus[:1]
        wait_for(lambda: [gpu.uuid for gpu in watch.take() or ()] == ["a"])
        assert len(watch.present() or ()) == 2, "one bad reading is no loss"
        wait_for(lambda: [gpu.uuid for gpu in watch.present() or ()] == ["a"])
        monitor.gpus = ()
        wait_for(lambda: watch.present() == ())
    finally:
        watch.close()
