"""Statuses, their sets and transitions, and the state of a workflow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui import status
from torc_tui.errors import Refused
from torc_tui.status import JobStatus as S
from torc_tui.status import WorkflowState as W


def test_numbers_are_those_of_the_formats() -> None:
    words = (
        "uninitialized blocked ready pending running completed failed canceled terminated disabled"
        " pending_failed"
    )
    assert [s.word for s in S] == words.split()
    assert [int(s) for s in S] == list(range(11))
    assert all(S.from_word(s.word) is s for s in S)


def test_sets() -> None:
    assert frozenset(S) == status.SETTLED | status.UNSETTLED
    assert not status.SETTLED & status.UNSETTLED
    assert frozenset(S) == status.HELD | status.UNHELD
    assert status.UNSUCCESSFUL | {S.COMPLETED} == status.FINISHED
    assert {S.PENDING, S.RUNNING} == status.HELD
    assert not status.CANCELABLE & (status.HELD | status.SETTLED)
    assert status.UNSUCCESSFUL | {S.PENDING_FAILED} == status.RETRYABLE


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BEGUN", "ready pending running completed failed canceled terminated"),
        ("NOT_STARTED", "uninitialized blocked ready"),
        ("CANCELABLE", "uninitialized blocked ready pending_failed"),
        ("HAS_RESULT", "completed failed canceled terminated pending_failed"),
    ],
)
def test_members(name: str, words: str) -> None:
    """The sets that are built from other sets hold these statuses."""
    assert {one.word for one in getattr(status, name)} == set(words.split())


def test_every_status_has_a_row() -> None:
    assert set(status.TRANSITIONS) == set(S)
    assert all(before not in after for before, after in status.TRANSITIONS.items())


def test_only_a_runner_ends_jobs() -> None:
    """A job ends only while a runner holds it; a blocked one whose result is up to date is kept."""
    assert status.sources(S.TERMINATED) == status.HELD
    assert status.sources(S.COMPLETED) == status.HELD | {S.BLOCKED}
    assert status.sources(S.RUNNING) == {S.PENDING}
    assert status.sources(S.PENDING) == {S.READY}
    assert status.sources(S.FAILED) == status.HELD | {S.PENDING_FAILED}


def test_actions_never_move_a_held_job_to_a_start() -> None:
    for before in status.HELD:
        assert S.UNINITIALIZED not in status.TRANSITIONS[before]
        assert S.BLOCKED not in status.TRANSITIONS[before]
        assert S.DISABLED not in status.TRANSITIONS[before]


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_check(before: S, after: S) -> None:
    assert status.is_legal(before, after) is (before in status.sources(after))
    if status.is_legal(before, after):
        status.check("prep", before, after)
    else:
        words = f"job 'prep' is {before.word} and cannot become {after.word}"
        with pytest.raises(Refused, match=words):
            status.check("prep", before, after)


@pytest.mark.parametrize(
    ("counts", "flags", "state"),
    [
        ({}, {}, W.EMPTY),
        ({S.READY: 0}, {}, W.EMPTY),
        ({S.UNINITIALIZED: 3}, {}, W.UNINITIALIZED),
        ({S.UNINITIALIZED: 3, S.DISABLED: 1}, {}, W.UNINITIALIZED),
        ({S.DISABLED: 2}, {}, W.COMPLETED),
        ({S.READY: 1, S.BLOCKED: 1}, {}, W.READY),
        ({S.BLOCKED: 1, S.COMPLETED: 1}, {}, W.WAITING),
        ({S.PENDING_FAILED: 1}, {}, W.WAITING),
        ({S.UNINITIALIZED: 1, S.COMPLETED: 1}, {}, W.WAITING),
        ({S.PENDING: 1, S.FAILED: 1}, {}, W.RUNNING),
        ({S.COMPLETED: 2}, {}, W.COMPLETED),
        ({S.COMPLETED: 2, S.CANCELED: 1}, {}, W.FAILED),
        ({S.COMPLETED: 2}, {"is_canceled": True}, W.COMPLETED),
        ({S.CANCELED: 2}, {"is_canceled": True}, W.CANCELED),
        ({S.RUNNING: 2}, {"is_canceled": True}, W.CANCELING),
        ({S.READY: 2}, {"is_canceled": True}, W.CANCELED),
        ({S.RUNNING: 2}, {"is_paused": True}, W.PAUSED),
        ({S.TERMINATED: 1}, {}, W.FAILED),
        ({S.TERMINATED: 1}, {"interrupted": 1}, W.INTERRUPTED),
        ({S.TERMINATED: 1, S.RUNNING: 1}, {"interrupted": 1}, W.RUNNING),
        ({S.TERMINATED: 1}, {"interrupted": 1, "is_canceled": True}, W.CANCELED),
        ({S.COMPLETED: 1}, {"is_archived": True}, W.ARCHIVED),
    ],
)
def test_workflow_state(counts: dict[S, int], flags: dict[str, bool | int], state: W) -> None:
    assert status.workflow_state(counts, **flags) is state  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from(S), st.integers(0, 3)))
def test_zero_counts(counts: dict[S, int]) -> None:
    without = {key: number for key, number in counts.items() if number}
    assert status.workflow_state(counts) is status.workflow_state(without)
    assert status.is_complete(counts) is status.is_complete(without)
    assert status.is_complete(counts) is (set(without) <= status.SETTLED)
