"""The allocator of a workflow, with a cluster of which the test decides everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from tests.waiting import wait_for
from torc_tui.clusters.base import ClusterRefused, ClusterSilent
from torc_tui.clusters.fake import FakeCluster
from torc_tui.engine import allocator as allocator_module
from torc_tui.engine.allocator import AWAY_SECONDS, SOON_SECONDS, Allocator, AllocatorStep
from torc_tui.engine.standby_allocator import StandbyAllocator
from torc_tui.errors import Refused, StoreUnavailable, UsageError
from torc_tui.model import Machine
from torc_tui.operations import allocation_control as control
from torc_tui.operations import allocation_requests, database_check, shared_file
from torc_tui.operations import workflows as operations
from torc_tui.operations.allocator_lease import LEASE_SECONDS, VACANT, AllocatorLease
from torc_tui.operations.database_check import NodeCheck
from torc_tui.operations.submit_options import SubmitOptions
from torc_tui.plan.resolve import resolve
from torc_tui.reasons import Kind
from torc_tui.resources.allocation_states import AllocationOutcome
from torc_tui.status import JobStatus
from torc_tui.store import allocations, compute_nodes, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.store.opening import file_system
from torc_tui.wording import sentence
from torc_tui.workflow_file.load import loads

STAGES = """
name: w
resource_requirements:
  - {name: work, num_cpus: 1, memory: 1g, runtime: PT1M}
  - {name: train, num_cpus: 1, memory: 1g, num_gpus: 1, runtime: PT1M}
jobs:
  - {name: "work_{i}", command: x, resource_requirements: work, parameters: {i: "1:4"}}
  - name: train
    command: x
    resource_requirements: train
    depends_on_regexes: ["work_.*"]
"""
ACTIONS = """
name: w
slurm_schedulers:
  - {name: big, account: x, nodes: 2, walltime: "00:20:00"}
jobs:
  - {name: a, command: x, scheduler: big}
  - {name: b, command: x, depends_on: [a], scheduler: big}
actions:
  - {trigger_type: on_workflow_start, action_type: schedule_nodes, scheduler: big,
     scheduler_type: slurm, num_allocations: 2, max_parallel_jobs: 3}
  - {trigger_type: on_jobs_ready, jobs: [b], action_type: schedule_nodes, scheduler: big,
     scheduler_type: slurm}
