"""The fold of events over a snapshot."""

from __future__ import annotations

import copy
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.model import RELOAD_EVENTS, STATUS_EVENTS, Event, Job, Workflow
from torc_tui.reasons import Kind, because
from torc_tui.status import SETTLED, JobStatus
from torc_tui.views.run_progress import Durations, Eta, estimate
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import time_range

WORKFLOW = Workflow(id=1, name="w", user="u")


EXIT_3 = because(Kind.EXIT, code=3)


def view(*statuses: JobStatus, cursor: int = 0) -> WorkflowView:
    jobs = [
        Job(number, f"j{number}", status, group="f") for number, status in enumerate(statuses, 1)
    ]
    return WorkflowView(WORKFLOW, jobs, {}, cursor)


def event(seq: int, kind: str, job_id: int | None = 1, at: float = 100.0, **data: object) -> Event:
    return Event(1, seq, at, kind, job_id, data)


def test_life_of_a_job() -> None:
    seen = view(JobStatus.READY)
    assert seen.apply([event(1, "job_claimed", node=7)]) == {1}
    job = seen.jobs[1]
    assert (job.status, job.compute_node_id) == (JobStatus.PENDING, 7)
    seen.apply([event(2, "job_started", at=10.0, attempt=1, node=7)])
    assert (job.status, job.started_at, seen.running) == (JobStatus.RUNNING, 10.0, {1})
    seen.apply([event(3, "job_failed", at=12.0, return_code=3, reason=EXIT_3.to_json())])
    assert (job.ended_at, job.return_code, job.reason) == (12.0, 3, EXIT_3)
    assert (seen.running, seen.counts[JobStatus.FAILED], seen.state) == (set(), 1, "failed")
    reason = EXIT_3.to_json()
    seen.apply([event(4, "job_retried", attempt=2, of=4, not_before=20.0, reason=reason)])
    assert (job.status, job.attempt_id, job.not_before) == (JobStatus.READY, 2, 20.0)
    assert (job.ended_at, job.return_code, job.reason) == (12.0, 3, EXIT_3)
    seen.apply([event(5, "job_claimed", node=8, attempt=2)])
    assert (job.started_at, job.ended_at, job.return_code, job.reason, job.not_before) == (
        None,
    ) * 5
    seen.apply([event(6, "job_started", at=31.0, attempt=2, node=8)])
    seen.apply(
        [event(7, "job_completed", return_code=0, attempt=2, started_at=30.5, ended_at=33.0)]
    )
    assert (job.started_at, job.ended_at, job.compute_node_id) == (30.5, 33.0, 8)
    assert seen.durations["f"].mean == 2.5
    assert seen.version == 7 and seen.cursor == 7


def test_a_job_that_never_ran_is_canceled_at_a_time() -> None:
    """A job stays held when it is canceled for a dependency, whatever that is called; a user who
    cancels it releases it."""
    seen = view(JobStatus.BLOCKED)
    reason = because(Kind.DEPENDENCY, job="canceled by design", status="failed")
    seen.apply([event(1, "job_held"), event(2, "job_canceled", at=50.0, reason=reason.to_json())])
    job = seen.jobs[1]
    assert (job.started_at, job.ended_at, job.reason, job.held) == (None, 50.0, reason, True)
    by_user = because(Kind.CANCELED_BY_USER, actor="me@here").to_json()
    seen.apply([event(3, "job_canceled", at=60.0, reason=by_user)])
    assert not job.held


def test_actions_without_change_of_status() -> None:
    seen = view(JobStatus.READY)
    assert seen.apply([event(1, "job_held")]) == {1} and seen.jobs[1].held
    assert seen.apply([event(2, "job_released"), event(3, "job_priority", priority=5)]) == {1}
    assert not seen.jobs[1].held and seen.jobs[1].priority == 5
    assert (
        seen.apply([event(4, "job_warning", message="?"), event(5, "user_data_updated")]) == set()
    )


def test_gap_needs_a_reload() -> None:
    seen = view(JobStatus.READY)
    assert seen.apply([event(2, "job_started")]) == set()
    assert seen.needs_reload and seen.jobs[1].status is JobStatus.READY and seen.cursor == 0


@pytest.mark.parametrize("kind", sorted(RELOAD_EVENTS | {"workflow_canceled"}))
def test_kinds_that_need_a_reload(kind: str) -> None:
    seen = view(JobStatus.READY)
    seen.apply([event(1, "job_claimed"), event(2, kind, None), event(3, "job_started")])
    assert seen.needs_reload and seen.cursor == 1 and seen.jobs[1].status is JobStatus.PENDING


def test_unknown_job_needs_a_reload() -> None:
    seen = view(JobStatus.READY)
    seen.apply([event(1, "job_started", 99)])
    assert seen.needs_reload


def test_repeated_events_are_skipped() -> None:
    seen = view(JobStatus.READY, cursor=5)
    assert seen.apply([event(4, "job_started"), event(5, "job_started")]) == set()
    assert not seen.needs_reload and seen.jobs[1].status is JobStatus.READY


