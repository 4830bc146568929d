"""When a runner in an allocation leaves, whose idle node would be charged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.engine.run_summary import ALLOCATION_IDLE_SECONDS, RemainingWork, RunSummary
from torc_tui.engine.state import Deadline
from torc_tui.engine.stop_requests import Interrupts
from torc_tui.model import Gpu, Machine
from torc_tui.operations.job_holds import hold_jobs
from torc_tui.records import replace

Make = Callable[..., Any]
SMALL = Machine(hostname="bench", num_cpus=1, memory=1 << 30)
LARGE = Machine(
    hostname="bench", num_cpus=8, memory=8 << 30, gpus=(Gpu(uuid="virtual-0", index=0),)
)
CHAIN = """
name: w
{}
jobs:
- {{name: first, command: x, resource_requirements: large}}
- {{name: second, command: x, depends_on: [first], resource_requirements: {}}}
resource_requirements:
- {{name: large, num_cpus: 8, memory: 4g}}
- {{name: small, num_cpus: 1, memory: 100m}}
- {{name: gpu, num_cpus: 1, memory: 100m, num_gpus: 1}}
"""


class Idle:
    """A small runner that is idle while another one runs the first job."""

    def __init__(
        self,
        bench: Make,
        monkeypatch: pytest.MonkeyPatch,
        text: str,
        *,
        in_allocation: bool = True,
    ) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.it = bench(text, machine=LARGE)
        self.it.step()
        engine, self.fake = self.it.join(SMALL)
        engine.node = replace(engine.node, in_allocation=in_allocation)
        self.engine = engine
        summary = RunSummary(self.it.store, engine, SMALL, Deadline())
        self.remaining = RemainingWork(engine, Interrupts(lambda: None), summary)

    def leaves(self, after: float = 0.0) -> bool:
        self.now += after
        step = self.engine.step([], 5.0)
        return self.remaining.is_over(5.0, step.claimed)


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [
        ("", ALLOCATION_IDLE_SECONDS),
        ("compute_node_wait_for_new_jobs_seconds: 7", 7.0),
        ("compute_node_wait_for_new_jobs_seconds: 1", 1.0),
    ],
)
def test_idle(bench: Make, monkeypatch: pytest.MonkeyPatch, setting: str, seconds: float) -> None:
    """It leaves after some time, although another runner works and more may become ready."""
    idle = Idle(bench, monkeypatch, CHAIN.format(setting, "small"))
    assert not idle.leaves()
    assert not idle.leaves(seconds - 0.5)
    assert idle.remaining.is_idle
    assert idle.leaves(0.6)


def test_without_end(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CHAIN.format("compute_node_wait_for_new_jobs_seconds: 0", "small")
    idle = Idle(bench, monkeypatch, text)
    assert not idle.leaves()
    assert not idle.leaves(100_000)


def test_outside(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of an allocation, a runner waits for the others."""
    idle = Idle(bench, monkeypatch, CHAIN.format("", "small"), in_allocation=False)
    assert not idle.leaves()
    assert not idle.leaves(100_000)


@pytest.mark.parametrize("request_of_second", ["large", "gpu"])
def test_too_small(bench: Make, monkeypatch: pytest.MonkeyPatch, request_of_second: str) -> None:
    """It leaves at once if all that is left, or runs elsewhere, asks for more than it has."""
    idle = Idle(bench, monkeypatch, CHAIN.format("", request_of_second))
    assert idle.leaves()


def test_work_arrives(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time begins anew after a job."""
    idle = Idle(bench, monkeypatch, CHAIN.format("", "small"))
    assert not idle.leaves()
    assert not idle.leaves(ALLOCATION_IDLE_SECONDS - 1)
    idle.it.finish("first")  # the other runner takes the second one at once
    idle.it.engine.stop()
    idle.it.step()  # and is interrupted
    idle.engine.shared.mark_outdated()  # both have one connection here
    assert not idle.leaves(2)
    assert idle.it.status()["second"] == "pending"
    idle.fake.finish(idle.it.ids["second"], 0)
    step = idle.engine.step(idle.fake.wait(0), 6.0)
    assert idle.remaining.is_over(6.0, step.claimed)


def test_held(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that are held do not keep the node."""
    idle = Idle(bench, monkeypatch, CHAIN.format("", "small"))
    hold_jobs(idle.it.outside, [idle.it.ids["second"]])
    idle.it.finish("first")
    assert not idle.leaves()
    assert idle.leaves(ALLOCATION_IDLE_SECONDS)
