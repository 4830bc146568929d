"""Merge two changed versions of a JSON value.

Input: the value that both began with, and both results. Output: the merged value, and conflicts
with their paths. Objects are merged by key; arrays and everything else are values as a whole.

Invariants: what only one side changed is taken from that side. Equal changes are no conflict.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from torc_tui.model import Json
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_diff import same
from torc_tui.views.json_document import Path


class MergeSide(StrEnum):
    """A version that a value is taken from."""

    MINE = "mine"
    THEIRS = "theirs"
    BASE = "base"


class Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()
"""In place of a value that does not exist on one side."""
Part = Json | Absent


class MergeConflict(NamedTuple):
    """A path at which both sides have made different changes."""

    path: Path
    base: Part
    mine: Part
    theirs: Part

    def value(self, side: MergeSide) -> Part:
        """Return the value of one side."""
        return {
            MergeSide.MINE: self.mine,
            MergeSide.THEIRS: self.theirs,
            MergeSide.BASE: self.base,
        }[side]


class Merged(NamedTuple):
    """The merged value; conflicts without a choice have the value of ``mine``."""

    value: Json
    conflicts: list[MergeConflict]


def merge(
    base: Json, mine: Json, theirs: Json, choices: Mapping[Path, MergeSide] | None = None
) -> Merged:
    """Merge both versions; ``choices`` are the sides that are taken at the paths of conflicts."""
    merger = _Merger(choices or {})
    value = merger.merge((), base, mine, theirs)
    return Merged(None if isinstance(value, Absent) else value, merger.conflicts)


class _Merger:
    def __init__(self, choices: Mapping[Path, MergeSide]) -> None:
        self._choices = choices
        self.conflicts: list[MergeConflict] = []

    def merge(self, path: Path, base: Part, mine: Part, theirs: Part) -> Part:
        if _equal(mine, theirs) or _equal(base, theirs):
            return mine
        if _equal(base, mine):
            return theirs
        if isinstance(mine, dict) and isinstance(theirs, dict):
            return self._objects(path, base if isinstance(base, dict) else {}, mine, theirs)
        conflict = MergeConflict(path, base, mine, theirs)
        self.conflicts.append(conflict)
        return conflict.value(self._choices.get(path, MergeSide.MINE))

    def _objects(
        self, path: Path, base: dict[str, Json], mine: dict[str, Json], theirs: dict[str, Json]
    ) -> dict[str, Json]:
        merged: dict[str, Json] = {}
        for key in dict.fromkeys((*mine, *theirs, *base)):
            value = self.merge(
                (*path, key),
                base.get(key, ABSENT),
                mine.get(key, ABSENT),
                theirs.get(key, ABSENT),
            )
            if not isinstance(value, Absent):
                merged[key] = value
        return merged


def _equal(one: Part, two: Part) -> bool:
    if isinstance(one, Absent) or isinstance(two, Absent):
        return one is two
    return same(one, two)
