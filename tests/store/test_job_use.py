"""What jobs used, as both databases tell it; and a report of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound
from torc_tui.model import AttemptKey
from torc_tui.operations import workflows as operations
from torc_tui.operations.resource_correction import correct_resources
from torc_tui.operations.run_attempts import run_attempts
from torc_tui.operations.usage_plots import attempt_plot, machine_plots
from torc_tui.operations.workflow_report import workflow_report
from torc_tui.plan.resolve import resolve
from torc_tui.resources.usage_series import Metric, SeriesRecorder, pack
from torc_tui.status import JobStatus
from torc_tui.store import usage_series
from torc_tui.store.database import Store
from torc_tui.store.job_use import group_use, workflow_use
from torc_tui.workflow_file.load import loads

SPEC = """
name: w
jobs:
  - {name: "fit_{i}", command: x, parameters: {i: "1:2"}, resource_requirements: r}
  - {name: plot, command: x}
resource_requirements: [{name: r, num_cpus: 2, memory: 1g, runtime: PT1H}]
"""
RESULT = (
    "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, compute_node_id, status,"
    " return_code, cause, started_at, ended_at, peak_memory, allocation)"
    " VALUES ({w}, {job}, 1, {attempt}, 7, {status}, 0, 'exit', {start}, {start} + 60, {memory},"
    " '[2,1,[[\"gpu\",1000,0]]]')"
)


@pytest.fixture
def workflow_id(store: Store, tmp_path: Path) -> int:
    """A workflow whose first job has two attempts, of which the last one used too much."""
    plan = resolve(loads(SPEC, format="yaml"))
    made = operations.create_workflow(store, plan, user="ann", directory=str(tmp_path), actor=None)
    operations.initialize(store, made)
    with store.write() as conn:
        for attempt, memory in ((1, 1 << 20), (2, 3 << 30)):
            status = JobStatus.COMPLETED if attempt == 2 else JobStatus.FAILED
            execute(
                conn,
                RESULT.format(
                    w=made,
                    job=1,
                    attempt=attempt,
                    status=int(status),
                    start=attempt * 100,
                    memory=memory,
                ),
            )
        execute(conn, f"UPDATE job SET status = {int(JobStatus.COMPLETED)} WHERE id = 1")
    return made


def test_last_attempts(store: Store, workflow_id: int) -> None:
    use = workflow_use(store, workflow_id)
    first, second, third = use.jobs
    assert first.attempt is not None and first.attempt.attempt_id == 2
    assert (first.attempt.peak_memory, first.attempt.seconds) == (3 << 30, 60.0)
    assert first.parameters == {"i": 1} and first.group == "fit_{i}"
    assert second.attempt is None and third.parameters == {}
    assert workflow_use(store, workflow_id, 1).jobs == use.jobs
    assert group_use(store, workflow_id, "fit_{i}").jobs == [first]
    for run_id in (2, 9):
        with pytest.raises(NotFound, match=f"no run {run_id}"):
            workflow_use(store, workflow_id, run_id)


def test_attempts_of_a_run(store: Store, workflow_id: int) -> None:
    with store.read() as conn:
        found = run_attempts(conn, workflow_id, 1, {1: "a", 2: "b", 3: "c"}, 500.0)
    assert [(one.started_at, one.gpus, one.node_id) for one in found] == [
        (100.0, ("gpu",), 7),
        (200.0, ("gpu",), 7),
    ]
    assert all(isinstance(one.status, JobStatus) for one in found)


def test_correction(store: Store, workflow_id: int) -> None:
    done = correct_resources(store, workflow_id, actor="ann")
    assert [one.after.memory for one in done.adjustments] == [4 << 30]
    known = workflow_use(store, workflow_id).requirements
    assert [one.memory for one in known.values() if one.name == "r"] == [4 << 30]
    assert correct_resources(store, workflow_id).adjustments == []


def test_report(store: Store, workflow_id: int) -> None:
    found = workflow_report(store, workflow_id, "torc")
    assert found.span == (100.0, 260.0) and [step.name for step in found.path] == ["fit_1"]
    assert found.parameters == ["i"] and len(found.attempts) == 2


def test_plots(store: Store, workflow_id: int) -> None:
    assert attempt_plot(store, 1) is None and machine_plots(store, workflow_id) == []
    recorder = SeriesRecorder()
    recorder.add(1.0, Metric.MEMORY, 5.0)
    with store.write() as conn:
        keys = [AttemptKey(workflow_id, 1, 1, attempt) for attempt in (1, 2)]
        usage_series.save(conn, workflow_id, [(key, pack(recorder.series)) for key in keys])
    plot = attempt_plot(store, 1)
    assert plot is not None and plot.record["attempt_id"] == 2 and plot.started_at == 200.0
    assert plot.limits == {Metric.CPU: 200.0, Metric.MEMORY: float(1 << 30)}
    first = attempt_plot(store, 1, attempt_id=1)
    assert first is not None and first.started_at == 100.0
