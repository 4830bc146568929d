"""Draw charts of numbers in block characters. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"


def blocks(
    values: Sequence[float | None], height: int, *, low: float = 0.0, high: float | None = None
) -> list[str]:
    """Return a chart of ``height`` rows, top first, with a column per value.

    Without ``high``, the largest value fills the whole height.
    """
    top = high
    if top is None:
        top = max((value for value in values if value is not None), default=low)
    levels = [_level(value, low, top, 8 * height) for value in values]
    return [
        "".join(_BLOCKS[max(0, min(8, level - 8 * row))] for level in levels)
        for row in range(height - 1, -1, -1)
    ]


def _level(value: float | None, low: float, high: float, steps: int) -> int:
    """Return a level from 0 to ``steps``; a value above ``low`` is at least 1."""
    if value is None or value != value or high <= low:
        return 0
    part = (value - low) / (high - low)
    return 0 if part <= 0 else max(1, min(steps, round(part * steps)))
