"""Arrange the jobs of a sweep by two parameters, and aggregate a figure of each cell. Pure.

Input: a `Sweep`, two parameters, a column with numbers, an aggregation. Output: a table of cells,
each with its jobs, its value and its place on the scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from math import log10

from torc_tui.records import dataclass, field
from torc_tui.status import JobStatus
from torc_tui.tuples import NamedTuple
from torc_tui.views.job_parameters import place_of_value
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.views.sweep import Sweep

LEVELS = 8
"""Steps of the scale."""
LOG_FROM = 1000.0
"""The scale is logarithmic if the largest value is as many times the smallest one."""
AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(value / len(values) for value in values),  # never too large
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}
"""How the values of several jobs in one cell become one."""
Pair = tuple[str, str]
"""The parameters of the rows and of the columns; without the second one, rows are bars."""


class HeatCell(NamedTuple):
    """The jobs of a cell: how many have each status, and the value of those that have one."""

    jobs: Sequence[int]
    counts: Mapping[JobStatus, int]
    value: float | None

    @property
    def status(self) -> JobStatus:
        """Return the status that tells most about the jobs."""
        return next(status for status in MOST_TELLING if status in self.counts)


class Scale(NamedTuple):
    """The range of values, in equal steps or in steps of equal factors."""

    low: float
    high: float
    is_log: bool = False

    def level(self, value: float) -> int:
        """Return the step of a value: 0 for the lowest to ``LEVELS - 1``."""
        return min(LEVELS - 1, int(self._share(value, self.low) * LEVELS))

    def length(self, value: float) -> float:
        """Return how long the bar of a value is: 1 for the highest one.

        Bars begin at 0. With negative values, and on a logarithmic scale, they begin at the lowest
        value, whose bar has the length of one step.
        """
        if self.low >= 0 and not self.is_log:
            return self._share(value, 0.0)
        return (1 + self._share(value, self.low) * (LEVELS - 1)) / LEVELS

    def _share(self, value: float, low: float) -> float:
        high = self.high
        if self.is_log:
            low, high, value = log10(low), log10(high), log10(value)
        # Halves are subtracted, because the whole range may exceed the largest number.
        whole = high / 2 - low / 2
        return (value / 2 - low / 2) / whole if whole > 0 else 0.5


def scale_of(values: Sequence[float]) -> Scale | None:
    """Return the scale for values; None without any."""
    if not values:
        return None
    low, high = min(values), max(values)
    return Scale(low, high, is_log=low > 0 and high / LOG_FROM >= low)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A heat map. ``cells`` are by the places of row and column; a missing cell has no jobs.

    ``is_aggregated``: a cell has more than one job. ``is_integer``: all values are integers.
    ``statuses`` are those of cells that show the icon of their jobs.
    """

    pair: Pair
    column: str
    aggregation: str
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    cells: Mapping[tuple[int, int], HeatCell] = field(default_factory=dict)
    scale: Scale | None = None
    is_aggregated: bool = False
    is_integer: bool = False
    statuses: frozenset[JobStatus] = frozenset()

    def jobs_at(self, row: int | None, column: int | None) -> list[int]:
        """Return the jobs of a cell, of a row (``column`` None), of a column, or all."""
        if row is not None and column is not None:
            cell = self.cells.get((row, column))
            return [] if cell is None else list(cell.jobs)
        return [
            job_id
            for (at_row, at_column), cell in self.cells.items()
            if row in (None, at_row) and column in (None, at_column)
            for job_id in cell.jobs
        ]

    def place_of(self, job_id: int) -> tuple[int, int] | None:
        """Return the cell of a job."""
        return next((place for place, cell in self.cells.items() if job_id in cell.jobs), None)


def pairs(sweep: Sweep) -> list[Pair]:
    """Return the pairs of parameters that a map can have, those with several values first.

    The last ones have one parameter only.
    """
    several = [name for name in sweep.parameters if _has_several(sweep, name)]
    names = [*several, *(name for name in sweep.parameters if name not in several)]
    return [*permutations(names, 2), *((name, "") for name in names)]


def _has_several(sweep: Sweep, name: str) -> bool:
    first = sweep.parameters_of(sweep.ids[0]).get(name)
    return any(sweep.parameters_of(job_id).get(name) != first for job_id in sweep.ids)


def heat_map(sweep: Sweep, pair: Pair, column: str, aggregation: str, now: float) -> HeatMap:
    """Return the map of a sweep."""
    places: dict[tuple[str, str], list[int]] = {}
    for job_id in sweep.ids:
        texts = sweep.parameters_of(job_id)
        key = texts.get(pair[0], ""), texts.get(pair[1], "")
        places.setdefault(key, []).append(job_id)
    rows = sorted({row for row, _ in places}, key=place_of_value)
    columns = sorted({column for _, column in places}, key=place_of_value)
    row_at = {text: place for place, text in enumerate(rows)}
    column_at = {text: place for place, text in enumerate(columns)}
    combine = AGGREGATIONS[aggregation]
    cells = {
        (row_at[key[0]], column_at[key[1]]): _cell(sweep, jobs, column, combine, now)
        for key, jobs in places.items()
    }
    values = [cell.value for cell in cells.values() if cell.value is not None]
    return HeatMap(
        pair,
        column,
        aggregation,
        rows,
        columns,
        cells,
        scale_of(values),
        any(len(cell.jobs) > 1 for cell in cells.values()),
        all(value.is_integer() for value in values),
        frozenset(
            cell.status
            for cell in cells.values()
            if cell.value is None or JobStatus.COMPLETED not in cell.counts or len(cell.counts) > 1
        ),
    )


def _cell(
    sweep: Sweep,
    jobs: Sequence[int],
    column: str,
    combine: Callable[[Sequence[float]], float],
    now: float,
) -> HeatCell:
    if len(jobs) == 1 and combine is not AGGREGATIONS["count"]:  # the usual cell, made quickly
        value = sweep.number(jobs[0], column, now)
        return HeatCell(jobs, {sweep.jobs[jobs[0]].status: 1}, value)
    counts: dict[JobStatus, int] = {}
    values = []
    for job_id in jobs:
        status = sweep.jobs[job_id].status
        counts[status] = counts.get(status, 0) + 1
        value = sweep.number(job_id, column, now)
        if value is not None:
            values.append(value)
    return HeatCell(jobs, counts, combine(values) if values else None)
