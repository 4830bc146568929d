"""Wait for a condition, in tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

DEADLINE = 60.0
"""Seconds until a test gives up. Only a failing test needs all of them."""

T = TypeVar("T")
What = str | Callable[[], object]


class _Deadline:
    def __init__(self, seconds: float, what: What) -> None:
        self.seconds = seconds
        self.what = what
        self.end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise an AssertionError after the deadline."""
        if time.monotonic() >= self.end:
            shown = self.what if isinstance(self.what, str) else self.what()
            raise AssertionError(f"not within {self.seconds:g} s: {shown}")


def wait_for(
    condition: Callable[[], T],
    what: What = "the condition is true",
    *,
    seconds: float = DEADLINE,
    interval: float = 0.01,
) -> T:
    """Return the first true value of a condition.

    ``what`` describes the condition in the failure: a string, or a function that returns it.
    """
    deadline = _Deadline(seconds, what)
    while not (value := condition()):
        deadline.check()
        time.sleep(interval)
    return value


async def wait_for_async(
    condition: Callable[[], T],
    what: What = "the condition is true",
    *,
    seconds: float = DEADLINE,
    pause: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0.01),
) -> T:
    """Do the same in an event loop."""
    deadline = _Deadline(seconds, what)
    while not (value := condition()):
        deadline.check()
        await pause()
    return value
