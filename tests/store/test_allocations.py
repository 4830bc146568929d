"""Allocations and leases in the database, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.status import JobStatus
from torc_tui.store import allocations, feed, sql, workflows
from torc_tui.store.allocations import AllocationChange, Lease, NewAllocation
from torc_tui.store.database import Store


@pytest.fixture
def workflow_id(store: Store, make_plan: Any) -> int:
    return workflows.create(
        store, make_plan(), user="ann", directory="/work/x", at=100.0, actor="ann@host"
    )


def new(workflow_id: int, group: str = "main") -> NewAllocation:
    return NewAllocation(
        workflow_id, 1, "slurm", group, None, 2, 4, 1 << 30, {"a100": 1}, 300.0, {"by_hand": True}
    )


def run(store: Store, text: str) -> None:
    with store.write() as conn:
        execute(conn, text)


def request(store: Store, workflow_id: int) -> int:
    with store.write() as conn:
        return allocations.request(conn, new(workflow_id), at=5.0, actor="ann@host")


def change(store: Store, workflow_id: int, **values: Any) -> bool:
    with store.write() as conn:
        [row] = allocations.all_of(conn, workflow_id)
        return allocations.change(conn, row, AllocationChange(**values), at=9.0)


def kinds(store: Store, workflow_id: int) -> list[str]:
    found = [event.kind for event in feed.list_events(store, workflow_id)]
    return [kind for kind in found if kind.startswith("allocation")]


def test_row_is_written_before_the_cluster_knows_it(store: Store, workflow_id: int) -> None:
    number = request(store, workflow_id)
    with store.read() as conn:
        [row] = allocations.open_of(conn, workflow_id)
        whole = allocations.get(conn, number)
    assert (row.id, row.state, row.native_id, row.submitted_at) == (number, "requested", None, 5.0)
    assert (whole["gpus"], whole["settings"]) == ({"a100": 1}, {"by_hand": True})
    assert kinds(store, workflow_id) == ["allocation_requested"]


def test_id_of_the_cluster_is_recorded_once(store: Store, workflow_id: int) -> None:
    number = request(store, workflow_id)
    with store.write() as conn:
        assert allocations.submitted(conn, number, "4711", "big")
        assert not allocations.submitted(conn, number, "4712", "big")
        [row] = allocations.open_of(conn, workflow_id)
    assert (row.state, row.native_id, row.cluster) == ("queued", "4711", "big")


def test_ended_allocation_never_changes_again(store: Store, workflow_id: int) -> None:
    request(store, workflow_id)
    assert change(store, workflow_id, state=AllocationState.RUNNING, started_at=7.0)
    assert change(store, workflow_id, state=AllocationState.RUNNING, started_at=7.0)
    end = {"state": AllocationState.ENDED, "outcome": AllocationOutcome.DONE, "ended_at": 8.0}
    assert change(store, workflow_id, **end)
    assert not change(store, workflow_id, state=AllocationState.RUNNING)
    with store.read() as conn:
        assert allocations.open_of(conn, workflow_id) == []
        [row] = allocations.all_of(conn, workflow_id)
    assert (row.state, row.outcome, row.ended_at) == ("ended", "done", 8.0)
    expected = ["allocation_requested", "allocation_started", "allocation_ended"]
    assert kinds(store, workflow_id) == expected


def test_started_attempts_are_counted(store: Store, workflow_id: int) -> None:
    number = request(store, workflow_id)
    with store.write() as conn:
        conn.insert(
            sql.INSERT_COMPUTE_NODES,
            id=[1, 2],
            workflow_id=workflow_id,
            run_id=1,
            hostname="n1",
            pid=1,
            process_started=1,
            boot_id="b",
            num_cpus=1,
            memory=1,
            gpus="[]",
            started_at=1.0,
            heartbeat_at=1.0,
            allocation_id=[number, None],
        )
    jobs = workflows.snapshot(store, workflow_id).jobs
    for job, node, status in ((jobs[0], 1, 4), (jobs[1], 1, 3), (jobs[2], 2, 4)):
        assert JobStatus(status) in (JobStatus.PENDING, JobStatus.RUNNING)
        run(
            store, f"UPDATE job SET compute_node_id = {node}, status = {status} WHERE id = {job.id}"
        )
    run(
        store,
        "INSERT INTO result (id, job_id, workflow_id, run_id, attempt_id, compute_node_id, status,"
        f" started_at, ended_at) VALUES (1, {jobs[0].id}, {workflow_id}, 1, 1, 1, 6, 1.0, 2.0)",
    )
    with store.read() as conn:
        assert allocations.jobs_started(conn, number) == 2
        [held] = conn.rows(sql.HELD_IN_ALLOCATIONS, workflow_id=workflow_id)
        [runner] = conn.rows(sql.RUNNERS_IN_ALLOCATIONS, workflow_id=workflow_id)
    assert (held.allocation_id, held.number) == (number, 2)
    assert runner.hostname == "n1"


def test_ready_jobs_are_counted_by_request(store: Store, workflow_id: int) -> None:
    jobs = workflows.snapshot(store, workflow_id).jobs
    ready = ",".join(str(job.id) for job in jobs if job.name in ("train_1", "train_2", "prepare"))
    run(store, f"UPDATE job SET status = {int(JobStatus.READY)} WHERE id IN ({ready})")
    held = next(job.id for job in jobs if job.name == "train_2")
    run(
        store,
        f"UPDATE job SET held = {'true' if store.dialect == 'postgresql' else 1} WHERE id = {held}",
    )
    with store.read() as conn:
        rows = conn.rows(sql.READY_REQUESTS, workflow_id=workflow_id)
    assert sorted(row.number for row in rows) == [1, 1]
    assert all(row.scheduler is None and row.labels is None for row in rows)


def test_jobs_that_wait_for_running_jobs_are_soon_ready(store: Store, workflow_id: int) -> None:
    jobs = {job.name: job.id for job in workflows.snapshot(store, workflow_id).jobs}
    run(store, f"UPDATE job SET status = {int(JobStatus.BLOCKED)} WHERE id <> {jobs['prepare']}")
    with store.read() as conn:
        assert conn.rows(sql.SOON_REQUESTS, workflow_id=workflow_id) == []
    for name in ("collect_a", "collect_b"):
        run(store, f"UPDATE job SET status = {int(JobStatus.RUNNING)} WHERE id = {jobs[name]}")
    with store.read() as conn:
        rows = conn.rows(sql.SOON_REQUESTS, workflow_id=workflow_id)
    assert [row.number for row in rows] == [1]


def test_submission_is_kept(store: Store, workflow_id: int) -> None:
    with store.write() as conn:
        assert allocations.submission(conn, workflow_id) == {}
        allocations.save_submission(conn, workflow_id, {"options": {"account": "x"}})
        allocations.save_submission(conn, workflow_id, {"options": {"account": "y"}})
        assert allocations.submission(conn, workflow_id) == {"options": {"account": "y"}}
        assert allocations.submission(conn, workflow_id + 1) == {}


def test_lease_has_one_holder(store: Store, workflow_id: int) -> None:
    with store.write() as conn:
        assert allocations.lease(conn, "a") is None
        assert allocations.take_lease(conn, "a", "first", None)
        assert not allocations.take_lease(conn, "a", "second", None)
        known = allocations.lease(conn, "a")
        assert known == Lease("first", 1)
        assert allocations.take_lease(conn, "a", "first", known)
        assert not allocations.take_lease(conn, "a", "second", known), "the counter moved"
        now = allocations.lease(conn, "a")
        assert allocations.take_lease(conn, "a", "second", now)
        allocations.drop_lease(conn, "a", "first")
        assert allocations.lease(conn, "a") == Lease("second", 3)
        allocations.drop_lease(conn, "a", "second")
        assert allocations.lease(conn, "a") is None


def test_unknown_allocation_is_not_found(store: Store) -> None:
    with store.read() as conn, pytest.raises(NotFound, match="no allocation 99"):
        allocations.get(conn, 99)


def test_allocations_go_with_their_workflow(store: Store, workflow_id: int) -> None:
    request(store, workflow_id)
    workflows.delete(store, [workflow_id])
    with store.read() as conn:
        assert allocations.all_of(conn, workflow_id) == []
