"""Show all versions of a record with writer and time; compare two of them, restore one.

Input: a record. Output: painted lines, and a restore through ``store.user_data``. The reader thread
reads at most two values at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult

from torc_tui.operations.catalog import RESTORE_RECORD
from torc_tui.operations.user_action import function_of, shell_line
from torc_tui.tui.data.data_review import compare
from torc_tui.tui.data.data_texts import Record, attempt, change_lines, diff_lines, heading
from torc_tui.tui.data.json_text_view import JsonDrawing, readable
from torc_tui.tui.feed.handovers import Changes, Handover
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.bars import FooterBar
from torc_tui.tui.frame.base_screen import CoveringScreen, TorcScreen
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.widgets.choice import Choice, Option
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.painted import StatusLine
from torc_tui.tui.widgets.sides import FramedSide
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.views.json_schema import violation_texts
from torc_tui.wording import count, moment, size_in_column

if TYPE_CHECKING:
    from torc_tui.store.database import Store

LARGE = 1 << 20
"""Bytes of a value from which on it is not compared as text."""
COLUMNS = (
    TableColumn("version", "version", 7, minimum=3, importance=0, align="right"),
    TableColumn("writer", "written by", 20, minimum=10, importance=1, grow=1),
    TableColumn("attempt", "attempt", 16, minimum=16, importance=3),
    TableColumn("written_at", "when", 19, minimum=19, importance=2),
    TableColumn("size", "size", 9, minimum=7, importance=4, align="right"),
)


class DataVersions(CoveringScreen):
    """The versions of a record. Without marks, the selected one is compared with the previous."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("data",)
    DEFAULT_CSS = """
    DataVersions StatusLine { height: 1; }
    DataVersions LineCanvas { padding: 0 1; }
    """

    def __init__(self, below: TorcScreen, record: Record) -> None:
        super().__init__(below)
        self.record = record
        self.rows = ListRows(COLUMNS, _cell, _value)
        self.as_text = False
        self.asked: tuple[int, int] | None = None
        self.about = StatusLine(id="about")
        self.against = StatusLine(id="against")
        self.table = VirtualTable(self.rows, empty="loading …")
        self.canvas = LineCanvas(empty="nothing to compare")
        self.list_side = FramedSide(self.table, title="Versions")
        changes = FramedSide(self.against, self.canvas, title="Changes")
        self.split = Split(self.list_side, changes, ratio=0.45)

    def compose(self) -> ComposeResult:
        yield self.about
        yield self.split
        yield FooterBar()

    def on_mount(self) -> None:
        self.about.show(
            [
                ("versions of ", "muted"),
                (self.record["name"], "header-strong"),
                ("  space marks two to compare", "faint"),
            ]
        )
        self.table.focus()
        self._read()

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> None:
        from torc_tui.store import user_data_records

        record_id = self.record["id"]
        self.ask(
            "versions-list",
            lambda source: user_data_records.versions(source.store.connection(), record_id),
            self._take_versions,
        )

    def _take_versions(self, versions: Sequence[Record]) -> None:
        self.rows.records = {version["version"]: version for version in versions}
        self.list_side.set_title("Versions", str(len(versions)))
        self.table.empty = "not written yet"
        self.table.reload()
        self._compare()

    def receive(self, item: Handover) -> None:
        super().receive(item)
        events = item.events if isinstance(item, Changes) else ()
        if any(event.data.get("user_data_id") == self.record["id"] for event in events):
            self._read()

    @property
    def pair(self) -> tuple[int, int] | None:
        """Return the older and the newer version to compare; 0 stands for no version.

        These are the two marked ones, or the selected one and the one before it.
        """
        marked = sorted(key for key in self.table.marks if isinstance(key, int))
        if len(marked) >= 2:
            return marked[0], marked[-1]
        selected = self.table.cursor
        if not isinstance(selected, int):
            return None
        if len(marked) == 1 and marked[0] != selected:
            low, high = sorted((marked[0], selected))
            return low, high
        return max(
            (key for key in self.rows.records if isinstance(key, int) and key < selected), default=0
        ), selected

    def _compare(self) -> None:
        pair, record_id = self.pair, self.record["id"]
        if pair is None:
            return
        if self.as_text:
            self._ask_text(pair[1])
            return
        self.asked = pair
        large = self._are_large(pair)

        def take(lines: list[Line]) -> None:
            if pair == self.asked:
                self._show(pair, lines)

        self.ask(
            "versions-compare",
            lambda source: _difference(source, record_id, pair, large=large),
            take,
        )

    def _are_large(self, versions: tuple[int, int]) -> bool:
        records = self.rows.records
        return any(records[one]["size"] > LARGE for one in versions if one in records)

    def _ask_text(self, number: int) -> None:
        self.asked, record_id = (number, number), self.record["id"]

        def read(source: FeedReader) -> list[str]:
            from torc_tui.store import user_data_records

            value = user_data_records.value_of(source.store.connection(), record_id, number)
            return readable(value).split("\n")

        def take(lines: list[str]) -> None:
            if self.as_text and self.asked == (number, number):
                self.against.show([(f"version {number}", "header-strong")])
                self.canvas.set_drawing(JsonDrawing(lines))

        self.ask("versions-text", read, take)

    def _show(self, pair: tuple[int, int], lines: list[Line]) -> None:
        old, new = pair
        title = f"version {old} → version {new}" if old else f"version {new}, the first"
        self.against.show([(title, "header-strong")])
        self.canvas.set_drawing(TextDrawing(lines))

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        self._compare()

    def on_virtual_table_marked(self, event: VirtualTable.Marked) -> None:
        self._compare()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if self.split.shape == "single":
            self.split.show_alone("second")
        self.canvas.focus()

    # -- commands ----------------------------------------------------------------------------------

    def handlers(self) -> Mapping[str, Handler]:
        return {"back": self._back, "data-text": self._toggle_text, "data-restore": self._restore}

    def _back(self) -> None:
        if self.split.alone == "second":
            self.split.show_alone(None)
            self.table.focus()
        elif self.focused is not self.table:
            self.table.focus()
        else:
            self.dismiss(None)

    def _toggle_text(self) -> None:
        self.as_text = not self.as_text
        self._compare()

    def _restore(self) -> None:
        """Compare the selected version with the newest one, and offer to restore it."""
        chosen, record_id = self.table.cursor, self.record["id"]
        newest = max((key for key in self.rows.records if isinstance(key, int)), default=0)
        if not isinstance(chosen, int):
            return
        if chosen == newest:
            self.torc.notify("this is the newest version", severity="warning")
            return
        large = self._are_large((chosen, newest))

        def read(source: FeedReader) -> tuple[int, list[Line]]:
            from torc_tui.store import user_data_records

            current = user_data_records.opened(source.store.connection(), record_id)["version"]
            return current, _difference(source, record_id, (current, chosen), large=large)

        self.ask("versions-offer", read, lambda answer: self._offer(chosen, *answer))

    def _offer(self, chosen: int, current: int, lines: list[Line]) -> None:
        options = (Option("y", f"Restore version {chosen}", True), Option("n", "Cancel", False))
        title = RESTORE_RECORD.question.format(argument=chosen, record=self.record["name"])
        note = f"The restored value becomes version {current + 1}; the history is kept."
        about: list[Line] = [[(note, "muted")], []]

        def take(agreed: bool | None) -> None:
            if agreed:
                self._write(chosen, current)

        self.torc.push(Choice(title, [*about, *lines], options), take)

    def _write(self, version: int, current: int) -> None:
        record_id = self.record["id"]

        def restore(store: Store, actor: str) -> Record:
            from torc_tui.store.user_data import Author

            found: Record = function_of(RESTORE_RECORD)(
                store.connection(),
                record_id,
                version,
                Author(time.time(), actor=actor),
                expected_version=current,
                check=violation_texts,
            )
            return found

        name = self.record["name"]
        self.torc.actions.run(
            restore,
            line=shell_line(RESTORE_RECORD, record=record_id, argument=version),
            report=lambda _: RESTORE_RECORD.done.format(argument=version, record=name),
            then=lambda _record: self._read() if self.is_mounted else None,
        )


