"""Failures of jobs in an allocation, which may be the end of the allocation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from torc_tui.engine.signaled_ends import HOLD_SECONDS, SignaledEnds
from torc_tui.model import AttemptKey, Cause, Exited, Started

KEY = AttemptKey(1, 2, 1, 1)


def exited(code: int | None = 143, cause: Cause | None = None) -> Exited:
    return Exited(key=KEY, return_code=code, started_at=0.0, ended_at=1.0, cause=cause)


class Held:
    """The object under test, with a clock and a runner that the test moves."""

    def __init__(self, *, in_allocation: bool = True) -> None:
        self.now = 100.0
        self.shared = SimpleNamespace(is_canceled=False)
        self.state: Any = SimpleNamespace(stopping=None)
        engine: Any = SimpleNamespace(shared=self.shared, state=self.state)
        self.ends = SignaledEnds(engine, in_allocation=in_allocation, monotonic=lambda: self.now)


@pytest.mark.parametrize("code", [143, 137, 130, 1, None])
@pytest.mark.parametrize("cause", [Cause.STOPPED, Cause.TIME_LIMIT])
def test_stopped_meanwhile(code: int | None, cause: Cause) -> None:
    """A job that ends just before the runner notices its signal was stopped with it."""
    held = Held()
    assert held.ends.hold_back([exited(code)]) == []
    assert not held.ends.is_due()
    held.state.stopping = cause
    assert held.ends.hold_back([]) == [exited(code, cause)]
    assert held.ends.hold_back([]) == []


def test_stopped_before() -> None:
    """A report that arrives after the signal needs not wait."""
    held = Held()
    held.state.stopping = Cause.STOPPED
    assert held.ends.hold_back([exited(1)]) == [exited(1, Cause.STOPPED)]


def test_canceled_workflow() -> None:
    """Whoever cancels a workflow also cancels its allocations."""
    held = Held()
    assert held.ends.hold_back([exited()]) == []
    held.shared.is_canceled = True
    held.state.stopping = Cause.STOPPED
    assert held.ends.hold_back([]) == [exited(143, Cause.CANCELED)]


def test_own_failure() -> None:
    """Without a signal, the job has failed by itself."""
    held = Held()
    assert held.ends.hold_back([exited(3)]) == []
    held.now += HOLD_SECONDS / 2
    assert (held.ends.hold_back([]), held.ends.is_due()) == ([], False)
    held.now += HOLD_SECONDS
    assert held.ends.is_due()
    assert held.ends.hold_back([]) == [exited(3)]
    assert not held.ends.is_due()


@pytest.mark.parametrize(
    "report", [exited(0), exited(137, Cause.OOM), exited(None, Cause.LOST), Started(KEY, 1, 1, 0.0)]
)
def test_passed_on(report: Any) -> None:
    """Successes, ends with a cause and starts do not wait."""
    assert Held().ends.hold_back([report]) == [report]


def test_outside() -> None:
    """Outside of an allocation, nothing waits and nothing changes."""
    held = Held(in_allocation=False)
    assert held.ends.hold_back([exited()]) == [exited()]
    held.state.stopping = Cause.STOPPED
    assert held.ends.hold_back([exited()]) == [exited()]
