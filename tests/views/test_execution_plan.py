"""Events after which jobs become ready."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.views.execution_plan import execution_events, short_list


def test_diamond() -> None:
    names = {1: "prepare", 2: "work_1", 3: "work_2", 4: "join"}
    events = execution_events(names, [(2, 1), (3, 1), (4, 2), (4, 3)])
    assert [(one.id, one.after, one.ready) for one in events] == [
        ("start", (), (1,)),
        ("after_prepare", (1,), (2, 3)),
        ("after_work_jobs", (2, 3), (4,)),
    ]
    assert [(one.depends_on, one.unlocks) for one in events] == [
        ((), ("after_prepare",)),
        (("start",), ("after_work_jobs",)),
        (("after_prepare",), ()),
    ]


def test_gates_are_sets_of_jobs() -> None:
    """A gate and the same dependencies one by one make one event."""
    names = {1: "a", 2: "b", 3: "c", 4: "d"}
    events = execution_events(names, [(3, -1), (-1, 1), (-1, 2), (4, 1), (4, 2)])
    assert [(one.id, one.ready) for one in events] == [
        ("start", (1, 2)),
        ("after_a_and_1_more", (3, 4)),
    ]


def test_ids_are_different() -> None:
    names = {1: "x_1", 2: "x_2", 3: "x_3", 4: "p", 5: "q"}
    events = execution_events(names, [(4, 1), (4, 2), (5, 2), (5, 3)])
    assert [one.id for one in events] == ["start", "after_x_jobs", "after_x_jobs_2"]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30))
def test_every_job_once_and_in_order(pairs: list[tuple[int, int]]) -> None:
    names = {number: f"job {number}" for number in range(13)}
    waits = [(max(pair), min(pair)) for pair in pairs if pair[0] != pair[1]]
    seen: set[int] = set()
    for event in execution_events(names, waits):
        assert set(event.after) <= seen
        assert not seen & set(event.ready)
        seen |= set(event.ready)
        for job in event.ready:
            assert set(event.after) == {other for one, other in waits if one == job}
    assert seen == set(names)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["fit_1", "fit_2", "fit_3", "end"], "fit_{1..3} and end"),
        (["fit_08", "fit_09", "fit_10"], "fit_{08..10}"),
        (["fit_1", "fit_2"], "fit_1, fit_2"),
        (["fit_1", "fit_3", "fit_5"], "fit_1, fit_3 and fit_5"),
        (["s1_a", "s2_a", "s3_a", "s3_b"], "s{1..3}_a and s3_b"),
    ],
)
def test_short_list(names: list[str], text: str) -> None:
    assert short_list(names) == text
