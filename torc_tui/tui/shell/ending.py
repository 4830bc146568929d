"""End the app on signals, and when its terminal is gone without one.

A closed terminal sends SIGHUP to the process that leads its session, which need not reach the app.
Textual's thread that writes to the terminal ends with an error then, and the app would wait for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

SIGNALS = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""Signals of people and batch systems that end the app; the key ctrl+c sends none."""
LOOK_SECONDS = 1.0
"""Time between two looks at the terminal."""


def end_with_terminal(quit_app: Callable[[int], None]) -> None:
    """Call ``quit_app`` with the exit code on signals, and when the terminal is gone."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, quit_app, 128 + number)

    def look() -> None:
        if os.isatty(0):
            loop.call_later(LOOK_SECONDS, look)
        else:
            quit_app(128 + signal.SIGHUP)

    if os.isatty(0):
        look()


class TolerantStream:
    """A stream whose text goes nowhere once its terminal is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write text; drop it if that is not possible."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered; drop it if that is not possible."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def tolerate_lost_terminal() -> None:
    """Let Textual write through a `TolerantStream`: it takes the original standard error."""
    if sys.__stderr__ is not None:
        setattr(sys, "__stderr__", TolerantStream(sys.__stderr__))  # noqa: B010, its type is final
