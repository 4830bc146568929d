"""Starts that the machine cannot make now: the job is as ready as before, and fewer are tried."""

from __future__ import annotations

from typing import Any

from torc_tui.model import NotStarted
from torc_tui.reasons import Kind, because
from torc_tui.wording import sentence

TEN = "name: w\njobs:\n  - {name: 'j{i}', command: 'true', parameters: {i: '1:10'}}\n"


def many(bench: Any) -> tuple[Any, list[float]]:
    """A workflow of ten jobs on a machine for four, and the clock of its back-off."""
    now = [100.0]
    it = bench(TEN, monotonic=lambda: now[0])
    return it, now


def numbers(it: Any, *statuses: str) -> list[int]:
    found = list(it.status().values())
    return [found.count(status) for status in statuses]


def test_a_declined_job_is_ready_again_with_the_same_attempt(bench: Any) -> None:
    it, now = many(bench)
    it.step()
    first, *others = sorted(it.running())
    for name in others:
        it.fake.start(it.ids[name])
    it.fake.decline(it.ids[first])
    step = it.step()
    assert list(map(sentence, step.notices)) == [
        "cannot start more jobs: no more processes can be started; retrying"
    ]
    assert it.status()[first] == "ready"
    assert numbers(it, "running", "ready", "pending") == [3, 7, 0]
    now[0] += 1
    it.step()
    assert [order.key.attempt_id for order in it.fake.orders if order.name == first] == [1, 1]
    assert it.running() == {first, *others}


def test_no_more_jobs_run_than_could_be_started(bench: Any) -> None:
    it, now = many(bench)
    it.step()
    names = sorted(it.running())
    for name in names[:2]:
        it.fake.start(it.ids[name])
    for name in names[2:]:
        it.fake.decline(it.ids[name])
    it.step()
    assert it.running() == set(names[:2])
    it.finish(names[0])
    assert len(it.running()) == 2  # the place of one that ended is taken at once
    now[0] += 1
    for running in (3, 4, 4):  # then one more is tried after the other, up to what fits
        it.step()
        assert len(it.running()) == running
        for name in it.running():
            it.fake.start(it.ids[name])


def test_declined_jobs_use_no_resources(bench: Any) -> None:
    it, _ = many(bench)
    free = it.engine.state.pool.free_cpus
    it.step()
    for name in it.running():
        it.fake.decline(it.ids[name])
    it.step()
    assert it.engine.state.pool.free_cpus == free
    assert it.engine.in_flight == {}
    assert numbers(it, "ready") == [10]
    it.fake.assert_empty()


def test_late_refusal(bench: Any) -> None:
    """The job was canceled by others in the meantime."""
    it, _ = many(bench)
    it.step()
    name = sorted(it.running())[0]
    it.fake.start(it.ids[name])
    it.step()
    key = it.fake.order(it.ids[name]).key
    it.engine.step(
        [NotStarted(key._replace(attempt_id=2), because(Kind.START_SHORTAGE, lack="memory"))], 5.0
    )
    assert it.status()[name] == "running"


def test_missing_working_directory(bench: Any) -> None:
    it, _ = many(bench)
    it.step()
    name = sorted(it.running())[0]
    it.directory.rename(it.directory.with_name("moved"))
    try:
        it.fake.fail_launch(it.ids[name])
        step = it.step()
    finally:
        it.directory.with_name("moved").rename(it.directory)
    assert step.notices == [because(Kind.DIRECTORY_GONE, directory=str(it.directory))]
    assert it.status()[name] == "ready"
    assert it.engine.state.directory_is_gone
    it.step()
    assert len(it.running()) == 3  # nothing new is started
