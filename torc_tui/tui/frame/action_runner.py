"""Run actions of the user in the reader thread, and report how they ended.

Input: an action, which is a function of the store and the actor. Output: a notification, or an
error.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from torc_tui.errors import Refused
from torc_tui.tui.feed.reader import ReadError, ignore

if TYPE_CHECKING:
    from torc_tui.store.database import Store
    from torc_tui.tui.feed.reader import Reader
    from torc_tui.tui.feed.source import FeedReader

T = TypeVar("T")
Action = Callable[["Store", str], T]
"""Gets the store and the name of the actor."""
Severity = Literal["information", "warning", "error"]

READ_ONLY = "the app is read-only"
"""The refusal of everything that would change something."""
_numbers = count(1)


class Reporter(Protocol):
    """Shows notifications and errors."""

    last_line: str | None
    read_only: bool

    def notify(
        self, message: str, *, severity: Severity = ..., timeout: float | None = ...
    ) -> None:
        """Show a notification."""

    def show_error(self, error: Exception) -> None:
        """Show an error."""


def done(_result: object) -> str:
    """Report an action that has no message of its own."""
    return "done"


def silent(_result: object) -> str:
    """Report nothing."""
    return ""


class ActionRunner:
    """Runs the actions of one app, in order."""

    def __init__(self, reader: Reader, reporter: Reporter) -> None:
        self._reader = reader
        self._reporter = reporter

    def run(
        self,
        action: Action[T],
        *,
        line: str | None = None,
        report: Callable[[T], str] = done,
        then: Callable[[T], None] = ignore,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a user action.

        ``line`` is the command line that does the same; it is noted when the action succeeded.
        ``report`` makes a sentence of the result; an empty one is not shown. ``then`` gets the
        result. ``refused`` is called when the action ended with an error, after the error was
        shown. A read-only app refuses every action.
        """
        if self._reporter.read_only:
            self._reporter.show_error(Refused(READ_ONLY))
            refused()
            return

        def succeeded(result: T) -> None:
            if line is not None:
                self._reporter.last_line = line
            then(result)

        self.read(action, report=report, then=succeeded, refused=refused)

    def read(
        self,
        action: Action[T],
        *,
        report: Callable[[T], str] = silent,
        then: Callable[[T], None] = ignore,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a query, which changes nothing and therefore has no command line."""
        from torc_tui import settings

        actor = settings.actor()

        def work(source: FeedReader) -> T:
            return action(source.store, actor)

        def succeeded(result: T) -> None:
            text = report(result)
            if text:
                self._reporter.notify(text)
            then(result)

        def failed(error: ReadError) -> None:
            self._reporter.show_error(error)
            refused()

        self._reader.ask(("action", next(_numbers)), work, succeeded, failed)
