"""Short waits for tests of the app."""

from __future__ import annotations

import pytest

TICKS = 100
"""Ticks of the app per second: an answer of a thread is shown after 10 ms instead of 50."""


@pytest.fixture(autouse=True)
def short_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the app show what the threads have read without much waiting."""
    monkeypatch.setattr("torc_tui.tui.shell.app.TICKS", TICKS)
