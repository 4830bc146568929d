"""Random graphs, outcomes and actions: the counters always equal a slow recount."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.lifecycle.invariants import Node, violations
from tests.raw_sql import execute
from torc_tui.model import STATUS_EVENTS
from torc_tui.operations import job_holds
from torc_tui.operations import jobs as acts
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.rerun_jobs import rerun_jobs
from torc_tui.operations.workflow_update import update_from_plan
from torc_tui.plan.resolve import resolve
from torc_tui.status import HELD, JobStatus
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.workflow_file.load import loads

BENCH: Callable[..., Any] | None = None
"""Set by the fixture: hypothesis makes its machines without arguments."""

SIZE = st.integers(1, 9)
STOPPED = "SELECT id FROM job WHERE stop_requested = 'rerun'"


class RandomRun(RuleBasedStateMachine):
    """A small workflow with gates, and the random operations on it."""

    @initialize(size=SIZE, data=st.data())
    def create(self, size: int, data: st.DataObject) -> None:
        self.folder = tempfile.TemporaryDirectory()
        lines = ["name: random", "jobs:"]
        self.depends_on: dict[str, list[str]] = {}
        self.cancel: dict[str, bool] = {}
        shared = (
            sorted(data.draw(st.sets(st.integers(0, max(0, size // 2 - 1)), max_size=3)))
            if size > 3
            else []
        )
        for number in range(size):
            needs = data.draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
            if number >= size // 2 and len(shared) > 1 and data.draw(st.booleans()):
                needs = set(shared)  # several jobs with the same list hang on one gate
            names = [f"n{need}" for need in sorted(needs)]
            name = f"n{number}"
            self.depends_on[name], self.cancel[name] = names, data.draw(st.booleans())
            lines.append(
                f"  - {{name: {name}, command: x, depends_on: [{', '.join(names)}],"
                f" cancel_on_blocking_job_failure: {str(self.cancel[name]).lower()}, failure_handler: h}}"
            )
        lines += ["failure_handlers:", "  - {name: h, rules: [{exit_codes: [7], max_retries: 1}]}"]
        self.store = Store.open(f"sqlite:///{self.folder.name}/torc.db")
        assert BENCH is not None
        self.text = "\n".join(lines)
        self.commands = dict.fromkeys(self.depends_on, "x")
        self.it = BENCH(self.store, Path(self.folder.name), self.text)
        self.folded = {job.id: job.status for job in self.it.jobs()}
        self.seq = list_events(self.store, self.it.workflow_id)[-1].seq

    def teardown(self) -> None:
        if hasattr(self, "it"):
            self.it.outside.close()
        if hasattr(self, "store"):
            self.store.close()
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def pick(self, data: st.DataObject, wanted: Callable[[Any], bool]) -> int | None:
        found = [job.id for job in self.it.jobs() if wanted(job)]
        return data.draw(st.sampled_from(found)) if found else None

    @rule()
    def step(self) -> None:
        self.it.step()

    @rule(data=st.data(), code=st.sampled_from([0, 0, 0, 1, 7]))
    def end(self, data: st.DataObject, code: int) -> None:
        self.it.step()  # what was asked to stop is stopped here,
        self.it.step()  # and has ended here
        running = sorted(self.it.fake.job_ids)
        if running:
            self.it.fake.finish(data.draw(st.sampled_from(running)), code)
            self.it.step()

    @rule(
        data=st.data(),
        act=st.sampled_from(
            [
                acts.cancel_jobs,
                acts.retry_jobs,
                job_holds.hold_jobs,
                job_holds.release_jobs,
                job_holds.suspend_jobs,
                job_holds.resume_jobs,
            ]
        ),
    )
    def act(self, data: st.DataObject, act: Callable[..., Any]) -> None:
        job_id = self.pick(data, lambda job: True)
        held = self.held()
        act(self.it.outside, [job_id], actor="u@h")
        assert self.held() == held

    @rule(data=st.data(), stop=st.booleans())
    def rerun(self, data: st.DataObject, stop: bool) -> None:
        """A job that a runner holds stays with it, whatever a user does."""
        held = self.held()
        job_id = self.pick(data, lambda job: True)
        rerun_jobs(self.it.outside, [job_id], stop=stop)
        assert self.held() == held

    @rule(data=st.data(), priority=st.integers(1, 9))
    def change(self, data: st.DataObject, priority: int) -> None:
        held = self.held()
        job_id = self.pick(data, lambda job: True)
        changes = parse_changes({"priority": priority})
        acts.update_jobs(self.it.outside, [job_id], changes=changes, when_done=True)
        assert self.held() == held

    @rule(data=st.data(), version=st.integers(1, 3))
    def update(self, data: st.DataObject, version: int) -> None:
        """The file changes commands; jobs with a result of another version run again."""
        held = self.held()
        name = data.draw(st.sampled_from(sorted(self.depends_on)))
        self.text = self.text.replace(
            f"name: {name}, command: {self.commands[name]},", f"name: {name}, command: x{version},"
        )
        self.commands[name] = f"x{version}"
        plan = resolve(loads(self.text, format="yaml"))
        update_from_plan(self.it.outside, self.it.workflow_id, plan)
        assert self.held() == held

    def held(self) -> dict[int, tuple[JobStatus, int]]:
        return {
            job.id: (job.status, job.attempt_id) for job in self.it.jobs() if job.status in HELD
        }

    @rule(data=st.data())
    def disable(self, data: st.DataObject) -> None:
        job_id = self.pick(data, lambda job: job.status in (JobStatus.READY, JobStatus.BLOCKED))
        if job_id is not None:
            acts.disable_jobs(self.it.outside, [job_id])

    @rule(data=st.data())
    def enable(self, data: st.DataObject) -> None:
        job_id = self.pick(data, lambda job: job.status is JobStatus.DISABLED)
        if job_id is not None and self.nothing_after(job_id):
            acts.enable_jobs(self.it.outside, [job_id])

    def nothing_after(self, job_id: int) -> bool:
        """Whoever went ahead past a disabled job stays ahead; that is no lie, but the check below
        would call it one."""
        name = next(n for n, number in self.it.ids.items() if number == job_id)
        status = self.it.status()
        return all(
            status[other] in ("blocked", "disabled")
            for other, needs in self.depends_on.items()
            if name in needs
        )

    @precondition(lambda self: not self.it.fake.job_ids)
    @rule()
    def stop_and_return(self) -> None:
        self.it.engine.stop()
        self.it.step()
        self.it.engine, self.it.fake = self.it.join()

    @invariant()
    def the_counters_tell_the_truth(self) -> None:
        if not hasattr(self, "it"):
            return
        jobs = self.it.jobs()
        numbers = {job.name: job.id for job in jobs}
        ended_ahead = {
            job.name
            for job in jobs
            if job.status in (JobStatus.READY, JobStatus.PENDING, JobStatus.RUNNING)
        }
        nodes = {
            job.id: Node(
                job.id,
                job.status,
                [numbers[name] for name in self.depends_on[job.name]],
                job.unmet,
                self.cancel[job.name],
            )
            for job in jobs
        }
        retried = {numbers[name] for name in ended_ahead if self.retried_below(name, jobs)}
        retried |= self.stopped_for_a_rerun()
        found = [
            text
            for text in violations(nodes)
            if not any(f"job {job_id} " in text for job_id in retried)
        ]
        assert found == []

    def stopped_for_a_rerun(self) -> set[int]:
        """Return the jobs that wait again for a rerun as soon as their runner has ended them."""
        with self.store.read() as conn:
            return {job_id for (job_id,) in execute(conn, STOPPED)}

    def retried_below(self, name: str, jobs: list[Any]) -> bool:
        """A job that went on regardless of a failure is ahead of the retry of what failed."""
        return not self.cancel[name]

    @invariant()
    def the_events_fold_to_the_rows(self) -> None:
        if not hasattr(self, "it"):
            return
        for event in list_events(self.store, self.it.workflow_id, after=self.seq):
            self.seq = event.seq
            if event.kind in STATUS_EVENTS and event.job_id is not None:
                self.folded[event.job_id] = STATUS_EVENTS[event.kind]
        assert self.folded == {job.id: job.status for job in self.it.jobs()}


def test_random_runs(make_bench: Callable[..., Any]) -> None:
    global BENCH
    BENCH = make_bench
    try:
        RandomRun.TestCase.settings = settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
            ],  # shrinking a run of real SQL takes minutes
        )
        RandomRun.TestCase("runTest").runTest()
    finally:
        BENCH = None
