"""The way out when a runner sends no heartbeat: drop it, or use force."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.raw_sql import execute
from torc_tui.errors import NotFound, Refused
from torc_tui.lifecycle.liveness import Liveness, Proof
from torc_tui.model import Machine
from torc_tui.operations import jobs, lost_runners
from torc_tui.operations import workflows as operations
from torc_tui.operations.catalog import CATALOG
from torc_tui.operations.job_changes import parse_changes
from torc_tui.operations.machine_state import MachineReader
from torc_tui.operations.user_action import Target, function_of
from torc_tui.plan.resolve import resolve
from torc_tui.reasons import Kind, Reason, because, decode
from torc_tui.records import replace
from torc_tui.resources.machine_identity import hostname, this_machine
from torc_tui.status import HELD, JobStatus
from torc_tui.store import compute_nodes, runner_liveness, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.wording import sentence
from torc_tui.workflow_file.load import loads

ACTOR = "ann@bench"
ELSEWHERE = compute_nodes.MachineProcess(
    hostname="node7", boot_id="b7", pid=7, started=7, machine_id="m7", pid_namespace="pid:[7]"
)
MACHINE = Machine(hostname="node7", num_cpus=4, memory=1 << 30)


@pytest.fixture
def workflow_id(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> int:
    """A workflow with one job and one that depends on it, initialized; no time to watch.

    An indirect parameter adds keys of the workflow.
    """
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 0.0)
    more = getattr(request, "param", "")
    jobs = "[{name: a, command: x}, {name: b, command: x, depends_on: [a]}]"
    plan = resolve(loads(f"{{name: w, {more}jobs: {jobs}}}", format="yaml"))
    made = operations.create_workflow(store, plan, user="ann", directory=str(tmp_path), actor=None)
    operations.initialize(store, made)
    return made


Join = Callable[..., int]


@pytest.fixture
def join(store: Store, workflow_id: int) -> Join:
    def add(
        process: compute_nodes.MachineProcess = ELSEWHERE,
        *,
        quiet: float = 3600.0,
        status: JobStatus | None = JobStatus.RUNNING,
        stop: str | None = None,
    ) -> int:
        """Add a runner that sent its last heartbeat ``quiet`` seconds ago and holds the job a."""
        at = time.time() - quiet
        with store.write() as conn:
            node, _ = compute_nodes.register(conn, workflow_id, 1, process, MACHINE, {}, at)
            if status is not None:
                stopped = "NULL" if stop is None else f"'{stop}'"
                execute(
                    conn,
                    f"UPDATE job SET status = {int(status)}, compute_node_id = {node},"
                    f" started_at = 1.0, stop_requested = {stopped} WHERE name = 'a'",
                )
        return node

    return add


def states(store: Store, workflow_id: int) -> dict[str, str]:
    return {job.name: job.status.word for job in workflows.snapshot(store, workflow_id).jobs}


def results(store: Store) -> list[tuple[int, str, str, Reason | None]]:
    """Return attempt, status, cause and reason of each result."""
    with store.read() as conn:
        rows = execute(
            conn, "SELECT attempt_id, status, cause, reason FROM result ORDER BY attempt_id"
        )
    return [(row[0], JobStatus(row[1]).word, row[2], decode(row[3])) for row in rows]


def lost(proof: str, actor: str | None = None, places: tuple[str, ...] = ("node7",)) -> Reason:
    return because(Kind.LOST, places=places, proof=proof, actor=actor)


def verdict(store: Store, workflow_id: int) -> Any:
    with store.read() as conn:
        (node,) = compute_nodes.active(conn, workflow_id)
    return runner_liveness.verdict(node)


def test_an_expired_runner_is_dropped(store: Store, workflow_id: int, join: Join) -> None:
    node = join()
    assert verdict(store, workflow_id).liveness is Liveness.EXPIRED
    before = workflows.snapshot(store, workflow_id)
    view = WorkflowView(before.workflow, before.jobs, before.requirements, before.cursor)
    dropped = lost_runners.drop_runner(store, node, actor=ACTOR)
    after = workflows.snapshot(store, workflow_id)
    a = after.jobs[0]
    assert (dropped.jobs.ready, dropped.jobs.canceled) == ([a.id], [])
    assert states(store, workflow_id) == {"a": "ready", "b": "blocked"}
    assert a.attempt_id == 2
    reason = lost("dropped", actor=ACTOR)
    assert results(store) == [(1, "terminated", "lost", reason)]
    events = [one for one in list_events(store, workflow_id) if one.seq > before.workflow.last_seq]
    assert [(one.kind, one.actor) for one in events] == [
        ("job_terminated", ACTOR),
        ("job_retried", ACTOR),
        ("node_lost", ACTOR),
    ]
    told = sentence(decode(events[1].data["reason"]) or because(Kind.TEXT))
    dropped_by = "its runner was dropped by ann@bench (on node7)"
    assert told == f"the previous attempt was interrupted: {dropped_by}"
    view.apply(events)
    assert list(view.jobs.values()) == after.jobs
    with pytest.raises(Refused, match=f"cannot drop runner {node}: it has already ended"):
        lost_runners.drop_runner(store, node)


def test_an_unknown_runner(store: Store, workflow_id: int) -> None:
    with pytest.raises(NotFound, match="there is no runner 99"):
        lost_runners.drop_runner(store, 99)


@pytest.mark.parametrize(("quiet", "word"), [(1.0, "alive"), (30.0, "silent")])
def test_a_live_runner_is_not_dropped(
    store: Store, workflow_id: int, join: Join, quiet: float, word: str
) -> None:
    node = join(quiet=quiet)
    with pytest.raises(Refused, match=f"cannot drop runner {node}: it is {word}, its last"):
        lost_runners.drop_runner(store, node)
    assert lost_runners.sync_status(store, workflow_id, force=True) == []
    assert states(store, workflow_id)["a"] == "running"
    assert lost_runners.drop_runner(store, node, force=True).node.id == node
    assert states(store, workflow_id)["a"] == "ready"


def test_heartbeat_overrides_the_clock(
    store: Store, workflow_id: int, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the other machine is an hour behind."""
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 60.0)
    node = join()

    def beat(seconds: float) -> None:
        with store.write() as conn:
            compute_nodes.beat(conn, node, time.time() - 3595)

    monkeypatch.setattr("torc_tui.operations.lost_runners.time.sleep", beat)
    with pytest.raises(Refused, match="it still sends heartbeats"):
        lost_runners.drop_runner(store, node)
    assert lost_runners.sync_status(store, workflow_id, force=True) == []


