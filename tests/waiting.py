"""Wait for a condition, in tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE = 60.0
"""Seconds until a test gives up. Only a failing test needs all of them."""

T = TypeVar("T")
What = str | Callable[[], object]


def _failure(what: What, seconds: float) -> AssertionError:
    return AssertionError(f"not after {seconds:g} s: {what if isinstance(what, str) else what()}")


def wait_for(
    condition: Callable[[], T],
    what: What = "the condition is true",
    *,
    seconds: float = DEADLINE,
    interval: float = 0.01,
) -> T:
    """Return the first true value of a condition.

    ``what`` describes the condition in the failure: a text, or a function that makes it.
    """
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= end:
            raise _failure(what, seconds)
        time.sleep(interval)
    return value


async def wait_for_async(
    condition: Callable[[], T],
    what: What = "the condition is true",
    *,
    seconds: float = DEADLINE,
    interval: float = 0.02,
    pause: Callable[[float], object] | None = None,
) -> T:
    """Do the same in an event loop. ``pause`` replaces ``asyncio.sleep``, as Pilot's does."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= end:
            raise _failure(what, seconds)
        await (pause or asyncio.sleep)(interval)  # type: ignore[misc]
    return value
