"""Canaries and suspensions, as pure decisions."""

from __future__ import annotations

import pytest

from torc_tui.engine.adoption import suspended_seconds
from torc_tui.lifecycle.canary import Canary, hold_of
from torc_tui.reasons import Kind, because
from torc_tui.status import JobStatus as S

EXIT = because(Kind.EXIT, code=3)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([S.COMPLETED, S.COMPLETED], None),
        ([S.COMPLETED, S.DISABLED], None),
        ([S.COMPLETED, S.RUNNING], because(Kind.CANARY, jobs=("c1",))),
        ([S.READY, S.BLOCKED, S.PENDING], because(Kind.CANARY, jobs=("c0", "c1"), more=1)),
        ([S.UNINITIALIZED], because(Kind.CANARY, jobs=("c0",))),
    ],
    ids=["passed", "disabled", "one left", "three left", "new"],
)
def test_canaries(statuses: list[S], expected: object) -> None:
    assert hold_of([Canary(f"c{i}", status) for i, status in enumerate(statuses)]) == expected


@pytest.mark.parametrize("status", [S.FAILED, S.CANCELED, S.TERMINATED, S.PENDING_FAILED], ids=str)
def test_failure_is_reported_early(status: S) -> None:
    found = hold_of([Canary("a", S.RUNNING), Canary("b", status, EXIT), Canary("c", status)])
    assert found == because(Kind.CANARY_FAILED, job="b", status=status.word, reason=EXIT, more=1)


def test_an_interrupted_canary_runs_again() -> None:
    found = hold_of([Canary("a", S.TERMINATED, EXIT, interrupted=True)])
    assert found == because(Kind.CANARY, jobs=("a",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], None),
        ([(True, 5.0)], None),  # of an earlier attempt
        ([(True, 12.0), (False, 15.0)], 3.0),
        ([(True, 12.0), (True, 13.0), (False, 15.0), (False, 16.0)], 3.0),
        ([(True, 12.0), (False, 13.0), (True, 18.0)], 3.0),  # still suspended
        ([(True, 12.0), (False, 11.0)], 0.0),  # the clock was set
        ([(True, 25.0)], 0.0),
        ([(True, 10.0), (False, 13.0)], 3.0),  # at once
        ([(False, 12.0)], 0.0),
    ],
    ids=[
        "never",
        "earlier",
        "once",
        "twice",
        "open",
        "clock set",
        "clock set, open",
        "at the start",
        "only resumed",
    ],
)
def test_suspended_seconds(changes: list[tuple[bool, float]], expected: float | None) -> None:
    assert suspended_seconds(changes, 10.0, 20.0) == expected
    assert suspended_seconds(changes, None, 20.0) is None
