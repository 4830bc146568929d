"""Stop jobs and scripts after a signal, at the request of a user, or at the time limit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torc_tui.engine.engine import Engine
from torc_tui.engine.report import Observer
from torc_tui.engine.scripts import Scripts
from torc_tui.engine.state import Deadline
from torc_tui.model import Cause


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


class StopRequests:
    """The reasons to stop that one runner has acted on."""

    def __init__(
        self,
        engine: Engine,
        scripts: Scripts,
        interrupts: Interrupts,
        deadline: Deadline,
        observer: Observer,
    ) -> None:
        self._engine = engine
        self._scripts = scripts
        self._interrupts = interrupts
        self._deadline = deadline
        self._observer = observer
        self._handled_interrupts = 0
        self._handled_request: str | None = None
        self._has_hung_up = False
        self._source = engine.state.options.source
        self._handled_source = self._source.is_open, self._source.halt
        self._are_scripts_stopped = False

    def is_due(self, now: float) -> bool:
        """Return whether a signal has arrived or the time is over, and no stop has begun.

        A halt by the source of jobs counts as a signal.
        """
        return (
            (self._source.is_open, self._source.halt) != self._handled_source
            or self._interrupts.count != self._handled_interrupts
            or (self._interrupts.hung_up and not self._has_hung_up)
            or self._is_time_over(now)
        )

    def check_signals(self) -> None:
        """Stop with a grace period on the first Ctrl-C, and at once on the next."""
        if self._interrupts.hung_up and not self._has_hung_up:
            self._has_hung_up = True
            self._observer.hung_up()
        count = self._interrupts.count
        if count != self._handled_interrupts:
            self._handled_interrupts = count
            hard = count > 1
            self._engine.stop(hard=hard)
            self._scripts.stop(hard=hard)
            grace = 0.0 if hard else self._engine.maker.grace
            self._observer.stopping(len(self._engine.in_flight), grace)
        self._check_source()

    def _check_source(self) -> None:
        """Stop the jobs if their source requests it."""
        self._handled_source = self._source.is_open, self._source.halt
        if self._source.halt == "now" and not self._engine.state.stopping:
            self._engine.stop()

    def check_time(self, now: float) -> None:
        """Stop when the time is over."""
        if self._is_time_over(now):
            self._engine.stop(cause=Cause.TIME_LIMIT)
            self._scripts.stop()

    def check_shared_state(self) -> None:
        """Stop at the request of a user, or when the workflow was canceled or deleted."""
        shared = self._engine.shared
        request = shared.stop_requested
        if request and request != self._handled_request:
            if request == "hard" or not self._engine.state.stopping:
                self._engine.stop(hard=request == "hard")
            self._handled_request = request
        is_gone = bool(shared.gone_reason)
        stop_scripts = is_gone or shared.is_canceled or bool(request)
        if stop_scripts and not self._are_scripts_stopped:
            self._scripts.stop(hard=is_gone)
        self._are_scripts_stopped = stop_scripts

    def _is_time_over(self, now: float) -> bool:
        return self._deadline.is_over(now) and not self._engine.state.stopping
