"""Change what jobs are: at once, or when the attempt of a running job has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from torc_tui.errors import Conflict, UsageError
from torc_tui.operations.catalog import UPDATE
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.jobs import cancel_jobs, terminate_jobs, update_jobs
from torc_tui.operations.user_action import job_refusal
from torc_tui.status import HELD, JobStatus
from torc_tui.store import job_definitions, queries, workflows
from torc_tui.store.feed import list_events

TEXT = """
name: w
jobs:
  - {name: a, command: fit --rate 1, resource_requirements: small, env: {A: "1", B: "2"}}
  - {name: b, command: fit --rate 2, resource_requirements: small}
  - {name: c, command: "true", depends_on: [a], failure_handler: h}
resource_requirements:
  - {name: small, num_cpus: 1, memory: 1g, runtime: PT10M}
failure_handlers:
  - {name: h, rules: [{exit_codes: [7], max_retries: 1}]}
"""
ACTOR = "u@h"


def update(it: Any, *names: str, when_done: bool = False, **given: Any) -> Any:
    ids = [it.ids[name] for name in names]
    changes = parse_changes(given)
    return update_jobs(it.outside, ids, changes=changes, when_done=when_done, actor=ACTOR)


def row(it: Any, name: str) -> Any:
    with it.outside.read() as conn:
        return job_definitions.definitions(conn, [it.ids[name]])[it.ids[name]]


def requested(it: Any, name: str) -> Any:
    with it.outside.read() as conn:
        return workflows.read_requirements(conn, it.workflow_id)[row(it, name).requirement_id]


def events(it: Any, kind: str) -> list[Any]:
    found = list_events(it.store, it.workflow_id, kind=kind)
    assert all(one.actor in (ACTOR, None) for one in found)
    return [(one.job_id, one.data) for one in found]


@pytest.mark.parametrize("status", JobStatus, ids=lambda status: status.word)
def test_every_status(it: Any, status: JobStatus) -> None:
    """Only a job that a runner holds is refused, and it can be changed for its next attempt."""
    from tests.raw_sql import execute

    with it.store.write() as conn:
        execute(conn, f"UPDATE job SET status = {int(status)} WHERE name = 'a'")
    job = next(one for one in it.jobs() if one.name == "a")
    done = update(it, "a", priority=3)
    if status in HELD:
        assert done.refused == {job.id: job_refusal(UPDATE, job)}
        assert "--when-done" in done.refused[job.id]
        assert update(it, "a", when_done=True, priority=3).moved == [job.id]
        assert row(it, "a").priority == 0 and row(it, "a").status == status
    else:
        assert done.moved == [job.id] and row(it, "a").priority == 3
        assert events(it, "job_updated") == [(job.id, {"priority": 3})]


def test_environment(it: Any) -> None:
    update(it, "a", env=["B=x=y", "C="], unset=["A"])
    assert json.loads(row(it, "a").env) == {"B": "x=y", "C": ""}
    update(it, "a", unset=["B", "C"])
    assert row(it, "a").env is None
    assert events(it, "job_updated") == [(it.ids["a"], {"changed": ["env"]})] * 2


def test_labels(it: Any) -> None:
    update(it, "a", label=["long", "gpu", "long"])
    assert json.loads(row(it, "a").labels) == ["gpu", "long"]
    update(it, "a", label=["day"])
    assert queries.get_job(it.store, it.ids["a"])["labels"] == ["day"]
    update(it, "a", clear_labels=True)
    assert row(it, "a").labels is None


AMOUNTS = {
    "cpus": ("num_cpus", {"4": 4, "+2": 3, "x3": 3}),
    "gpus": ("num_gpus", {"2": 2, "0.5": 0.5, "+1": 1}),
    "memory": ("memory", {"2g": 2 << 30, "+512m": 3 << 29, "x2": 2 << 30}),
    "runtime": ("runtime", {"PT1H": 3600, "+PT5M": 900, "x2": 1200}),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts(it: Any, name: str) -> None:
    """Jobs with equal new requirements share an entry; other jobs keep theirs."""
    field, cases = AMOUNTS[name]
    for text, expected in cases.items():
        before = row(it, "a").requirement_id
        update(it, "a", resource_requirements_id=row(it, "b").requirement_id)
        update(it, "a", **{name: text})
        assert getattr(requested(it, "a"), field) == expected, text
        assert requested(it, "b").memory == 1 << 30 and requested(it, "b").num_cpus == 1
        assert row(it, "a").requirement_id != row(it, "b").requirement_id
        assert before is not None


def test_ranks(it: Any) -> None:
    """The largest requests are placed first, also after a change."""
    update(it, "b", cpus="3")
    assert row(it, "b").resource_class < row(it, "a").resource_class


def test_gpu_shares(it: Any) -> None:
    refused = update(it, "a", gpus="1.5").refused
    assert "whole number" in refused[it.ids["a"]]
    assert row(it, "a").requirement_id == row(it, "b").requirement_id


WRONG = [
    {"env": ["A"]},
    {"env": ["1A=2"]},
    {"cpus": "1.5.5"},
    {"cpus": "many"},
    {"gpus": "-1"},
    {"name": " "},
]


@pytest.mark.parametrize("given", WRONG, ids=str)
def test_wrong(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        parse_changes(given)


def test_names(it: Any) -> None:
    with pytest.raises(UsageError, match="for one job"):
        update(it, "a", "b", name="x")
    with pytest.raises(Conflict, match="already has a job 'b'"):
        update(it, "a", name="b")
    with pytest.raises(UsageError, match="no resource requirements 99"):
        update(it, "a", resource_requirements_id=99)
    update(it, "a", name="x")
    assert row(it, "a").name == "x"


def test_next_attempt(it: Any) -> None:
    """The row of a running job describes the attempt that runs."""
    it.step()
    update(it, "a", when_done=True, command="s/1/5/", memory="x2")
    update(it, "a", when_done=True, priority=7)
    assert row(it, "a").command == "fit --rate 1" and row(it, "a").priority == 0
    planned = queries.get_job(it.store, it.ids["a"])["planned"]
    assert planned["command"] == "fit --rate 5" and planned["priority"] == 7
    it.finish("a", 0)
    assert row(it, "a").command == "fit --rate 5" and row(it, "a").priority == 7
    assert requested(it, "a").memory == 2 << 30
    assert queries.get_job(it.store, it.ids["a"])["planned"] is None
    assert len(events(it, "job_update_planned")) == 2 and len(events(it, "job_updated")) == 1


def test_next_attempt_of_a_retry(it: Any) -> None:
    """A failure handler that retries the job starts the new command."""
    it.step()
    it.finish("a", 0)
    update(it, "c", when_done=True, command="false")
    it.finish("c", 7)
    assert [order.command for order in it.fake.orders if order.name == "c"] == ["true", "false"]


def test_stopped_jobs(it: Any) -> None:
    it.step()
    update(it, "a", "b", when_done=True, priority=4)
    terminate_jobs(it.outside, [it.ids["a"]])
    cancel_jobs(it.outside, [it.ids["b"]])
    it.step()
    it.step()
    assert (row(it, "a").priority, row(it, "b").priority) == (4, 4)
