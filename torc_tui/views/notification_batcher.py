"""Report many similar events as one sentence: ``37 jobs failed: train_*``.

Input: names and times. Output: notices, at most one per kind and pause. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tuples import NamedTuple


class Notice(NamedTuple):
    """A kind such as ``failed``, the sentence to show, and the ids of its jobs."""

    kind: str
    text: str
    job_ids: tuple[int, ...]


class NotificationBatcher:
    """Collects events and returns them as notices.

    A notice is due when nothing of its kind happened for ``pause`` seconds, or after ``longest``.
    """

    def __init__(self, *, pause: float, longest: float) -> None:
        self.pause = pause
        self.longest = longest
        self._open: dict[str, list[tuple[int, str]]] = {}
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def add(self, kind: str, job_id: int, name: str, now: float) -> None:
        """Add an event of a job."""
        self._open.setdefault(kind, []).append((job_id, name))
        self._first.setdefault(kind, now)
        self._last[kind] = now

    def due(self, now: float) -> list[Notice]:
        """Return the notices that are due; each one once."""
        quiet, late = now - self.pause, now - self.longest
        ripe = [
            kind for kind in self._open if self._last[kind] <= quiet or self._first[kind] <= late
        ]
        return [self._take(kind) for kind in ripe]

    def _take(self, kind: str) -> Notice:
        jobs = self._open.pop(kind)
        del self._first[kind], self._last[kind]
        text = sentence(kind, [name for _, name in jobs])
        return Notice(kind, text, tuple(job_id for job_id, _ in jobs))


def sentence(kind: str, names: Sequence[str]) -> str:
    """Return ``prep failed`` for one job, ``37 jobs failed: train_*`` for many."""
    if len(names) == 1:
        return f"{names[0]} {kind}"
    return f"{len(names)} jobs {kind}: {common(names)}"


def common(names: Sequence[str], shown: int = 3) -> str:
    """Return what names have in common: ``train_*``, ``*_eval``; else the first few of them."""
    first, last = min(names), max(names)
    if first == last:
        return first
    start = _shared(first, last)
    backwards = [name[::-1] for name in names]
    end = min(_shared(min(backwards), max(backwards)), min(map(len, names)) - start)
    prefix = first[:start]
    if prefix and prefix[-1].isdigit():  # train_1 and train_12 share train_, not train_1
        prefix = prefix.rstrip("0123456789")
    suffix = first[len(first) - end :].lstrip("0123456789") if end else ""
    if len(prefix) + len(suffix) >= 2:
        return f"{prefix}*{suffix}"
    some = list(dict.fromkeys(names))[:shown]
    return ", ".join(some) + (" …" if len(set(names)) > shown else "")


def _shared(low: str, high: str) -> int:
    """Return how many characters two texts have in common at their start.

    Of a sorted list, all texts between the two have them, too.
    """
    length = 0
    for one, other in zip(low, high, strict=False):
        if one != other:
            break
        length += 1
    return length
