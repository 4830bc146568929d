"""Compute hashes in a thread, and decide about jobs that may be kept.

Input: records of attempts, ids of jobs. Output: fingerprints and decisions, in the order of the
input; the next step writes them. The thread reads the database with its own connection, and never
writes to it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from queue import SimpleQueue

from torc_tui.engine.attempt_record import InputStates, Record, States, complete
from torc_tui.errors import TorcError
from torc_tui.lifecycle.fingerprint import FileState, Fingerprint
from torc_tui.operations.file_states import FileStates, is_settled

_PAUSE_SECONDS = 0.1
"""Time in which work is gathered: a thread that wakes up for each attempt disturbs the loop."""
_DELAY_SECONDS = 0.1
"""Time after which fingerprints are written although nothing else is to be written."""
_CLOSE_SECONDS = 5.0
"""How long the end of a runner waits for the task that is being done."""
_MOST_HASHES = 100_000
QUICK_BYTES = 1 << 16
"""Smaller files are hashed at once: to give the task to the thread would take longer."""


class RecordingThread:
    """The thread of one runner; it starts with the first task.

    ``decide`` returns whether a job stays completed; ``wake`` wakes the loop of the runner.
    """

    def __init__(
        self, states: FileStates, decide: Callable[[int], bool], wake: Callable[[], None]
    ) -> None:
        self.states = states
        self.fingerprints: deque[tuple[int, Fingerprint]] = deque()
        self.decisions: deque[tuple[int, bool]] = deque()
        self._decide = decide
        self._wake = wake
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self.hashes: dict[tuple[int, ...], str] = {}
        """Hashes by the states of files that would show a change."""
        self._last: InputStates | None = None
        self._read_at = 0.0
        self._open = 0
        self._done = 0
        self._since: float | None = None
        self._error: Exception | None = None

    def take_error(self) -> Exception | None:
        """Return an error that a task has raised since the last call: a fault of this program."""
        error, self._error = self._error, None
        return error

    @property
    def is_busy(self) -> bool:
        """Return whether results are missing, or wait to be written."""
        return self._open != self._done or bool(self.fingerprints or self.decisions)

    @property
    def is_due(self) -> bool:
        """Return whether a step should write results although there is nothing else to write."""
        if self.decisions:
            return True
        if not self.fingerprints:
            self._since = None
            return False
        now = time.monotonic()
        if self._since is None:
            self._since = now
        return now - self._since >= _DELAY_SECONDS

    def hash_ahead(self, files: Iterable[tuple[int, str]], states: States) -> None:
        """Hash files that will be recorded when their job ends, in case they change meanwhile.

        Each is its id and path; their states are given by id.
        """
        large = []
        for key, path in files:
            state = states.get(key)
            if state is None or state[:5] in self.hashes or not is_settled(state):
                continue
            if self.is_quick(state):
                self.hashed(path, state)
            else:
                large.append((path, state))
        if large:
            self._put(lambda: self._hash_all(large))

    def is_quick(self, state: FileState) -> bool:
        """Return whether a file is so small, or so large, that no thread is needed for its hash."""
        return 0 <= state.size <= QUICK_BYTES or state.size > self.states.limit

    def add(self, record: Record) -> None:
        """Complete a record."""
        self._put(lambda: self._complete(record))

    def decide(self, job_id: int) -> None:
        """Decide whether a job stays completed, as soon as possible."""
        self._hurry.set()
        self._put(lambda: self._judge(job_id))

    def finish(self, seconds: float) -> None:
        """Wait for all results, at most for the given time."""
        if self._open != self._done:
            done = threading.Event()
            self._hurry.set()
            self._put(done.set)
            done.wait(seconds)

    def close(self, seconds: float = _CLOSE_SECONDS) -> None:
        """End the thread, and drop the tasks that have not begun.

        A task that does not end in time, such as a read from a dead file server, is left behind.
        """
        if self._thread is not None:
            self._hurry.set()
            while not self._tasks.empty():
                self._tasks.get()
            self._tasks.put(None)
            self._thread.join(seconds)

    def _put(self, task: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
            self._thread.start()
        self._open += 1
        self._tasks.put(task)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._hurry.wait(_PAUSE_SECONDS)
            self._hurry.clear()
            for one in chain([task], self._gathered()):
                if one is None:
                    return
                try:
                    one()
                except Exception as error:  # must not end the thread: others wait for results
                    self._error = error
                finally:
                    self._done += 1

    def _gathered(self) -> Iterator[Callable[[], None] | None]:
        while not self._tasks.empty():
            yield self._tasks.get()

    def _complete(self, record: Record) -> None:
        if record.look.inputs.as_one is not None:
            self._share(record.look)
        self.fingerprints.append((record.job_id, complete(record, self.hashed)))

    def _share(self, look: InputStates) -> None:
        """Take over the hash of a long list that looked the same and was read after this look."""
        last, self._last = self._last, look
        if last is not None and last.recorded == look.recorded and look.at <= self._read_at:
            look.as_one = last.as_one
        if look.as_one is None:
            self._read_at = time.monotonic()

    def _judge(self, job_id: int) -> None:
        stays = False  # the job runs if the decision fails
        try:
            with suppress(TorcError):  # the database cannot be used, or the workflow was deleted
                stays = self._decide(job_id)
        finally:
            self.decisions.append((job_id, stays))
            self._wake()

    def _hash_all(self, files: Iterable[tuple[str, FileState]]) -> None:
        for path, state in files:
            self.hashed(path, state)

    def hashed(self, path: str, state: FileState) -> FileState:
        """Return a state with its hash; a file whose hash is known is not read again."""
        key = state[:5]
        known = self.hashes.get(key)
        if known is not None:
            return state.with_hash(known)
        found = self.states.hashed(path, state)
        if found.hash is not None and found.size > 0 and is_settled(found):
            if len(self.hashes) >= _MOST_HASHES:
                self.hashes.clear()
            self.hashes[key] = found.hash
        return found
