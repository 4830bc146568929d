"""Widths of the columns of the job table, which fit the visible rows."""

from __future__ import annotations

import pytest

from torc_tui.tui.jobs.column_widths import WIDEST, ColumnWidths
from torc_tui.tui.widgets.table_model import layout


def shown(widths: ColumnWidths, room: int, *, folds: bool = False) -> dict[str, int]:
    return {column.key: size for column, size in layout(widths.columns(10, 4, folds=folds), room)}


def seen(**texts: str) -> ColumnWidths:
    widths = ColumnWidths()
    for column, text in texts.items():
        widths.see(column, (text, "muted"))
    return widths


def test_the_icon_stays_where_why_needs_the_room() -> None:
    widths = seen(why="waits for align_3, align_4 and 8 more", status="completed", time="0.3 s")
    assert "status" not in shown(widths, 65) and shown(widths, 65)["why"] >= 37
    assert shown(widths, 80)["status"] == len("completed")


def test_why_is_not_cut_while_there_is_room() -> None:
    why = "needs 1 CPU, 0 free, jobs of other databases hold 2 CPUs and 2 MiB"
    widths = seen(why=why, status="ready", time="0:43")
    assert shown(widths, 100)["why"] >= len(why) and "status" not in shown(widths, 90)


def test_columns_are_as_wide_as_their_cells() -> None:
    widths = seen(status="failed", time="12:07")
    assert shown(widths, 80)["status"] == len("failed")
    assert shown(widths, 80)["time"] == len("12:07")


@pytest.mark.parametrize("column", WIDEST)
def test_widths_only_grow_until_other_rows_are_shown(column: str) -> None:
    widths = seen(**{column: "x" * 9})
    assert widths.are_outgrown
    widths.columns(10, 4, folds=False)
    widths.see(column, ("x", ""))
    assert not widths.are_outgrown
    widths.see(column, [("x" * 9, ""), ("y" * 99, "")])
    assert widths.are_outgrown == (WIDEST[column] > 9)
    widths.forget()
    assert widths.are_outgrown


def test_empty_columns_are_left_out() -> None:
    widths = seen(memory="", gpus="", status="ready")
    assert not {"memory", "gpus", "attempt", "priority"} & set(shown(widths, 200))
    widths.see("memory", ("4g", "faint"))
    assert widths.are_outgrown and "memory" in shown(widths, 200)


def test_columns_of_jobs_are_left_out_while_only_groups_are_shown() -> None:
    widths = seen(why="7 failed · 89 completed")
    assert set(shown(widths, 160, folds=True)) == {"sign", "name", "status", "why"}
    widths.see("status", ("failed", "failed"))
    assert widths.are_outgrown and {"id", "time"} <= set(shown(widths, 160, folds=True))


def test_strips_of_groups_stay() -> None:
    widths = seen(why="39 failed · 161 completed  exit 1 in every job of it")
    assert shown(widths, 60, folds=True)["status"] >= 6