def test_workflow_flags_and_nodes() -> None:
    seen = view(JobStatus.READY)
    seen.apply([event(1, "workflow_paused", None), event(2, "node_started", None, node=3)])
    assert seen.workflow.is_paused and seen.state == "paused" and seen.nodes == {3}
    seen.apply(
        [
            event(3, "workflow_resumed", None),
            event(4, "node_lost", None, node=3),
            event(5, "node_lost", None),
        ]
    )
    assert not seen.workflow.is_paused and seen.state == "ready" and seen.nodes == set()
    seen.apply([event(6, "workflow_archived", None, archived=True)])
    seen.apply(
        [event(7, "workflow_updated", None, name="other", user=None, description="d", odd=1)]
    )
    assert seen.workflow.is_archived
    assert (seen.workflow.name, seen.workflow.user, seen.workflow.description) == (
        "other",
        "u",
        "d",
    )


KINDS = [
    *STATUS_EVENTS,
    "job_held",
    "job_released",
    "job_priority",
    "job_warning",
    "workflow_paused",
    "node_lost",
]


@given(
    st.lists(st.sampled_from(list(JobStatus)), min_size=1, max_size=6),
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(1, 6), st.floats(0, 1e6), st.booleans()),
        max_size=40,
    ),
    st.integers(1, 40),
)
def test_incremental_state_equals_recomputed_state(
    statuses: list[JobStatus], acts: list[tuple], cut: int
) -> None:
    events = [
        event(
            seq,
            kind,
            None if kind.startswith(("workflow", "node")) else 1 + job % len(statuses),
            at,
            **({"exec_time": 1.5, "attempt": 2, "return_code": 1} if full else {}),
        )
        for seq, (kind, job, at, full) in enumerate(acts, 1)
    ]
    whole, parts = view(*statuses), view(*statuses)
    whole.apply(events)
    parts.apply(events[:cut])
    parts.apply(events)  # the overlap is skipped
    for seen in (whole, parts):
        again = WorkflowView(
            seen.workflow, copy.deepcopy(list(seen.jobs.values())), {}, seen.cursor
        )
        assert seen.counts == again.counts and seen.running == again.running
        assert seen._left == again._left
        assert sum(seen._left.values()) == len(seen.jobs) - seen.count(*SETTLED)
    assert (
        whole.jobs == parts.jobs and whole.counts == parts.counts and whole.cursor == parts.cursor
    )


def test_a_change_costs_little_memory() -> None:
    seen = view(*[JobStatus.READY] * 2000)
    events = [event(n, "job_started", n, at=float(n), attempt=1, node=1) for n in range(1, 2001)]
    tracemalloc.start()
    changed = seen.apply(events)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(changed) == 2000
    assert (used - sys.getsizeof(changed)) / 2000 < 600


def durations(*seconds: float) -> Durations:
    made = Durations()
    for one in seconds:
        made.add(one)
    return made


def test_estimate() -> None:
    known = {"f": durations(60, 62, 58, 60)}
    assert estimate({"f": 10}, {}, [("f", 1.0)]) is None  # nothing has ended
    assert estimate({"f": 10}, known, []) is None  # nothing runs
    assert estimate({"g": 10}, known, [("g", 1.0)]) is None  # nothing is known of these
    assert estimate({}, known, []) == Eta(0, 0)
    assert estimate({"f": 10}, known, [("f", 187.0), ("f", 1.0)]) is None  # one is overdue
    assert estimate({"f": 10}, known, [("f", 180.0), ("f", 1.0)]) is not None
    eta = estimate({"f": 20}, known, [("f", 0.0)] * 2)
    assert eta is not None and 550 < eta.low <= 600 <= eta.high < 700
    wide = estimate({"f": 20}, {"f": durations(10, 120, 60, 60)}, [("f", 0.0)] * 2)
    assert wide is not None and wide.high - wide.low > eta.high - eta.low
    chained = estimate({"f": 20}, known, [("f", 0.0)] * 2, critical=900.0)
    assert chained is not None and chained.low == 900


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (40, 55, "40–55 s"),
        (720, 900, "12–15 min"),
        (700, 701, "12 min"),
        (7200, 9000, "2.0–2.5 h"),
        (0, 2e5, "0.0–2.3 d"),
    ],
)
def test_text_of_a_range(low: float, high: float, text: str) -> None:
    assert time_range(low, high) == text


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 50)),
    st.dictionaries(st.sampled_from("abc"), st.lists(st.floats(0, 1e5), min_size=1, max_size=5)),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e5)), max_size=5),
)
def test_range_is_a_range(
    left: dict[str, int], known: dict[str, list[float]], running: list
) -> None:
    eta = estimate(left, {name: durations(*values) for name, values in known.items()}, running)
    assert eta is None or 0 <= eta.low <= eta.high
    assert eta is None or time_range(*eta)


def test_progress_of_a_run() -> None:
    seen = view(*[JobStatus.READY] * 10)
    told = []
    for number in range(1, 5):
        told += [event(len(told) + 1, "job_started", number, at=10.0 * number)]
        told += [event(len(told) + 1, "job_completed", number, at=10.0 * number + 8)]
    seen.apply(told)
    assert seen.progress(50.0).eta is None  # nothing goes on
    seen.apply([event(9, "job_claimed", 5)])
    progress = seen.progress(50.0)
    assert (progress.done, progress.total, progress.fraction) == (4, 10, 0.4)
    assert progress.eta is not None and progress.eta.low <= 48 <= progress.eta.high
    seen.apply([event(10, "job_started", 5, at=50.0)])
    later = seen.progress(54.0)
    assert later.running == 1 and later.eta is not None and later.eta.high < progress.eta.high
