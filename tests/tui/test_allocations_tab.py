"""The allocations in the tab of the machine, with a cluster of which the test decides everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.test_allocator import STAGES
from tests.tui.driving import Workspace, screen, sees, until
from torc_tui.clusters.fake import FakeCluster
from torc_tui.engine.allocator import Allocator
from torc_tui.operations import allocation_actions, allocation_control, workflows
from torc_tui.operations.submit_options import SubmitOptions
from torc_tui.store import allocations
from torc_tui.tui.machine.cluster_part import ClusterPart
from torc_tui.tui.widgets.virtual_table import VirtualTable


def submitted(work: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[FakeCluster, Allocator]:
    """Submit a workflow to a cluster, in which its first allocation is queued."""
    cluster = FakeCluster()
    for module in (allocation_actions, allocation_control):
        monkeypatch.setattr(module, "this_cluster", lambda: cluster)
    workflows.initialize(work.store, work.workflow_id)
    allocator = Allocator(work.store, cluster, work.workflow_id)
    allocator.step()
    allocator.step()
    return cluster, allocator


@pytest.mark.asyncio
async def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Workspace(tmp_path, STAGES)
    cluster, allocator = submitted(work, monkeypatch)

    def groups() -> object:
        with work.store.read() as conn:
            return allocations.submission(conn, work.workflow_id).get("groups", {})

    app = work.app()
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, sees(pilot, "work_1", "1 queued"))
        await pilot.press("0")
        await until(pilot, sees(pilot, "no node runs jobs", "… queued (Priority)", "(here)"))
        assert not sees(pilot, "CPU slots")()
        await pilot.press("0")
        await pilot.press("enter")
        await until(pilot, sees(pilot, "allocation 1 (Slurm 1) of main", "#SBATCH --nodes=1"))
        await pilot.press("escape")
        await pilot.press("p")
        await until(pilot, sees(pilot, "‖", "queue group 'main' is paused", "main paused"))
        assert groups() == {"main": {"paused": True}}
        await pilot.press("p")
        await until(pilot, lambda: "paused" not in str(groups()))
        await pilot.press("+")
        await until(pilot, sees(pilot, "Request how many more"))
        await pilot.press("enter")
        await until(pilot, lambda: len(cluster.requests) == 2)
        assert app.last_line == "torc slurm schedule-nodes 1 --like 1 -n 1"
        await pilot.press("x")
        await until(pilot, sees(pilot, "Cancel allocation 1 (Slurm 1)?"))
        await pilot.press("y")
        await until(pilot, lambda: cluster.queue() == ["2"])
        assert screen(pilot).model.has_runner
        table = screen(pilot).table
        table.focus()
        table.select(5)  # train, which waits for four jobs
        await pilot.press("w")
        await until(pilot, sees(pilot, "Why train is blocked", "├─ work_1 is", "└─ work_4 is"))
        await pilot.press("escape", "R")
        await until(pilot, sees(pilot, "Where shall w run?", "A process requests its allocations."))
        await pilot.press("escape")
    allocator.release()


@pytest.mark.asyncio
async def test_request_the_first_allocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, cluster = Workspace(tmp_path, STAGES), FakeCluster()
    for module in (allocation_actions, allocation_control):
        monkeypatch.setattr(module, "this_cluster", lambda: cluster)
    workflows.initialize(work.store, work.workflow_id)
    allocation_control.save_options(work.store, work.workflow_id, SubmitOptions())
    app = work.app()
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("0")
        await until(pilot, sees(pilot, "no allocation yet", "(here)"))
        part = screen(pilot).query_one(ClusterPart)
        part.allocations.focus()
        await until(pilot, sees(pilot, "more nodes"))
        assert not sees(pilot, "cancel allocation")()
        await pilot.press("+")
        await until(pilot, sees(pilot, "Request how many allocations for workflow 1?"))
        await pilot.press("enter")
        await until(pilot, lambda: len(cluster.requests) == 1)
        assert app.last_line == "torc slurm schedule-nodes 1 -n 1"
        await until(pilot, lambda: part.allocations.order and part.nodes.order)
        for focused, other in [(0, 1), (1, 0)]:
            tables = [part.allocations, part.nodes]
            tables[focused].focus()
            await until(pilot, lambda table=tables[focused]: table.has_focus)
            assert is_highlighted(tables[focused]) and not is_highlighted(tables[other])


def is_highlighted(table: VirtualTable) -> bool:
    """Return whether the row under the cursor is painted as such."""
    backgrounds = {table.palette(name).bgcolor for name in ("cursor", "cursor-blur")}
    line = table.render_line(table.cursor_row + 1)
    return any(part.style and part.style.bgcolor in backgrounds for part in line)
