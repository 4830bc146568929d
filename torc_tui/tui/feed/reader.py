"""The thread for work that needs the database, files or much time.

Input: a key, a function that reads, and the functions that receive its result or its error.
Output: an `Answer` per question in ``out``; the app delivers it with the next tick.

Invariants: questions are answered in order; a newer question of the same key replaces one that
is still queued. Only the app's thread calls the receiving functions.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Protocol, TypeVar

from torc_tui.collection import collection_paused
from torc_tui.errors import NotFound, StoreError, TorcError, UsageError
from torc_tui.tui.feed.feed_worker import close_quietly
from torc_tui.tui.feed.handovers import Answer, Handover
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tuples import NamedTuple

T = TypeVar("T")
ReadError = TorcError | OSError
"""Errors that a question may end with."""
TOO_DEEP = "the value is nested too deeply to be shown or compared"
"""Why a question about user data ended with a RecursionError."""
Failed = Callable[[ReadError], None]


class Asker(Protocol):
    """Asks the reader thread a question; a newer question of the same kind replaces it."""

    def __call__(
        self, what: str, read: Callable[[FeedReader], T], then: Callable[[T], None]
    ) -> None: ...


class Question(NamedTuple):
    """One question: the function that reads, and the receivers of its result and of its error."""

    read: Callable[[FeedReader], Any]
    then: Callable[[Any], None]
    failed: Failed


def ignore(_result: object) -> None:
    """Ignore a result."""


class Reader:
    """The thread that answers questions. ``out`` is the deque it fills."""

    def __init__(self, open_source: Callable[[], FeedReader], out: deque[Handover]) -> None:
        self._open = open_source
        self.out = out
        self._waiting: dict[Hashable, Question] = {}
        self._some = threading.Condition()
        self._stopped = False
        self._source: FeedReader | None = None
        self._thread = threading.Thread(target=self._run, name="torc-reader", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the thread runs; questions wait for its start."""
        return self._thread.is_alive()

    @property
    def is_busy(self) -> bool:
        """Whether questions wait."""
        return bool(self._waiting)

    def ask(
        self,
        key: Hashable,
        read: Callable[[FeedReader], T],
        then: Callable[[T], None] = ignore,
        failed: Failed = ignore,
    ) -> None:
        """Have the thread call ``read(source)``; ``then`` gets the result, ``failed`` an error."""
        with self._some:
            self._waiting.pop(key, None)
            self._waiting[key] = Question(read, then, failed)
            self._some.notify()

    def stop(self, timeout: float = 1.0) -> None:
        """Stop the thread, and wait for its end."""
        with self._some:
            self._stopped = True
            self._waiting.clear()
            self._some.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (waiting := self._next()) is not None:
                key, question = waiting
                self.out.append(Answer(key, self._deliver(question)))
        finally:
            self._close()

    def _next(self) -> tuple[Hashable, Question] | None:
        with self._some:
            while not self._waiting and not self._stopped:
                self._some.wait()
            if self._stopped:
                return None
            key = next(iter(self._waiting))
            return key, self._waiting.pop(key)

    def _deliver(self, question: Question) -> Callable[[], None]:
        try:
            if self._source is None:
                self._source = self._open()
            self._source.verify()
            with collection_paused():
                return partial(question.then, question.read(self._source))
        except (TorcError, OSError) as error:
            if isinstance(error, StoreError) and not isinstance(error, NotFound):
                self._close()
            return partial(question.failed, error)
        except RecursionError:
            return partial(question.failed, UsageError(TOO_DEEP))
        except Exception as error:
            # A bug in one question is reported, and the thread goes on answering others.
            bug = f"{type(error).__name__}: {error}"
            hint = "this is a bug in torc; please report it"
            return partial(question.failed, TorcError(bug, hint=hint))

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            close_quietly(source.close)
