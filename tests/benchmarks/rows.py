"""The rows of the budget table: figure, reference, ratio, budget and verdict.

Input: samples of several rounds. Output: rows, as records for a file and as a table for a terminal.
Invariant: a ratio is the median of the ratios of single rounds, because the subject and its
reference ran next to each other there; slow drift of the machine cancels out.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.benchmarks.measuring import Cost, median

SCALE = {"s": 1.0, "ms": 1e3, "×": 1.0}
"""Unit of a row -> what a wall or CPU time is multiplied with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. ``budget`` limits the ratio where there is a reference, else the figure."""

    what: str
    unit: str
    figure: float
    budget: float | None = None
    reference: float | None = None
    against: str = ""
    ratio: float | None = None
    spread: float = 0.0
    cpu: float | None = None
    reference_cpu: float | None = None
    cpu_ratio: float | None = None
    cpu_budget: float | None = None
    benchmark: str = ""

    @property
    def verdict(self) -> str:
        """Return ``ok`` or ``over``; empty without a budget."""
        if self.budget is None:
            return ""
        within = (self.figure if self.ratio is None else self.ratio) <= self.budget
        if self.cpu_budget is not None:
            within = within and self.cpu_ratio is not None and self.cpu_ratio <= self.cpu_budget
        return "ok" if within else "over"

    def record(self) -> dict[str, Any]:
        """Return the row for a JSON file."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def restore(cls, record: dict[str, Any]) -> Row:
        """Return the row of a record."""
        return cls(**{name: value for name, value in record.items() if name != "verdict"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row that could not be measured here, and why."""

    what: str
    why: str
    benchmark: str = ""


Rows = list[Row | Skipped]


def against(
    what: str,
    unit: str,
    subjects: Sequence[Cost],
    references: Sequence[Cost],
    *,
    name: str,
    budget: float | None = None,
    cpu_budget: float | None = None,
) -> Row:
    """Return the row of a subject and its reference, both measured in each round."""
    pairs = list(zip(subjects, references, strict=True))
    ratios = [own.wall / other.wall for own, other in pairs]
    own, other, scale = median(subjects), median(references), SCALE[unit]
    return Row(
        what=what,
        unit=unit,
        figure=own.wall * scale,
        budget=budget,
        reference=other.wall * scale,
        against=name,
        ratio=statistics.median(ratios),
        spread=spread(ratios),
        cpu=own.cpu * scale,
        reference_cpu=other.cpu * scale,
        cpu_ratio=_cpu_ratio(pairs),
        cpu_budget=cpu_budget,
    )


def _cpu_ratio(pairs: Sequence[tuple[Cost, Cost]]) -> float | None:
    if any(other.cpu <= 0 for _, other in pairs):
        return None
    return statistics.median(own.cpu / other.cpu for own, other in pairs)


def absolute(what: str, unit: str, costs: Sequence[Cost], budget: float | None = None) -> Row:
    """Return the row of a subject without a reference."""
    own, scale = median(costs), SCALE[unit]
    return Row(
        what=what,
        unit=unit,
        figure=own.wall * scale,
        budget=budget,
        spread=spread([cost.wall for cost in costs]),
        cpu=own.cpu * scale,
    )


def values(what: str, unit: str, samples: Sequence[float], budget: float | None = None) -> Row:
    """Return the row of samples that are no times of processes (memory, shares of a CPU)."""
    figure = statistics.median(samples)
    return Row(what=what, unit=unit, figure=figure, budget=budget, spread=spread(samples))


def spread(samples: Sequence[float]) -> float:
    """Return the interquartile range as a share of the median; 0 for fewer than 2 samples."""
    middle = statistics.median(samples)
    if len(samples) < 2 or not middle:
        return 0.0
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / abs(middle)


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Align cells in columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]

    def padded(line: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))

    return "\n".join(padded(line).rstrip() for line in lines)


HEAD = (
    "what",
    "figure",
    "reference",
    "ratio",
    "budget",
    "spread",
    "CPU",
    "ref. CPU",
    "ratio",
    "budget",
    "",
)


def table(rows: Sequence[Row]) -> str:
    """Return the rows for a terminal."""
    return columns([HEAD, *(_cells(row) for row in rows)])


def _cells(row: Row) -> tuple[str, ...]:
    reference = "" if row.reference is None else f"{row.reference:.3g} ({row.against})"
    return (
        row.what,
        f"{row.figure:.3g} {row.unit}",
        reference,
        _number(row.ratio, ".2f"),
        _limit(row.budget, row.ratio is not None),
        f"{row.spread:.0%}",
        _number(row.cpu, ".3g"),
        _number(row.reference_cpu, ".3g"),
        _number(row.cpu_ratio, ".2f"),
        _limit(row.cpu_budget, True),
        row.verdict,
    )


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)


def _limit(budget: float | None, is_ratio: bool) -> str:
    if budget is None:
        return ""
    return f"{budget:g} ×" if is_ratio else f"{budget:g}"
