"""The list of user data: its columns, its filter line, and the line that counts.

Input: records of ``user_data_records.overview``. Output: ``DataList.Filtered``.
"""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_tui.tui.data.data_texts import STATES, Record, named
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.wording import size_in_column

COLUMNS = (
    TableColumn("name", "name", 18, minimum=10, importance=0, grow=1),
    TableColumn("state", "state", 9, minimum=9, importance=1),
    TableColumn("head", "value", 20, minimum=10, importance=2, grow=3, sortable=False),
    TableColumn("writer", "written by", 16, minimum=8, importance=4, grow=1),
    TableColumn("readers", "read by", 16, minimum=8, importance=5, grow=1),
    TableColumn("version", "v", 4, minimum=3, importance=6, align="right"),
    TableColumn("size", "size", 9, minimum=7, importance=7, align="right"),
)


def value(record: Record, column: str) -> Any:
    """Return the sort key of a column."""
    found = record[column]
    return found[0] if column == "readers" else found


def cell(record: Record, column: str, width: int) -> Cell:
    """Return the cell of a column."""
    match column:
        case "name":
            way = f"{record['direction']} " if record["direction"] else ""
            return [(way, "accent"), (record["name"], "text")]
        case "state":
            sign = STATES[record["state"]]
            return (f"{sign.sign} {sign.word}", sign.style)
        case "head":
            return (
                (record["head"] or "", "muted") if record["head"] is not None else ("null", "faint")
            )
        case "writer":
            if record["version"]:
                return (
                    record["writer"] or "the workflow file",
                    "text" if record["job_id"] is not None else "accent",
                )
            promised = named(*record["producers"])
            return (f"({promised})" if promised else "", "faint")
        case "readers":
            return (named(*record["readers"]), "muted")
        case "version":
            return (str(record["version"]), "faint")
    return (size_in_column(record["size"]) if record["size"] is not None else "", "faint")


def searched(record: Record) -> str:
    """Return the text in which the words of a filter are searched."""
    words = (
        record["name"],
        record["state"],
        record["head"] or "null",
        record["writer"],
        record["readers"][1],
    )
    return " ".join(map(str, words)).lower()


class DataList(Vertical):
    """The left side of the tab: the records, their filter and their number."""

    DEFAULT_CSS = """
    DataList > FilterLine { dock: top; }
    """

    class Filtered(FilterLine.FilterChanged):
        """The text of the filter changed."""

    def __init__(self, rows: ListRows) -> None:
        super().__init__()
        self.table = VirtualTable(rows, empty="loading …", fits=True)
        self.filter_line = FilterLine(
            placeholder="search names, states, values, writers and readers"
        )
        self.note = StatusLine()

    def compose(self) -> ComposeResult:
        yield self.table
        yield self.filter_line
        yield self.note

    def on_filter_line_filter_changed(self, event: FilterLine.FilterChanged) -> None:
        event.stop()
        self.post_message(self.Filtered(event.text))

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        self.table.focus()
