"""Filter and sort the rows of a table; many of them in the reader thread.

Input: a table with `ListRows`, and a function that returns the records to show. Output: the rows
in their order. The order that was asked for last is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.widgets.table_model import MANY, Key, ListRows
from torc_tui.tui.widgets.virtual_table import VirtualTable

Records = dict[Key, Any]


def order_rows(
    pane: Pane,
    table: VirtualTable,
    rows: ListRows,
    count: int,
    chosen: Callable[[], Records],
    then: Callable[[], None] = lambda: None,
) -> None:
    """Show the chosen ones of ``count`` records in the order of the table; then call ``then``."""
    sort = table.sort, table.reverse
    rows.asked += 1
    number = rows.asked

    def work(_source: object = None) -> tuple[Records, list[Key]]:
        records = chosen()
        return records, rows.ordered(records, *sort)

    def take(found: tuple[Records, list[Key]]) -> None:
        if number == rows.asked:
            rows.records, order = found
            rows.known = sort, order
            table.reload()
            then()

    if count >= MANY:
        pane.ask("order", work, take, slow=True)
    else:
        take(work())
