"""What a dead runner has left, taken over step by step: no process of it is here, only rows and
exit files."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake_executor import FakeExecutor
from tests.raw_sql import execute
from tests.waiting import wait_for
from torc_tui.engine.adoption import Adopter
from torc_tui.executors.exit_file import read_exit_file, write_reserve
from torc_tui.executors.local import LocalExecutor
from torc_tui.lifecycle.liveness import Proof
from torc_tui.operations.lost_runners import drop_runner
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import replace
from torc_tui.resources.allocation_states import AllocationOutcome, AllocationState
from torc_tui.resources.process_identity import process_started
from torc_tui.status import JobStatus
from torc_tui.store import allocations, compute_nodes
from torc_tui.store.feed import list_events
from torc_tui.wording import sentence


def claimed(bench: Any, folder: Path) -> tuple[Any, Path]:
    """A job that is claimed by a runner that never started it; where its exit file would be."""
    it = bench("name: w\njobs: [{name: a, command: 'true'}]\n")
    it.engine.step([], 1.0)
    assert it.status() == {"a": "pending"}
    return it, folder / "out" / "job_stdio" / f"job_wf{it.workflow_id}_j{it.ids['a']}_r1_a1.exit"


def take_over(it: Any, executor: Any, boot_id: str = "another") -> tuple[Any, Any]:
    engine, _ = it.join(executor=executor)
    here = compute_nodes.MachineProcess(hostname="bench", boot_id=boot_id, pid=2, started=2)
    mine = engine.node.node_id
    proof = Proof.PROCESS_GONE if boot_id == "boot" else Proof.REBOOTED
    adopter = Adopter(it.store, engine.maker, mine, executor)
    flights = adopter.take_over(here, 2.0, lost=lambda nodes: [(node, proof) for node in nodes])
    for flight in flights:
        engine.adopt(flight)
    return (engine, executor), flights


def step(heir: Any, it: Any) -> None:
    engine, executor = heir
    engine.step(executor.wait(5.0), 6.0)
    executor.close()


def reason(it: Any) -> Reason | None:
    with it.store.read() as conn:
        return decode(execute(conn, "SELECT reason FROM result")[0][0])


def reserved(exit_file: Path) -> int:
    """Make the exit file as a runner does just before the start of a process."""
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(exit_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    write_reserve(fd, "")
    return fd


def test_a_command_that_never_began_goes_back_to_ready(bench: Any, tmp_path: Path) -> None:
    """The runner was killed after it created the exit file and before it started the process."""
    it, exit_file = claimed(bench, tmp_path)
    os.close(reserved(exit_file))
    heir, flights = take_over(it, LocalExecutor())
    assert flights == []
    assert it.status() == {"a": "ready"}
    heir[1].close()


def test_a_process_that_becomes_a_shell_late_is_adopted(bench: Any, tmp_path: Path) -> None:
    it, exit_file = claimed(bench, tmp_path)
    fd = reserved(exit_file)

    def begin_and_end() -> None:
        os.pwrite(fd, b"pid 999999999 5\n0\n", 0)
        os.close(fd)

    late = threading.Timer(0.2, begin_and_end)
    late.start()
    heir, _ = take_over(it, LocalExecutor())
    late.join()
    step(heir, it)
    assert it.status() == {"a": "completed"}


def test_a_shell_without_a_first_line_is_found(bench: Any, tmp_path: Path) -> None:
    """Its runner was killed after the start; the shell still reads the user's BASH_ENV."""
    it, exit_file = claimed(bench, tmp_path)
    os.mkfifo(gate := tmp_path / "gate")
    (tmp_path / "slow").write_text(f"[ -e {gate} ] && {{ read x < {gate}; rm {gate}; }}\n")
    (flight,) = it.engine.in_flight.values()
    order = replace(
        it.fake.order(it.ids["a"]),
        environment={"BASH_ENV": str(tmp_path / "slow"), "PATH": os.environ["PATH"]},
        command="exit 5",
    )
    assert order.key == flight.key
    with closing(LocalExecutor()) as first:
        first.submit([order])
    assert read_exit_file(str(exit_file)).pid is None
    heir, flights = take_over(it, LocalExecutor(), "boot")
    assert [flight.job.name for flight in flights] == ["a"]
    gate.write_text("go\n")
    engine, executor = heir
    reports: list[Any] = []
    wait_for(lambda: reports.extend(executor.wait(1.0)) or reports, "its end")
    engine.step(reports, 6.0)
    executor.close()
    assert it.status() == {"a": "failed"}
    assert reason(it) == because(Kind.EXIT, code=5)


def test_claimed_and_never_started_goes_back_to_ready(bench: Any, tmp_path: Path) -> None:
    it, _ = claimed(bench, tmp_path)
    heir, flights = take_over(it, LocalExecutor())
    assert flights == []
    assert it.status() == {"a": "ready"}
    heir[0].step([], 5.0)
    assert it.status() == {"a": "pending"}
    assert [flight.key.attempt_id for flight in heir[0].in_flight.values()] == [1]


