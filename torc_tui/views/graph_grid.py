"""Arrange the jobs of an opened group in the cells of a grid.

Input: the names of the jobs, their statuses, and the cells that are free. Output: `MemberGrid`: the
jobs to show, in the order of their cells, and their labels.

Invariants: failed jobs come first, then running jobs, then the others. A change of a status takes
no time that anybody notices, however many jobs the group has.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from math import ceil, sqrt

from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.ansi import one_line
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.views.text_cells import shorten, width_of

FEWEST, MOST = 8, 40
"""Minimum and maximum number of jobs that a grid shows, if the group has as many."""
_NAME_WIDTH = 24
"""Width of the longest name that is shown in full; longer names lose what all have in common."""
_MEASURED = 1000
"""Number of names that are measured."""
_MOST_ROWS = 8
_NARROW = 50
"""Width up to which a grid takes the whole width of the pane."""
_EDGES = 3
"""Cells beside a name: a space, the sign of the status, a space."""
JOINERS = dict.fromkeys((0x200D, *range(0xFE00, 0xFE10)))
"""Characters that join others to one sign; terminals disagree about its width."""


class Room(NamedTuple):
    """The width and height of the pane in cells."""

    width: int
    height: int


class MemberGrid:
    """The jobs of a group in cells, in reading order."""

    def __init__(self, names: Mapping[int, str], room: Room) -> None:
        self._names = names
        self._jobs: dict[JobStatus, list[int]] = {status: [] for status in MOST_TELLING}
        self._status: dict[int, JobStatus] = {}
        longest = max(map(len, names.values()))
        self._common = _common_start(names) if longest > _NAME_WIDTH else 0
        measured = (width_of(self._text(job, "…")) for job in islice(names, _MEASURED))
        self.name_width = max(1, min(_NAME_WIDTH, max(measured), max(8, room.width - 8)))
        self.columns, self.rows = self._shape(room)
        self._cells = min(len(names), MOST, self.columns * self.rows)
        self.more = len(names) - self._cells
        """The number of jobs that are not shown."""

    @property
    def cell_width(self) -> int:
        """Return the width of a cell, with the space behind it."""
        return self.name_width + _EDGES + 1

    def _shape(self, room: Room) -> tuple[int, int]:
        """Return columns and rows."""
        count = min(len(self._names), MOST)
        high = max(2, min(_MOST_ROWS, room.height // 3))
        # Other boxes of the rank stay in view, unless the pane is narrow.
        wide = max(min(room.width, _NARROW), room.width * 2 // 3)
        fitting = max(1, (wide - 4) // self.cell_width)
        columns = min(fitting, count, max(ceil(count / high), 1 + ceil(sqrt(count))))
        rows = min(ceil(count / columns), max(high, ceil(min(count, FEWEST) / columns)))
        return columns, rows

    def move(self, job: int, status: JobStatus) -> None:
        """Take the status of a job."""
        before = self._status.get(job)
        if before is not None:
            jobs = self._jobs[before]
            del jobs[bisect_left(jobs, job)]
        insort(self._jobs[status], job)
        self._status[job] = status

    def name(self, job: int) -> str:
        """Return the full name of a job."""
        return self._names[job]

    def status(self, job: int) -> JobStatus:
        """Return the status of a job."""
        return self._status[job]

    def shown(self, selected: int | None = None) -> list[int]:
        """Return the jobs of the cells; ``selected`` takes the last one unless it has another."""
        jobs: Iterator[int] = chain.from_iterable(self._jobs.values())
        found = list(islice(jobs, self._cells))
        if self.more and selected in self._status and selected not in found:
            found[-1:] = [selected]
        return found

    def step(self, job: int, columns: int, rows: int) -> int | None:
        """Return the job in the cell that many columns and rows further; None outside."""
        shown = self.shown(job)
        row, column = divmod(shown.index(job), self.columns)
        at = (row + rows) * self.columns + column + columns
        inside = 0 <= column + columns < self.columns and at >= 0
        if rows > 0 and at >= len(shown) and row < (len(shown) - 1) // self.columns:
            return shown[-1]  # the last row is not full
        return shown[at] if inside and at < len(shown) else None

    def label(self, job: int, mark: str) -> str:
        """Return the name of a job as its cell shows it; ``mark`` stands for what is left out."""
        return shorten(self._text(job, mark), self.name_width, mark=mark)

    def _text(self, job: int, mark: str) -> str:
        name = self._names[job]
        if self._common:
            name = mark + name[self._common :]
        return one_line(name).translate(JOINERS)


def _common_start(names: Mapping[int, str]) -> int:
    """Return how many characters at the start of all names are the same, up to a number."""
    first, last = min(names.values()), max(names.values())
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return len(first[:same].rstrip("0123456789.")) if first != last else 0
