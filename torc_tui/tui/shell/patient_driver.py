"""Read the terminal without polling it: Textual's own driver wakes ten times a second.

Input: bytes of the terminal. Output: Textual's events. Invariants: the thread sleeps until there is
input; while a key may still be incomplete, such as escape, it looks at the clock as Textual does.
"""

from __future__ import annotations

import os
import select
import threading
import time
from codecs import getincrementaldecoder
from contextlib import suppress
from typing import Any

from textual import constants
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

POLL = 0.1
"""Seconds between two looks at the clock while a key may be incomplete."""
COMPLETE = 1.0 + constants.ESCAPE_DELAY
"""Seconds after which a key is complete."""
BYTES = 4096
"""Most bytes that are read at once."""


class WakingEvent(threading.Event):
    """An event that also makes the descriptor ``woken`` readable."""

    def __init__(self) -> None:
        super().__init__()
        self.woken, self._waker = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self._waker, False)

    def set(self) -> None:
        super().set()
        with suppress(BlockingIOError):  # full, which wakes the reader too
            os.write(self._waker, b"\0")

    def drain(self) -> None:
        """Make the descriptor unreadable until the event is set again."""
        with suppress(BlockingIOError):
            os.read(self.woken, BYTES)


class PatientDriver(LinuxDriver):
    """Textual's driver for Linux and macOS; its thread sleeps until there is input."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.exit_event: WakingEvent = WakingEvent()

    def run_input_thread(self) -> None:
        """Pass input on until ``exit_event`` is set."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        watched = [self.fileno, self.exit_event.woken]
        last = time.monotonic()
        while not self.exit_event.is_set():
            pause = POLL if time.monotonic() - last < COMPLETE else None
            ready = select.select(watched, [], [], pause)[0]
            if self.exit_event.woken in ready:
                self.exit_event.drain()
            if self.fileno in ready:
                last = time.monotonic()
                data = os.read(self.fileno, BYTES)
                if not data:
                    return  # the end of the input
                text = decode(data)
                for event in parser.feed(text) if text else ():
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)


def patient(driver: type[Driver]) -> type[Driver]:
    """Return the driver to use in place of Textual's choice."""
    return PatientDriver if driver is LinuxDriver else driver
