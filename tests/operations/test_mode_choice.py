"""One allocation with several nodes, or several with one: what the cluster would start first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torc_tui.clusters.base import AllocationRequest
from torc_tui.clusters.fake import FakeCluster
from torc_tui.operations import database_check
from torc_tui.operations import workflows as operations
from torc_tui.operations.allocation_demand import read_demand
from torc_tui.operations.database_check import NodeCheck
from torc_tui.operations.mode_choice import ModeChoice, choose_mode
from torc_tui.plan.resolve import resolve
from torc_tui.store.database import Store
from torc_tui.store.opening import file_system
from torc_tui.workflow_file.load import loads

MANY = """
name: many
resource_requirements: [{name: r, num_cpus: 2, runtime: PT1H}]
jobs: [{name: "a_{i}", command: x, resource_requirements: r, parameters: {i: "1:64"}}]
"""
ONE = "{name: one, jobs: [{name: a, command: x}]}"


class Estimates(FakeCluster):
    """Estimates a start by the number of nodes."""

    def __init__(self, starts: dict[bool, float | None]) -> None:
        super().__init__()
        self.starts = starts

    def estimate(self, request: AllocationRequest) -> float | None:
        self._called("estimate")
        return self.starts[request.nodes > 1]


@pytest.mark.parametrize(
    ("packed", "single", "mode"),
    [
        (100.0, 100.0, "pack"),
        (150.0, 100.0, "pack"),
        (200.0, 100.0, "single"),
        (None, 100.0, "single"),
        (100.0, None, "pack"),
        (None, None, "single"),
    ],
)
def test_mode_that_starts_first(
    sqlite_store: Store, tmp_path: Path, packed: float | None, single: float | None, mode: Any
) -> None:
    cluster = Estimates({True: packed, False: single})
    found = chosen(sqlite_store, cluster, tmp_path, MANY)
    assert found == ModeChoice(mode, packed, single)
    assert cluster.calls["estimate"] == 2


def test_few_jobs_need_no_question(sqlite_store: Store, tmp_path: Path) -> None:
    cluster = Estimates({})
    assert chosen(sqlite_store, cluster, tmp_path, ONE) == ModeChoice("single")
    assert "estimate" not in cluster.calls


def chosen(store: Store, cluster: FakeCluster, directory: Path, text: str) -> ModeChoice:
    plan = resolve(loads(text, format="yaml"))
    number = operations.create_workflow(
        store, plan, user="ann", directory=str(directory), actor=None
    )
    operations.initialize(store, number)
    here = file_system(store.place)
    with store.write() as conn:
        known = NodeCheck(0.0, ("n1", "n2"), None, (here.id,) if here else ())
        database_check.keep(conn, known)
    return choose_mode(store, cluster, read_demand(store, cluster, number, 0.0))