def test_an_absent_runner_is_named(
    store: Store, workflow_id: int, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own clock at first; a runner that watches it judges by the heartbeats."""
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 7.0)
    node = join()
    named = f"runner {node} on node7: no heartbeat for"
    with store.read() as conn:
        (reason,) = runner_liveness.reports(conn, workflow_id)
    free = f"; if it is lost, free its jobs with `torc compute-nodes drop {node}`"
    assert sentence(reason) == f"{named} 1 h{free}"
    now = [0.0]
    watch = runner_liveness.HeartbeatWatch(lambda: now[0])

    def news(after: float) -> list[str]:
        now[0] += after
        with store.read() as conn:
            found = watch.look(compute_nodes.active(conn, workflow_id)).news
        return [sentence(one) for one in found]

    assert news(0.0) == []
    (told,) = news(8.0)
    assert told.startswith(named) and told.endswith(free)
    assert news(8.0) == []
    with store.write() as conn:
        compute_nodes.beat(conn, node, 1.0)
    assert news(1.0) == []
    assert news(14.0) == []
    assert news(6.0) == [f"{named} 20 s"]
    (told,) = news(50.0)
    assert told == f"{named} 1 min 10 s{free}"


def test_wrong_clock(
    store: Store, workflow_id: int, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 7.0)
    node = join()
    now = [0.0]
    watch = runner_liveness.HeartbeatWatch(lambda: now[0])
    for _ in range(20):
        now[0] += 5.0
        with store.write() as conn:
            compute_nodes.beat(conn, node, 1.0)
            found = watch.look(compute_nodes.active(conn, workflow_id))
        assert (found.silent, found.expired, found.news) == ([], [], [])


def test_heartbeats_are_by_the_clock_of_the_server(
    store: Store, workflow_id: int, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner whose clock is an hour behind is late with a heartbeat: it is not lost.

    Its machine was cloned from this one, which was booted within that hour. A reader of a file has
    no clock but its own: it counts only the time for which it has watched the runner.
    """
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 7.0)
    node, behind = join(), 3600.0
    with monkeypatch.context() as patched, store.write() as conn:
        clock = SimpleNamespace(time=lambda: time.time() - behind)
        patched.setattr(compute_nodes, "time", clock)
        compute_nodes.beat(conn, node, clock.time())
        (own,) = compute_nodes.active(conn, workflow_id)
    assert abs(own.heartbeat_at - (time.time() - behind)) < 60
    here = replace(this_machine(), booted_at=time.time() - behind / 2)
    has_server = store.dialect != "sqlite"
    now = [0.0]
    watch = runner_liveness.HeartbeatWatch(lambda: now[0], has_server=has_server)
    with store.read() as conn:
        (seen,) = compute_nodes.active(conn, workflow_id)
        cloned = seen._replace(machine_id=here.machine_id)
        if has_server:
            assert abs(seen.heartbeat_at - time.time()) < 60
            assert not runner_liveness.verdict(cloned, quiet=0.0, here=here).is_lost
        for now[0] in (0.0, 8.0, 20.0):
            found = watch.look(compute_nodes.active(conn, workflow_id))
            assert found.expired == []
    assert [one.id for one, _ in found.silent] == [node]


