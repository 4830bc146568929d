"""Show the statuses of many jobs in a few cells: ``███▓░``.

Input: counts per status. Output: a character and a status for each cell.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.status import JobStatus

S = JobStatus
ORDER = (
    S.COMPLETED,
    S.FAILED,
    S.TERMINATED,
    S.CANCELED,
    S.RUNNING,
    S.PENDING,
    S.READY,
    S.PENDING_FAILED,
    S.BLOCKED,
    S.UNINITIALIZED,
    S.DISABLED,
)
"""From left to right: finished, running, waiting."""
MOST_TELLING = (
    S.FAILED,
    S.PENDING_FAILED,
    S.TERMINATED,
    S.RUNNING,
    S.PENDING,
    S.CANCELED,
    S.READY,
    S.BLOCKED,
    S.UNINITIALIZED,
    S.DISABLED,
    S.COMPLETED,
)
"""Statuses by how much they tell about a group: failures, then what runs or waits."""

_SIGNS = {
    S.COMPLETED: ("█", "#"),
    S.FAILED: ("▚", "!"),
    S.TERMINATED: ("▚", "!"),
    S.PENDING_FAILED: ("▚", "!"),
    S.CANCELED: ("▒", "x"),
    S.RUNNING: ("▓", ">"),
    S.PENDING: ("▓", ">"),
}
_OTHER_SIGNS = ("░", ".")


def strip(counts: Sequence[int], width: int, *, plain: bool = False) -> list[tuple[str, JobStatus]]:
    """Return ``width`` cells in proportion to the counts (index: JobStatus).

    Every status that occurs gets a cell, as long as there are enough. ``plain`` uses ASCII.
    """
    total = sum(counts)
    present = [status for status in ORDER if counts[status]]
    if not total or width <= 0:
        return []
    if len(present) > width:
        present = sorted(
            sorted(present, key=lambda status: -counts[status])[:width], key=ORDER.index
        )
        total = sum(counts[status] for status in present)
    spare = width - len(present)
    exact = [(status, counts[status] * width / total - 1) for status in present]
    over = sum(max(0.0, part) for _, part in exact) or 1.0
    shares = {status: max(0.0, part) * spare / over for status, part in exact}
    cells = {status: 1 + int(shares[status]) for status in present}
    for status in sorted(present, key=lambda status: int(shares[status]) - shares[status]):
        if sum(cells.values()) < width:
            cells[status] += 1
    signs = {status: _SIGNS.get(status, _OTHER_SIGNS)[plain] for status in present}
    return [(signs[status], status) for status in present for _ in range(cells[status])]