@pytest.mark.parametrize("ended", [True, False])
def test_no_adoption_across_a_reboot(bench: Any, tmp_path: Path, ended: bool) -> None:
    """The pid was reused, even with the same start time: here it is the process of the test."""
    it, exit_file = claimed(bench, tmp_path)
    started = process_started(os.getpid())
    with it.store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, pid = {os.getpid()},"
            f" process_started = {started}, started_at = 1.0",
        )
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    exit_file.write_text(f"pid {os.getpid()} {started}\n" + ("3\n" if ended else ""))
    heir, _ = take_over(it, LocalExecutor())
    step(heir, it)
    assert it.status() == {"a": "failed" if ended else "pending"}
    lost = because(Kind.LOST, places=("bench",), proof="rebooted")
    assert reason(it) == (because(Kind.EXIT, code=3) if ended else lost)


def test_a_job_that_is_lost_runs_again_at_most_twice(bench: Any, tmp_path: Path) -> None:
    """No retry is used; after the third loss the job fails, and all locations are named."""
    it, exit_file = claimed(bench, tmp_path)
    for attempt in (1, 2, 3):
        path = exit_file.with_name(exit_file.name.replace("_a1.", f"_a{attempt}."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pid 999999999 5\n")
        with it.store.write() as conn:
            execute(
                conn,
                f"UPDATE job SET status = {JobStatus.RUNNING}, pid = 999999999, started_at = 1.0",
            )
        fake = FakeExecutor()
        (engine, _), flights = take_over(it, fake)
        assert [flight.key.attempt_id for flight in flights] == [attempt]
        fake.lose(it.ids["a"])
        engine.step(fake.wait(0), 6.0)
        assert it.status() == {"a": "pending" if attempt < 3 else "failed"}
    with it.store.read() as conn:
        found = execute(conn, "SELECT reason FROM result ORDER BY attempt_id")
        assert execute(conn, "SELECT retries, lost FROM job")[0][:] == (0, 3)
    places = ("bench", "bench", "bench")
    assert [decode(row[0]) for row in found] == [
        because(Kind.LOST, places=places[:number], proof="rebooted") for number in (1, 2, 3)
    ]
    events = list_events(it.store, it.workflow_id)
    retried = [one.data["reason"] for one in events if one.kind == "job_retried"]
    assert [sentence(decode(one) or because(Kind.TEXT)) for one in retried] == [
        "the previous attempt was interrupted: its machine was rebooted (on bench)",
        "the previous attempt was interrupted: its machine was rebooted (on bench and bench)",
    ]


def expire(it: Any, on_lost: str, **more: Any) -> tuple[Any, Any]:
    """Let the lease of a runner expire, and start another runner."""
    with it.store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, pid = 7, started_at = 1.0"
            " WHERE name = 'a'",
        )
        compute_nodes.beat(conn, it.engine.node.node_id, 1_000_091.0)
        expired = compute_nodes.active(conn, it.workflow_id)
    heir, executor = it.join()
    adopter = Adopter(it.store, heir.maker, heir.node.node_id, executor)
    flights = adopter.take_expired(expired, 2.0)
    for flight in flights:
        heir.adopt(flight)
    heir.step([], 5.0)
    for flight in flights:
        executor.lose(flight.key.job_id)
    heir.step(executor.wait(0), 6.0)
    return heir, executor


@pytest.mark.parametrize(
    ("on_lost", "status", "results"),
    [
        ("", "running", []),
        ("on_lost: wait\n", "running", []),
        ("on_lost: rerun\n", "pending", ["terminated"]),
        ("on_lost: fail\n", "failed", ["failed"]),
    ],
    ids=["unset", "wait", "rerun", "fail"],
)
def test_an_expired_lease(bench: Any, on_lost: str, status: str, results: list[str]) -> None:
    """Without proof, the setting in the file decides."""
    it = bench(f"name: w\n{on_lost}jobs: [{{name: a, command: 'true'}}]\n")
    it.engine.step([], 1.0)
    expire(it, on_lost)
    assert it.status() == {"a": status}
    with it.store.read() as conn:
        rows = execute(conn, "SELECT status, cause, reason, ended_at FROM result")
        active = {node.id for node in compute_nodes.active(conn, it.workflow_id)}
    expected = because(Kind.LOST, places=("bench",), proof="expired")
    assert [(JobStatus(row[0]).word, row[1], decode(row[2])) for row in rows] == [
        (word, "lost", expected) for word in results
    ]
    assert [row[3] for row in rows] == [1_000_091.0 for _ in results]  # the last heartbeat
    assert (it.engine.node.node_id in active) is (not results)


def test_a_job_overrides_the_workflow(bench: Any) -> None:
    """The runner whose lease expired keeps one job. It is alive after all, and stops the other."""
    it = bench(
        "name: w\non_lost: rerun\njobs: [{name: a, command: 'true'},"
        " {name: b, command: 'true', on_lost: wait}]\n"
    )
    it.engine.step([], 1.0)
    assert it.running() == {"a", "b"}
    expire(it, "rerun")
    assert it.status() == {"a": "pending", "b": "pending"}
    it.step()
    assert [stop.key.job_id for stop in it.fake.stops] == [it.ids["a"]]
    it.finish("b")
    assert it.status() == {"a": "pending", "b": "completed"}


@pytest.mark.parametrize("on_lost", ["rerun", "wait"])
def test_a_claim_of_an_expired_lease(bench: Any, on_lost: str) -> None:
    """It may still be started by its runner: another runner starts the next attempt."""
    it = bench(f"name: w\non_lost: {on_lost}\njobs: [{{name: a, command: 'true'}}]\n")
    it.engine.step([], 1.0)
    with it.store.read() as conn:
        expired = compute_nodes.active(conn, it.workflow_id)
    heir, executor = it.join()
    adopter = Adopter(it.store, heir.maker, heir.node.node_id, executor)
    assert adopter.take_expired(expired, 2.0) == []
    attempt = it.jobs()[0].attempt_id
    taken = on_lost == "rerun"
    assert (it.status(), attempt) == ({"a": "ready" if taken else "pending"}, 1 + taken)


def test_a_lost_job_fails_if_the_file_says_so(bench: Any, tmp_path: Path) -> None:
    it = bench("name: w\njobs: [{name: a, command: 'true', on_lost: fail}]\n")
    it.engine.step([], 1.0)
    path = tmp_path / "out" / "job_stdio" / f"job_wf{it.workflow_id}_j{it.ids['a']}_r1_a1.exit"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("pid 999999999 5\n")
    fake = FakeExecutor()
    (engine, _), _ = take_over(it, fake)
    fake.lose(it.ids["a"])
    engine.step(fake.wait(0), 6.0)
    assert it.status() == {"a": "failed"}
    assert reason(it) == because(Kind.LOST, places=("bench",), proof="rebooted")


def test_lost_answer_of_the_server(bench: Any, tmp_path: Path) -> None:
    """The commit of a claim went through, but its runner was told that it failed: it finds what it
    holds."""
    it, _ = claimed(bench, tmp_path)
    adopter = Adopter(it.store, it.engine.maker, it.engine.node.node_id, it.fake)
    assert adopter.take_back({it.ids["a"]}, 2.0) == []
    assert it.status() == {"a": "pending"}
    assert adopter.take_back((), 2.0) == []
    assert it.status() == {"a": "ready"}


def test_a_runner_that_was_dropped_stops(bench: Any) -> None:
    """It was taken for lost while it was only slow: its jobs belong to others now."""
    it = bench("name: w\njobs: [{name: a, command: 'true'}]\n")
    it.step()
    assert it.status() == {"a": "pending"}
    drop_runner(it.outside, it.engine.node.node_id, force=True)
    step = it.finish("a")
    assert it.engine.shared.gone_reason == "taken from this runner"
    assert step.events == []
    assert it.status() == {"a": "ready"}


@pytest.mark.parametrize(("code", "status"), [(143, "pending"), (3, "pending"), (0, "completed")])
def test_signaled_with_its_lost_allocation(
    bench: Any, tmp_path: Path, code: int, status: str
) -> None:
    """Slurm ended the job and killed the runner, which could not record the end: no failure."""
    it, exit_file = claimed(bench, tmp_path)
    recorded = '{"allocation": {"engine": "slurm", "native_id": "7"}}'
    with it.store.write() as conn:
        execute(conn, f"UPDATE compute_node SET options = '{recorded}'")
        execute(conn, f"UPDATE job SET status = {JobStatus.RUNNING}, pid = 5, started_at = 1.0")
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    exit_file.write_text(f"pid 5 5\n{code}\n")
    heir, _ = take_over(it, LocalExecutor())
    step(heir, it)
    assert it.status() == {"a": status}
    lost = because(Kind.LOST, places=("bench",), proof="rebooted")
    assert reason(it) == (None if code == 0 else lost)


def test_lost_jobs_count_for_their_allocation(bench: Any, tmp_path: Path) -> None:
    """Two allocations in a row that started no job pause their queue group: this one started one."""
    it, exit_file = claimed(bench, tmp_path)
    new = allocations.NewAllocation(it.workflow_id, 1, "slurm", "main", None, 1, 1, None, {}, 60.0)
    with it.store.write() as conn:
        number = allocations.request(conn, new, at=1.0, actor=None)
        execute(conn, f"UPDATE compute_node SET allocation_id = {number}")
        execute(conn, f"UPDATE job SET status = {JobStatus.RUNNING}, pid = 5, started_at = 1.0")
    exit_file.parent.mkdir(parents=True, exist_ok=True)
    exit_file.write_text("pid 999999999 5\n")
    fake = FakeExecutor()
    (engine, _), _ = take_over(it, fake)
    fake.lose(it.ids["a"])
    engine.step(fake.wait(0), 6.0)
    ended = allocations.AllocationChange(AllocationState.ENDED, AllocationOutcome.NODE_FAILED)
    with it.store.write() as conn:
        [row] = allocations.open_of(conn, it.workflow_id)
        assert allocations.change(conn, row, ended, at=7.0)
        [row] = allocations.all_of(conn, it.workflow_id)
    assert row.jobs_started == 1