def _difference(
    source: FeedReader, record_id: int, pair: tuple[int, int], *, large: bool
) -> list[Line]:
    """Return the changes between two versions; called in the reader thread."""
    from torc_tui.store import user_data_records

    connection = source.store.connection()
    old, new = (user_data_records.value_of(connection, record_id, version) for version in pair)
    changes, unified = compare(old, new, f"version {pair[0]}", f"version {pair[1]}", large=large)
    if not changes:
        return [[], [("both versions are equal", "muted")]]
    lines: list[Line] = [heading(count(len(changes), "change")), *change_lines(changes)]
    if unified:
        lines += [[], heading("As text"), *diff_lines(unified)]
    return lines


def _value(record: Record, column: str) -> Any:
    """Return the sort key of a column."""
    return attempt(record) if column == "attempt" else record[column]


def _cell(record: Record, column: str, width: int) -> Cell:
    match column:
        case "version":
            return (str(record["version"]), "text")
        case "writer":
            style = "text" if record["job_id"] is not None else "accent"
            return (record["writer"] or "the workflow file", style)
        case "attempt":
            return (attempt(record) or ("manual" if record["actor"] else ""), "muted")
        case "written_at":
            return (moment(record["written_at"]), "faint")
    return ("null" if record["is_null"] else size_in_column(record["size"]), "faint")
