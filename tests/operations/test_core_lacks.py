"""Which ready jobs wait for cores: those of a bound workflow, or bound jobs, on this machine."""

from __future__ import annotations

import pytest

from torc_tui.operations import workflows as operations
from torc_tui.operations.core_lacks import core_lacks
from torc_tui.plan.resolve import resolve
from torc_tui.reasons import Kind, because
from torc_tui.resources.core_ledger import CoreLedger
from torc_tui.store import workflows
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

JOBS = """
jobs:
  - {name: a, command: x}
  - {name: b, command: x, cpu_bind: none}
  - {name: c, command: x, cpu_bind: cores}
  - {name: d, command: x, cpu_bind: cores, depends_on: [a]}
"""


@pytest.mark.parametrize(
    ("head", "bound"), [("cpu_bind: cores", "ac"), ("name: w", "c")], ids=["workflow", "job"]
)
def test_bound_jobs(store: Store, monkeypatch: pytest.MonkeyPatch, head: str, bound: str) -> None:
    lack = because(Kind.CORES, requested=1, free=0, total=2)
    monkeypatch.setattr(CoreLedger, "shortfall", lambda _self, number: lack)
    plan = resolve(loads(head + JOBS, format="yaml"))
    made = workflows.create(store, plan, user="u", directory="/", at=1.0)
    operations.initialize(store, made)
    with store.read() as conn:
        wanted = workflows.read_requirements(conn, made)
    found = core_lacks(store, made, wanted)
    assert found is not None
    jobs = {job.name: job for job in workflows.snapshot(store, made).jobs}
    lacking = [name for name in "abc" if found.of(jobs[name].id, jobs[name].requirement_id)]
    assert lacking == list(bound)
    assert found.of(jobs["c"].id, jobs["c"].requirement_id) == (lack,)


def test_no_bound_job(store: Store) -> None:
    plan = resolve(loads("jobs: [{name: a, command: x, cpu_bind: none}]", format="yaml"))
    made = workflows.create(store, plan, user="u", directory="/", at=1.0)
    operations.initialize(store, made)
    assert core_lacks(store, made, {}) is None
