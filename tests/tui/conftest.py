"""Short waits for tests of the app."""

from __future__ import annotations

import pytest

TICKS = 100
"""Ticks of the app per second: an answer of a thread is shown after 10 ms instead of 50."""
IDLE = (0.005, 0.0005)
"""Seconds that a pilot waits for the app to become idle, and how much CPU time counts as idle."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the app show what the threads have read, and a pilot press keys, without much waiting."""
    monkeypatch.setattr("torc_tui.tui.shell.app.TICKS", TICKS)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", IDLE[0])
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", IDLE[1])