def test_a_job_that_was_asked_to_stop_is_canceled(
    store: Store, workflow_id: int, join: Join
) -> None:
    node = join(stop="canceled")
    dropped = lost_runners.drop_runner(store, node, actor=ACTOR)
    assert (len(dropped.jobs.canceled), dropped.jobs.ready) == (1, [])
    assert states(store, workflow_id) == {"a": "canceled", "b": "canceled"}
    assert results(store) == [(1, "canceled", "canceled", because(Kind.CANCELED_BY_USER))]


def test_missing_process_is_proof(store: Store, workflow_id: int, join: Join) -> None:
    here = compute_nodes.this_process("renamed")
    gone = compute_nodes.MachineProcess(
        hostname="former name",
        boot_id=here.boot_id,
        pid=os.getpid(),
        started=1,  # the time of another process
        machine_id=here.machine_id,
        pid_namespace=here.pid_namespace,
    )
    node = join(gone, quiet=1.0)
    assert verdict(store, workflow_id).proof is Proof.PROCESS_GONE
    (dropped,) = lost_runners.sync_status(store, workflow_id)
    assert dropped.node.id == node
    assert states(store, workflow_id) == {"a": "ready", "b": "blocked"}
    assert results(store) == [
        (1, "terminated", "lost", lost("process_gone", places=("former name",)))
    ]


@pytest.mark.parametrize("status", JobStatus, ids=lambda status: status.word)
def test_delete_after_drop(store: Store, workflow_id: int, join: Join, status: JobStatus) -> None:
    """Whatever an expired runner of another machine holds."""
    join(status=status)
    if status in HELD:
        with pytest.raises(Refused, match="1 job is running"):
            operations.delete_workflows(store, [workflow_id])
        operations.cancel_workflow(store, workflow_id, force=True, actor=ACTOR)
    (deleted,) = operations.delete_workflows(store, [workflow_id])
    assert deleted.id == workflow_id


RUNNERS = {
    "none": None,
    "lost": replace(compute_nodes.this_process("here"), started=1),
    "expired": ELSEWHERE,
}
ON_JOBS = [action for action in CATALOG if action.target is Target.JOBS]


CASES = [
    pytest.param(runner, status, id=f"{runner}-{status.word}")
    for runner in RUNNERS
    for status in JobStatus
    if runner != "none" or status not in HELD  # a runner that is alive ends its jobs itself
]


@pytest.mark.parametrize(("runner", "status"), CASES)
def test_delete_is_reachable(
    sqlite_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runner: str,
    status: JobStatus,
) -> None:
    """After any action on a job in any status, legal or not: at once, or after `cancel --force`."""
    monkeypatch.setattr(runner_liveness, "WATCH_SECONDS", 0.0)
    plan = resolve(loads("{name: w, jobs: [{name: a, command: x}]}", format="yaml"))
    process = RUNNERS[runner]
    for action in ON_JOBS:
        made = operations.create_workflow(
            sqlite_store, plan, user="ann", directory=str(tmp_path), actor=None
        )
        operations.initialize(sqlite_store, made)
        node = "NULL"
        with sqlite_store.write() as conn:
            if process is not None:
                found, _ = compute_nodes.register(conn, made, 1, process, MACHINE, {}, 1.0)
                node = str(found)
            held = f"compute_node_id = {node}, started_at = 1.0" if status in HELD else "pid = NULL"
            execute(
                conn, f"UPDATE job SET status = {int(status)}, {held} WHERE workflow_id = {made}"
            )
        (job,) = workflows.snapshot(sqlite_store, made).jobs
        argument = () if action.argument is None else (7,)
        more = {"changes": parse_changes({"priority": 3})} if action.id == "job-update" else {}
        function_of(action)(sqlite_store, [job.id], *argument, actor=ACTOR, **more)
        try:
            (deleted,) = operations.delete_workflows(sqlite_store, [made])
        except Refused:
            assert status in HELD, action.id
            operations.cancel_workflow(sqlite_store, made, force=True)
            (deleted,) = operations.delete_workflows(sqlite_store, [made])
        assert deleted.id == made, action.id


@pytest.mark.parametrize("act", ["delete", "init"])
def test_force_takes_the_jobs(store: Store, workflow_id: int, join: Join, act: str) -> None:
    join()
    if act == "delete":
        assert operations.delete_workflows(store, [workflow_id], force=True)
    else:
        with pytest.raises(Refused, match="1 job is running"):
            operations.initialize(store, workflow_id)
        operations.initialize(store, workflow_id, force=True)
        assert states(store, workflow_id) == {"a": "ready", "b": "blocked"}


