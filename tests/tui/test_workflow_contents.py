"""What a screen shows of many jobs is built in the threads that read them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.tui.driving import Workspace, screen, sees, until
from torc_tui.tui.jobs.activity import Activity
from torc_tui.tui.jobs.job_groups import JobGroups
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.views.workflow_view import WorkflowView

JOBS = 3000
SPEC = f"""
name: flow
jobs: [{{name: "fit_{{i}}", command: x, parameters: {{i: "1:{JOBS}"}}}}]
"""


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Return the classes of the objects with many jobs, and the threads that built them."""
    found: set[tuple[str, str]] = set()

    def watch(kind: type) -> None:
        build = kind.__init__

        def watched(self: object, jobs: object, **more: object) -> None:
            build(self, jobs, **more)
            known = jobs.jobs if isinstance(jobs, WorkflowView) else jobs
            if len(known) >= JOBS:  # type: ignore[arg-type]
                found.add((kind.__name__, threading.current_thread().name))

        monkeypatch.setattr(kind, "__init__", watched)

    for kind in (Activity, JobGroups, JobRows):
        watch(kind)
    return found


async def test_opened_and_reloaded(tmp_path: Path, builders: set[tuple[str, str]]) -> None:
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, f"×{JOBS}", "Activity", "no job has run yet"))
        everything = {(kind, "torc-feed") for kind in ("Activity", "JobGroups", "JobRows")}
        assert builders == everything
        builders.clear()
        before = screen(pilot).model.rows
        screen(pilot).reload()
        await until(pilot, lambda: screen(pilot).model.rows is not before)
        await until(pilot, sees(pilot, f"×{JOBS}", "no job has run yet"))
        assert builders == everything
        assert screen(pilot).model.now == screen(pilot).model.rows.now > 0
    place.store.close()
