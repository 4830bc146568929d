"""Word what the terminal shows after the app is closed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.wording import listed


def still_running(ids: Sequence[int]) -> str | None:
    """Return how to reopen workflows that are still running; None without any."""
    if not ids:
        return None
    if len(ids) == 1:
        return f"workflow {ids[0]} is still running; reopen it with `torc {ids[0]}`"
    names = listed(map(str, ids), most=8)
    return f"workflows {names} are still running; reopen one with `torc {ids[0]}`"
