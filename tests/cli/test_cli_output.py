"""Tables, single records and JSON: output for a terminal is sanitized and fits its width."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from torc_tui.cli import columns, output
from torc_tui.cli.table_layout import ASCII, Shape, render
from torc_tui.cli.terminal_text import json_text, sanitize
from torc_tui.views.text_cells import fit, width_of


def test_table_of_the_tutorial(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(
        columns.USER_DATA, [{"id": 1, "name": "ml_config", "data": None, "workflow_id": 1}]
    )
    assert capsys.readouterr().out == (
        "╭────┬───────────┬──────┬─────────────╮\n"
        "│ ID │ Name      │ Data │ Workflow ID │\n"
        "├────┼───────────┼──────┼─────────────┤\n"
        "│ 1  │ ml_config │ null │ 1           │\n"
        "╰────┴───────────┴──────┴─────────────╯\n"
    )
    output.table(columns.USER_DATA, [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (0.5, "0.5"),
        ({"a": [1]}, '{"a": [1]}'),
        ("two\nlines", "two⏎lines"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("x" * 1000, "x" * 299 + "…"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert output.cell(value) == shown


@given(
    st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), min_size=1, max_size=4),
    st.integers(20, 90),
)
def test_every_line_of_a_table_has_the_same_width(rows: list[list[str]], width: int) -> None:
    texts = [[output.cell(text) for text in row] for row in rows]
    lines = render(["ID", "名前", "Command"], texts, width).text.splitlines()
    sizes = {cell_len(line) for line in lines}
    assert len(sizes) == 1 and sizes.pop() <= max(width, 3 * 4 + 3 * 3 + 1)
    assert len(lines) == len(rows) + 4


def test_widest_column_is_shortened() -> None:
    table = render(["ID", "Name", "Command"], [["1", "short", "c" * 200], ["2", "名前", "d"]], 40)
    lines = table.text.splitlines()
    assert all(cell_len(line) == 40 for line in lines)
    assert "│ 1  │ short │ ccc" in lines[3] and lines[3].endswith("c… │")


@given(st.text())
def test_sanitized_text_is_printable(text: str) -> None:
    shown = sanitize(text, "\n")
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert shown == text or not text.isprintable()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.sampled_from(["utf-8", "ascii", "latin-1"]))
@example({"\x7f": "\x7fé"}, "ascii")
@example({"\x7f": "\x7fé"}, "utf-8")
def test_json_is_equal_and_ascii(value: Any, encoding: str) -> None:
    before = sys.stdout
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    try:
        text = json_text(value)
        text.encode(encoding)
    finally:
        sys.stdout = before
    assert json.loads(text) == value
    assert all(char.isprintable() or char == "\n" for char in text)


def test_long_list_is_fast(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[str(number), f"job_{number}", "ready", "echo hello"] for number in range(20_000)]
    text = render(["ID", "Name", "Status", "Command"], rows, 80).text
    assert text.count("\n") == 20_004


def test_single_records(capsys: pytest.CaptureFixture[str]) -> None:
    output.fields([("Name", "a\tb"), ("Nothing", None), ("A longer name", 3)])
    assert capsys.readouterr().out == "Name:          a       b\nA longer name: 3\n"


def test_times() -> None:
    assert columns.when(None) is None
    assert columns.when(0.0) is not None and len(columns.when(0.0) or "") == 19


SHAPES = [Shape(1, ""), Shape(1, "right"), Shape(2, ""), Shape(3, "left"), Shape(3, "right")]
ROW = ["123456", "a_name_of_a_job", "2026-01-31 12:00:00", "/home/ada/project/data", "x" * 50]


@given(st.integers(10, 200))
def test_unshortened_columns(width: int) -> None:
    """Ids and times are shown in full, or their column is left out; the worthless ones go first."""
    table = render(["ID", "Name", "Time", "Path", "Text"], [ROW], width, shapes=SHAPES)
    shown = [index for index in range(5) if index not in table.left_out]
    line = table.text.splitlines()[3]
    parts = [part.strip() for part in line.strip("│").split("│")]
    for index, part in zip(shown, parts, strict=True):
        if not SHAPES[index].cut:
            assert part == ROW[index]
        elif part != ROW[index]:
            kept = part.strip("…")
            assert (
                ROW[index].endswith(kept)
                if SHAPES[index].cut == "left"
                else ROW[index].startswith(kept)
            )
    assert {0, 1} <= set(shown)
    worths = [SHAPES[index].worth for index in table.left_out]
    assert all(SHAPES[index].worth <= min(worths, default=9) for index in shown)
    assert width_of(line) <= max(width, 21)


def test_worthless_columns_are_narrowed_first() -> None:
    """A long command does not narrow the names."""
    row = ["1", "n" * 40, "ready", "c" * 200]
    shapes = [Shape(1, ""), Shape(1, "middle"), Shape(1, ""), Shape(3, "right")]
    wide, narrow = (
        render(["ID", "Name", "Status", "Command"], [row], width, shapes=shapes).text
        for width in (100, 50)
    )
    assert f" {'n' * 40} " in wide and "c…" in wide
    assert "Command" not in narrow and "n…n" in narrow


def test_names_that_differ_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of a job group stay different in a narrow table."""
    names = [f"preprocess_the_measurements_of_the_station_{number}" for number in range(3)]
    shapes = [column.shape for column in columns.JOBS[:3]]
    rows = [[str(number), name, "ready"] for number, name in enumerate(names)]
    lines = render(["ID", "Name", "Status"], rows, 40, shapes=shapes).text.splitlines()[3:6]
    assert [line.split("│")[2].strip()[-9:] for line in lines] == [
        f"station_{number}" for number in range(3)
    ]


def test_a_wide_terminal_shows_everything() -> None:
    assert render(["A"] * 5, [ROW], 200, shapes=SHAPES).left_out == []
    assert render(["A"] * 5, [ROW], None, shapes=SHAPES).left_out == []


@pytest.mark.parametrize(
    ("text", "width", "cut", "mark", "shown"),
    [
        ("abcdef", 4, "right", "…", "abc…"),
        ("abcdef", 4, "left", "…", "…def"),
        ("abcdef", 5, "right", "...", "ab..."),
        ("abcdef", 5, "left", "...", "...ef"),
        ("abc", 5, "right", "…", "abc  "),
        ("日本語文", 5, "right", "…", "日本…"),
        ("日本語文", 5, "left", "…", "…語文"),
        ("日本語文", 6, "right", "…", "日本… "),
        ("train_with_a_long_name_17", 12, "middle", "…", "train_…me_17"),
        ("abcdef", 5, "middle", "...", "a...f"),
        ("日本語の名前_1", 9, "middle", "…", "日本…前_1"),
    ],
)
def test_cuts(text: str, width: int, cut: str, mark: str, shown: str) -> None:
    assert fit(text, width, side=cut, mark=mark) == shown


def test_a_frame_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", out)
    output.table(columns.FILES, [{"id": 1, "name": "né", "path": "p", "st_mtime": None}])
    out.flush()
    assert out.buffer.getvalue().decode().splitlines() == [  # type: ignore[attr-defined]
        "+----+-------+------+---------------+",
        "| ID | Name  | Path | Modified Time |",
        "+----+-------+------+---------------+",
        "| 1  | n\\xe9 | p    |               |",
        "+----+-------+------+---------------+",
    ]
    assert not render(["A"], [["b" * 20]], 12, frame=ASCII).text.strip().strip("+-|\nAb .")
