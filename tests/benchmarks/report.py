"""Saved runs: write, read, compare; and the Markdown table of the README.

Input: rows. Output: text. A change counts as slower or faster only when it exceeds the spread of
the rounds in both runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_jobs import CHAIN, THOUSAND
from tests.benchmarks.rows import Row, Skipped, columns

NOISE = 0.05
"""Changes up to this share are never reported as slower or faster."""

TORC_NAME = "**torc**"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmarks: facts about the machine, rows, and rows that were skipped."""

    facts: dict[str, Any]
    rows: list[Row]
    skipped: list[Skipped]

    def save(self, path: Path) -> None:
        """Write the run as JSON."""
        content = {
            **self.facts,
            "rows": [row.record() for row in self.rows],
            "skipped": [asdict(row) for row in self.skipped],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read a saved run."""
        content = json.loads(path.read_text())
        rows = [Row.restore(record) for record in content.pop("rows")]
        skipped = [Skipped(**record) for record in content.pop("skipped")]
        return cls(content, rows, skipped)


@dataclass(frozen=True, slots=True)
class Change:
    """One row in two runs."""

    before: Row
    after: Row

    @property
    def change(self) -> float:
        """Return the growth as a share: of the ratios if both have one, else of the figures."""
        before, after = self.before.ratio, self.after.ratio
        if before is None or after is None:
            before, after = self.before.figure, self.after.figure
        return after / before - 1 if before else 0.0

    @property
    def verdict(self) -> str:
        """Return ``slower`` or ``faster``; empty within the noise."""
        noise = max(NOISE, self.before.spread, self.after.spread)
        if abs(self.change) <= noise:
            return ""
        return "slower" if self.change > 0 else "faster"


def changes(before: Run, after: Run) -> list[Change]:
    """Return the rows that both runs have, in the order of the later one."""
    earlier = {row.what: row for row in before.rows}
    return [Change(earlier[row.what], row) for row in after.rows if row.what in earlier]


def comparison(before: Run, after: Run) -> str:
    """Return before and after for a terminal."""
    head = ("what", "before", "after", "change", "CPU before", "CPU after", "budget", "")
    found = changes(before, after)
    lines = [columns([head, *(_change_cells(each) for each in found)])]
    shared = {each.after.what for each in found}
    lines += [f"only before: {row.what}" for row in before.rows if row.what not in shared]
    lines += [f"only after: {row.what}" for row in after.rows if row.what not in shared]
    return "\n".join(lines)


def _change_cells(each: Change) -> tuple[str, ...]:
    return (
        each.after.what,
        _figure(each.before),
        _figure(each.after),
        f"{each.change:+.0%}",
        _cpu(each.before),
        _cpu(each.after),
        each.after.verdict,
        each.verdict,
    )


def _figure(row: Row) -> str:
    ratio = "" if row.ratio is None else f" ({row.ratio:.2f} ×)"
    return f"{row.figure:.3g} {row.unit}{ratio}"


def _cpu(row: Row) -> str:
    if row.cpu is None:
        return ""
    ratio = "" if row.cpu_ratio is None else f" ({row.cpu_ratio:.2f} ×)"
    return f"{row.cpu:.3g} {row.unit}{ratio}"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of programs for the README: one line per program, fastest first."""
    works = {name: _of_work(rows, name) for name in (THOUSAND, CHAIN)}
    names = {program for cells in works.values() for program in cells}
    first = works[THOUSAND]
    order = sorted(names, key=lambda name: first[name][0] if name in first else float("inf"))
    counts = {name: _title(rows, name) for name in works}
    head = [f"{counts[THOUSAND]}, s", "CPU, s", f"{counts[CHAIN]}, s", "CPU, s"]
    lines = [f"| program | {' | '.join(head)} |", f"| --- |{' ---: |' * len(head)}"]
    for name in order:
        cells = [cell for work in works.values() for cell in _pair(work.get(name))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _of_work(rows: Sequence[Row], benchmark: str) -> dict[str, tuple[float, float]]:
    """Return program -> wall and CPU seconds."""
    found: dict[str, tuple[float, float]] = {}
    for row in rows:
        if row.benchmark == benchmark and row.reference is not None:
            found[row.against] = (row.reference, row.reference_cpu or 0.0)
            found[TORC_NAME] = (row.figure, row.cpu or 0.0)
    return found


def _title(rows: Sequence[Row], benchmark: str) -> str:
    whats = [row.what for row in rows if row.benchmark == benchmark]
    return whats[0].partition(", against")[0] if whats else benchmark


def _pair(cost: tuple[float, float] | None) -> tuple[str, str]:
    return ("–", "–") if cost is None else (f"{cost[0]:.3g}", f"{cost[1]:.3g}")
