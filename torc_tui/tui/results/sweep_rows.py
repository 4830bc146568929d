"""The rows of a sweep as a table: parameters, figures and results of each job. No Textual, no I/O.

Keys are ids of jobs. The order is computed elsewhere, because it takes long for many jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from torc_tui.status import HELD
from torc_tui.tui.look.status_icons import of_job
from torc_tui.tui.look.text_layout import sanitize, width_of
from torc_tui.tui.widgets.table_model import Cell, Key, TableColumn
from torc_tui.views.job_parameters import number_of_text
from torc_tui.views.sweep import PARAMETER, Scalar, Sweep
from torc_tui.wording import clock, elapsed_in_column, size_in_column

MEASURED = 500
"""Jobs whose values are measured for the widths of columns."""
WIDEST, WIDEST_TITLE = 16, 20
"""Cells of a column of parameters or figures, and of its title."""
LONGEST = 200
"""Characters of a value."""
_FIXED = (
    TableColumn("status", "status", 12, minimum=10, importance=5),
    TableColumn("time", "time", 8, minimum=7, importance=3, align="right"),
    TableColumn("memory", "peak mem", 9, minimum=8, importance=4, align="right"),
    TableColumn("exit", "exit", 5, minimum=4, importance=6, align="right"),
    TableColumn("attempt", "attempt", 8, importance=8, align="right"),
    TableColumn("name", "job", 14, minimum=10, importance=7, grow=1),
)
_SIGN = TableColumn("sign", "", 1, importance=0, sortable=False)


class SweepRows:
    """The rows of one sweep. ``order`` are the ids in the order that the user chose."""

    def __init__(self) -> None:
        self.sweep: Sweep | None = None
        self.order: list[int] = []
        self.columns: Sequence[TableColumn] = (_SIGN, *_FIXED)
        self._fractions: dict[str, int] = {}
        """Cells of the longest fraction of each column of numbers, including the point."""
        self.now = 0.0

    def show(self, sweep: Sweep | None) -> None:
        """Show a sweep, in the order of its jobs."""
        self.sweep = sweep
        self.order = [] if sweep is None else list(sweep.ids)
        self.measure()

    def measure(self) -> None:
        """Make the columns anew, as wide as their values."""
        sweep = self.sweep
        if sweep is None:
            return
        parameters = [
            self._column(sweep, PARAMETER + name, name, importance=0) for name in sweep.parameters
        ]
        figures = [
            self._column(sweep, path, path, importance=1 if place == 0 else 2)
            for place, path in enumerate(sweep.figures)
        ]
        self.columns = (_SIGN, *parameters, *figures, *_FIXED)

    def _column(self, sweep: Sweep, key: str, title: str, *, importance: int) -> TableColumn:
        values = [sweep.value(job_id, key, self.now) for job_id in sweep.ids[:MEASURED]]
        texts = [shown(value) for value in values if value is not None]
        numbers = all(number_of_text(text) is not None for text in texts)
        longest = self._fractions[key] = max(map(_fraction, texts), default=0) if numbers else 0
        texts = [_padded(text, longest) for text in texts]
        widest = min(WIDEST, max(map(width_of, texts), default=0))
        title = sanitize(title)
        width = max(3, widest, min(WIDEST_TITLE, width_of(title) + 1))
        least = max(3, min(width, widest or 8))
        align = "right" if numbers else "left"
        return TableColumn(key, title, width, minimum=least, importance=importance, align=align)

    def keys(self, sort: str | None, reverse: bool) -> Sequence[Key]:
        """Return the ids in the order that was computed last."""
        return self.order

    def cells(
        self, key: Key, columns: Sequence[TableColumn], widths: Sequence[int]
    ) -> Sequence[Cell]:
        """Return the cells of one job."""
        return [self._cell(key, column.key) for column in columns]

    def _cell(self, key: Key, column: str) -> Cell:
        sweep = self.sweep
        if sweep is None or not isinstance(key, int):
            return ("", "")
        job = sweep.jobs[key]
        if column in ("sign", "status"):
            sign = of_job(job)
            return (sign.sign if column == "sign" else sign.word, sign.style)
        value = sweep.value(key, column, self.now)
        if value is None:
            return ("", "")
        match column:
            case "time":
                running = job.status in HELD
                seconds = float(value)
                return (
                    (clock(seconds), "running")
                    if running
                    else (elapsed_in_column(seconds), "muted")
                )
            case "memory":
                return (size_in_column(float(value)), "muted")
            case "exit":
                return (str(value), "failed" if value else "faint")
            case "attempt":
                return (str(value), "warning" if job.attempt_id > 1 else "faint")
        return (_padded(shown(value), self._fractions.get(column, 0)), _style(column))


def _fraction(text: str) -> int:
    """Return the cells of a number from its point on."""
    whole, _, _ = text.partition(".")
    return 0 if "e" in text else len(text) - len(whole)


def _padded(text: str, longest: int) -> str:
    """Return a number with spaces after it, so that the points of a column are aligned."""
    return text + " " * (longest - _fraction(text)) if longest else text


def _style(column: str) -> str:
    if column.startswith(PARAMETER):
        return "text"
    return "strong" if column.startswith(".") else "faint"


def shown(value: Scalar) -> str:
    """Return a value in few characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**9 else f"{Decimal(value):.4g}"
    return sanitize(str(value)[:LONGEST])
