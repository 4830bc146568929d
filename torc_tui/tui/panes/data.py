"""The user data of the workflow: records, the value of one as a tree, its versions, and the way into the editor."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from typing import Any, ClassVar

from textual.app import ComposeResult

from torc_tui.errors import Conflict
from torc_tui.model import Event
from torc_tui.tui.cells import Line
from torc_tui.tui.panes.base import Pane
from torc_tui.tui.panes.log import StatusLine
from torc_tui.tui.panes.overview import stamp
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.json_tree import JsonTree
from torc_tui.tui.widgets.overlays import Confirm, Palette
from torc_tui.tui.widgets.virtual_table import Cell, Column, ListRows, VirtualTable
from torc_tui.units import show_bytes
from torc_tui.views.json_diff import unified
from torc_tui.views.json_document import dump, preview

COLUMNS = (
    Column("name", "name", 20, minimum=10, importance=0, grow=1),
    Column("state", "state", 8, minimum=7, importance=1),
    Column("version", "ver", 4, minimum=3, importance=3, align="right"),
    Column("size", "size", 8, minimum=7, importance=4, align="right"),
    Column("preview", "value", 30, minimum=10, importance=2, grow=3, sortable=False),
)
_STATE = {"empty": "muted", "written": "success"}


class DataTable(VirtualTable):
    CONTEXT: ClassVar[tuple[str, ...]] = ("data", "list")  # type: ignore[assignment]  # one or several


class DataTree(JsonTree):
    CONTEXT: ClassVar[tuple[str, ...]] = ("tree", "data")


class DataPane(Pane):
    NAME = "data"
    TITLE = "Data"
    PER_JOB = False

    DEFAULT_CSS = """
    DataPane > DataTable { height: 2fr; max-height: 14; }
    DataPane > DataTree { height: 3fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows = ListRows(COLUMNS, self._cell, lambda record, column: record[column])
        self.record: Mapping[str, Any] | None = None

    def compose(self) -> ComposeResult:
        yield DataTable(self.rows, empty="this workflow has no user data")
        yield StatusLine()
        yield FilterLine(lambda text: [], placeholder="a path, key or value")
        yield DataTree(empty="null: nobody has written it yet")

    @staticmethod
    def _cell(record: Mapping[str, Any], column: str, width: int) -> Cell:
        match column:
            case "name":
                return (record["name"], "text")
            case "state":
                return (record["state"], _STATE.get(record["state"], "text"))
            case "version":
                return (str(record["version"]), "faint")
            case "size":
                return (show_bytes(record["size"]) if record["size"] else "", "faint")
        return (record["preview"], "muted")

    @property
    def table(self) -> DataTable:
        return self.query_one(DataTable)

    @property
    def value_tree(self) -> DataTree:
        return self.query_one(DataTree)

    def freshen(self) -> None:
        view = self.owner.view
        if view is not None:
            workflow_id = view.workflow.id
            self.ask("records", lambda source: _records(source, workflow_id))

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        if any(event.kind.startswith("user_data") for event in events):
            self.stale = True

    def take(self, what: str, value: Any) -> None:
        if what == "records":
            self.rows.records = {record["id"]: record for record in value}
            self.table.reload()
            self._read(self.table.cursor)
        elif what == "record" and value[0]["id"] == self.table.cursor:
            self.record, writer = value
            if self.record["data"] is None:
                self.value_tree.clear()
            else:
                self.value_tree.set_value(self.record["data"])
            self._say(writer)

    def _say(self, writer: Mapping[str, Any] | None) -> None:
        record = self.record
        if record is None:
            self.query_one(StatusLine).say(())
            return
        line: list[tuple[str, str]] = [(record["name"], "strong"), (f"  version {record['version']}", "muted")]
        if writer is not None:
            view = self.owner.view
            job = view.jobs.get(writer["job_id"]) if view is not None and writer["job_id"] else None
            who = job.name if job is not None else writer["actor"] or "the workflow file"
            line += [("  by ", "faint"), (who, "accent"), (f" {stamp(writer['written_at'])}", "faint")]
        self.query_one(StatusLine).say(line)

    def _read(self, key: Any) -> None:
        if isinstance(key, int):
            self.ask("record", lambda source: _record(source, key))
        else:
            self.record = None
            self.value_tree.clear()
            self._say(None)

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        if event.table is self.table:
            event.stop()
            self._read(event.key)

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        if event.table is self.table:
            event.stop()
            self.value_tree.focus()

    # -- commands -------------------------------------------------------------------------------------------------

    def do_tree_search(self) -> None:
        self.query_one(FilterLine).begin()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        event.stop()
        count = self.value_tree.find(event.text)
        line: Line = [(f" {count} found ", "muted")] if event.text else ()
        self.query_one(FilterLine).say(line)

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        event.stop()
        self.value_tree.focus()

    def do_data_edit(self) -> None:
        from torc_tui.tui.screens.json_editor import LARGEST, JsonEditor

        record = self.record
        if record is None:
            return
        if self.owner.torc.read_only:
            self.app.notify("the app is read-only", severity="warning")
            return
        if len(dump(record["data"])) > LARGEST:
            self.app.notify("too large for the editor here: E opens it in $EDITOR", severity="warning")
            return

        def take(result: Any) -> None:
            if isinstance(result, tuple):
                self.save(record, result[0])

        self.app.push_screen(JsonEditor(f"{record['name']}", record["data"], record["version"]), take)

    def do_data_editor(self) -> None:
        """Edit in $EDITOR; what comes back goes the same way as from the editor here."""
        import os
        import shlex
        import subprocess
        import tempfile
        from pathlib import Path

        from torc_tui.views.json_document import parse

        record = self.record
        if record is None:
            return
        editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        with tempfile.TemporaryDirectory(prefix="torc-") as folder:
            path = Path(folder) / f"{''.join(c if c.isalnum() else '_' for c in record['name'])}.json"
            path.write_text(dump(record["data"]) + "\n")
            with self.app.suspend():
                subprocess.run([*editor, str(path)], check=False)
            value, wrong = parse(path.read_text())
        if wrong is not None:
            self.app.notify(f"not saved: line {wrong.line}, column {wrong.column}: {wrong.message}", severity="error")
        else:
            self.save(record, value)

    def save(self, record: Mapping[str, Any], value: Any, *, force: bool = False) -> None:
        """Write the value, unless somebody wrote since ``record`` was read."""
        version = None if force else record["version"]

        def act(store: Any, actor: str) -> Any:
            from torc_tui.store import user_data

            connection = store.dbapi()
            try:
                user_data.update(
                    connection, record["id"], data=value, expected_version=version, actor=actor, at=time.time()
                )
            except Conflict:
                return user_data.get(connection, record["id"])
            return None

        def then(current: Any) -> None:
            if current is not None:
                self._conflict(record, value, current)

        self.owner.torc.acts.do(
            "data-edit",
            act,
            workflow=self.owner.workflow_id,
            said=lambda current: "" if current is not None else f"{record['name']} saved",
            then=then,
        )

    def _conflict(self, record: Mapping[str, Any], value: Any, current: Mapping[str, Any]) -> None:
        """Somebody wrote meanwhile: show what theirs and ours differ in, and let the user choose."""
        lines = unified(current["data"], value, old_name=f"theirs, version {current['version']}", new_name="yours")
        styles = {"+": "added", "-": "removed", "@": "faint"}
        shown: list[Line] = [[("It was written meanwhile. The difference from theirs to yours:", "warning")]]
        shown += [[(line, styles.get(line[:1], "muted"))] for line in lines[:60]]
        self.app.push_screen(
            Confirm(f"{record['name']} changed meanwhile", shown, "Save mine over theirs", keep="Keep theirs"),
            lambda mine: self.save(current, value) if mine else None,
        )

    def do_data_versions(self) -> None:
        record = self.record
        if record is None:
            return
        key = record["id"]

        def read(store: Any, actor: str) -> Any:
            from torc_tui.store import user_data

            return user_data.history(store.dbapi(), key)

        self.owner.torc.acts.do("data-versions", read, said=lambda _: "", then=self._versions)

    def _versions(self, versions: Sequence[Mapping[str, Any]]) -> None:
        view = self.owner.view

        def who(version: Mapping[str, Any]) -> str:
            job = view.jobs.get(version["job_id"]) if view is not None and version["job_id"] else None
            return job.name if job is not None else str(version["actor"] or "workflow file")

        def search(typed: str) -> list[tuple[Any, str, str, str]]:
            rows = [
                (one["version"], f"{one['version']}  {stamp(one['written_at'])}", preview(one["data"]), who(one))
                for one in reversed(versions)
            ]
            return [row for row in rows if typed.lower() in " ".join(row[1:]).lower()]

        def take(chosen: Any) -> None:
            old = next((one for one in versions if one["version"] == chosen), None)
            if old is not None and self.record is not None:
                self._offer(old)

        self.app.push_screen(Palette("Versions: enter compares with the current one", search), take)

    def _offer(self, old: Mapping[str, Any]) -> None:
        record = self.record
        assert record is not None
        lines = unified(record["data"], old["data"], old_name="now", new_name=f"version {old['version']}")
        if not lines:
            self.app.notify("that version equals the current one")
            return
        styles = {"+": "added", "-": "removed", "@": "faint"}
        shown: list[Line] = [[(line, styles.get(line[:1], "muted"))] for line in lines[:100]]
        self.app.push_screen(
            Confirm(f"Restore version {old['version']} of {record['name']}?", shown, "Restore"),
            lambda agreed: self.save(record, old["data"]) if agreed else None,
        )


def _records(source: Any, workflow_id: int) -> list[dict[str, Any]]:
    """In the reader thread: the records without their data, which may be large."""
    from torc_tui.store import user_data

    found = []
    for record in user_data.list_records(source.store.dbapi(), workflow_id, limit=None):
        data = record["data"]
        found.append(
            {
                "id": record["id"],
                "name": record["name"],
                "version": record["version"],
                "state": "empty" if data is None else "written",
                "size": len(dump(data)) if data is not None else 0,
                "preview": preview(data) if data is not None else "",
            }
        )
    return found


def _record(source: Any, record_id: int) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    from torc_tui.store import user_data

    connection = source.store.dbapi()
    versions = user_data.history(connection, record_id)
    return user_data.get(connection, record_id), versions[-1] if versions else None
