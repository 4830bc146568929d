"""Receive signals: they set flags and wake the loop of the runner, which acts on them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """The signals so far: the number of SIGINT and SIGTERM, and whether there was a SIGHUP.

    SIGHUP stops nothing: the run continues without its terminal.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.count = 0
        self.hung_up = False
        self._wake = wake

    def __call__(self, number: int, frame: object) -> None:
        """Record a signal."""
        if number == signal.SIGHUP:
            self.hung_up = True
        else:
            self.count += 1
        self._wake()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals inside the block, if this is the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
