"""Times as the tables of the app show them; sentences use `torc_tui.wording`."""

from __future__ import annotations

from torc_tui.wording import clock


def lasted(seconds: float) -> str:
    """Return a finished duration, with tenths while they matter: ``0.9 s``, ``12:07``."""
    return f"{max(0.0, seconds):.1f} s" if seconds < 9.95 else clock(seconds)
