"""Search in all files of a merged log, and keep the hits and the current one.

It belongs to the log thread. Files that grew after the search are searched again; the old hits stay
until that is done.
"""

from __future__ import annotations

import time
from array import array

from torc_tui.tui.logs.file_search import FileSearch
from torc_tui.tui.logs.log_window import LineRequest, SearchState
from torc_tui.tui.logs.merged_log import MergedLog, Place
from torc_tui.tuples import NamedTuple

AGAIN_AFTER = 1.0
"""Minimum seconds between two searches of a growing log."""
AGAIN_SHARE = 5
"""The pause is also this many times as long as the search took."""


class PendingStep(NamedTuple):
    """A postponed step by ``by`` hits from ``start``."""

    by: int
    start: Place
    lines: LineRequest


class MergedSearch:
    """A search in all files of a merged log."""

    def __init__(self, pattern: str, log: MergedLog) -> None:
        self.pattern = pattern
        self.rank = -1
        self.place: Place | None = None
        self.pending: PendingStep | None = None
        self.settled = False
        """Whether no further results are expected."""
        self._log = log
        self._searches = [FileSearch(stream.path, pattern) for stream in log.streams]
        self._again: list[FileSearch] = []
        self._sizes = [file.size for file in log.files]
        self._hits: dict[int, array[int]] = {}
        self._due = 0.0
        self._reported: object = None

    def stop(self) -> None:
        """End the search."""
        for search in (*self._searches, *self._again):
            search.stop()

    @property
    def done(self) -> bool:
        """Whether all files were searched to their end."""
        return all(search.hits.done for search in self._searches)

    def advance(self) -> bool:
        """Collect new hits; return whether there is something to report."""
        self._search_again()
        self._collect()
        reported = (*(search.hits[1:5] for search in self._searches), self.place)
        changed, self._reported = reported != self._reported, reported
        self.settled = not changed and not self._again and self.done
        return changed

    def take_pending_step(self) -> PendingStep | None:
        """Return the postponed step once its hits are known."""
        pending, log = self.pending, self._log
        if pending is None:
            return None
        # Hits beyond the progress of the search are not known yet.
        known = log.rank(self._hits, log.end) > log.rank(self._hits, pending.start)
        if not (self.done or known):
            return None
        self.pending = None
        return pending

    def step(self, by: int, start: Place) -> Place | None:
        """Go to the next hit (1) or the previous one (-1) from ``start``, round the ends."""
        self._collect()
        log = self._log
        total = log.rank(self._hits, log.end)
        if not total:
            return None
        here = log.rank(self._hits, start)
        if by > 0 and log.hit(self._hits, here) == start:
            here += 1
        rank = (here - 1 if by < 0 else here) % total
        place = log.hit(self._hits, rank)
        if place is not None:
            self.rank, self.place = rank, place
        return place

    def state(self) -> SearchState:
        """Return the progress of the search."""
        hits = [search.hits for search in self._searches]
        size = sum(one.size for one in hits) or 1
        pairs = zip(hits, self._log.files, strict=False)
        errors = (one.error for one, file in pairs if one.error and file.exists)
        total = sum(one.total for one in hits)
        share = sum(one.searched for one in hits) / size
        error = next(errors, None)
        return SearchState(self.pattern, self.rank, total, share, self.done, error, self.place)

    def _collect(self) -> None:
        for number, search in enumerate(self._searches):
            self._hits[number] = search.hits.starts

    def _search_again(self) -> None:
        now = time.monotonic()
        if self._again:
            if all(search.hits.done for search in self._again):
                self._searches, self._again = self._again, []
                self._due = now + max(AGAIN_AFTER, AGAIN_SHARE * (now - self._due))
            return
        sizes = [file.size for file in self._log.files]
        if sizes != self._sizes and self.done and now >= self._due:
            self._sizes, self._due = sizes, now
            self._again = [FileSearch(stream.path, self.pattern) for stream in self._log.streams]
