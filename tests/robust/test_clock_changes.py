"""The clock of the machine is set while a run goes on: only times that are shown follow it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from torc_tui.engine.report import RunOptions, RunReport
from torc_tui.engine.runner import run
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.store import queries
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

TWO_HOURS = 7200.0


def run_with(
    folder: Path, text: str, step: float, **options: float
) -> tuple[RunReport, list[dict]]:
    """Run a workflow whose clock is set by ``step`` seconds when the file `begun` is there."""
    store = Store.open(f"sqlite:///{folder}/t.db")
    plan = resolve(loads(text, format="yaml"))
    workflow_id = create_workflow(store, plan, user="u", directory=str(folder), actor=None)
    initialize(store, workflow_id)

    def clock() -> float:
        return time.time() + (step if (folder / "begun").exists() else 0.0)

    report = run(store, workflow_id, RunOptions(**options), clock=clock)  # type: ignore[arg-type]
    results = queries.list_results(store, workflow_id)
    store.close()
    return report, results


@pytest.mark.parametrize("step", [-TWO_HOURS, TWO_HOURS], ids=["back", "forward"])
def test_time_limit(tmp_path: Path, step: float) -> None:
    began = time.monotonic()
    text = "name: w\njobs: [{name: a, command: 'touch begun; sleep 60'}]"
    report, _ = run_with(tmp_path, text, step, time_limit=3.0, grace=1.0)
    assert 2.9 < report.exec_time <= time.monotonic() - began < 50
    assert report.exit_code == 1


@pytest.mark.parametrize("step", [-TWO_HOURS, TWO_HOURS], ids=["back", "forward"])
def test_durations(tmp_path: Path, step: float) -> None:
    began = time.monotonic()
    text = "name: w\njobs: [{name: a, command: 'touch begun; sleep 0.3'}]"
    report, (result,) = run_with(tmp_path, text, step)
    lasted = time.monotonic() - began
    assert 0.3 < report.exec_time <= lasted
    assert 0.3 <= result["exec_time_minutes"] * 60 <= lasted
