"""`jobs retry`: what comes back with a job, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torc_tui.operations import job_holds
from torc_tui.operations import jobs as acts
from torc_tui.store.feed import list_events

Make = Callable[..., Any]

REGARDLESS = """
name: regardless
jobs:
  - {name: prep, command: x}
  - {name: report, command: x, depends_on: [prep], cancel_on_blocking_job_failure: false}
  - {name: publish, command: x, depends_on: [report]}
  - {name: other, command: x}
"""
CHAIN = """
name: chain
jobs:
  - {name: a, command: x}
  - {name: b, command: x, depends_on: [a]}
  - {name: c, command: x, depends_on: [b]}
"""


def retry(it: Any, *names: str) -> Any:
    return acts.retry_jobs(it.outside, [it.ids[name] for name in names], actor="u@h")


def test_dependents_that_ran(bench: Make) -> None:
    """Dependents that ran on the failed output run again, and their dependents too."""
    it = bench(REGARDLESS)
    it.step()
    it.finish("other")
    it.finish("prep", 3)
    it.finish("report")
    it.finish("publish")
    done = retry(it, "prep")
    assert (done.moved, done.refused) == ([it.ids["prep"]], {})
    assert it.status() == {
        "prep": "ready",
        "report": "blocked",
        "publish": "blocked",
        "other": "completed",
    }
    it.step()
    it.finish("prep")
    it.finish("report")
    it.finish("publish")
    assert set(it.status().values()) == {"completed"}
    assert {job.name: job.attempt_id for job in it.jobs()} == {
        "prep": 2, "report": 2, "publish": 2, "other": 1,
    }  # fmt: skip


def test_dependents_that_wait(bench: Make) -> None:
    """A dependent that became ready because of the failure waits for the next attempt."""
    it = bench(REGARDLESS, max_parallel_jobs=1)
    it.step()
    job_holds.hold_jobs(it.outside, [it.ids["report"]])
    it.finish("prep", 3)
    assert it.status()["report"] == "ready"
    retry(it, "prep")
    assert it.status()["report"] == "blocked"
    assert {job.name: job.attempt_id for job in it.jobs()}["report"] == 1


def test_dependent_that_runs(bench: Make) -> None:
    """A job is not retried while a dependent runs on its failed output."""
    it = bench(REGARDLESS)
    it.step()
    it.finish("prep", 3)
    before = list_events(it.store, it.workflow_id)
    done = retry(it, "prep")
    assert done.moved == []
    assert done.refused == {
        it.ids["prep"]: "cannot retry prep: its dependent report is pending; "
        "stop it or wait for its end"
    }
    assert list_events(it.store, it.workflow_id) == before


def test_failed_dependency(bench: Make) -> None:
    """A canceled job whose dependency has failed is refused, with the job to retry instead."""
    it = bench(CHAIN)
    it.step()
    it.finish("a", 3)
    before = list_events(it.store, it.workflow_id)
    done = retry(it, "b", "c")
    assert done.moved == []
    assert done.refused == {
        it.ids["b"]: "cannot retry b: its dependency a failed (exit 3); retry a instead",
        it.ids["c"]: "cannot retry c: its dependency b was canceled; retry b instead",
    }
    assert list_events(it.store, it.workflow_id) == before
    assert it.status() == {"a": "failed", "b": "canceled", "c": "canceled"}
    assert retry(it, "a", "b", "c").refused == {}
    assert it.status() == {"a": "ready", "b": "blocked", "c": "blocked"}
