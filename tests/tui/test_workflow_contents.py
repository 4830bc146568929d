"""What a screen shows of many jobs is built in the threads that read them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.driving import Workspace, screen, sees, until
from tests.waiting import DEADLINE
from torc_tui.tui.feed.collection import collection_paused, start_collection
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


# -- the collection of garbage ---------------------------------------------------------------------


@pytest.fixture
def enabled() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


@pytest.mark.usefixtures("enabled")
def test_overlapping_pauses() -> None:
    inside, may_leave = threading.Event(), threading.Event()

    def pause() -> None:
        with collection_paused():
            inside.set()
            may_leave.wait(DEADLINE)

    thread = threading.Thread(target=pause)
    with collection_paused(freeze=True):
        thread.start()
        assert inside.wait(DEADLINE)
        assert not gc.isenabled()
    assert not gc.isenabled()
    may_leave.set()
    thread.join(DEADLINE)
    assert gc.isenabled()


@pytest.mark.usefixtures("enabled")
def test_pauses_before_the_first_data() -> None:
    """The app starts without collection, and starts it when it shows data."""
    gc.disable()
    with collection_paused():
        pass
    assert not gc.isenabled()
    with collection_paused():
        start_collection()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("enabled")
def test_pause_that_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="broken"), collection_paused():
        raise ValueError("broken")
    assert gc.isenabled()
