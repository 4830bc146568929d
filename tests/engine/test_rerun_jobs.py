"""Rerun finished jobs, with the jobs that used their output, also while others run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.cli.job_filters import JobFilter, choose
from torc_tui.operations import workflows as operations
from torc_tui.operations.catalog import rerun_action
from torc_tui.operations.jobs import retry_jobs, select
from torc_tui.operations.rerun_jobs import rerun_jobs
from torc_tui.plan.resolve import resolve
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, sql, workflows
from torc_tui.store.feed import list_events
from torc_tui.workflow_file.load import loads

TEXT = """
name: chain
jobs:
  - {name: a, command: x, failure_handler: h}
  - {name: b, command: x, depends_on: [a]}
  - {name: c, command: x, depends_on: [b], cancel_on_blocking_job_failure: false}
  - {name: d, command: x}
failure_handlers:
  - {name: h, rules: [{exit_codes: [7], max_retries: 1}]}
"""
ACTOR = "u@h"


@pytest.fixture
def it(make_bench: Any, store: Any, tmp_path: Path) -> Any:
    bench = make_bench(store, tmp_path, TEXT)
    bench.step()
    yield bench
    bench.outside.close()


def finish(it: Any, name: str, code: int) -> None:
    it.finish(name, code)


def leave(it: Any) -> None:
    with it.store.write() as conn:
        compute_nodes.leave(conn, it.engine.node.node_id, 0.0)


def rerun(it: Any, *names: str, **options: bool) -> Any:
    return rerun_jobs(it.outside, [it.ids[name] for name in names], actor=ACTOR, **options)


def job(it: Any, name: str) -> Any:
    return next(one for one in it.jobs() if one.name == name)


def run_of(it: Any) -> int:
    with it.outside.read() as conn:
        return int(conn.value(sql.RUN_OF_WORKFLOW, workflow_id=it.workflow_id))


def retries(it: Any, name: str) -> int:
    from tests.raw_sql import execute

    with it.store.read() as conn:
        found: int = execute(conn, f"SELECT retries FROM job WHERE id = {it.ids[name]}")[0][0]
    return found


def test_while_others_run(it: Any) -> None:
    """The run goes on, and the jobs that used the output wait for the new one."""
    finish(it, "a", 0)
    finish(it, "b", 0)
    finish(it, "c", 0)
    done = rerun(it, "a")
    assert (done.moved, done.dependents, done.refused) == ([it.ids["a"]], 2, {})
    assert it.status() == {"a": "ready", "b": "blocked", "c": "blocked", "d": "pending"}
    assert run_of(it) == 1 and job(it, "a").attempt_id == 2
    it.step()
    it.step()
    for name in "abc":
        finish(it, name, 0)
    assert it.status() == {"a": "completed", "b": "completed", "c": "completed", "d": "pending"}
    rerun_events = list_events(it.store, it.workflow_id, kind="job_rerun")
    assert [(one.job_id, one.actor) for one in rerun_events] == [(it.ids["a"], ACTOR)]


def test_only(it: Any) -> None:
    for name in "abc":
        finish(it, name, 0)
    assert rerun(it, "a", alone=True).dependents == 0
    assert it.status() == {"a": "ready", "b": "completed", "c": "completed", "d": "pending"}


def test_dependent_that_ignored_the_failure(it: Any) -> None:
    finish(it, "a", 1)
    finish(it, "c", 0)
    assert it.status()["b"] == "canceled"
    assert rerun(it, "b").refused == {
        it.ids["b"]: "cannot rerun b: its dependency a failed (exit 1); rerun a instead"
    }
    assert rerun(it, "a").dependents == 2
    assert it.status() == {"a": "ready", "b": "blocked", "c": "blocked", "d": "pending"}


def test_retries_begin_again(it: Any) -> None:
    finish(it, "a", 7)
    finish(it, "a", 7)
    assert it.status()["a"] == "failed" and retries(it, "a") == 1
    finish(it, "c", 0)
    rerun(it, "a")
    assert retries(it, "a") == 0
    it.step()
    it.step()
    finish(it, "a", 7)
    assert it.status()["a"] == "pending" and job(it, "a").attempt_id == 4
    retried = list_events(it.store, it.workflow_id, kind="job_retried")[-1].data
    assert (retried["number"], retried["of"], retried["attempt"]) == (2, 2, 4)


def test_a_new_run_when_nothing_runs(it: Any) -> None:
    for name in "abcd":
        finish(it, name, 0)
    leave(it)
    assert rerun(it, "b").dependents == 1
    assert run_of(it) == 2
    assert it.status() == {"a": "completed", "b": "ready", "c": "blocked", "d": "completed"}
    (event,) = list_events(it.store, it.workflow_id, kind="workflow_reset")
    assert event.data == {"run_id": 2, "jobs": 2} and event.actor == ACTOR


def test_running_jobs_are_refused(it: Any) -> None:
    assert rerun(it, "d").refused == {it.ids["d"]: "cannot rerun d: it is pending"}
    assert rerun(it, "b").refused == {it.ids["b"]: "cannot rerun b: it is blocked"}
    finish(it, "a", 0)
    told = "cannot rerun a: its dependent b is pending; stop it or wait for its end"
    assert rerun(it, "a").refused == {it.ids["a"]: told}
    assert rerun(it, "a", alone=True).refused == {}


def test_stop(it: Any) -> None:
    """A running job is terminated, and starts again with its next attempt."""
    rerun(it, "d", stop=True)
    assert it.status()["d"] == "pending"
    for _ in range(3):
        it.step()
    assert it.status()["d"] == "pending" and job(it, "d").attempt_id == 2
    finish(it, "d", 0)
    assert it.status()["d"] == "completed"


def test_stop_a_dependent(it: Any) -> None:
    """A dependent that used the old output waits for the new one."""
    finish(it, "a", 0)
    rerun(it, "a", stop=True)
    for _ in range(3):
        it.step()
    assert it.status()["a"] == "pending" and it.status()["b"] == "blocked"
    finish(it, "a", 0)
    assert it.status()["b"] == "pending" and job(it, "b").attempt_id == 2


def test_stop_comes_too_late(it: Any) -> None:
    """The attempt completed before it could be stopped; the job reruns all the same."""
    rerun(it, "d", stop=True)
    finish(it, "d", 0)
    assert job(it, "d").attempt_id == 2


FILTERS = {
    "failed": (JobFilter(failed=True), "ab"),
    "status": (JobFilter(statuses=frozenset({JobStatus.FAILED, JobStatus.COMPLETED})), "ad"),
    "return-code": (JobFilter(return_code=3), "a"),
    "group": (JobFilter(group="[cd]"), "cd"),
    "cause": (JobFilter(causes=frozenset({"exit"}), failed=True), "a"),
    "none": (JobFilter(causes=frozenset({"lost"})), ""),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(it: Any, name: str) -> None:
    finish(it, "a", 3)
    finish(it, "d", 0)
    wanted, names = FILTERS[name]
    found = choose(it.store, it.workflow_id, wanted)
    assert found == [it.ids[name] for name in names]


def selects_of_reset(store: Any, directory: Path, jobs: int) -> int:
    """Reset failed jobs; return how many SELECTs that takes."""
    text = f"{{name: w, parameters: {{i: '1:{jobs}'}}, jobs: [{{name: 'a_{{i}}', command: x, use_parameters: [i]}}]}}"
    plan = resolve(loads(text, format="yaml"))
    made = operations.create_workflow(store, plan, user="u", directory=str(directory), actor=None)
    operations.initialize(store, made)
    with store.write() as conn:
        failed = int(JobStatus.FAILED)
        execute(conn, f"UPDATE job SET status = {failed}, started_at = 1, return_code = 1")
    seen: list[str] = []
    if store.dialect == "sqlite":
        store.connection().raw.set_trace_callback(seen.append)
    ids = choose(store, made, JobFilter(failed=True))
    assert len(select(store, rerun_action(stop=False), ids).jobs) == jobs
    assert len(rerun_jobs(store, ids).moved) == jobs
    if store.dialect == "sqlite":
        store.connection().raw.set_trace_callback(None)
    assert workflows.get_workflow(store, made).counts == {JobStatus.READY: jobs}
    return sum(one.startswith("SELECT") for one in seen)


def test_selects_of_reset(store: Any, tmp_path: Path) -> None:
    """No query is made for each job; the statements are seen by sqlite3."""
    assert selects_of_reset(store, tmp_path, 20) == selects_of_reset(store, tmp_path, 200)


def test_retry_takes_many(store: Any, it: Any) -> None:
    finish(it, "a", 1)
    finish(it, "c", 1)
    ids = choose(store, it.workflow_id, JobFilter(failed=True))
    assert retry_jobs(store, ids).dependents == 0
    assert it.status() == {"a": "ready", "b": "blocked", "c": "blocked", "d": "pending"}
