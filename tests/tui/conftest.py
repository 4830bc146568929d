"""Short waits for tests of the app."""

from __future__ import annotations

import pytest

GRANULARITY = 0.005
"""Seconds after which Pilot checks whether the app is idle; 0.02 in Textual, twice for each key."""
IDLE = 0.1
"""Share of a core below which the app is idle."""
TICKS = 100
"""Ticks of the app per second: an answer of a thread is shown after 10 ms."""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Pilot and the app wait a quarter of the usual time where nothing happens."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", GRANULARITY)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", GRANULARITY * IDLE)
    monkeypatch.setattr("torc_tui.tui.shell.app.TICKS", TICKS)
