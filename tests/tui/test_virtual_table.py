"""The table: the text of lines, which lines are painted again, and the selection by key."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from torc_tui.tui.look.text_layout import cut, fit, sanitize, width_of
from torc_tui.tui.widgets.table_model import (
    Cell,
    ContentWidths,
    Key,
    ListRows,
    TableColumn,
    layout,
)
from torc_tui.tui.widgets.virtual_table import VirtualTable

COLUMNS = (
    TableColumn("id", "id", 6, importance=0, align="right"),
    TableColumn("name", "name", 24, minimum=8, importance=0, grow=1),
    TableColumn("status", "status", 12, importance=1),
    TableColumn("why", "why", 30, minimum=10, importance=2, grow=2),
    TableColumn("cpus", "cpus", 5, importance=4, align="right"),
)


def cell(record: tuple[int, str], column: str, width: int) -> Cell:
    number, status = record
    return {
        "id": (str(number), "muted"),
        "name": (f"job_{number}", ""),
        "status": (status, status),
        "why": [("waits for ", "muted"), (f"job_{number - 1}", "")],
        "cpus": ("1", ""),
    }[column]


def value(record: tuple[int, str], column: str) -> object:
    return {"id": record[0], "name": f"job_{record[0]}", "status": record[1]}.get(column)


def rows(count: int) -> ListRows:
    return ListRows(
        COLUMNS, cell, value, [(number, (number, "ready")) for number in range(1, count + 1)]
    )


class TableApp(App[None]):
    def __init__(self, count: int, *, fits: bool = False) -> None:
        super().__init__()
        self.fits = fits
        self.model = rows(count)
        self.told: list[tuple[str, Key | None]] = []

    def compose(self) -> ComposeResult:
        yield VirtualTable(self.model, fits=self.fits)

    def on_line_list_selected(self, event: VirtualTable.Selected) -> None:
        self.told.append(("selected", event.key))

    def on_virtual_table_activated(self, event: VirtualTable.Activated) -> None:
        self.told.append(("activated", event.key))


def text(table: VirtualTable) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (20, ["id", "name"]),
        (34, ["id", "name", "status"]),
        (50, ["id", "name", "status", "why"]),
        (80, ["id", "name", "status", "why"]),
        (100, ["id", "name", "status", "why", "cpus"]),
    ],
)
def test_columns_by_importance(width: int, expected: list[str]) -> None:
    placed = layout(COLUMNS, width)
    assert [column.key for column, _ in placed] == expected
    assert 2 + sum(size for _, size in placed) + 2 * (len(placed) - 1) <= width


def test_growing_columns() -> None:
    sizes = {column.key: size for column, size in layout(COLUMNS, 200)}
    assert sizes["id"] == 6 and sizes["cpus"] == 5
    assert sizes["why"] > sizes["name"] > 24
    assert 2 + sum(sizes.values()) + 2 * 4 + 1 == 200


def test_columns_fit_their_content() -> None:
    """A column is as wide as its cells; the one that grows most gets what is left."""
    content = ContentWidths()
    cells = [("7", ""), ("a" * 9, ""), ("ready", ""), ("w" * 99, ""), ("1", "")]
    assert content.see(COLUMNS, [cells, cells]) and not content.see(COLUMNS, [cells])
    sizes = {column.key: size for column, size in layout(content.fitted(COLUMNS), 80)}
    assert (sizes["name"], sizes["status"]) == (9, 7)
    assert 2 + sum(sizes.values()) + 2 * (len(sizes) - 1) + 1 == 80
    assert content.see(COLUMNS, [[("", ""), ("a" * 12, ""), *cells[2:]]])
    assert {c.key: c.width for c in content.fitted(COLUMNS)}["name"] == 12


async def test_rows_that_scroll_into_view_have_room() -> None:
    app = TableApp(100, fits=True)
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(VirtualTable)
        app.model.records[90] = (90, "terminated")
        await painted(pilot)
        assert "terminated" not in "\n".join(text(table))
        table.move_to(90)
        await painted(pilot)
        assert "terminated" in "\n".join(text(table))


async def painted(pilot: Pilot[None]) -> None:
    """Wait for two frames, after which all updates are painted."""
    await pilot.pause(2 / 60)
    await pilot.pause()


async def test_lines_show_the_model() -> None:
    app = TableApp(3)
    async with app.run_test(size=(100, 10)):
        table = app.query_one(VirtualTable)
        lines = text(table)
        assert lines[0].split() == ["id", "name", "status", "why", "cpus"]
        assert lines[1].split() == ["▎", "1", "job_1", "ready", "waits", "for", "job_0", "1"]
        assert lines[4] == ""


async def test_one_visible_change_paints_one_line() -> None:
    app = TableApp(1000)
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(VirtualTable)
        before = table.lines_built
        app.model.records[3] = (3, "failed")
        table.changed({3})
        await painted(pilot)
        assert table.lines_built - before == 1
        assert "failed" in text(table)[3]


async def test_change_off_screen_paints_nothing() -> None:
    app = TableApp(1000)
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(VirtualTable)
        before = table.lines_built
        for number in range(500, 900):
            app.model.records[number] = (number, "failed")
        table.changed(set(range(500, 900)))
        await painted(pilot)
        assert table.lines_built == before


async def test_selection_stays_on_screen() -> None:
    app = TableApp(100)
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(VirtualTable)
        assert table.select(50)
        await painted(pilot)
        line = table.cursor_row - table.scroll_offset.y
        for number in range(1, 31):
            del app.model.records[number]
        table.reload()
        await painted(pilot)
        assert table.cursor == 50
        assert table.order[table.cursor_row] == 50
        assert table.cursor_row - table.scroll_offset.y == line
        del app.model.records[50]
        table.reload()
        await painted(pilot)
        assert table.cursor == 51
        assert app.told[-1] == ("selected", 51)


async def test_sort_by_header_click_and_key() -> None:
    app = TableApp(30)
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.select(7)
        app.model.records[20] = (20, "completed")
        await pilot.click(VirtualTable, offset=(50, 0))
        assert table.sort is not None
        table.sort_by("status")
        assert table.order[0] == 20 and table.cursor == 7
        table.sort_by(table.sort, not table.reverse)
        assert table.order[-1] == 20
        assert "▼" in text(table)[0]


async def test_marks_are_keys() -> None:
    app = TableApp(30)
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.toggle_mark()
        table.toggle_mark()
        await painted(pilot)
        assert table.marked_or_selected == [1, 2]
        assert text(table)[1].startswith(" •") and table.cursor == 3
        del app.model.records[1]
        table.reload()
        assert table.marks == {2}
        table.handlers()["mark-all"]()
        assert len(table.marks) == 29
        table.handlers()["mark-all"]()
        assert table.marked_or_selected == [table.cursor]


async def test_click_selects_and_double_click_activates() -> None:
    app = TableApp(30)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.click(VirtualTable, offset=(20, 5))
        assert app.query_one(VirtualTable).cursor == 5
        await pilot.click(VirtualTable, offset=(20, 6), times=2)
        assert ("activated", 6) in app.told


async def test_hostile_names() -> None:
    app = TableApp(2)
    async with app.run_test(size=(60, 5)):
        table = app.query_one(VirtualTable)
        app.model._cell = lambda record, column, width: (
            "\x1b[2J[bold]\u202eabc\t漢字🎉" if column == "name" else "x",
            "",
        )
        table.reload()
        strip = table.render_line(1)
        assert strip.cell_length == 60
        assert "\x1b" not in strip.text and "\u202e" not in strip.text and "[bold]" in strip.text


async def test_horizontal_scroll_shows_all_columns() -> None:
    app = TableApp(5)
    async with app.run_test(size=(34, 8)) as pilot:
        table = app.query_one(VirtualTable)
        assert "cpus" not in text(table)[0]
        table.shift_columns(8)
        await painted(pilot)
        for _ in range(10):
            table.shift_columns(8)
        await painted(pilot)
        assert "cpus" in text(table)[0]
        for _ in range(20):
            table.shift_columns(-8)
        await painted(pilot)
        assert "cpus" not in text(table)[0] and text(table)[0].split()[0] == "id"


async def test_a_hundred_thousand_rows_fill_within_the_budget() -> None:
    app = TableApp(100_000)
    async with app.run_test(size=(80, 24)) as pilot:
        table = app.query_one(VirtualTable)
        built = table.lines_built
        times = []
        for _ in range(3):
            begin = time.process_time()
            table.reload()
            times.append(time.process_time() - begin)
        await painted(pilot)
        assert min(times) < 0.05
        assert table.lines_built - built <= 3 * 24


def test_empty_table() -> None:
    assert layout(COLUMNS, 3)[0][1] >= 1
    empty: Sequence[Key] = ListRows(COLUMNS, cell, value).keys("name", True)
    assert list(empty) == []


@pytest.mark.parametrize(
    "text",
    ["\U0001f468\u200d\U0001f469\u200d\U0001f467 x", "\u202eabc", "\u2066a\u2069", "❤\ufe0f"],
)
def test_width_of_text_with_invisible_characters(text: str) -> None:
    """A column is as wide as its cells are once the invisible characters are removed."""
    shown = sanitize(text)
    assert width_of(text) == width_of(shown)
    assert width_of(sanitize(fit(text, 12))) == 12
    assert width_of(sanitize(cut(text, 5))) <= 5
