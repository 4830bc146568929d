"""The last samples of something that is measured, and pictures of them in text. In: numbers. Out:
rows of characters.

No Textual, no clock: who samples gives the time.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
_DOTS = " .:-=+*#@"
_LEFT = (0x40, 0x44, 0x46, 0x47)  # braille dots of the left column, filled from below
_RIGHT = (0x80, 0xA0, 0xB0, 0xB8)
_NAN = float("nan")


class Ring:
    """The last ``capacity`` samples with their times, oldest first. None is kept as a gap."""

    def __init__(self, capacity: int = 600) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one sample")
        self.capacity = capacity
        self._values = array("d")
        self._times = array("d")
        self._next = 0

    def __len__(self) -> int:
        return len(self._values)

    def append(self, at: float, value: float | None) -> None:
        """Take a sample; the oldest goes when the ring is full."""
        number = _NAN if value is None else float(value)
        if len(self._values) < self.capacity:
            self._values.append(number)
            self._times.append(at)
        else:
            self._values[self._next] = number
            self._times[self._next] = at
        self._next = (self._next + 1) % self.capacity

    @property
    def last(self) -> float | None:
        """The newest sample."""
        return self.values()[-1] if self._values else None

    def values(self) -> list[float | None]:
        """All samples, oldest first."""
        return [None if value != value else value for value in self._turned(self._values)]

    def times(self) -> list[float]:
        """When they were taken."""
        return list(self._turned(self._times))

    def window(self, now: float, seconds: float, count: int) -> list[float | None]:
        """The last ``seconds`` before ``now`` as ``count`` averages, oldest first; None where
        nothing was measured."""
        sums, numbers = [0.0] * count, [0] * count
        for at, value in zip(self._turned(self._times), self._turned(self._values), strict=True):
            place = count - 1 - int((now - at) / seconds * count) if at <= now else -1
            if 0 <= place < count and value == value:
                sums[place] += value
                numbers[place] += 1
        return [
            total / number if number else None for total, number in zip(sums, numbers, strict=True)
        ]

    def _turned(self, values: array[float]) -> array[float]:
        if len(values) < self.capacity:
            return values
        return values[self._next :] + values[: self._next]


def _scale(value: float | None, low: float, high: float, steps: int) -> int:
    """0 to ``steps``; what is measured and above ``low`` is at least 1."""
    if value is None or value != value or high <= low:
        return 0
    part = (value - low) / (high - low)
    return 0 if part <= 0 else max(1, min(steps, round(part * steps)))


def _highest(values: Sequence[float | None], low: float, high: float | None) -> float:
    return (
        high
        if high is not None
        else max((value for value in values if value is not None), default=low)
    )


def sparkline(
    values: Sequence[float | None],
    *,
    low: float = 0.0,
    high: float | None = None,
    plain: bool = False,
) -> str:
    """One row, a character per value: ``▁▃█``. Without ``high`` the largest value is full."""
    top = _highest(values, low, high)
    signs = _DOTS if plain else _BLOCKS
    return "".join(signs[_scale(value, low, top, 8)] for value in values)


def blocks(
    values: Sequence[float | None],
    height: int,
    *,
    low: float = 0.0,
    high: float | None = None,
    plain: bool = False,
) -> list[str]:
    """A filled curve of ``height`` rows, top first, a column per value."""
    top = _highest(values, low, high)
    levels = [_scale(value, low, top, 8 * height) for value in values]
    signs = " ......##" if plain else _BLOCKS
    return [
        "".join(signs[max(0, min(8, level - 8 * row))] for level in levels)
        for row in range(height - 1, -1, -1)
    ]


def braille(
    values: Sequence[float | None], height: int, *, low: float = 0.0, high: float | None = None
) -> list[str]:
    """A filled curve of ``height`` rows, top first, two values in each column."""
    top = _highest(values, low, high)
    levels = [_scale(value, low, top, 4 * height) for value in values]
    levels += [0] * (len(levels) % 2)
    rows = []
    for row in range(height - 1, -1, -1):
        line = ""
        for at in range(0, len(levels), 2):
            left, right = (max(0, min(4, level - 4 * row)) for level in levels[at : at + 2])
            code = (_LEFT[left - 1] if left else 0) | (_RIGHT[right - 1] if right else 0)
            line += chr(0x2800 + code)
        rows.append(line)
    return rows