"""
NODE = compute_nodes.MachineProcess(
    hostname="node7", boot_id="b7", pid=7, started=7, machine_id="m7", pid_namespace="pid:[7]"
)


class Site:
    """A workflow, a cluster and a clock that only the test moves."""

    def __init__(self, store: Store, directory: Path, text: str) -> None:
        plan = resolve(loads(text, format="yaml"))
        self.store = store
        self.workflow_id = operations.create_workflow(
            store, plan, user="ann", directory=str(directory), actor=None
        )
        operations.initialize(store, self.workflow_id)
        self.cluster = FakeCluster()
        self.now = 1_000_000.0
        self.allocator = self.another()

    def another(self) -> Allocator:
        return Allocator(
            self.store,
            self.cluster,
            self.workflow_id,
            actor="ann@login",
            clock=lambda: self.now,
            monotonic=lambda: self.now,
        )

    def step(self, seconds: float = 0.0) -> AllocatorStep:
        self.now += seconds
        return self.allocator.step()

    @property
    def rows(self) -> list[Any]:
        with self.store.read() as conn:
            return allocations.all_of(conn, self.workflow_id)

    @property
    def states(self) -> list[str]:
        return [row.outcome or row.state for row in self.rows]

    def finish(self, *names: str, status: JobStatus = JobStatus.COMPLETED) -> None:
        with self.store.write() as conn:
            for name in names:
                execute(conn, f"UPDATE job SET status = {int(status)} WHERE name = '{name}'")

    def kinds(self) -> list[str]:
        return [event.kind for event in list_events(self.store, self.workflow_id)]


MakeSite = Callable[..., Site]


@pytest.fixture
def make(store: Store, tmp_path: Path) -> MakeSite:
    here = file_system(store.place)
    with store.write() as conn:  # several nodes may use SQLite
        systems = (here.id,) if here else ()
        database_check.keep(conn, NodeCheck(0.0, ("n1", "n2"), None, systems))
    return lambda text=STAGES: Site(store, tmp_path, text)


@pytest.fixture
def site(make: MakeSite) -> Site:
    return make()


def test_ready_jobs_get_an_allocation_once(site: Site) -> None:
    done = site.step()
    [result] = done.requested
    assert result.native_id == "1" and result.wanted.jobs == {1: 4}
    assert site.states == ["queued"]
    for _ in range(3):
        assert site.step(30).requested == []
    assert site.cluster.calls["submit"] == 1
    assert site.cluster.calls["look"] == 4, "one look a step"


def test_watcher_looks_soon_after_a_request_of_another_process(site: Site) -> None:
    site.step()
    site.allocator.release()
    site.allocator = site.another()
    assert site.step(5).pause == SOON_SECONDS
    assert site.step(120).pause > SOON_SECONDS


def test_request_names_its_row_and_runs_its_runner(site: Site) -> None:
    site.step()
    request = site.cluster.requests["1"]
    assert request.comment.startswith("torc:") and request.comment.endswith(f":{site.rows[0].id}")
    assert request.runner[-4:] == (
        "run",
        str(site.workflow_id),
        "--allocation",
        str(site.rows[0].id),
    )
    assert request.directory == str(Path(request.output).parent.parent)
    assert Path(request.output).parent.is_dir()


def test_next_stage_is_requested_when_it_is_ready(site: Site) -> None:
    from torc_tui.resources.partitions import NodeShape, Partition

    gpu = Partition("gpu", True, False, None, (NodeShape(1, 2, 4 << 30, (("", 1),)),))
    site.cluster.partitions().append(gpu)
    assert [one.wanted.group for one in site.step().requested] == ["main"]
    site.cluster.start("1")
    site.finish("work_1", "work_2", "work_3", "work_4")
    site.finish("train", status=JobStatus.READY)
    assert [one.wanted.group for one in site.step(30).requested] == ["gpu"]


def test_allocation_pending_for_ever_is_kept(site: Site) -> None:
    site.step()
    site.cluster.starts_at = 2_000_000.0
    for _ in range(20):
        assert site.step(300).requested == []
    assert site.states == ["queued"] and site.rows[0].reason == "Priority"


def test_late_start_is_recorded(site: Site) -> None:
    site.step()
    site.step(7200)
    site.cluster.start("1", at=site.now)
    site.step(30)
    [row] = site.rows
    assert (row.state, row.started_at, row.nodelist) == ("running", site.now - 30, "n1")
    assert "allocation_started" in site.kinds()


def test_vanished_allocation_ends_and_is_replaced(site: Site) -> None:
    site.step()
    site.cluster.vanish("1")
    assert site.step(30).ended == []
    assert site.states[0] == "queued", "one look is not enough"
    done = site.step(61)
    assert done.ended == [site.rows[0].id] and site.rows[0].outcome == "vanished"
    assert site.cluster.calls["submit"] == 2


def test_accounting_tells_the_end_of_a_vanished_allocation(site: Site) -> None:
    site.step()
    site.cluster.has_accounting = True
    site.cluster.end("1", AllocationOutcome.NODE_FAILED, at=site.now)
    site.cluster.vanish("1")
    site.step(30)
    assert site.rows[0].outcome == "node_failed"


def test_silence_changes_nothing_and_is_asked_less_often(site: Site) -> None:
    site.step()
    site.cluster.silent = True
    pauses = []
    for _ in range(6):
        done = site.step(60)
        assert done.silent and done.requested == []
        pauses.append(done.pause)
    assert pauses == [30, 60, 120, 240, 300, 300]
    assert site.states == ["queued"]
    site.cluster.silent = False
    assert site.step(60).silent is None


def test_refusal_is_recorded_and_pauses_the_group(site: Site) -> None:
    site.cluster.refusal = "Invalid account"
    [result] = site.step().requested
    assert isinstance(result.refused, ClusterRefused)
    assert site.step(5).requested == [], "not at once"
    assert len(site.step(60).requested) == 1
    done = site.step(600)
    assert done.paused["main"].kind is Kind.GROUP_REFUSED
    for _ in range(3):
        assert site.step(3600).requested == []
    assert site.states == ["refused", "refused"]
    assert "queue_group_paused" in site.kinds()


def test_futile_allocations_are_at_most_two(site: Site) -> None:
    site.cluster.behavior = "end"
    for _ in range(30):
        site.step(600)
    assert len(site.rows) == 2
    paused = next(
        event
        for event in list_events(site.store, site.workflow_id)
        if event.kind == "queue_group_paused"
    )
    assert paused.data["reason"]["kind"] == "futile"
    control.resume_group(site.store, site.workflow_id, "main")
    for _ in range(10):
        site.step(600)
    assert len(site.rows) == 4


def test_log_of_a_futile_allocation_is_quoted(site: Site) -> None:
    site.cluster.behavior = "end"
    site.step()
    Path(site.cluster.requests["1"].output.replace("%j", "1")).write_text("a\nno GPU here\n")
    site.step(600)
    Path(site.cluster.requests["2"].output.replace("%j", "2")).write_text("a\nno GPU here\n")
    done = site.step(600)
    assert done.paused["main"]["detail"] == "no GPU here"


def test_submitting_again_resumes_paused_groups(site: Site) -> None:
    site.cluster.behavior = "end"
    for _ in range(4):
        site.step(600)
    control.save_options(site.store, site.workflow_id, SubmitOptions(account="y"))
    [result] = site.step(1).requested
    assert site.cluster.requests[result.native_id or ""].account == "y"


def test_allocation_without_a_runner_serves_no_jobs(site: Site) -> None:
    """Its node hangs, or is down and the cluster has not noticed: another one is requested."""
    site.step()
    site.cluster.start("1", at=site.now)
    assert site.step(30).requested == []
    assert site.step(60).requested == []
    [result] = site.step(60).requested
    assert result.wanted.jobs == {1: 4}
    site.cluster.start("2", at=site.now)
    site.step()
    for _ in range(6):
        with site.store.write() as conn:
            execute(conn, "DELETE FROM compute_node")
            machine = Machine(hostname="n2", num_cpus=2, memory=1 << 32)
            compute_nodes.register(
                conn, site.workflow_id, 1, NODE, machine, {"allocation_id": 2}, site.now
            )
        assert site.step(30).requested == []


def test_surplus_is_canceled(site: Site) -> None:
    site.step()
    site.finish("work_1", "work_2", "work_3", "work_4", status=JobStatus.DISABLED)
    with site.store.write() as conn:
        execute(conn, f"UPDATE job SET status = {int(JobStatus.CANCELED)} WHERE name = 'train'")
        execute(conn, f"UPDATE job SET status = {int(JobStatus.PENDING)} WHERE name = 'work_1'")
    assert site.step(30).canceled == [site.rows[0].id]
    assert site.cluster.queue() == [] and site.states == ["canceled"]


def test_finished_workflow_leaves_nothing_behind(site: Site) -> None:
    site.step()
    site.finish("work_1", "work_2", "work_3", "work_4", "train")
    done = site.step(30)
    assert done.is_finished and site.cluster.queue() == []


def test_canceled_workflow_cancels_running_allocations(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.step()
    site.cluster.start("1")
    monkeypatch.setattr(control, "this_cluster", lambda: site.cluster)
    assert control.cancel_workflow(site.store, site.workflow_id, actor="ann") == (5, 1, ())
    assert site.cluster.queue() == [] and site.states == ["canceled"]


def test_silent_cluster_is_an_error_of_cancel(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.step()
    site.cluster.silent = True
    monkeypatch.setattr(control, "this_cluster", lambda: site.cluster)
    jobs, canceled, errors = control.cancel_workflow(site.store, site.workflow_id)
    assert (jobs, canceled) == (5, 0) and "were not canceled" in errors[0]
    site.cluster.silent = False
    assert site.step(30).is_finished and site.cluster.queue() == []


def test_deleted_workflow_leaves_no_allocation(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.step()
    monkeypatch.setattr(control, "this_cluster", lambda: site.cluster)
    site.cluster.silent = True
    with pytest.raises(Refused, match="cannot be canceled"):
        control.delete_workflows(site.store, [site.workflow_id])
    site.cluster.silent = False
    control.delete_workflows(site.store, [site.workflow_id])
    assert site.cluster.queue() == []
    with site.store.read() as conn:
        assert allocations.all_of(conn, site.workflow_id) == []


# -- crashes ---------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is killed at this place."""


