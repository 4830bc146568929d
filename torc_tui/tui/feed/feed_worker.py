"""The threads beside the screen: one follows the store, one reads what takes time. Both hand over
through one deque.

What comes in: what to follow (``follow``), what to read (``ask``). What goes out: ``Handover``
records in ``out``, which the app's tick takes. Law: the screen's thread never touches the store,
and no thread ever touches the screen: no message and no call per change. A store that goes away is
said once (``Lost``), tried again, and said again when it is back (``Found``). Threads are daemons
with a stop event and are joined on exit.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torc_tui.errors import NotFound, StoreError, TorcError
from torc_tui.model import Event, Workflow

if TYPE_CHECKING:
    from torc_tui.views.workflow_view import WorkflowView

RETRY = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between the tries to reach a lost store; the last one goes on."""
LIST_EVERY = 0.5
"""The list of workflows is read again at most so often (seconds)."""
WAIT = 1.0
"""The longest sleep of the feed thread; ``follow`` and ``stop`` wake it earlier."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A workflow as it stands; what follows are its ``Changes``. ``turn`` tells it from what was
    asked before."""

    turn: int
    view: WorkflowView


@dataclass(frozen=True, slots=True)
class Changes:
    turn: int
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Listed:
    """All workflows."""

    turn: int
    workflows: Sequence[Workflow]


@dataclass(frozen=True, slots=True)
class Gone:
    """The workflow that was followed is not there (any more)."""

    turn: int
    workflow_id: int
    message: str


@dataclass(frozen=True, slots=True)
class Lost:
    message: str


