"""The thread that follows the database.

Input: what to follow (``follow``). Output: records in ``out``, which the app takes with each tick.

Invariants: only this thread touches its source; it never touches the screen. A database that
cannot be read is reported once (``Lost``), retried with growing pauses, and reported once when it
is available again (``Found``). The thread is a daemon with a stop event, and is joined on exit.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from torc_tui.collection import collection_paused
from torc_tui.errors import NotFound, StoreError, TorcError
from torc_tui.tui.feed.handovers import Changes, Found, Gone, Handover, Listed, Loaded, Lost
from torc_tui.tui.feed.source import FeedReader

if TYPE_CHECKING:
    from torc_tui.model import Event
    from torc_tui.store.feed import Feed
    from torc_tui.views.workflow_view import WorkflowView

RETRY = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to reach a lost database; the last value is repeated."""
LIST_EVERY = 0.5
"""Seconds between two readings of the list of workflows, at least."""
WAIT = 1.0
"""Longest sleep of the thread, in seconds; ``follow`` and ``stop`` wake it earlier."""


class FeedWorker:
    """The thread that follows one workflow, or the list of all.

    ``out`` is the deque it fills; it calls ``arrived`` after each snapshot, which users wait for.
    ``build`` returns what the screen needs of a snapshot.
    """

    def __init__(
        self,
        open_source: Callable[[], FeedReader],
        out: deque[Handover],
        arrived: Callable[[], object] = lambda: None,
        build: Callable[[WorkflowView], object] = lambda view: view,
    ) -> None:
        self._open = open_source
        self.out = out
        self._arrived = arrived
        self._build = build
        self._stop = threading.Event()
        self._turned = threading.Event()
        self._lock = threading.Lock()
        self._turn = 0
        self._wanted: int | None = None
        self._tail: Feed | None = None
        self._thread = threading.Thread(target=self._run, name="torc-feed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def follow(self, workflow_id: int | None) -> int:
        """Follow a workflow (None: the list of all) from a new snapshot; return the turn number."""
        with self._lock:
            self._turn += 1
            self._wanted = workflow_id
            turn = self._turn
            tail = self._tail
        self._turned.set()
        if tail is not None:
            tail.wake()
        return turn

    def stop(self, timeout: float = 1.0) -> None:
        """Stop the thread, and wait for its end."""
        self._stop.set()
        self._turned.set()
        with self._lock:
            tail = self._tail
        if tail is not None:
            tail.wake()
        if self._thread.is_alive():
            self._thread.join(timeout)

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            source: FeedReader | None = None
            try:
                source = self._open()
                while not self._stop.is_set():
                    if self._serve(source, back=failures > 0):
                        failures = 0
            except (StoreError, OSError) as error:
                if failures in (0, len(RETRY)):
                    text = error.message if isinstance(error, TorcError) else str(error)
                    self.out.append(Lost(text))
                self._stop.wait(RETRY[min(failures, len(RETRY) - 1)])
                failures += 1
            finally:
                if source is not None:
                    close_quietly(source.close)

    def _serve(self, source: FeedReader, *, back: bool) -> bool:
        """Follow what is requested until that changes; return whether the database answered."""
        with self._lock:
            turn, wanted = self._turn, self._wanted
        self._turned.clear()
        if turn != self._turn:
            return False
        if turn == 0:
            self._turned.wait(WAIT)
            return False
        source.verify()
        if wanted is None:
            self._serve_list(source, turn, back=back)
        else:
            self._serve_workflow(source, turn, wanted, back=back)
        return True

    def _serve_list(self, source: FeedReader, turn: int, *, back: bool) -> None:
        workflows = source.listing()
        self.out.append(Listed(turn, workflows))
        self._announce()
        if back:
            self.out.append(Found())
        cursors = {workflow.id: workflow.last_seq for workflow in workflows}
        for _ in self._events(source, turn, None, cursors):
            if turn != self._turn:
                return
            self.out.append(Listed(turn, source.listing()))
            self._turned.wait(LIST_EVERY)

    def _serve_workflow(self, source: FeedReader, turn: int, wanted: int, *, back: bool) -> None:
        try:
            with collection_paused(freeze=True):
                view = source.load(wanted)
                contents = self._build(view)
        except NotFound as error:
            self.out.append(Gone(turn, wanted, error.message))
            if back:
                self.out.append(Found())
            self._turned.wait()
            return
        cursor = view.cursor  # the app changes the view from now on
        self.out.append(Loaded(turn, contents))
        self._announce()
        if back:
            self.out.append(Found())
        for events in self._events(source, turn, wanted, cursor):
            self.out.append(Changes(turn, events))
            if any(event.kind == "workflow_deleted" for event in events):
                self.out.append(Gone(turn, wanted, f"workflow {wanted} was deleted"))

    def _announce(self) -> None:
        with contextlib.suppress(RuntimeError):  # the app has ended
            self._arrived()

    def _events(
        self, source: FeedReader, turn: int, workflow_id: int | None, after: int | Mapping[int, int]
    ) -> Iterator[list[Event]]:
        """Yield events as they arrive, until the request changes."""
        tail = source.tail(workflow_id, after)
        with self._lock:
            self._tail = tail
        try:
            while not self._stop.is_set() and turn == self._turn:
                events = tail.wait(WAIT)
                source.verify()
                if events:
                    yield events
        finally:
            with self._lock:
                self._tail = None
            close_quietly(tail.close)


def close_quietly(close: Callable[[], None]) -> None:
    """Close a connection that may already be broken, and ignore errors."""
    with contextlib.suppress(TorcError, OSError):
        close()
