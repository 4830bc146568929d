"""The last samples of a measurement, with their times.

No Textual, no clock: the caller gives the time.
"""

from __future__ import annotations

from array import array

_NAN = float("nan")


class Ring:
    """The last ``capacity`` samples, oldest first. A sample of None is a gap."""

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
        """Add a sample; the oldest is dropped when the ring is full."""
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
        """Return the newest sample."""
        return self.values()[-1] if self._values else None

    def values(self) -> list[float | None]:
        """Return all samples, oldest first."""
        return [None if value != value else value for value in self._turned(self._values)]

    def times(self) -> list[float]:
        """Return the times of the samples, oldest first."""
        return list(self._turned(self._times))

    def window(self, now: float, seconds: float, count: int) -> list[float | None]:
        """Return the last ``seconds`` before ``now`` as ``count`` averages, oldest first.

        None stands for a part without measurement.
        """
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