def test_kill_between_row_and_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(site.cluster, "submit", lambda request: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            site.step()
    assert site.states == ["requested"]
    site.allocator.release()
    site.allocator = site.another()
    assert site.step(30).requested == [], "it may still reach the queue"
    done = site.step(61)
    assert site.rows[0].state == "refused" and len(done.requested) == 1
    assert len(site.cluster.queue()) == 1


def test_kill_between_request_and_id(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            allocation_requests.allocations,
            "submitted",
            lambda *_: (_ for _ in ()).throw(Killed),
        )
        with pytest.raises(Killed):
            site.step()
    assert site.states == ["requested"] and len(site.cluster.queue()) == 1
    site.allocator.release()
    site.allocator = site.another()
    assert site.step(1).requested == []
    [row] = site.rows
    assert (row.state, row.native_id, row.cluster) == ("queued", "1", "fake")
    assert site.step(600).requested == [] and site.cluster.calls["submit"] == 1


def test_lost_answer_of_the_cluster(site: Site) -> None:
    site.cluster.is_cut_off = True
    assert site.step().silent
    assert site.step(30).requested == []
    assert site.rows[0].native_id == "1" and site.cluster.calls["submit"] == 1


def test_allocation_of_another_cluster_is_left_alone(site: Site) -> None:
    site.step()
    with site.store.write() as conn:
        execute(conn, "UPDATE allocation SET cluster = 'other'")
    site.cluster.vanish("1")
    site.step(600)
    assert site.rows[0].state == "queued"


# -- the lease -------------------------------------------------------------------------------------


def test_two_watchers_and_one_submits(site: Site) -> None:
    other = site.another()
    assert site.step().holder is None
    assert other.step().holder is not None
    assert site.cluster.calls["submit"] == 1
    site.allocator.release()
    assert other.step().holder is None


def test_lease_of_a_silent_holder_is_taken(site: Site) -> None:
    now = 0.0
    first = AllocatorLease(site.store, 1, lambda: now)
    second = AllocatorLease(site.store, 1, lambda: now)
    assert first.hold() is None and second.hold() is not None
    now += LEASE_SECONDS - 1
    assert first.hold() is None and second.hold() is not None, "it was renewed"
    now += LEASE_SECONDS - 1
    assert second.hold() is not None
    now += 1
    assert second.hold() is None and first.hold() is not None


def test_lease_of_a_dead_process_is_taken_at_once(site: Site) -> None:
    lease = AllocatorLease(site.store, 1)
    assert lease.hold() is None
    with site.store.write() as conn:
        holder = allocations.lease(conn, "allocator:1").holder.split("\t")  # type: ignore[union-attr]
        holder[2:] = ["999999999", "1", "1"]
        execute(conn, "UPDATE lease SET holder = ?", ("\t".join(holder),))
    assert AllocatorLease(site.store, 1).hold() is None


# -- jobs of runners that are gone -----------------------------------------------------------------


def test_jobs_of_an_ended_allocation_are_ready_again(site: Site) -> None:
    site.step()
    site.cluster.start("1")
    site.step(30)
    with site.store.write() as conn:
        node, _ = compute_nodes.register(
            conn,
            site.workflow_id,
            1,
            NODE,
            Machine(hostname="node7", num_cpus=2, memory=1),
            {},
            1.0,
        )
        execute(conn, f"UPDATE compute_node SET allocation_id = {site.rows[0].id}")
        execute(
            conn,
            f"UPDATE job SET status = {int(JobStatus.RUNNING)}, compute_node_id = {node},"
            " started_at = 1.0"
            " WHERE name = 'work_1'",
        )
    site.cluster.end("1", AllocationOutcome.NODE_FAILED)
    done = site.step(30)
    jobs = {job.name: job for job in workflows.snapshot(site.store, site.workflow_id).jobs}
    assert jobs["work_1"].status is JobStatus.READY
    assert len(done.requested) == 1 and "node_lost" in site.kinds()


# -- what the workflow file says -------------------------------------------------------------------


def test_actions_request_their_allocations(make: MakeSite) -> None:
    site = make(ACTIONS)
    done = site.step()
    assert [(one.wanted.nodes, one.wanted.walltime) for one in done.requested] == [(2, 1200.0)] * 2
    assert site.cluster.requests["1"].account == "x"
    assert site.cluster.requests["1"].runner[-2:] == ("--max-parallel-jobs", "3")
    assert site.step(600).requested == [], "once in a run, and no demand"
    site.finish("a")
    site.finish("b", status=JobStatus.READY)
    assert len(site.step(30).requested) == 1


def test_demand_beside_actions(make: MakeSite) -> None:
    site = make(ACTIONS)
    control.save_options(site.store, site.workflow_id, SubmitOptions(demand=True))
    [result] = site.step().requested
    assert result.wanted.group == "big" and result.wanted.jobs


def test_paused_workflow_requests_nothing(site: Site) -> None:
    operations.pause_workflow(site.store, site.workflow_id)
    assert site.step().requested == []


def test_password_is_not_in_the_script(make: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make()
    url = "postgresql+psycopg://ann:s3cretword@db/torc"
    monkeypatch.setattr(site.store, "url", url)
    site.step()
    request = site.cluster.requests["1"]
    assert ("TORC_DATABASE", url) in request.secrets
    assert "s3cretword" not in site.cluster.script(request)
    with site.store.read() as conn:
        stored = allocations.get(conn, site.rows[0].id)
    assert "s3cretword" not in json.dumps(stored)


def test_run_ends_with_the_workflow(site: Site) -> None:
    steps: list[AllocatorStep] = []

    def wait(seconds: float) -> None:
        site.now += seconds
        if site.now > 1_000_100:
            site.finish("work_1", "work_2", "work_3", "work_4", "train")

    site.allocator.run(wait, steps.append)
    assert steps[-1].is_finished and site.cluster.queue() == []
    assert AllocatorLease(site.store, site.workflow_id).hold() is None


def test_silence_is_an_error_with_words() -> None:
    cluster = FakeCluster()
    cluster.silent = True
    with pytest.raises(ClusterSilent, match="does not answer"):
        cluster.look()


# -- a database that no nodes have checked ---------------------------------------------------------


LONG = """
name: long
resource_requirements: [{name: r, num_cpus: 2, runtime: PT10H}]
jobs: [{name: "a_{i}", command: x, resource_requirements: r, parameters: {i: "1:90"}}]
"""


def test_unchecked_sqlite_gets_one_node(make: MakeSite) -> None:
    site = make(LONG)
    with site.store.write() as conn:
        database_check.keep(conn, NodeCheck(0.0, (), "locks are bad"))
    step = site.step()
    is_sqlite = site.store.dialect == "sqlite"
    assert sum(one.wanted.nodes for one in step.requested) == (1 if is_sqlite else 2)
    reasons = {one.reason.kind for one in step.unserved}
    assert reasons == {Kind.ONE_NODE if is_sqlite else Kind.ALLOCATION_LIMIT}


def test_node_that_must_not_use_the_database(make: MakeSite) -> None:
    site = make(STAGES)
    if site.store.dialect != "sqlite":
        return
    [result] = site.step().requested
    shared_file.report_unfit(site.store, result.allocation_id, "no locks on n1")
    [(group, cause)] = site.step(10).paused.items()
    assert (group, cause["detail"]) == ("main", "no locks on n1")
    assert site.kinds()[-1] == "queue_group_paused"


class Waits:
    """Lets the clock of a site run while its allocator waits, and does something at a time."""

    def __init__(self, site: Site, acts: dict[float, Callable[[], None]]) -> None:
        self.site, self.acts, self.began = site, acts, site.now
        self.reported: list[tuple[float, AllocatorStep]] = []

    def __call__(self, seconds: float) -> None:
        self.site.now += seconds
        for at in [at for at in self.acts if self.site.now - self.began >= at]:
            self.acts.pop(at)()

    def report(self, done: AllocatorStep) -> None:
        self.reported.append((self.site.now - self.began, done))


def test_watcher_leaves_soon_after_a_cancellation(site: Site) -> None:
    """The running allocation ends a second after the cancellation, as on a cluster."""
    waits = Waits(
        site,
        {
            2.0: lambda: site.cluster.start("1"),
            3.0: lambda: operations.cancel_workflow(site.store, site.workflow_id) and None,
            4.0: lambda: site.cluster.end("1", AllocationOutcome.CANCELED),
            7.0: lambda: pytest.fail("the watcher stays"),
        },
    )
    site.cluster.cancel = lambda ids: site.cluster.calls.update(cancel=1)  # type: ignore[method-assign]
    site.allocator.run(waits, waits.report)
    assert waits.reported[-1][1].is_finished
    assert waits.reported[-1][0] <= 5.0
    ids = [one for _, step in waits.reported for one in step.canceled]
    assert ids == [1], "it is canceled once"


def test_looks_between_steps_take_little_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 jobs a look at the demand takes 60 ms: here it takes a second by the clock."""
    looks: list[int] = []
    real = allocator_module.read_demand

    def read(*given: Any) -> Any:
        looks.append(1)
        return real(*given)

    monkeypatch.setattr(allocator_module, "read_demand", read)
    monkeypatch.setattr(workflows, "get_workflow", lambda *_: pytest.fail("jobs are counted"))
    seconds = count()
    allocator = Allocator(
        site.store, site.cluster, site.workflow_id, monotonic=lambda: float(next(seconds))
    )
    done = AllocatorStep()
    assert [allocator._is_due(done) for _ in range(150)] == [True] + [False] * 149
    assert len(looks) == 1
    assert not allocator._is_over()
    site.finish("work_1", "work_2", "work_3", "work_4")
    assert not allocator._is_over()
    site.finish("train")
    assert allocator._is_over()


def test_watcher_waits_for_the_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that restarts ends no watcher; one that stays away does after some time."""

    def fail(*_: Any) -> Any:
        raise StoreUnavailable("no answer from the server")

    away = pytest.MonkeyPatch()
    waits = Waits(
        site,
        {
            3.0: lambda: away.setattr(Store, "read", fail),
            20.0: away.undo,
            40.0: lambda: operations.cancel_workflow(site.store, site.workflow_id) and None,
        },
    )
    site.allocator.run(waits, waits.report)
    assert {step.away for _, step in waits.reported} == {None, "no answer from the server"}
    assert waits.reported[-1][1].is_finished and site.cluster.queue() == []
    monkeypatch.setattr(Store, "write", fail)
    with pytest.raises(StoreUnavailable):
        site.another().run(waits, waits.report)
    assert waits.reported[-1][0] >= AWAY_SECONDS


def test_runner_takes_the_place_of_a_lost_watcher(site: Site) -> None:
    """Only the oldest runner, only after the lease has expired, and never after a user's stop."""
    standby = StandbyAllocator(
        site.store,
        site.workflow_id,
        "n1",
        find_cluster=lambda: site.cluster,
        monotonic=lambda: site.now,
    )
    assert standby.follow(is_oldest=True) == [], "no watcher was started"
    site.step()
    elsewhere(site)
    assert standby.follow(is_oldest=True) == []
    site.now += LEASE_SECONDS
    assert standby.follow(is_oldest=False) == []
    (told,) = standby.follow(is_oldest=True)
    assert told.kind is Kind.ALLOCATOR_TAKEN
    wait_for(lambda: holder(site) not in ("?", VACANT), "it has the lease", seconds=10)
    assert standby.follow(is_oldest=True) == []
    standby.close()
    assert holder(site) == VACANT
    assert site.another().step().holder is None, "the next one need not wait"


def test_holder_on_another_machine(site: Site) -> None:
    """It may be gone, so that `torc submit` starts a watcher that stands by."""
    assert not site.allocator.is_held_elsewhere()
    site.step()
    assert not site.allocator.is_held_elsewhere()
    elsewhere(site)
    assert site.another().step().holder is not None
    assert site.allocator.is_held_elsewhere()


def test_runner_that_cannot_request(site: Site) -> None:
    def fail() -> Any:
        raise UsageError("no batch system was found")

    standby = StandbyAllocator(site.store, site.workflow_id, "n1", find_cluster=fail)
    site.step()
    site.allocator.vacate()
    (told,) = standby.follow(is_oldest=True)
    assert told.kind is Kind.NO_ALLOCATOR
    assert "no batch system was found" in sentence(told)
    assert standby.follow(is_oldest=True) == [], "it is said once"


def holder(site: Site) -> str:
    with site.store.read() as conn:
        return str(execute(conn, "SELECT holder FROM lease")[0][0])


def elsewhere(site: Site) -> None:
    """Let a process of another machine hold the lease."""
    with site.store.write() as conn:
        execute(conn, "UPDATE lease SET holder = '?'")
