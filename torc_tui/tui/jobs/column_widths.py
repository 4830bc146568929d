"""Compute the widths of the columns of the job table from the rows on screen.

Input: the painted cells, and the widest name and id. Output: columns. Widths only grow until
`forget`, so that columns do not jump while jobs change. No Textual.
"""

from __future__ import annotations

from torc_tui.records import replace
from torc_tui.tui.jobs.job_columns import COLUMNS
from torc_tui.tui.look.text_layout import line_width, width_of
from torc_tui.tui.widgets.table_model import Cell, TableColumn

WIDEST = {"status": 14, "why": 90, "time": 9}
"""Columns with the width of their cells, and their maximum widths."""
OPTIONAL = {"memory": 6, "gpus": 5, "attempt": 7, "priority": 5}
"""Columns that are omitted while they are empty, and their maximum widths."""
OF_JOBS = frozenset({"id", "time", "exit", "cpus", "values"})
"""Columns that are empty in the rows of job groups."""
STRIP, STRIP_LEAST = 10, 6
"""Preferred and minimum width of the statuses of a job group, in cells."""
NAME_LEAST, NAME_MOST = 12, 40
LAST_TO_FIT = 4
"""Importance of the column *status* where its icon suffices: *why* gets its full width first."""


class ColumnWidths:
    """The widths that the painted cells need."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._used: dict[str, int] = {}

    def see(self, column: str, cell: Cell) -> None:
        """Record the width of a painted cell."""
        most = WIDEST.get(column) or OPTIONAL.get(column)
        if most is None:
            return
        single = len(cell) == 2 and isinstance(cell[0], str)
        width = width_of(cell[0]) if single else line_width(cell)  # type: ignore[arg-type]  # spans
        if width > self._seen.get(column, 0):
            self._seen[column] = min(width, most)

    def forget(self) -> None:
        """Forget the widths, because other rows are shown."""
        self._seen.clear()

    @property
    def are_outgrown(self) -> bool:
        """Return whether the cells need other columns."""
        return self._seen != self._used

    @property
    def sees_groups_only(self) -> bool:
        """Return whether cells were seen, but none of a single job."""
        return "why" in self._seen and "status" not in self._seen

    def columns(self, name: int, id_width: int, *, folds: bool) -> list[TableColumn]:
        """Return the columns for the widest name and id; ``folds``: rows may be job groups."""
        self._used = dict(self._seen)
        omitted = OPTIONAL.keys() - self._used.keys()
        if self.sees_groups_only:
            omitted |= OF_JOBS
        return [
            self._fitted(column, name, id_width, folds=folds)
            for column in COLUMNS
            if column.key not in omitted
        ]

    def _fitted(self, column: TableColumn, name: int, id_width: int, *, folds: bool) -> TableColumn:
        key = column.key
        if key == "name":
            width = max(NAME_LEAST, min(NAME_MOST, name))
            return replace(
                column,
                width=width,
                minimum=min(column.minimum, width),
                grow=2 if name > width else 0,
            )
        if key == "id":
            return replace(
                column, width=max(column.width, id_width), minimum=max(column.minimum, id_width)
            )
        if key not in WIDEST:
            return column
        width = max(len(column.title), self._used.get(key, 0))
        if key == "status" and folds:
            return replace(column, width=max(STRIP, width), minimum=STRIP_LEAST)
        if key == "status":
            return replace(column, width=width, minimum=width, importance=LAST_TO_FIT)
        return replace(column, width=width, minimum=min(width, column.minimum))
