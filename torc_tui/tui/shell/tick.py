"""The tick of the app: it delivers the records of the threads, and calls the screen.

A tick follows news from the threads, input, and each second, until the screen has no work left.
Invariants: a tick delivers records for at most `BUDGET` seconds, all in one batch, so that each
line is painted once. There is no Textual message per change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torc_tui.collection import start_collection
from torc_tui.tui.feed.handovers import Answer, Changes, Found, Gone, Listed, Loaded, Lost
from torc_tui.tui.feed.inbox import Inbox
from torc_tui.tui.feed.watches import WatchResult
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.shell.beat import Beat
from torc_tui.tui.shell.shell_app import ShellApp

if TYPE_CHECKING:
    from torc_tui.views.workflow_view import WorkflowView

BUDGET = 0.008
"""Seconds of one tick for records."""
SLICE = 400
"""Events that are delivered between two checks of the clock."""
FIRST_SECOND = 0.1
"""Seconds between the first snapshot and the first reading of the machine, which may wait."""


class Tick:
    """Delivers the records of the threads, and calls the screen."""

    def __init__(self, app: ShellApp, inbox: Inbox, first_data: Callable[[], None]) -> None:
        self._app = app
        self._inbox = inbox
        self._first_data = first_data
        self._second: float | None = None
        self._is_second_due = False
        self._shows_data = False
        self._due: Callable[[], object] = lambda: None
        self._beat: Beat | None = None

    def start(self, pause: float, due: Callable[[], object]) -> None:
        """Call ``due`` for each tick, at most every ``pause`` seconds.

        A timer of Textual would cost many times as much when there is no work.
        """
        self._due = due
        self._beat = Beat(pause, self._look)
        self._inbox.wake = self._beat.wake

    def watch(self) -> None:
        """Look for the work that follows from input."""
        if self._beat is not None:
            self._beat.watch()

    def stop(self) -> None:
        """End the ticks."""
        if self._beat is not None:
            self._beat.stop()

    def _look(self) -> tuple[bool, float]:
        """Have the work done; return whether there is any, and the seconds to the next second."""
        screen, now = self._app.front(), time.time()
        if screen is None:
            return False, 1.0
        has_work = self.has_work(screen)
        if has_work:
            self._due()
        if self._second_passed(now):
            self._second, self._is_second_due = now, True
            self._ask_every_second(screen)
            has_work = True
        passed = now - (self._second or now)
        return has_work, 1.0 - passed if 0.0 < passed < 1.0 else 1.0

    def has_work(self, screen: TorcScreen) -> bool:
        """Return whether there is anything to do."""
        return bool(self._inbox) or self._is_second_due or screen.busy

    def _second_passed(self, now: float) -> bool:
        if self._second is None:
            self._second = now
        return not 0.0 <= now - self._second < 1.0

    def run(self, screen: TorcScreen, now: float) -> None:
        """Do the work of one tick."""
        if self._inbox:
            self._drain(screen, now)
        if self._is_second_due:
            self._is_second_due = False
            screen.every_second(now)
        screen.every_tick(now)
        self._app.show_due_notices(now)

    def _ask_every_second(self, screen: TorcScreen) -> None:
        """Ask what is shown with the next tick, so that a second is painted once."""
        app = self._app
        wanted, machine = screen.requirements_on_screen(), app.machine
        app.reader.ask(
            "machine", lambda source: machine.read(source.store, *wanted), app.take_machine
        )
        if app.state.changed:
            app.reader.ask("state", lambda _: app.state.save())
        if app.watches:
            app.reader.ask(
                "watches", lambda source: app.watches.check(source.store), self._announce
            )

    def _announce(self, ended: Sequence[WatchResult]) -> None:
        from torc_tui.tui.shell.notifier import announce  # rarely needed

        for one in ended:
            announce(self._app, one)

    def _drain(self, screen: TorcScreen, now: float) -> None:
        inbox, app = self._inbox, self._app
        end = time.perf_counter() + BUDGET
        while inbox and time.perf_counter() < end:
            item = inbox.popleft()
            match item:
                case Answer():
                    item.deliver()
                    if app.front() is not screen:
                        return  # the rest is for the screen that the answer has opened
                    continue
                case Changes(turn, events) if len(events) > SLICE:
                    inbox.appendleft(Changes(turn, events[SLICE:]))
                    item = Changes(turn, events[:SLICE])
                case Lost(message):
                    app.lost = message
                case Found():
                    app.lost = None
                case _:
                    pass
            screen.receive(item)
            if isinstance(item, Loaded | Listed | Gone | Lost) and not self._shows_data:
                self._shows_data = True
                self._second = now - 1.0 + FIRST_SECOND
                start_collection()
                self._first_data()


def build_contents(view: WorkflowView) -> object:
    """Build what the workflow screen shows of a snapshot; called in the feed thread."""
    from torc_tui.tui.jobs.workflow_contents import contents_of  # not needed for the list

    return contents_of(view)
