"""Short jobs are prefetched and start when others end, without delaying other jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.fake_executor import FakeExecutor
from tests.raw_sql import execute
from tests.waiting import wait_for
from torc_tui.engine.state import (
    LOOK_SECONDS,
    PREFETCHED_JOBS,
    STALE_SECONDS,
    Deadline,
    Prefetched,
)
from torc_tui.operations import jobs as acts
from torc_tui.operations.workflows import cancel_workflow, pause_workflow
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store.scheduling import decode_allocation

Make = Callable[..., Any]

STILL = {"monotonic": lambda: 0.0}
"""Options of an engine for which no time passes: a lease of prefetched jobs does not expire."""
MANY = "name: m\njobs:\n  - {name: 'j_{i}', command: x, parameters: {i: '1:60'}}\n"


def begun(bench: Make, text: str = MANY) -> Any:
    """Return a run whose first job has finished quickly, so that jobs are prefetched."""
    it = bench(text, **STILL)
    it.step()
    it.finish("j_1")
    it.step()  # now it is known how short they are
    assert len(it.engine.state.prefetched.jobs) == PREFETCHED_JOBS
    return it


def holdings(it: Any) -> list[tuple[str, int]]:
    """(state, CPUs held) of the jobs that the runner has."""
    with it.store.read() as conn:
        rows = execute(
            conn,
            f"SELECT status, allocation FROM job WHERE status IN ({JobStatus.PENDING},"
            f" {JobStatus.RUNNING}) ORDER BY id",
        )
    return [
        ("pending" if status == 3 else "running", decode_allocation(text).num_cpus)
        for status, text in rows
    ]


def test_prefetched_jobs_use_no_resources(bench: Make) -> None:
    it = begun(bench)
    assert len(it.fake.job_ids) == 4
    assert sum(cpus for _, cpus in holdings(it)) == 4
    assert (
        Counter(it.status().values())["pending"] == PREFETCHED_JOBS + 4
    )  # and the four that were placed and have not begun


def test_successor_starts_before_the_write(bench: Make) -> None:
    it = begun(bench)
    first = it.engine.state.prefetched.jobs[0].id
    it.fake.finish(it.ids["j_2"])
    reports = it.fake.wait(0)
    assert it.engine.starter.start_prefetched(reports)
    assert first in it.fake.job_ids
    assert it.status()["j_2"] in ("pending", "running"), "nothing is written yet"
    it.engine.step(reports, it.fake.now)
    assert it.status()["j_2"] == "completed"
    assert sum(cpus for _, cpus in holdings(it)) == 4
    assert it.engine.state.pool.free_cpus == 0


def test_a_successor_that_starts_in_the_same_step_is_granted(bench: Make) -> None:
    it = begun(bench)
    first = it.engine.state.prefetched.jobs[0].id
    it.fake.finish(it.ids["j_2"])
    ended = it.fake.wait(0)
    assert it.engine.starter.start_prefetched(ended)
    it.fake.start(first)
    it.engine.step([*ended, *it.fake.wait(0)], it.fake.now)
    assert sum(cpus for _, cpus in holdings(it)) == 4


def test_repeated_reports(bench: Make) -> None:
    it = begun(bench)
    it.fake.finish(it.ids["j_2"])
    reports = it.fake.wait(0)
    it.engine.starter.start_prefetched(reports)
    orders = len(it.fake.orders)
    it.engine.starter.start_prefetched(reports)
    assert len(it.fake.orders) == orders


def test_many_short_jobs_finish_once(bench: Make) -> None:
    it = begun(bench)
    while it.fake.job_ids:
        for job_id in sorted(it.fake.job_ids):
            it.fake.finish(job_id)
        it.step()
    assert set(it.status().values()) == {"completed"}
    assert Counter(order.key.job_id for order in it.fake.orders) == Counter(it.ids.values())
    assert it.engine.state.pool.free_cpus == 4


def test_long_waiting_jobs_are_returned(bench: Make) -> None:
    it = begun(bench)
    it.fake.advance(STALE_SECONDS + 0.01)
    it.step()
    assert it.engine.state.prefetched.jobs == []
    assert Counter(it.status().values())["ready"] == 60 - 1 - 4


def test_pause_returns_prefetched_jobs(bench: Make) -> None:
    it = begun(bench)
    pause_workflow(it.outside, it.workflow_id)
    wait_for(it.engine.shared.has_changed, "the runner is notified")
    it.fake.finish(it.ids["j_2"])
    it.step()
    assert it.engine.state.prefetched.jobs == []
    assert len(it.fake.job_ids) == 3
    assert Counter(it.status().values())["ready"] == 60 - 2 - 3


def test_cancel_prefetched_jobs(bench: Make) -> None:
    it = begun(bench)
    cancel_workflow(it.outside, it.workflow_id)
    it.step()
    it.step()
    assert Counter(it.status().values()) == {"canceled": 59, "completed": 1}


def test_cancel_one_with_dependents(bench: Make) -> None:
    it = begun(bench, MANY + "  - {name: after, command: x, depends_on_regexes: ['^j_']}\n")
    chosen = it.engine.state.prefetched.jobs[3].id
    acts.cancel_jobs(it.outside, [chosen])
    it.fake.finish(it.ids["j_2"])
    it.step()
    names = {number: name for name, number in it.ids.items()}
    assert it.status()[names[chosen]] == "canceled"
    while it.fake.job_ids:
        for job_id in sorted(it.fake.job_ids):
            it.fake.finish(job_id)
        it.step()
    assert Counter(it.status().values()) == {"completed": 59, "canceled": 2}


def test_long_jobs_are_not_claimed_ahead(bench: Make) -> None:
    it = bench(MANY)
    it.step()
    it.fake.start(it.ids["j_1"])
    it.fake.advance(5)
    it.finish("j_1")
    it.step()
    assert it.engine.state.prefetched.jobs == []


def test_another_runner_ends_it(bench: Make) -> None:
    it = begun(bench)
    it.join()
    it.engine.shared.mark_outdated()
    it.step()
    assert it.engine.state.prefetched.jobs == []


def test_another_runner_elsewhere_gets_its_share(bench: Make) -> None:
    """Its progress is no news on PostgreSQL, so that jobs are prefetched on both nodes."""
    it = bench(MANY, **STILL)
    other, _ = it.join(hostname="elsewhere")
    it.step()
    it.finish("j_1")
    it.step()
    prefetched = len(it.engine.state.prefetched.jobs)
    if it.store.dialect == "sqlite":
        assert prefetched == 0
        return
    assert prefetched == 28, "half of the 56 jobs that are ready"
    other.step([], it.fake.now)
    assert not it.engine.shared.news.take(it.store.connection())
    it.fake.finish(it.ids["j_2"])
    assert it.engine.starter.start_prefetched(it.fake.wait(0))


def test_expired_prefetched_jobs_do_not_start(bench: Make) -> None:
    """Another runner may have them after this process was stopped for long."""
    it = begun(bench)
    it.engine.state.prefetched.expires = 0.0
    it.fake.finish(it.ids["j_2"])
    assert not it.engine.starter.start_prefetched(it.fake.wait(0))
    assert len(it.fake.job_ids) == 3


def test_jobs_that_would_end_late_are_not_prefetched(bench: Make) -> None:
    text = MANY.replace("x,", "x, resource_requirements: r,")
    text += "resource_requirements: [{name: r, num_cpus: 1, runtime: PT60S}]\n"
    it = bench(text, deadline=Deadline(FakeExecutor().now + 60.1))
    it.step()
    it.finish("j_1")
    it.step()
    assert it.engine.state.prefetched.jobs == []
    assert len(it.fake.job_ids) == 4


def test_typical_run_time() -> None:
    ahead = Prefetched()
    assert ahead.wanted(4) == 0
    ahead.learn(0.01)
    assert ahead.wanted(4) == PREFETCHED_JOBS
    for _ in range(3):
        ahead.learn(1.0)
    assert ahead.wanted(4) == 0


def test_only_jobs_that_start_soon_are_prefetched() -> None:
    ahead = Prefetched()
    ahead.learn(STALE_SECONDS / 5)
    assert ahead.wanted(2) == 10
    assert ahead.wanted(0) == 0


def test_others_are_looked_at_now_and_then(bench: Make, monkeypatch: Any) -> None:
    """Short jobs start too fast for a look at the database before each of them."""
    it = begun(bench)
    looks: list[float] = []
    now = 1.0
    monkeypatch.setattr(it.engine.shared, "has_changed", lambda: bool(looks.append(now)))
    it.engine.state.prefetched.expires = 10.0
    it.engine.state.options = replace(it.engine.state.options, monotonic=lambda: now)
    for name in ("j_2", "j_3"):
        it.fake.finish(it.ids[name])
        assert it.engine.starter.start_prefetched(it.fake.wait(0))
    assert looks == [1.0]
    now = 1.0 + 2 * LOOK_SECONDS
    it.fake.finish(it.ids["j_4"])
    assert it.engine.starter.start_prefetched(it.fake.wait(0))
    assert looks == [1.0, now]
