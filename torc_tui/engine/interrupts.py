"""Signals to a runner: they set flags and wake the loop, and nothing else.

What comes in: SIGINT, SIGTERM, SIGHUP. What goes out: a count, a flag. What they mean is decided in
the loop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """Counts SIGINT and SIGTERM, remembers SIGHUP (which stops nothing: the terminal is gone, the
    run goes on), and wakes the loop.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.count = 0
        self.hung_up = False
        self._wake = wake

    def __call__(self, number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            self.hung_up = True
        else:
            self.count += 1
        self._wake()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals over, where this is the main thread; give them back after."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
