"""Every value that a record ever had: who wrote it and when, what each changed, any two compared,
any old one restored.

What comes in: a record. What goes out: paintings, and a restore through ``store.user_data``. Values
are read by the reader thread, two at a time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_tui.tui.data.data_review import Answer, Choice, compare
from torc_tui.tui.data.data_texts import (
    attempt,
    careful,
    careful_act,
    change_lines,
    counted,
    diff_lines,
    heading,
    when,
)
from torc_tui.tui.data.json_text_view import JsonText, readable
from torc_tui.tui.feed.feed_worker import Changes
from torc_tui.tui.frame.base_screen import TorcScreen
from torc_tui.tui.frame.footer import FooterBar
from torc_tui.tui.frame.overlay_screen import CoveringScreen
from torc_tui.tui.look.text_layout import Line, sanitize
from torc_tui.tui.widgets.dialogs import TextDrawing
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.split import Split
from torc_tui.tui.widgets.status_line import StatusLine
from torc_tui.tui.widgets.virtual_table import Cell, Column, ListRows, VirtualTable
from torc_tui.units import show_bytes
from torc_tui.views.json_schema import told

LARGE = 1 << 20
COLUMNS = (
    Column("version", "version", 7, minimum=3, importance=0, align="right"),
    Column("writer", "written by", 20, minimum=10, importance=1, grow=1),
    Column("attempt", "in", 16, minimum=16, importance=3),
    Column("written_at", "when", 19, minimum=19, importance=2),
    Column("size", "size", 9, minimum=7, importance=4, align="right"),
)


class DataVersions(CoveringScreen):
    """See the module. Without marks a version is shown against the one before it."""

    NAME = "data-versions"
    CONTEXT: ClassVar[tuple[str, ...]] = ("data",)
    DEFAULT_CSS = """
    DataVersions StatusLine { height: 1; }
    """

    def __init__(self, below: TorcScreen, record: Mapping[str, Any]) -> None:
        super().__init__(below)
        self.record = record
        self.rows = ListRows(COLUMNS, self._cell, self._value)
        self.as_text = False
        self.asked: tuple[int, int] | None = None

    def compose(self) -> ComposeResult:
        yield StatusLine(id="about")
        table = VirtualTable(self.rows, empty="reading …")
        yield Split(
            Vertical(table),
            Vertical(StatusLine(id="against"), LineCanvas(empty="nothing to compare")),
            ratio=0.45,
        )
        yield FooterBar()

    def on_mount(self) -> None:
        self.query_one("#about", StatusLine).say(
            [
                ("versions of ", "muted"),
                (self.record["name"], "header-strong"),
                ("  space marks two to compare  esc leaves", "faint"),
            ]
        )
        self.table.focus()
        self._read()

    @property
    def table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    @property
    def split(self) -> Split:
        return self.query_one(Split)

    @staticmethod
    def _value(record: Mapping[str, Any], column: str) -> Any:
        return attempt(record) if column == "attempt" else record[column]

    @staticmethod
    def _cell(record: Mapping[str, Any], column: str, width: int) -> Cell:
        match column:
            case "version":
                return (str(record["version"]), "text")
            case "writer":
                return (
                    record["writer"] or "the workflow file",
                    "text" if record["job_id"] is not None else "accent",
                )
            case "attempt":
                place = attempt(record)
                return (
                    (place or "by hand" if record["actor"] else "", "muted")
                    if not place
                    else (place, "muted")
                )
            case "written_at":
                return (when(record["written_at"]), "faint")
        return ("null" if record["is_null"] else show_bytes(record["size"]), "faint")

    # -- reading -----------------------------------------------------------------------------------

    def question(self, what: str, question: Any) -> None:
        self.torc.reader.ask((self.NAME, what), careful(question))

    def _read(self) -> None:
        from torc_tui.store import data_overview

        record_id = self.record["id"]
        self.question(
            "list", lambda source: data_overview.versions(source.store.connection(), record_id)
        )

    def take_own(self, what: str, value: Any) -> None:
        if what == "list":
            self.rows.records = {version["version"]: version for version in value}
            self.table.empty = "nobody has written it yet"
            self.table.reload()
            self._compare()
        elif what == "compare":
            pair, lines = value
            if pair == self.asked:
                self._show(lines)
        elif what == "text":
            number, lines = value
            if self.as_text and self.asked == (number, number):
                self.query_one("#against", StatusLine).say([(f"version {number}", "header-strong")])
                self.query_one(LineCanvas).set_drawing(JsonText(lines))
        elif what == "offer":
            self._offered(*value)

    def take_changes(self, changes: Changes) -> None:
        super().take_changes(changes)
        if any(event.data.get("user_data_id") == self.record["id"] for event in changes.events):
            self._read()

    @property
    def pair(self) -> tuple[int, int] | None:
        """The older and the newer version that are compared: the two marked ones, or the selected
        one and the one before it (0: nothing yet)."""
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
        from torc_tui.store import data_overview

        pair, record_id = self.pair, self.record["id"]
        if pair is None:
            return
        if self.as_text:
            number = self.table.cursor
            assert isinstance(number, int)
            self.asked = (number, number)

            def text(source: Any) -> Any:
                value = data_overview.value_of(source.store.connection(), record_id, number)
                return number, readable(value).split("\n")

            self.question("text", text)
            return
        self.asked = pair
        large = any(
            self.rows.records[one]["size"] > LARGE for one in pair if one in self.rows.records
        )
        self.question(
            "compare", lambda source: (pair, _difference(source, record_id, pair, large=large))
        )

    def _show(self, lines: list[Line]) -> None:
        assert self.asked is not None
        old, new = self.asked
        words = f"version {old} → version {new}" if old else f"version {new}, the first"
        self.query_one("#against", StatusLine).say([(words, "header-strong")])
        self.query_one(LineCanvas).set_drawing(TextDrawing(lines))

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        self._compare()

    def on_virtual_table_marked(self, event: VirtualTable.Marked) -> None:
        self._compare()

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if self.split.shape == "single":
            self.split.show_alone("second")
        self.query_one(LineCanvas).focus()

    # -- commands ----------------------------------------------------------------------------------

    def do_back(self) -> None:
        if self.split.alone == "second":
            self.split.show_alone(None)
            self.table.focus()
        elif self.focused is not self.table:
            self.table.focus()
        else:
            self.dismiss(None)

    def do_data_text(self) -> None:
        self.as_text = not self.as_text
        self._compare()

    def do_data_restore(self) -> None:
        from torc_tui.store import data_overview

        chosen, record_id = self.table.cursor, self.record["id"]
        newest = max((key for key in self.rows.records if isinstance(key, int)), default=0)
        if not isinstance(chosen, int):
            return
        if chosen == newest:
            self.torc.notify("that is the newest version already")
            return
        large = any(self.rows.records[one]["size"] > LARGE for one in (chosen, newest))

        def read(source: Any) -> Any:
            current = data_overview.opened(source.store.connection(), record_id)["version"]
            return chosen, current, _difference(source, record_id, (current, chosen), large=large)

        self.question("offer", read)

    def _offered(self, chosen: int, current: int, lines: list[Line]) -> None:
        answers = (
            Answer("y", f"Restore version {chosen}", "restore"),
            Answer("n", "Leave it", "keep"),
        )

        def take(answer: Any) -> None:
            if answer == "restore":
                self._restore(chosen, current)

        title = f"Restore version {chosen} of {self.record['name']}?"
        about: list[Line] = [
            [(f"It becomes version {current + 1}; nothing of the history is lost.", "muted")],
            [],
        ]
        self.torc.push_screen(Choice(title, [*about, *lines], answers), take)

    def _restore(self, version: int, current: int) -> None:
        from torc_tui.store import user_data

        record_id = self.record["id"]
        self.torc.acts.do(
            "data-restore",
            careful_act(
                lambda store, actor: user_data.restore(
                    store.connection(),
                    record_id,
                    version,
                    at=time.time(),
                    expected_version=current,
                    actor=actor,
                    check=told,
                )
            ),
            workflow=self.record["workflow_id"],
            said=lambda record: (
                f"{sanitize(record['name'])} has the value of version {version} again"
            ),
            then=lambda _record: self._read() if self.is_mounted else None,
        )
        self.torc.last_line = f"torc user-data restore {record_id} {version}"


def _difference(source: Any, record_id: int, pair: tuple[int, int], *, large: bool) -> list[Line]:
    """In the reader thread: what the newer of two versions changed, as lines."""
    from torc_tui.store import data_overview

    connection = source.store.connection()
    old, new = (data_overview.value_of(connection, record_id, version) for version in pair)
    changes, unified = compare(old, new, f"version {pair[0]}", f"version {pair[1]}", large=large)
    if not changes:
        return [[], [("both say the same", "muted")]]
    lines: list[Line] = [heading(counted(len(changes), "change")), *change_lines(changes)]
    if unified:
        lines += [[], heading("As text"), *diff_lines(unified)]
    return lines
