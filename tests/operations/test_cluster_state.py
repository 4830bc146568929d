"""What commands and the app say about allocations: why jobs wait, where they run, what is wrong."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_allocator import STAGES, Site
from tests.raw_sql import execute
from torc_tui.cli.diagnostics import after_failure, command_to_run, without_runner
from torc_tui.clusters.fake import MAIN
from torc_tui.model import Machine
from torc_tui.operations import allocation_control as control
from torc_tui.operations import database_check
from torc_tui.operations.cluster_state import ClusterState, read_cluster
from torc_tui.operations.cluster_summary import queue_words, room_words, summary, trouble
from torc_tui.operations.database_check import NodeCheck
from torc_tui.operations.job_facts import JobFacts
from torc_tui.operations.machine_state import MachineState
from torc_tui.operations.request_lacks import unschedulable_jobs
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.resources.allocation_states import AllocationOutcome
from torc_tui.resources.partitions import NodeShape, Partition
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, workflows
from torc_tui.store.database import Store
from torc_tui.store.opening import file_system
from torc_tui.tui.feed.machine import MachineHistory
from torc_tui.tui.machine.allocation_rows import AllocationRows
from torc_tui.tui.machine.cluster_part import heading_lines, table_heights
from torc_tui.tui.machine.node_rows import HOST, NodeRows
from torc_tui.tui.widgets.table_model import Cell
from torc_tui.views import why

GB = 1 << 30
GPUS = Partition("gpu", True, False, None, (NodeShape(2, 2, 4 * GB, (("", 2),)),))
WORK = [f"work_{number}" for number in range(1, 5)]


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Site:
    here = file_system(store.place)
    with store.write() as conn:  # several nodes may use SQLite
        database_check.keep(conn, NodeCheck(0.0, ("n1", "n2"), None, (here.id,) if here else ()))
    found = Site(store, tmp_path, STAGES)
    found.cluster._partitions = [MAIN, GPUS]
    found.now = time.time()
    return found


def state(site: Site) -> ClusterState:
    found = read_cluster(site.store, site.workflow_id)
    assert found is not None
    return found


def join(site: Site, row: int, name: str = "n1", *, ends_in: float | None = None) -> int:
    """Let a runner begin in an allocation."""
    machine = Machine(hostname=name, num_cpus=2, memory=4 * GB)
    options: dict[str, Any] = {"allocation_id": site.rows[row].id}
    if ends_in is not None:
        options["end_time"] = site.now + ends_in
    process = process_on(name)
    with site.store.write() as conn:
        return compute_nodes.register(
            conn, site.workflow_id, 1, process, machine, options, site.now
        )[0]


def process_on(name: str) -> compute_nodes.MachineProcess:
    return compute_nodes.MachineProcess(
        hostname=name, boot_id=name, pid=7, started=7, machine_id=name, node_name=name
    )


def run(site: Site, node: int, name: str) -> None:
    with site.store.write() as conn:
        execute(
            conn,
            f"UPDATE job SET status = {int(JobStatus.RUNNING)}, compute_node_id = {node},"
            f" allocation = '[1,{GB},[]]', started_at = {site.now} WHERE name = '{name}'",
        )


def end(site: Site, node: int, *names: str) -> None:
    """Record that attempts have ended on a runner."""
    with site.store.write() as conn:
        for name in names:
            execute(
                conn,
                "INSERT INTO result (job_id, workflow_id, run_id, attempt_id, compute_node_id,"
                f" status, started_at, ended_at) SELECT id, workflow_id, 1, 1, {node}, 5, 1.0, 2.0"
                f" FROM job WHERE name = '{name}'",
            )


def told(site: Site, name: str) -> list[str]:
    """Return the lines of `torc why` about a job."""
    jobs = {job.name: job.id for job in workflows.snapshot(site.store, site.workflow_id).jobs}
    facts = JobFacts(site.store, site.workflow_id)
    return [line.strip("├└│─ ") for line in why.lines(why.explain(jobs[name], facts.of))[1:]]


def test_never_submitted(site: Site) -> None:
    assert read_cluster(site.store, site.workflow_id) is None
    assert told(site, "work_1") == ["no runner"]


def test_queued_allocation_is_named(site: Site) -> None:
    site.cluster.starts_at = site.now + 600
    site.step()
    site.step(30)
    [line] = told(site, "work_1")
    assert line.startswith("Slurm 1 is queued, est. ")
    assert line.endswith(" (Priority: other jobs have a higher priority)")
    assert queue_words(state(site)).startswith("1 queued, est. ")
    assert unschedulable_jobs(site.store, site.workflow_id) == ([], False)


def test_reason_with_which_nothing_starts_is_marked(site: Site) -> None:
    site.step()
    with site.store.write() as conn:
        execute(conn, "UPDATE allocation SET reason = 'PartitionTimeLimit'")
    expected = (
        "Slurm 1 is queued, will not start by itself"
        " (PartitionTimeLimit: its walltime is above the limit of the partition)"
    )
    assert told(site, "work_1") == [expected]


def test_runner_without_gpus_does_not_judge_the_next_stage(site: Site) -> None:
    """A runner of an earlier stage is still there; the allocation with GPUs is not yet."""
    site.step()
    site.cluster.start("1")
    join(site, 0)
    site.finish(*WORK)
    site.finish("train", status=JobStatus.READY)
    assert told(site, "train") == ["an allocation is requested soon"]
    site.step(30)
    assert told(site, "train") == ["Slurm 2 is queued, no estimate"]
    assert unschedulable_jobs(site.store, site.workflow_id) == ([], False)


def test_what_fits_no_partition_is_unschedulable(site: Site) -> None:
    site.cluster._partitions = [MAIN]
    site.finish(*WORK)
    site.finish("train", status=JobStatus.READY)
    site.step()
    [line] = told(site, "train")
    assert line.startswith("unschedulable: ")
    never, all_of_them = unschedulable_jobs(site.store, site.workflow_id)
    assert [one.name for one in never] == ["train"] and all_of_them


def test_without_a_process_that_requests(site: Site) -> None:
    site.step()
    site.cluster.end("1", AllocationOutcome.CANCELED)
    site.step(5)
    site.allocator.release()
    expected = "no process requests an allocation: `torc submit 1` continues"
    assert told(site, "work_1") == [expected]


def test_paused_group_is_named_with_the_way_out(site: Site) -> None:
    site.step()
    site.cluster.end("1", AllocationOutcome.CANCELED)
    site.step(5)
    cause = because(Kind.FUTILE, number=2, detail="no NVML")
    control.pause_group(site.store, site.workflow_id, "main", cause)
    expected = (
        "queue group 'main' is paused: 2 allocations ended without starting a job (no NVML);"
        " `torc slurm resume 1 main` continues"
    )
    assert told(site, "work_1") == [expected]
    assert trouble(state(site)) == [expected]
    control.resume_group(site.store, site.workflow_id, "main")
    assert trouble(state(site)) == ["an allocation is requested soon"]


def test_missing_walltime(site: Site) -> None:
    """A job lacks nothing but time: each runner says how much it has left."""
    site.step()
    site.cluster.start("1")
    join(site, 0, "n1", ends_in=20.5)
    join(site, 0, "n2", ends_in=31.5)
    first, second = told(site, "work_1")
    assert first.startswith("requests a runtime of 1 min; n1 has ")
    assert " left and n2 has " in first
    assert second == "an allocation is requested soon"


def test_running_job_names_node_and_allocation(site: Site) -> None:
    site.step()
    site.cluster.start("1", at=site.now)
    node = join(site, 0)
    run(site, node, "work_1")
    assert told(site, "work_1") == ["runs on n1 (Slurm 1)"]
    with site.store.write() as conn:
        execute(conn, f"UPDATE compute_node SET heartbeat_at = {site.now - 40}")
    [line] = told(site, "work_1")
    assert line.startswith("runs on n1 (Slurm 1), no heartbeat for 4")
    assert line.endswith(
        "; Slurm says that it runs; once Slurm ends it, the job runs on another node"
    )


def test_allocation_runs_as_soon_as_its_runner_does(site: Site) -> None:
    """The process that asks the cluster learns of the start some seconds later."""
    site.step()
    run(site, join(site, 0), "work_1")
    now = state(site)
    assert [(row.state, row.nodelist) for row in now.open] == [("running", "n1")]
    assert summary(now) == "1/2 CPUs on 1 node" == room_words(now)
    assert now.jobs_of(now.open[0]) == (1, 1)


def test_loss_of_all_nodes(site: Site) -> None:
    site.step()
    site.cluster.start("1")
    run(site, join(site, 0), "work_1")
    site.cluster.end("1", AllocationOutcome.NODE_FAILED)
    site.step(5)
    site.allocator.release()
    with site.store.write() as conn:
        execute(conn, f"DELETE FROM allocation WHERE id > {site.rows[0].id}")
    assert trouble(state(site)) == [
        "no allocation is open; the last one ended: node failure (Slurm 1 on n1)",
        "no process requests an allocation: `torc submit 1` continues",
    ]


def test_rows_of_the_tab(site: Site) -> None:
    site.step()
    site.cluster.start("1", at=site.now)
    site.step(30)
    run(site, join(site, 0), "work_1")
    rows = AllocationRows()
    rows.show(state(site))
    [line] = rows.records.values()
    assert (line.started, line.runs, line.is_paused) == (1, 1, False)
    control.pause_group(site.store, site.workflow_id, "main")
    rows.show(state(site))
    assert [one.is_paused for one in rows.records.values()] == [True]
    texts = ["".join(part for part, _ in line) for line in heading_lines(state(site), 200)]
    assert texts[0] == " Allocations  1/2 CPUs on 1 node"
    assert texts[1].startswith(" ⚠ queue group 'main' is paused; ")


def test_silent_node_stands_out(site: Site) -> None:
    site.step()
    join(site, 0, "n10")
    join(site, 0, "n2", ends_in=60.0)
    with site.store.write() as conn:
        execute(conn, f"UPDATE compute_node SET heartbeat_at = {site.now - 40} WHERE id = 1")
    machine = Machine(hostname="login", num_cpus=8, memory=GB)
    rows = NodeRows()
    rows.show(state(site), MachineState(at=site.now, machine=machine, cpu_percent=(50.0,)))
    texts = {
        key: [cell_text(cell) for cell in rows.cells(key, rows.columns, [16] * len(rows.columns))]
        for key in rows.keys(None, False)
    }
    assert list(texts) == [2, 1, HOST]  # n2 before n10, and this host
    assert texts[1][0] == "⚠ n10" and texts[1][4].startswith("silent 0:4")
    assert texts[2][0] == "n2" and texts[HOST][0] == "login (here)"
    assert "no runner" in texts[HOST] and "GPUs held" not in [one.title for one in rows.columns]


def cell_text(cell: Cell) -> str:
    return cell[0] if isinstance(cell, tuple) else "".join(part for part, _ in cell)


def test_advice_names_the_command_that_submits(site: Site) -> None:
    assert command_to_run(site.store, 1) == "`torc run 1`"
    assert "`torc run 1 --stale` runs" in after_failure(site.store, 1)
    assert without_runner(site.store, 1).endswith("start one with `torc run 1`")
    site.step()
    assert command_to_run(site.store, 1) == "`torc submit 1`"
    assert "`torc reinit 1` and `torc submit 1` run" in after_failure(site.store, 1)
    expected = "Slurm 1 is queued, no estimate; `torc slurm status 1` lists the allocations"
    assert without_runner(site.store, 1) == f"workflow 1 has no active runner: {expected}"


def test_allocation_whose_runner_has_left_is_ending(site: Site) -> None:
    """Slurm reports it as running for some seconds more; it is not one that starts."""
    site.step()
    site.cluster.start("1")
    site.step(5)
    node = join(site, 0)
    with site.store.write() as conn:
        execute(conn, f"UPDATE compute_node SET is_active = false WHERE id = {node}")
    now = state(site)
    assert (len(now.starting), [row.native_id for row in now.ending]) == (0, ["1"])
    rows = AllocationRows()
    rows.show(now)
    assert cell_text(rows.cells(now.rows[0].id, rows.columns[2:3], [20])[0]) == "▷ ending"


def test_only_new_results_are_counted(site: Site) -> None:
    """The app reads once a second: it must not count 100,000 results each time."""
    site.step()
    node = join(site, 0)
    end(site, node, "work_1", "work_2")
    first = state(site)
    assert (first.ended, first.jobs_of(first.rows[0])) == ({1: 2}, (2, 0))
    end(site, node, "work_3")
    known = replace(first, ended={1: 40})
    second = read_cluster(site.store, site.workflow_id, known=known)
    assert second is not None and second.ended == {1: 41}
    third = read_cluster(site.store, site.workflow_id, known=second)
    assert third is not None and (third.ended, third.counted_to) == (
        second.ended,
        second.counted_to,
    )
    with site.store.write() as conn:
        execute(conn, "DELETE FROM result")
    assert read_cluster(site.store, site.workflow_id, known=third).ended == {}  # type: ignore[union-attr]


def test_runners_on_other_machines(site: Site) -> None:
    """Without a cluster, the app shows the machines that run the workflow, not the one it is on."""
    for name in ("box1", "box2"):
        machine = Machine(hostname=name, num_cpus=2, memory=4 * GB)
        with site.store.write() as conn:
            node, _ = compute_nodes.register(
                conn, site.workflow_id, 1, process_on(name), machine, {}, time.time()
            )
    run(site, node, "work_1")
    history = MachineHistory()
    history.take(history.read(site.store, site.workflow_id, {}))
    assert history.cluster is None and history.nodes is history.remote is not None
    assert not history.runs_here(site.workflow_id)
    assert room_words(history.remote) == "1/4 CPUs on 2 machines"
    [[(title, _), (words, _)]] = heading_lines(history.remote, 100)
    assert (title.strip(), words) == ("Runners", "1/4 CPUs on 2 machines")
    rows = NodeRows()
    rows.show(history.remote, history.host)  # type: ignore[arg-type]
    assert [line.name for line in rows.records.values()][:2] == ["box1", "box2"]
    assert [column.key for column in rows.columns][:3] == ["node", "cpus", "memory"]


def test_nothing_is_wrong_with_a_finished_workflow(site: Site) -> None:
    site.step()
    site.cluster.end("1", AllocationOutcome.DONE)
    site.step(5)
    site.allocator.release()
    assert len(heading_lines(state(site), 200)) > 1
    assert len(heading_lines(state(site), 200, is_finished=True)) == 1


@pytest.mark.parametrize(
    ("rows", "room", "heights"),
    [
        ((3, 4), 20, (4, 5)),
        ((3, 4), 9, (4, 5)),
        ((3, 20), 12, (4, 8)),
        ((20, 1), 12, (10, 2)),
        ((20, 20), 12, (6, 6)),
        ((0, 1), 12, (0, 2)),
        ((20, 20), 1, (2, 2)),
    ],
)
def test_heights_of_tables(rows: tuple[int, int], room: int, heights: tuple[int, int]) -> None:
    assert table_heights(*rows, room) == heights
