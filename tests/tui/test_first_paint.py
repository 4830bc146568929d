"""The first paint shows data, unless reading it takes long."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.tui.driving import Workspace, sees, until
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.shell.run_app import FRAME, run_app
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

SPEC = "name: flow\njobs: [{name: prep, command: x}]"


async def test_nothing_is_painted_before_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[str] = []
    real = WorkflowScreen._compositor_refresh

    def paint(self: WorkflowScreen) -> None:
        painted.append("\n".join(strip.text for strip in self._compositor.render_strips()))
        real(self)

    monkeypatch.setattr("torc_tui.tui.shell.first_paint.LONGEST", 600)
    monkeypatch.setattr(WorkflowScreen, "_compositor_refresh", paint)
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: painted)
        assert "prep" in painted[0] and "loading" not in painted[0]
    place.store.close()


def app_that_waits(place: Workspace, may_read: threading.Event) -> TorcApp:
    """Return an app whose threads read nothing before the event."""

    def source() -> Any:
        may_read.wait()
        return FeedReader(place.url)

    app: TorcApp = place.app(source=source)
    return app


async def test_questions_are_answered_after_the_first_paint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torc_tui.tui.shell.first_paint.LONGEST", 600)
    place, may_read = Workspace(tmp_path, SPEC), threading.Event()
    app = app_that_waits(place, may_read)
    async with app.run_test(size=(120, 30)) as pilot:
        answers: list[bool] = []
        app.reader.ask("test", lambda source: True, answers.append)
        app.planner.ask("test", lambda source: True, answers.append)
        assert not app.reader.is_running and not app.planner.is_running
        may_read.set()
        await until(pilot, lambda: answers == [True, True])
    place.store.close()


async def test_paint_without_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torc_tui.tui.shell.first_paint.LONGEST", 0.01)
    place, may_read = Workspace(tmp_path, SPEC), threading.Event()
    app = app_that_waits(place, may_read)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "loading …"))
        may_read.set()
        await until(pilot, sees(pilot, "prep"))
    place.store.close()


async def test_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that follows another one does not wait for a frame of Textual, 17 ms long."""
    monkeypatch.setattr("textual.screen.UPDATE_PERIOD", 1 / 60)  # restored after the test
    monkeypatch.setattr("torc_tui.tui.shell.run_app.tolerate_lost_terminal", lambda: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(TorcApp, "run", lambda _: 0)
    place = Workspace(tmp_path, SPEC)
    assert run_app(place.url) == 0
    async with place.app().run_test(size=(120, 30)) as pilot:
        assert pilot.app.screen._update_timer._interval == FRAME
    place.store.close()
