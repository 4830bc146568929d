"""Measures over time in the database: one for each attempt, and not too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.raw_sql import execute
from torc_tui.model import AttemptKey
from torc_tui.operations import workflows as operations
from torc_tui.plan.resolve import resolve
from torc_tui.resources.usage_series import Metric, SeriesRecorder, pack
from torc_tui.store import usage_series
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads


def packed(value: float) -> bytes:
    recorder = SeriesRecorder()
    recorder.add(0.0, Metric.MEMORY, value)
    return pack(recorder.series)


@pytest.fixture
def workflow_id(store: Store, tmp_path: Path) -> int:
    plan = resolve(loads("{name: w, jobs: [{name: a, command: x}]}", format="yaml"))
    return operations.create_workflow(store, plan, user="ann", directory=str(tmp_path), actor=None)


def save(store: Store, workflow_id: int, run_id: int, job_id: int, value: float) -> None:
    with store.write() as conn:
        key = AttemptKey(workflow_id, job_id, run_id, 1)
        usage_series.save(conn, workflow_id, [(key, packed(value))])


def peaks(store: Store, job_id: int = 1) -> dict[int, float]:
    with store.read() as conn:
        found = usage_series.of_job(conn, job_id)
    return {one.run_id: round(one.series.peak(Metric.MEMORY)) for one in found}


def test_replaced(store: Store, workflow_id: int) -> None:
    save(store, workflow_id, 1, 1, 10)
    save(store, workflow_id, 1, 1, 20)
    save(store, workflow_id, 2, 1, 30)
    assert peaks(store) == {1: 20, 2: 30}
    with store.write() as conn:
        usage_series.delete_runs_before(conn, workflow_id, 2)
    assert peaks(store) == {2: 30}


def test_limit(store: Store, workflow_id: int) -> None:
    """Enough of the oldest series are deleted, and no more."""
    for job_id in range(1, 11):
        save(store, workflow_id, 1, job_id, job_id)
    one = len(packed(1.0))
    with store.write() as conn:
        usage_series.limit_size(conn, 20 * one)
    assert all(peaks(store, job_id) for job_id in range(1, 11))
    with store.write() as conn:
        usage_series.limit_size(conn, 4 * one + 10)
    assert sum(bool(peaks(store, job_id)) for job_id in range(1, 11)) == 4


def test_deleted_with_the_workflow(store: Store, workflow_id: int) -> None:
    save(store, workflow_id, 1, 1, 10)
    operations.delete_workflows(store, [workflow_id])
    assert peaks(store) == {}


def test_machine(store: Store, workflow_id: int) -> None:
    """The series of a runner that is gone with its workflow is dropped."""
    with store.write() as conn:
        usage_series.save_machine(conn, 7, packed(1.0))
        assert execute(conn, "SELECT count(*) FROM machine_series") == [(0,)]
