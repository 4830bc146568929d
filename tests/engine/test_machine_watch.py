"""The measures of a machine: what is read of its GPUs, and who switches it off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from torc_tui.engine import machine_watch
from torc_tui.engine.machine_watch import MachineSampler
from torc_tui.engine.series_writer import keeps_series
from torc_tui.executors.attempt import Measures
from torc_tui.model import Gpu
from torc_tui.resources.usage_series import Metric
from torc_tui.store.run_context import RunContext

OFF = {"resource_monitor": {"compute_node": {"enabled": False}}}


class Context:
    """A workflow, as far as the measures of a machine know it."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings


GPUS = (
    Gpu(uuid="a", index=0, memory=80, memory_free=30, utilization=60.0),
    Gpu(uuid="b", index=1, memory=80, memory_free=70),
)
"""Two GPUs, of which one tells no load."""


def watch(settings: dict[str, Any], gpus: Callable[[], tuple[Gpu, ...]]) -> MachineSampler:
    context = cast(RunContext, Context(settings))
    return MachineSampler(cast(Any, None), context, 1, gpus)


def test_gpus() -> None:
    found = watch(OFF, lambda: GPUS)
    for _ in range(2):
        found._sample()
    series = found._recorder.series
    assert series.peak(Metric.GPU) == 60.0 and series.peak(Metric.GPU_MEMORY) == 60.0
    assert series.peak(Metric.MEMORY) > 1 << 20


def test_fails_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without these figures ends the thread, not the run."""

    def broken() -> tuple[Gpu, ...]:
        raise RuntimeError("no driver")

    monkeypatch.setattr(machine_watch, "_FIRST_SECONDS", 0.0)
    found = watch({}, broken)
    assert found._thread is not None
    found._thread.join(60)
    assert not found._thread.is_alive()
    found.close()


@pytest.mark.parametrize(
    ("monitor", "jobs", "machine"),
    [
        (None, True, True),
        ({}, True, True),
        ({"enabled": False}, False, False),
        ({"granularity": "summary"}, False, False),
        ({"granularity": "summary", "compute_node": {"granularity": "time_series"}}, False, True),
        ({"jobs": {"granularity": "summary"}}, False, True),
        ({"compute_node": {"enabled": False}}, True, False),
        ({"jobs": {"enabled": True}}, True, True),
    ],
    ids=["none", "empty", "off", "summary", "machine", "jobs", "node", "on"],
)
def test_switches(monitor: dict[str, Any] | None, jobs: bool, machine: bool) -> None:
    context = cast(
        RunContext, Context({"resource_monitor": monitor} if monitor is not None else {})
    )
    assert (keeps_series(context), keeps_series(context, "compute_node")) == (jobs, machine)


def test_gpus_of_an_attempt() -> None:
    measures = Measures(last_at=100.0)
    measures.sample_gpu(101.0, 5 << 30, 40.0)
    measures.sample_gpu(102.0, 6 << 30, None)
    series = measures.series.series
    assert series.peak(Metric.GPU_MEMORY) == 6 << 30 and series.peak(Metric.GPU) == 40.0
    assert series.length * series.width >= 2.0


def test_measures_of_an_adopted_attempt() -> None:
    """Its peaks are not forgotten with the runner that measured them."""
    before = Measures(last_at=0.0)
    before.sample(2.0, [], 7 << 20)
    before.sample_gpu(2.0, 3 << 30, None)
    found = Measures.restored(10.0, before.series.series)
    assert (found.peak_memory, found.peak_gpu_memory) == (7 << 20, 3 << 30)
    found.sample(15.0, [], 1 << 20)
    assert found.peak_memory == 7 << 20
    assert found.series.series.peak(Metric.MEMORY) == 7 << 20
    assert Measures.restored(10.0, None).peak_memory is None
