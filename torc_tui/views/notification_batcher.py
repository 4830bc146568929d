"""Many like things as one sentence: ``37 jobs failed: train_*``. In: names and times. Out: notices,
no more than one per kind and pause.

Never done here: looking at a clock; showing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Notice(NamedTuple):
    """What is to be told: the kind (``failed``, ``completed`` …), the sentence, the ids that it is
    about.
    """

    kind: str
    text: str
    job_ids: tuple[int, ...]


class Bursts:
    """Collects what happened and gives it out folded: when ``pause`` seconds were quiet, or after
    ``longest``.
    """

    def __init__(self, *, pause: float = 0.5, longest: float = 3.0) -> None:
        self.pause = pause
        self.longest = longest
        self._open: dict[str, list[tuple[int, str]]] = {}
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def add(self, kind: str, job_id: int, name: str, now: float) -> None:
        """A job came to something."""
        self._open.setdefault(kind, []).append((job_id, name))
        self._first.setdefault(kind, now)
        self._last[kind] = now

    def due(self, now: float) -> list[Notice]:
        """The notices whose time has come; each is given once."""
        quiet, late = now - self.pause, now - self.longest
        ripe = [
            kind for kind in self._open if self._last[kind] <= quiet or self._first[kind] <= late
        ]
        return [self._take(kind) for kind in ripe]

    def flush(self) -> list[Notice]:
        """All that is left."""
        return [self._take(kind) for kind in list(self._open)]

    def _take(self, kind: str) -> Notice:
        jobs = self._open.pop(kind)
        del self._first[kind], self._last[kind]
        return Notice(
            kind, sentence(kind, [name for _, name in jobs]), tuple(job_id for job_id, _ in jobs)
        )


def sentence(kind: str, names: Sequence[str]) -> str:
    """``prep failed`` for one, ``37 jobs failed: train_*`` for many."""
    if len(names) == 1:
        return f"{names[0]} {kind}"
    return f"{len(names)} jobs {kind}: {common(names)}"


def common(names: Sequence[str], shown: int = 3) -> str:
    """What names share, as a pattern: ``train_*``, ``*_eval``; the first few where they share next
    to nothing.
    """
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
    """How many characters two texts begin with in common; of a sorted lot, all in between share
    them too.
    """
    length = 0
    for one, other in zip(low, high, strict=False):
        if one != other:
            break
        length += 1
    return length