@dataclass(frozen=True, slots=True)
class Found:
    pass


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question of ``ask`` gave: a value, or the error that prevented it."""

    key: Hashable
    value: Any = None
    error: TorcError | OSError | None = None


Handover = Loaded | Changes | Listed | Gone | Lost | Found | Answer


class Tail(Protocol):
    """What the feed thread needs of ``store.feed.Feed``."""

    def wait(self, timeout: float) -> Sequence[Event]: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


class Source(Protocol):
    """The store as the threads use it; made, used and closed by the thread that uses it."""

    def load(self, workflow_id: int) -> WorkflowView: ...
    def listing(self) -> Sequence[Workflow]: ...
    def tail(self, workflow_id: int | None, after: int | Mapping[int, int]) -> Tail: ...
    def close(self) -> None: ...


class StoreSource:
    """The real store as a ``Source``. Importing SQLAlchemy is left to the thread: the first paint
    does not wait."""

    def __init__(self, url: str | None, *, read_only: bool = False) -> None:
        from torc_tui.store.database import Store

        self.store = Store.open(url, read_only=read_only)

    def load(self, workflow_id: int) -> WorkflowView:
        from torc_tui.store import compute_nodes, workflows
        from torc_tui.views.workflow_view import WorkflowView

        snapshot = workflows.snapshot(self.store, workflow_id)
        with self.store.read() as conn:
            active = [node.id for node in compute_nodes.active(conn, workflow_id)]
        return WorkflowView.from_snapshot(
            snapshot.workflow, snapshot.jobs, snapshot.requirements, snapshot.cursor, active
        )

    def listing(self) -> Sequence[Workflow]:
        from torc_tui.store import workflows

        return workflows.list_workflows(self.store, include_archived=True)

    def tail(self, workflow_id: int | None, after: int | Mapping[int, int]) -> Tail:
        from torc_tui.store.feed import Feed

        return Feed(self.store, workflow_id, after)

    def close(self) -> None:
        self.store.close()


class FeedWorker:
    """The thread that follows. ``out`` is the deque of hand-overs."""

    def __init__(self, open_source: Callable[[], Source], out: deque[Handover]) -> None:
        self._open = open_source
        self.out = out
        self._stop = threading.Event()
        self._turned = threading.Event()
        self._lock = threading.Lock()
        self._turn = 0
        self._wanted: int | None = None
        self._tail: Tail | None = None
        self._thread = threading.Thread(target=self._run, name="torc-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def follow(self, workflow_id: int | None) -> int:
        """Follow that workflow (None: the list of all), from a new snapshot; gives the number of
        this turn."""
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
        """Ask the thread to end, and wait for it."""
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
            source: Source | None = None
            try:
                source = self._open()
                while not self._stop.is_set():
                    with self._lock:
                        turn, wanted = self._turn, self._wanted
                    self._turned.clear()
                    if turn != self._turn:
                        continue
                    if turn == 0:
                        self._turned.wait(WAIT)
                        continue
                    if self._first(source, turn, wanted, back=failures > 0):
                        failures = 0
            except (StoreError, OSError) as error:
                if failures == 0 or failures == len(RETRY):
                    self.out.append(
                        Lost(error.message if isinstance(error, TorcError) else str(error))
                    )
                self._stop.wait(RETRY[min(failures, len(RETRY) - 1)])
                failures += 1
            finally:
                if source is not None:
                    _quietly(source.close)

    def _first(self, source: Source, turn: int, wanted: int | None, *, back: bool) -> bool:
        """Read and then tail one thing until something else is wanted. True once the store
        answered."""
        if wanted is None:
            workflows = source.listing()
            self.out.append(Listed(turn, workflows))
            if back:
                self.out.append(Found())
            self._tail_list(
                source, turn, {workflow.id: workflow.last_seq for workflow in workflows}
            )
            return True
        try:
            view = source.load(wanted)
        except NotFound as error:
            self.out.append(Gone(turn, wanted, error.message))
            if back:
                self.out.append(Found())
            self._turned.wait()
            return True
        self.out.append(Loaded(turn, view))
        if back:
            self.out.append(Found())
        self._tail_one(source, turn, wanted, view.cursor)
        return True

    def _listen(
        self, source: Source, workflow_id: int | None, after: int | Mapping[int, int]
    ) -> Tail:
        tail = source.tail(workflow_id, after)
        with self._lock:
            self._tail = tail
        return tail

    def _hang_up(self, tail: Tail) -> None:
        with self._lock:
            self._tail = None
        _quietly(tail.close)

    def _tail_one(self, source: Source, turn: int, workflow_id: int, cursor: int) -> None:
        tail = self._listen(source, workflow_id, cursor)
        try:
            while not self._stop.is_set() and turn == self._turn:
                events = tail.wait(WAIT)
                if events:
                    self.out.append(Changes(turn, events))
                    if any(event.kind == "workflow_deleted" for event in events):
                        self.out.append(
                            Gone(turn, workflow_id, f"workflow {workflow_id} was deleted")
                        )
        finally:
            self._hang_up(tail)

    def _tail_list(self, source: Source, turn: int, cursors: Mapping[int, int]) -> None:
        tail = self._listen(source, None, cursors)
        try:
            while not self._stop.is_set() and turn == self._turn:
                events = tail.wait(WAIT)
                if turn != self._turn:
                    return
                if events:
                    self.out.append(Listed(turn, source.listing()))
                    self._turned.wait(LIST_EVERY)
        finally:
            self._hang_up(tail)


class Reader:
    """The thread that reads. A newer question of the same key replaces one that still waits."""

    def __init__(self, open_source: Callable[[], Source], out: deque[Handover]) -> None:
        self._open = open_source
        self.out = out
        self._waiting: dict[Hashable, Callable[[Any], Any]] = {}
        self._some = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="torc-reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask(self, key: Hashable, question: Callable[[Any], Any]) -> None:
        """Answer ``question(source)`` as an ``Answer`` with that key."""
        with self._some:
            self._waiting.pop(key, None)
            self._waiting[key] = question
            self._some.notify()

    def stop(self, timeout: float = 1.0) -> None:
        with self._some:
            self._stopped = True
            self._waiting.clear()
            self._some.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        source: Source | None = None
        try:
            while True:
                with self._some:
                    while not self._waiting and not self._stopped:
                        self._some.wait()
                    if self._stopped:
                        return
                    key = next(iter(self._waiting))
                    question = self._waiting.pop(key)
                try:
                    if source is None:
                        source = self._open()
                    self.out.append(Answer(key, question(source)))
                except (TorcError, OSError) as error:
                    self.out.append(Answer(key, error=error))
                    if (
                        isinstance(error, StoreError)
                        and not isinstance(error, NotFound)
                        and source is not None
                    ):
                        _quietly(source.close)
                        source = None
                except Exception as error:
                    # A mistake of ours in one question: it is said, and the thread goes on
                    # answering others.
                    told = TorcError(
                        f"{type(error).__name__}: {error}",
                        hint="this is a bug of torc; please report it",
                    )
                    self.out.append(Answer(key, error=told))
        finally:
            if source is not None:
                _quietly(source.close)


def _quietly(close: Callable[[], None]) -> None:
    """Close what may be broken already; that it cannot be closed is no news then."""
    with contextlib.suppress(TorcError, OSError):
        close()
