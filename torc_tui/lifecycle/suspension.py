"""Count the time for which an attempt was suspended: it does not count against its runtime."""

from __future__ import annotations

from collections.abc import Iterable


def suspended_seconds(
    changes: Iterable[tuple[bool, float]], started_at: float | None, now: float
) -> float | None:
    """Return for how many seconds an attempt was suspended; None if it never was.

    ``changes`` are (suspended or resumed, time of day) of its job, in their order. Those before
    ``started_at`` belong to earlier attempts.
    """
    total, since, found = 0.0, None, False
    for suspended, at in changes:
        if started_at is None or at < started_at:
            continue
        found = True
        if suspended:
            since = at if since is None else since
        elif since is not None:
            total += max(0.0, at - since)
            since = None
    if since is not None:
        total += max(0.0, now - since)
    return total if found else None
