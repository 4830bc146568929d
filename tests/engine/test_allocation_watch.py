"""Who asks about the allocations of silent runners, when, and what an answer is worth."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import wait_for
from torc_tui.clusters.allocation_ends import Loss
from torc_tui.clusters.base import ClusterSilent
from torc_tui.clusters.inside import ClusterAllocation
from torc_tui.engine.allocation_watch import LONGEST_PAUSE, LOOK_SECONDS, AllocationWatch
from torc_tui.lifecycle.liveness import SILENT_SECONDS, Proof

HERE = ClusterAllocation("slurm", "c", "7", 0, "n1", 0, 1, 2, None, None, None, 1000)


def node(runner: int = 2, native_id: str = "8", heartbeats: int = 5, restart: int = 0) -> Any:
    recorded = HERE._replace(native_id=native_id, restart=restart)._asdict()
    options = json.dumps({"allocation": recorded})
    return SimpleNamespace(id=runner, heartbeats=heartbeats, options=options)


class Batch:
    """A batch system that answers as the test says, and the runner that asks it."""

    def __init__(self, here: ClusterAllocation | None = HERE) -> None:
        self.now = 1000.0
        self.answer: dict[int, Loss] | None = {}
        self.asked: list[set[int]] = []
        self.woken = 0
        self.watch = AllocationWatch(here, self._wake, find=self._find, monotonic=lambda: self.now)

    def _wake(self) -> None:
        self.woken += 1

    def _find(
        self, recorded: Mapping[int, ClusterAllocation], here: ClusterAllocation | None
    ) -> dict[int, Loss]:
        self.asked.append(set(recorded))
        if self.answer is None:
            raise ClusterSilent("no answer")
        return self.answer

    def follow(self, *nodes: Any, quiet: float = 20.0, rank: int = 0, after: float = 0.0) -> int:
        """Report silent runners; return how often the batch system was asked so far."""
        self.now += after
        self.watch.follow([(one, quiet) for one in nodes], rank)
        wait_for(lambda: not _threads(), "the question is answered")
        return len(self.asked)


def _threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "torc-allocations"]


def test_lost() -> None:
    batch = Batch()
    batch.answer = {2: Loss.ALLOCATION_ENDED}
    assert batch.watch.proof_of(node()) is None
    assert batch.follow(node(), node(3, "9")) == 1
    assert batch.asked == [{2, 3}]
    assert (batch.watch.has_news, batch.woken) == (True, 1)
    assert batch.watch.proof_of(node()) is Proof.ALLOCATION_ENDED
    assert batch.watch.proof_of(node(3, "9")) is None
    assert not batch.watch.has_news


def test_heartbeat_refutes() -> None:
    """A runner that has sent a heartbeat since the question is not lost."""
    batch = Batch()
    batch.answer = {2: Loss.NODE_DOWN}
    batch.follow(node())
    assert batch.watch.proof_of(node(heartbeats=6)) is None
    assert batch.watch.proof_of(node(heartbeats=5)) is Proof.NODE_DOWN


def test_silence() -> None:
    """Nothing is known while the batch system is silent, and it is asked less and less often."""
    batch = Batch()
    batch.answer = None
    assert batch.follow(node()) == 1
    assert batch.watch.proof_of(node()) is None
    assert (batch.watch.has_news, batch.woken) == (False, 0)
    assert batch.follow(node(), after=LOOK_SECONDS) == 2
    assert batch.follow(node(), after=LOOK_SECONDS) == 2
    assert batch.follow(node(), after=LOOK_SECONDS) == 3
    for _ in range(10):
        batch.follow(node(), after=LONGEST_PAUSE)
    assert len(batch.asked) == 13
    batch.answer = {2: Loss.ALLOCATION_ENDED}
    batch.follow(node(), after=LONGEST_PAUSE)
    assert batch.watch.proof_of(node()) is Proof.ALLOCATION_ENDED


@pytest.mark.parametrize("rank", [0, 1, 5])
def test_turns(rank: int) -> None:
    """The other live runners ask first."""
    batch = Batch()
    patience = SILENT_SECONDS + rank * LOOK_SECONDS
    assert batch.follow(node(), quiet=patience - 1, rank=rank) == 0
    assert batch.follow(node(), quiet=patience, rank=rank) == 1


def test_pause() -> None:
    batch = Batch()
    assert batch.follow(node()) == 1
    assert batch.follow(node(), after=LOOK_SECONDS - 1) == 1
    assert batch.follow(node(), after=1) == 2


def test_outside_of_allocations() -> None:
    """Nothing is asked about runners without an allocation."""
    batch = Batch()
    plain = SimpleNamespace(id=2, heartbeats=1, options='{"allocation":null}')
    older = SimpleNamespace(id=3, heartbeats=1, options="{}")
    assert batch.follow(plain, older) == 0
    assert batch.watch.proof_of(plain) is None


def test_requeued() -> None:
    """The earlier start of the own allocation is over; nobody needs to be asked."""
    batch = Batch(HERE._replace(restart=1))
    assert batch.watch.proof_of(node(native_id="7")) is Proof.ALLOCATION_ENDED
    assert batch.watch.proof_of(node(native_id="7", restart=1)) is None
    assert batch.watch.proof_of(node(native_id="8")) is None
    assert Batch(None).watch.proof_of(node(native_id="7")) is None