@pytest.mark.parametrize("workflow_id", ["on_lost: fail, "], indirect=True, ids=["fail"])
def test_a_dropped_job_fails(store: Store, workflow_id: int, join: Join) -> None:
    """If the file says so; its dependents are canceled."""
    dropped = lost_runners.drop_runner(store, join(), actor=ACTOR)
    assert (len(dropped.jobs.failed), dropped.jobs.ready) == (1, [])
    assert states(store, workflow_id) == {"a": "failed", "b": "canceled"}
    assert results(store) == [(1, "failed", "lost", lost("dropped", actor=ACTOR))]


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "claimed"])
def test_a_terminated_job_of_a_lost_runner(
    store: Store, workflow_id: int, join: Join, begun: bool
) -> None:
    """Nobody else can end it: it ends at once, and leaves a result if it had begun."""
    here = compute_nodes.this_process("here")
    join(replace(here, started=1), quiet=1.0)
    if not begun:
        with store.write() as conn:
            execute(
                conn,
                f"UPDATE job SET status = {JobStatus.PENDING}, started_at = NULL WHERE name = 'a'",
            )
    a = workflows.snapshot(store, workflow_id).jobs[0]
    done = jobs.terminate_jobs(store, [a.id], actor=ACTOR)
    assert done.moved == [a.id]
    reason = because(Kind.TERMINATED_BY_USER, actor=ACTOR)
    status = "terminated" if begun else "canceled"
    assert states(store, workflow_id) == {"a": status, "b": "canceled"}
    assert results(store) == ([(1, "terminated", "canceled", reason)] if begun else [])


def test_only_lost_jobs_are_taken(store: Store, workflow_id: int, join: Join) -> None:
    """A job that still runs is left for the next runner, and so is the row of its runner."""
    node = join(replace(compute_nodes.this_process("here"), started=1), quiet=1.0)
    own = compute_nodes.this_process("here")
    with store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node},"
            " started_at = 1.0,"
            f" pid = {own.pid}, process_started = {own.started} WHERE name = 'b'",
        )
    a, b = (job.id for job in workflows.snapshot(store, workflow_id).jobs)
    (taken,) = lost_runners.sync_status(store, workflow_id)
    assert (taken.jobs.ready, taken.left) == ([a], {b})
    assert states(store, workflow_id) == {"a": "ready", "b": "running"}
    assert lost_runners.sync_status(store, workflow_id) == []
    with store.read() as conn:
        assert [one.id for one in compute_nodes.active(conn, workflow_id)] == [node]


def test_a_recorded_end_is_kept(store: Store, workflow_id: int, join: Join, tmp_path: Path) -> None:
    """The job of a lost runner has ended by itself: the next runner uses that end."""
    (tmp_path / "job_stdio").mkdir()
    (tmp_path / "job_stdio" / "job_wf1_j1_r1_a1.exit").write_text("pid 999999999 5\n0\n")
    node = join(replace(compute_nodes.this_process("here"), started=1), quiet=1.0)
    with store.write() as conn:
        execute(conn, f"UPDATE job SET output_dir = '{tmp_path}', pid = 999999999 WHERE name = 'a'")
    assert lost_runners.sync_status(store, workflow_id) == []
    assert states(store, workflow_id)["a"] == "running"
    with pytest.raises(Refused, match="1 of its jobs still runs or has recorded an end"):
        lost_runners.drop_runner(store, node)
    operations.initialize(store, workflow_id)
    assert states(store, workflow_id) == {"a": "ready", "b": "blocked"}


@pytest.mark.parametrize("allocation", ["", "slurm:c:7"], ids=["machine", "allocation"])
@pytest.mark.parametrize("started", [None, 1], ids=["alive", "ended"])
def test_what_an_ended_runner_held_is_left_out(
    store: Store, join: Join, allocation: str, started: int | None
) -> None:
    process = compute_nodes.this_process("here", allocation=allocation)
    join(process if started is None else replace(process, started=started), quiet=1.0)
    with store.write() as conn:
        execute(conn, "UPDATE job SET allocation = '[1,1,[]]' WHERE name = 'a'")
    held = runner_liveness.holdings(store, process.location)
    assert [one.job_name for one in held] == (["a"] if started is None else [])
    assert runner_liveness.holdings(store, compute_nodes.this_location("slurm:c:8")) == []


def test_the_machine_is_read_as_its_allocation(
    store: Store, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_CLUSTER_NAME", "c")
    monkeypatch.setenv("SLURMD_NODENAME", hostname())
    nodes = [
        join(compute_nodes.this_process("here", allocation=name), status=None, quiet=1.0)
        for name in ("slurm:c:7", "slurm:c:8", "")
    ]
    state = MachineReader().read(store, load=False)
    assert [one.node_id for one in state.runners] == nodes[:1]
