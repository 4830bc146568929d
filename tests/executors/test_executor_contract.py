"""One contract, for the executor that runs processes and for its double."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fake_executor import FakeExecutor
from tests.waiting import wait_for
from torc_tui.executors.base import Adopted, Executor
from torc_tui.executors.local import LocalExecutor
from torc_tui.model import AttemptKey, Cause, Exited, Order, Report, Started


def make_order(folder: Path, job_id: int, command: str) -> Order:
    base = folder / f"j{job_id}"
    return Order(
        key=AttemptKey(1, job_id, 1, 1),
        name=f"job{job_id}",
        command=command,
        directory=str(folder),
        environment=dict(os.environ),
        stdout=f"{base}.o",
        stderr=f"{base}.e",
        exit_file=f"{base}.exit",
    )


def code_of(order: Order) -> int | None:
    """The double knows two commands: `exit N` ends, all others stay."""
    return int(order.command.split()[1]) if order.command.startswith("exit ") else None


def collect(executor: Executor, done: Callable[[list[Report]], bool]) -> list[Report]:
    reports: list[Report] = []

    def complete() -> bool:
        if done(reports):
            return True
        reports.extend(executor.wait(0.5))
        return done(reports)

    wait_for(complete, lambda: reports, interval=0)
    return reports


def exits(reports: list[Report]) -> dict[int, Exited]:
    return {r.key.job_id: r for r in reports if isinstance(r, Exited)}


@pytest.fixture(params=["fake", "local", "local-threads"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: FakeExecutor | LocalExecutor
    if request.param == "fake":
        made = FakeExecutor(code_of)
    else:
        made = LocalExecutor(pidfd=None if request.param == "local" else False)
    yield made
    made.close()


class TestContract:
    def test_an_attempt_starts_and_then_ends_with_its_code(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        executor.submit([make_order(tmp_path, n, f"exit {n}") for n in range(4)])
        assert {key.job_id for key in executor.running} == {0, 1, 2, 3}
        reports = collect(executor, lambda seen: len(exits(seen)) == 4)
        assert {n: e.return_code for n, e in exits(reports).items()} == {0: 0, 1: 1, 2: 2, 3: 3}
        for n in range(4):
            mine = [r for r in reports if r.key.job_id == n]
            assert [type(r) for r in mine] == [Started, Exited]
            assert mine[1].cause is None
            assert mine[1].started_at == mine[0].at <= mine[1].ended_at
        assert not executor.running

    def test_stop_reports_the_cause(self, executor: Executor, tmp_path: Path) -> None:
        order = make_order(tmp_path, 1, "sleep 60")
        executor.submit([order])
        executor.stop([order.key, AttemptKey(9, 9, 9, 9)], Cause.CANCELED, grace=10)
        executor.stop([order.key], Cause.STOPPED, grace=10)
        (end,) = exits(collect(executor, exits)).values()
        assert (end.cause, end.return_code) == (Cause.CANCELED, 143)

    def test_stop_without_grace_kills(self, executor: Executor, tmp_path: Path) -> None:
        order = make_order(tmp_path, 1, "trap '' TERM; sleep 60")
        executor.submit([order])
        executor.stop([order.key], Cause.CANCELED, grace=0)
        (end,) = exits(collect(executor, exits)).values()
        assert (end.cause, end.return_code) == (Cause.CANCELED, 137)

    def test_wait_ends_at_its_timeout_and_by_wake(self, executor: Executor, tmp_path: Path) -> None:
        order = make_order(tmp_path, 1, "sleep 60")
        executor.submit([order])
        executor.wait(0)
        assert executor.wait(0.01) == []
        executor.wake()
        assert executor.wait(None) == []
        assert order.key in executor.running
        executor.stop([order.key], Cause.STOPPED, grace=0)
        collect(executor, exits)

    def test_an_adopted_attempt_that_is_gone_is_lost(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        if isinstance(executor, FakeExecutor):
            executor.ended[5] = None
        key = AttemptKey(1, 5, 1, 1)
        executor.adopt([Adopted(key=key, exit_file=str(tmp_path / "none.exit"), started_at=1.0)])
        reports = collect(executor, exits)
        assert [type(r) for r in reports] == [Exited]
        assert (exits(reports)[5].cause, exits(reports)[5].return_code) == (Cause.LOST, None)


class TestFake:
    def test_clock_of_the_fake(self, tmp_path: Path) -> None:
        fake = FakeExecutor(now=50.0)
        fake.submit(
            [
                make_order(tmp_path, 1, "x"),
                make_order(tmp_path, 2, "y"),
                make_order(tmp_path, 3, "z"),
            ]
        )
        assert fake.wait(0) == []
        fake.start(1)
        assert [type(r) for r in fake.wait(0)] == [Started]
        fake.advance(7)
        fake.finish(1, return_code=3)
        fake.fail_launch(2, "no such directory")
        fake.lose(3)
        ends = exits(fake.wait(None))
        assert (ends[1].return_code, ends[1].started_at, ends[1].ended_at) == (3, 50.0, 57.0)
        assert ends[2].cause is Cause.LAUNCH
        assert ends[3].cause is Cause.LOST
        fake.assert_empty()

    def test_remaining_attempts(self, tmp_path: Path) -> None:
        fake = FakeExecutor()
        fake.submit([make_order(tmp_path, 1, "x")])
        with pytest.raises(AssertionError, match="running"):
            fake.assert_empty()
        with pytest.raises(AssertionError, match="for ever"):
            fake.wait(None)
        fake.finish(1)
        with pytest.raises(AssertionError):
            fake.assert_empty()

    def test_time_moves_to_the_next_end(self, tmp_path: Path) -> None:
        fake = FakeExecutor(
            lambda order: 0, duration=lambda order: float(order.key.job_id), now=0.0
        )
        fake.submit([make_order(tmp_path, n, "x") for n in (5, 3)])
        assert len(fake.wait(None)) == 2  # both started
        assert exits(fake.wait(None)).keys() == {3}
        assert fake.now == 3.0
        assert fake.wait(1.0) == []
        assert fake.now == 4.0
        assert exits(fake.wait(None)).keys() == {5}
        fake.assert_empty()

    def test_a_stubborn_job_keeps_the_cause(self, tmp_path: Path) -> None:
        fake = FakeExecutor(obedient=False)
        order = make_order(tmp_path, 1, "x")
        fake.submit([order])
        fake.stop([order.key], Cause.CANCELED, grace=3)
        assert fake.wait(0) == []
        assert fake.stops[0].grace == 3
        fake.finish(1, 0)
        assert exits(fake.wait(0))[1].cause is Cause.CANCELED
        fake.assert_empty()
