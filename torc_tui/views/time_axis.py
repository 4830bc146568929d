"""Choose round times for an axis, and word them.

Input: a scale of time, the cells in view. Output: cells and labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from torc_tui.views.lane_cells import TimeScale
from torc_tui.wording import moment, time_of_day

STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
    900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
)  # fmt: skip
"""Seconds between two labels; beyond the last one, powers of two of it."""
ROOM = 14
"""Minimum number of cells between two labels."""


def step_of(cell: float, room: int = ROOM) -> float:
    """Return the seconds between two labels for cells of a length in seconds."""
    wanted = cell * room
    step = next((one for one in STEPS if one >= wanted), STEPS[-1])
    while step < wanted:
        step *= 2
    return step


def ticks(scale: TimeScale, cells: range) -> Sequence[tuple[int, str]]:
    """Return the cells in view that have a label, and the labels, in the local time zone."""
    step = step_of(scale.cell)
    begin, end = scale.edge(cells.start), scale.edge(cells.stop)
    shift = _offset(begin)
    number = int((begin + shift) // step)
    found = []
    while (at := number * step - shift) < end:
        if at >= begin:
            found.append((scale.cell_of(at), label(at, step)))
        number += 1
    return found


def _offset(at: float) -> float:
    """Return the seconds by which local time is ahead of UTC."""
    offset = datetime.fromtimestamp(at).astimezone().utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def label(at: float, step: float) -> str:
    """Return a time for an axis, as exact as the step needs it; a date at midnight."""
    if step < 1:
        digits = 1 if step >= 0.1 else 2 if step >= 0.01 else 3
        return time_of_day(at + 0.0005, milliseconds=True)[: len("12:26:31.") + digits]
    if step < 60:
        return time_of_day(at)
    clock = moment(at)
    return clock[5:10] if clock.endswith("00:00:00") else clock[11:16]
