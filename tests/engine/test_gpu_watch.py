"""Readings of GPUs in a thread: notices, and a driver that hangs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.waiting import wait_for
from torc_tui.engine.gpu_guard import presumed_use
from torc_tui.engine.gpu_readings import GpuWatch, pause
from torc_tui.model import Allocation, Gpu, GpuGrant, GpuProcess, Machine
from torc_tui.reasons import Kind
from torc_tui.records import replace
from torc_tui.resources.gpu_claims import Tenant
from torc_tui.resources.gpu_reading import GpuReading, GpuUse
from torc_tui.resources.gpus import GpuRules
from torc_tui.resources.pool import Pool

BOTH = (Gpu(uuid="a", index=0), Gpu(uuid="b", index=1))


class Service:
    """GPUs that the test sets; ``hangs`` blocks a reading until it is cleared."""

    def __init__(self) -> None:
        self.reading: GpuReading | None = GpuReading(BOTH)
        self.goes_on = threading.Event()
        self.goes_on.set()

    def read(self, own: object, **_: object) -> GpuReading | None:
        self.goes_on.wait(60)
        return self.reading

    def close(self) -> None:
        self.goes_on.set()


@pytest.fixture
def service() -> Any:
    return Service()


def uuids(watch: GpuWatch) -> list[str] | None:
    """Return the GPUs of the next news."""
    latest = watch.take()
    return None if latest is None else [gpu.uuid for gpu in latest[1]]


def test_missing_gpu_is_waited_for(service: Any) -> None:
    watch = GpuWatch(service, wait=0.3, every=0.01)
    watch.start(lambda: None)
    try:
        wait_for(lambda: uuids(watch) == ["a", "b"])
        service.reading = GpuReading(BOTH[:1])
        wait_for(lambda: uuids(watch) == ["a"])
        assert [gpu.uuid for gpu in watch.awaited() or ()] == ["a", "b"]
        assert list(watch.lost) == ["b"]
        wait_for(lambda: [gpu.uuid for gpu in watch.awaited() or ()] == ["a"])
    finally:
        watch.close()


def test_nothing_waits_for_a_reading(service: Any) -> None:
    service.goes_on.clear()
    watch = GpuWatch(service, every=0.01)
    watch.start(lambda: None)
    began = time.monotonic()
    assert (watch.take(), watch.awaited(), watch.use(), watch.notices()) == (None, None, {}, [])
    watch.set_own({1: ""})
    watch.refresh()
    watch.close()
    assert time.monotonic() - began < 10, "the reading takes a minute"


def test_a_refresh_delivers_what_has_not_changed(service: Any) -> None:
    watch = GpuWatch(service, every=0.01)
    watch.start(lambda: None)
    try:
        first = wait_for(watch.take)
        wait_for(lambda: watch.take() is None)
        watch.refresh()
        assert wait_for(watch.take)[0] > first[0]
    finally:
        watch.close()


def test_driver_failure_and_return(service: Any) -> None:
    service.reading = None
    watch = GpuWatch(service, wait=0.2, every=0.01)
    watch.start(lambda: None)
    try:
        wait_for(lambda: watch.awaited() == ())
        service.reading = GpuReading(BOTH)
        wait_for(lambda: uuids(watch) == ["a", "b"])
        assert Kind.GPU_SILENT not in {one.kind for one in watch.notices()}
    finally:
        watch.close()


def test_use_of_a_job_with_its_containers(service: Any) -> None:
    """Processes of a job count for its leader, including those that only the pool attributes."""
    first = Gpu(
        uuid="a",
        index=0,
        memory=80,
        memory_free=60,
        processes=(
            GpuProcess(pid=5, memory=5, own=True, leader=4),
            GpuProcess(pid=900, memory=7, since=20.0),
        ),
    )
    second = Gpu(uuid="b", index=1, memory=80, memory_free=80)
    use = {5: GpuUse(5, 30.0), 900: GpuUse(7, 50.0), 8: GpuUse(1, None)}
    service.reading = GpuReading((first, second), use)
    rules = GpuRules(headroom=0, idle_memory=0)
    pool = Pool(Machine(hostname="h", num_cpus=1, memory=1, gpus=(first, second)), rules=rules)
    pool.update([replace(first, processes=(), memory_free=80), second], at=1.0)
    job = Allocation(1, 0, (GpuGrant("a", 0, 40),))
    pool.hold(job)
    pool.update([first, second], [(Tenant(4, 10.0), job)], 2.0)
    watch = GpuWatch(service, every=0.01)
    watch.start(lambda: None)
    try:
        wait_for(lambda: watch.take() is not None)
        assert watch.use() == {4: (5, 30.0), 900: (7, 50.0), 8: (1, None)}
        watch.presume(*presumed_use(pool))
        assert watch.use() == {4: (20, 80.0), 8: (1, None)}
    finally:
        watch.close()


@pytest.mark.parametrize(
    ("took", "every", "waits"),
    [(0.0, 0.5, 0.5), (0.003, 0.5, 0.5), (0.005, 0.5, 0.8), (2.0, 0.5, 1.0), (2.0, 3.0, 3.0)],
)
def test_pause(took: float, every: float, waits: float) -> None:
    """A reading that takes long is followed by a longer pause, up to a second."""
    assert pause(took, every) == pytest.approx(waits)
