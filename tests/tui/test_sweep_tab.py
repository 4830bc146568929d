"""The tab *Results* with a sweep: the table, the heat map, marks, and the file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from json import dumps
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import ENVIRON, Workspace, screen, screen_text, sees, until
from torc_tui.errors import StoreError
from torc_tui.model import Job
from torc_tui.operations import sweep as sweep_values
from torc_tui.status import JobStatus
from torc_tui.store import event_log, user_data
from torc_tui.tui.jobs.job_table import marked_jobs
from torc_tui.tui.look.text_layout import line_width
from torc_tui.tui.results import heat_drawing
from torc_tui.tui.results.bar_drawing import BarDrawing
from torc_tui.tui.results.heat_drawing import BARS, COLORS, LETTERS, HeatDrawing
from torc_tui.tui.results.results_pane import ResultsPane
from torc_tui.tui.results.sweep_part import mark
from torc_tui.tui.results.sweep_rows import SweepRows, shown
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.views.heat_map import LEVELS, HeatMap, Scale, heat_map
from torc_tui.views.sweep import PARAMETER, JobValues, Sweep, SweepValues, sweeps_of

pytestmark = pytest.mark.system

S = JobStatus
SPEC = """
name: search
user_data:
  - {name: "m_{lr}_{d}", parameters: {lr: "[0.1,0.01,1.0]", d: "9:10"}}
jobs:
  - {name: prep, command: "true"}
  - name: "fit_{lr}_{d}"
    parameters: {lr: "[0.1,0.01,1.0]", d: "9:10"}
    command: "echo ${user_data.output.m_{lr}_{d}}"
  - {name: "plain_{seed}", parameters: {seed: "1:2"}, command: "true"}
"""
LOSSES = {2: 0.5, 3: 0.25, 4: 0.75, 5: 0.125}
"""The loss that each job wrote; job 6 failed, job 7 is ready."""


class SweepStory(Workspace):
    """A sweep of 3 x 2 jobs, ids 2 to 7."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        with self.store.write() as conn:
            for job in range(1, 10):
                status = S.COMPLETED if job < 6 else S.FAILED if job == 6 else S.READY
                ended = None if status is S.READY else 100.0 + job
                execute(
                    conn,
                    "UPDATE job SET status = ?, started_at = ?, ended_at = ?, return_code = ?"
                    " WHERE id = ?",
                    (int(status), 100.0 if ended else None, ended, int(status is S.FAILED), job),
                )
        for job, loss in LOSSES.items():
            self.write(job, {"loss": loss, "note": f"n{job}"})

    def write(self, job: int, value: object) -> None:
        """Let a job write its record, which has the number of the job less one."""
        author = user_data.Author(time.time(), job=(job, 0, 1))
        with self.store.write() as conn:
            user_data.update(conn, job - 1, {"data": value}, author)

    def end(self, job: int, kind: str) -> None:
        with self.store.write() as conn:
            status = S.COMPLETED if kind == "job_completed" else S.FAILED
            execute(conn, "UPDATE job SET status = ? WHERE id = ?", (int(status), job))
            event_log.append(conn, self.workflow_id, [(kind, job, {})], at=time.time())


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SweepStory]:
    place = SweepStory(tmp_path)
    with closing(place.store):
        yield place


async def opened(pilot: Pilot[int], *keys: str) -> ResultsPane:
    """Open the tab with its keys, and wait for the sweep."""
    await until(pilot, sees(pilot, "prep"))
    await pilot.press("7", "7")
    await until(pilot, sees(pilot, "Heat map"))
    await pilot.press(*keys)
    pane = screen(pilot).tabs.pane
    assert isinstance(pane, ResultsPane)
    await until(pilot, lambda: pane.reader.sweep is not None and pane.reader.sweep.known)
    return pane


def column(pilot: Pilot[int], word: str) -> list[str]:
    """Return the lines of the screen that have a word."""
    return [line for line in screen_text(pilot).splitlines() if word in line]


async def test_views_are_changed_from_the_job_table(story: SweepStory) -> None:
    async with story.app().run_test(size=(160, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("7")
        await until(pilot, sees(pilot, "Heat map"))
        await pilot.press("v")
        pane = screen(pilot).tabs.pane
        assert isinstance(pane, ResultsPane)
        await until(pilot, lambda: pane.shown == "sweep")
        assert screen(pilot).table.has_focus


async def test_sweep_table(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v")
        await until(pilot, sees(pilot, ".loss", "fit_{lr}_{d} ×6", "0.125"))
        assert pane.sweep.table.has_focus
        table = pane.sweep.table
        assert table.order == [2, 3, 4, 5, 6, 7]
        assert [one.key for one in table.rows.columns][1:4] == [
            PARAMETER + "lr",
            PARAMETER + "d",
            ".loss",
        ]
        for _ in range(3):
            await pilot.press("s")
        await until(pilot, lambda: table.order == [5, 3, 2, 4, 6, 7], "sorted by loss")
        await pilot.press("S")
        await until(pilot, lambda: table.order == [4, 2, 3, 5, 6, 7])
        # A job writes while the table is open: the row is updated and moves.
        story.write(7, {"loss": 9.5})
        await until(pilot, lambda: table.order[0] == 7 and column(pilot, "9.5"))
        story.end(7, "job_completed")
        await until(pilot, lambda: pane.reader.sweep.jobs[7].status is S.COMPLETED)


async def test_only_changed_lines_are_painted(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v")
        table = pane.sweep.table
        await until(pilot, sees(pilot, "0.125"))
        before = table.lines_built
        story.write(7, {"loss": 9.5})
        await until(pilot, sees(pilot, "9.5"))
        assert table.lines_built - before <= 2, "at the event, and when its value was read"


async def test_columns_are_chosen_and_remembered(story: SweepStory) -> None:
    story.write(7, {"deep": {"odd key": 77}, "loss": None})
    app = story.app()
    async with app.run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v")
        await until(pilot, sees(pilot, "0.125"))
        await pilot.press("+")
        await until(pilot, sees(pilot, ".note", "such as n2", ".loss"))
        await pilot.press(*".note", "enter")
        await until(pilot, sees(pilot, "n5", "77"))
        await pilot.press("+", *'.deep["odd key"]', "enter")
        await until(pilot, lambda: not column(pilot, "77"))
        await pilot.press("+", *".deep", "enter")  # the only match is chosen
        await until(pilot, sees(pilot, "77"))
        await pilot.press("+", *".typed[0]", "enter")
        await until(pilot, sees(pilot, ".typed[0]"))
        figures = [".loss", ".note", '.deep["odd key"]', ".typed[0]"]
        assert pane.reader.sweep.figures == figures
        assert app.state.get("sweep.figures", {}) == {"fit_{lr}_{d}": figures}
        await pilot.press("+", "enter")
        await until(pilot, lambda: not column(pilot, "0.125"))
        assert pane.reader.sweep.figures == figures[1:]


async def test_first_figures_appear_while_jobs_run(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    with closing(place.store):
        async with place.app().run_test(size=(200, 40)) as pilot:
            await opened(pilot, "v")
            author = user_data.Author(time.time(), job=(3, 0, 1))
            with place.store.write() as conn:
                user_data.update(conn, 2, {"data": {"acc": 0.875}}, author)
            await until(pilot, sees(pilot, ".acc", "0.875"))
            with place.store.write() as conn:  # a person: all records are read
                by = user_data.Author(time.time(), actor="bob@there")
                user_data.update(conn, 1, {"data": {"acc": 0.0625}}, by)
            await until(pilot, sees(pilot, "0.0625"))


async def test_marks_are_those_of_the_job_table(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v")
        jobs, table = screen(pilot).table, pane.sweep.table
        await until(pilot, lambda: table.order)
        await pilot.press("space", "space")
        assert marked_jobs(jobs) == {2, 3} and {job.id for job in jobs.chosen_jobs} == {2, 3}
        jobs.set_marks({1, 3})
        await until(pilot, lambda: table.marks == {3})
        await pilot.press("*")
        assert marked_jobs(jobs) == {1, 2, 4, 5, 6, 7}, "marks outside of the sweep stay"
        await pilot.press("backspace")
        assert marked_jobs(jobs) == {1}
        await pilot.press("end", "enter")
        await until(pilot, lambda: screen(pilot).selected_job.id == 7)


async def test_marked_jobs_of_a_folded_group(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        sweep = (await opened(pilot, "v")).reader.sweep
        jobs = screen(pilot).table
        rows = jobs.rows
        rows.folds, rows.groups.opened = True, set()
        jobs.set_rows(rows)
        assert "fit_{lr}_{d}" in jobs.order
        mark(screen(pilot), {2, 6}, sweep)
        assert jobs.mark_sign("fit_{lr}_{d}") == "○" and jobs.mark_sign("plain_{seed}") == " "
        assert [job.id for job in jobs.chosen_jobs] == [2, 6]
        jobs.reload()
        assert jobs.marks == {2, 6}
        mark(screen(pilot), {2, 3, 4, 5, 6, 7}, sweep)
        assert jobs.mark_sign("fit_{lr}_{d}") == "•"
        jobs.select("fit_{lr}_{d}")
        jobs.toggle_mark()
        assert jobs.marks == set()
        screen(pilot).filter.line.write("fit_0.1_9")
        await until(pilot, lambda: rows.shown == 1)
        mark(screen(pilot), {2}, sweep)
        assert rows.matching is not None, "the filter does not hide the job"
        mark(screen(pilot), {2, 3}, sweep)
        await until(pilot, lambda: rows.matching is None)
        assert marked_jobs(jobs) == {2, 3}


async def test_heat_map_keys(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v", "v")
        heat, jobs = pane.heat, screen(pilot).table
        await until(
            pilot, sees(pilot, ".loss", "by lr (rows) and d (columns)", "0.125", "✖ failed")
        )
        drawing = heat.drawing
        assert heat.canvas.has_focus and drawing.cursor == (0, 0)
        assert drawing.heat.rows == ["0.01", "0.1", "1.0"]
        await pilot.press("space")
        assert marked_jobs(jobs) == {4}
        await pilot.press("left", "down", "space")
        assert drawing.cursor == (1, None) and marked_jobs(jobs) == {4, 2, 3}
        await pilot.press("space", "right", "right", "up", "up", "space")
        assert drawing.cursor == (None, 1) and marked_jobs(jobs) == {4, 3, 5, 7}
        await pilot.press("backspace", "left", "left", "space")
        assert drawing.cursor == (None, None) and marked_jobs(jobs) == {2, 3, 4, 5, 6, 7}
        await pilot.press(*["down"] * 9, *["right"] * 9, "enter")
        assert heat.drawing.cursor == (2, 1)
        await until(pilot, lambda: screen(pilot).selected_job.id == 7)
        await pilot.press("a")
        await until(pilot, sees(pilot, "min of each cell"))
        await pilot.press("c", *"run time", "enter")
        await until(pilot, sees(pilot, "run time  min"))
        await pilot.press("p", "down", "enter")
        await until(pilot, lambda: heat.drawing.heat.pair == ("d", "lr"))
        await pilot.press("o", *"plain", "enter")
        await until(pilot, sees(pilot, "by seed", "2  … ready"))
        await pilot.press("v")
        await until(pilot, lambda: pane.shown == "results")
        await pilot.press("v")
        await until(pilot, lambda: pane.sweep.table.order == [8, 9])


async def test_a_long_path_leaves_room_for_the_parameters(story: SweepStory) -> None:
    for job in LOSSES:
        story.write(job, {"k" * 300: 0.5})
    async with story.app().run_test(size=(80, 24)) as pilot:
        await opened(pilot, "v", "v")
        await until(pilot, sees(pilot, ".kkk", "…  by lr (rows) and d (columns)"))


async def test_heat_map_follows_the_run(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        pane = await opened(pilot, "v", "v")
        await until(pilot, sees(pilot, "0.125"))
        canvas = pane.heat.canvas
        story.write(7, {"loss": 0.375})
        await until(pilot, sees(pilot, "0.375"))
        story.end(7, "job_failed")
        await until(pilot, sees(pilot, "0.375✖"))
        box = canvas.region
        drawing = pane.heat.drawing
        geometry = drawing.geometry
        await pilot.click(
            canvas, offset=(geometry.titles + geometry.width + 1, 1 + geometry.height)
        )
        await until(pilot, lambda: pane.heat.drawing.cursor == (1, 1))
        await pilot.click(canvas, offset=(1, 1), times=2)
        await until(pilot, lambda: marked_jobs(screen(pilot).table) == {4, 5})
        assert box.width > geometry.width


async def test_export(story: SweepStory, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    app = story.app()
    async with app.run_test(size=(200, 40), notifications=True) as pilot:
        pane = await opened(pilot, "v")
        await until(pilot, lambda: pane.sweep.table.order)
        await pilot.press("E")
        await until(pilot, sees(pilot, "Export the sweep", "fit_-lr-_-d.csv", "6 rows"))
        app.screen.field.value = str(file)
        await pilot.press("enter")
        await until(pilot, file.exists)
        await until(pilot, lambda: app.last_line)
        assert file.read_text().splitlines()[:2] == [
            "lr,d,.loss,status,seconds,peak_memory_bytes,return_code,attempt_id,job_id,job_name",
            "0.1,9,0.5,completed,2.0,,0,1,2,fit_0.1_9",
        ]
        assert app.last_line == (
            f"torc results sweep 1 'fit_{{lr}}_{{d}}' --path .loss -f csv > {file}"
        )
        for answer, text in (("n", "mine"), ("y", "lr,d")):
            file.write_text("mine")
            await pilot.press("E")
            await until(pilot, sees(pilot, "Export the sweep"))
            app.screen.field.value = str(file)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press(answer)
            await until(pilot, lambda text=text: file.read_text().startswith(text))
        await pilot.press("E")
        await until(pilot, sees(pilot, "Export the sweep"))
        app.screen.field.value = str(tmp_path / "no" / "where.csv")
        await pilot.press("enter")
        await until(pilot, sees(pilot, "cannot write"))


async def test_a_failed_reading_is_repeated_after_an_event(
    story: SweepStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    read = sweep_values.read_values

    def refuse(*arguments: Any) -> SweepValues:
        calls.append(arguments)
        if len(calls) == 1:
            raise StoreError("the disk is on fire")
        return read(*arguments)

    monkeypatch.setattr(sweep_values, "read_values", refuse)
    async with story.app().run_test(size=(200, 40), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("7", "7")
        await until(pilot, sees(pilot, "Heat map"))
        await pilot.press("v")
        await until(pilot, sees(pilot, "the disk is on fire"))
        pane = screen(pilot).tabs.pane
        pane.every_second(time.time())
        assert len(calls) == 1, "an error is shown once"
        story.write(7, {"loss": 9.5})
        await until(pilot, sees(pilot, "9.5", "0.125"))


async def test_all_figures_can_be_hidden(story: SweepStory) -> None:
    async with story.app().run_test(size=(200, 40)) as pilot:
        await opened(pilot, "v")
        await until(pilot, sees(pilot, "0.125"))
        await pilot.press("+", "enter")
        await until(pilot, lambda: not column(pilot, ".loss"))
        story.write(7, {"loss": 9.5})
        story.end(7, "job_failed")
        pane = screen(pilot).tabs.pane
        await until(pilot, lambda: pane.reader.sweep.jobs[7].status is S.FAILED)
        await until(pilot, lambda: not pane.reader.is_reading)
        assert pane.reader.sweep.figures == []


async def test_a_workflow_without_parameters(tmp_path: Path) -> None:
    place = Workspace(tmp_path, 'name: w\njobs: [{name: a, command: "true"}]')
    with closing(place.store):
        async with place.app().run_test(size=(120, 30)) as pilot:
            await until(pilot, sees(pilot, "a"))
            await pilot.press("7", "7", "v")
            await until(pilot, sees(pilot, "no job has finished yet"))
            assert "Heat map" not in screen_text(pilot)


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="color"),
        pytest.param({"NO_COLOR": "1"}, id="mono", marks=pytest.mark.long),
        pytest.param({"COLORTERM": "", "TERM": "xterm"}, id="16", marks=pytest.mark.long),
        pytest.param(
            {"TERM": "linux", "LANG": "C", "COLORTERM": ""}, id="ascii", marks=pytest.mark.long
        ),
    ],
)
async def test_sizes(story: SweepStory, environ: Mapping[str, str]) -> None:
    app = story.app(environ=ENVIRON | environ)
    async with app.run_test(size=(200, 60)) as pilot:
        pane = await opened(pilot, "v", "v")
        await until(pilot, lambda: pane.heat.drawing is not None)
        mode = COLORS if not environ else LETTERS if environ.get("LANG") else BARS
        assert pane.heat.drawing.mode == mode
        for size in ((40, 10), (1, 1), (80, 24), (200, 60)):
            await pilot.resize_terminal(*size)
            for _ in range(3):
                await pilot.press("v", "down", "right", "space", "left")
                await pilot.pause(0.02)
                assert all(
                    strip.cell_length == size[0] for strip in app.screen._compositor.render_strips()
                )


# -- the drawing -----------------------------------------------------------------------------------


def sweep_of(rows: int, columns: int, name: str = "a") -> Sweep:
    jobs = [
        Job(row * columns + column + 1, "j", S.COMPLETED, "j", dumps({name: row, "b": column}))
        for row in range(rows)
        for column in range(columns)
    ]
    sweep = sweeps_of(jobs)[0]
    values = {job.id: JobValues(None, {".x": job.id / 7}) for job in jobs}
    sweep.learn(SweepValues(values, [".x"]), all_read=True)
    return sweep


def map_of(rows: int, columns: int) -> HeatMap:
    return heat_map(sweep_of(rows, columns), ("a", "b"), ".x", "mean", 0.0)


def text_of(drawing: HeatDrawing, x: int, y: int, width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line)[:width] for line in drawing.draw(x, y, width, height)]


@pytest.mark.parametrize("view", [(1, 1), (20, 5), (60, 20), (200, 60)])
def test_every_place_is_a_cell(view: tuple[int, int]) -> None:
    drawing = HeatDrawing(map_of(4, 6), view, COLORS)
    width, height = drawing.size
    drawing.draw(0, 0, *view)
    seen = {drawing.cursor_of(n) for x in range(width) for y in range(height)
            if (n := drawing.hit(x, y)) is not None}  # fmt: skip
    assert seen == {(row, column) for row in (None, *range(4)) for column in (None, *range(6))}
    assert drawing.hit(width, 0) is None and drawing.hit(0, height) is None


def test_a_small_map_fills_a_large_pane() -> None:
    drawing = HeatDrawing(map_of(4, 4), (92, 50), COLORS)
    width, height = drawing.size
    assert width > 80 and height > 32
    lines = text_of(drawing, 0, 0, 92, 50)
    frame = [line[drawing.geometry.titles :][: drawing.geometry.width] for line in lines[1:10]]
    assert frame[0] == f"┏{'━' * 18}┓" and frame[-1] == f"┗{'━' * 18}┛"
    assert all(line[0] == line[-1] == "┃" for line in frame[1:-1]) and frame[4].strip("┃ ")


def test_titles_stay_while_the_map_scrolls() -> None:
    drawing = HeatDrawing(map_of(40, 60), (30, 10), COLORS)
    assert drawing.geometry.width == heat_drawing.LEAST and drawing.geometry.height == 1
    lines = text_of(drawing, 20, 5, 30, 10)
    assert len(lines) == 10 and lines[1].split()[0] == "5"
    assert lines[0].split()[:3] == ["a", "10", "12"]
    number = drawing.hit(20 + 4, 5 + 2)
    assert number is not None and drawing.cursor_of(number) == (6, 10)


def test_values_are_shown_where_they_fit() -> None:
    for width, wanted in ((100, "0.143"), (20, "0.14"), (10, "")):
        drawing = HeatDrawing(map_of(2, 3), (width, 8), COLORS)
        first = text_of(drawing, 0, 0, width, 8)
        assert any(wanted in line for line in first)
        assert ("0.1" in "".join(first)) is bool(wanted)


def test_modes_without_colors() -> None:
    for mode, low, high in ((BARS, "▁", "█"), (LETTERS, "a", "h")):
        drawing = HeatDrawing(map_of(2, 3), (12, 4), mode)
        drawing.cursor = (None, None)
        text = "".join(text_of(drawing, 0, 0, 12, 4))
        assert low in text and high in text
        assert any(heat_drawing.SIGNS[mode] in text for text, _ in drawing.legend())
        assert not any("heat" in style for line in drawing.draw(0, 0, 12, 4) for _, style in line)


@pytest.mark.parametrize("view", [(1, 1), (20, 5), (60, 20), (200, 60)])
@pytest.mark.parametrize("mode", [COLORS, BARS, LETTERS])
def test_bars_of_one_parameter(view: tuple[int, int], mode: str) -> None:
    drawing = BarDrawing(heat_map(sweep_of(4, 1), ("a", ""), ".x", "mean", 0.0), view, mode)
    drawing.marks = {1}
    lines = drawing.draw(0, 0, *drawing.size)
    assert len(lines) == drawing.size[1]
    assert {line_width(line) for line in lines} == {drawing.size[0]}
    sign = {COLORS: " ", BARS: "█", LETTERS: "#"}[mode]
    bars = [
        text
        for line in lines[1 :: drawing.geometry.height]
        for text, style in line
        if style in ("load", *(f"heat{level}" for level in range(8)))
    ]
    assert len(bars) == 4 and all(set(bar) == {sign} for bar in bars)
    lengths = [len(bar) for bar in bars]
    assert lengths == sorted(lengths) and lengths[0] == pytest.approx(lengths[3] / 4, abs=0.5)
    assert sum("•" in text for line in lines for text, _ in line) == 1
    assert {drawing.cursor_of(drawing.hit(width, 1) or 0) for width in range(drawing.size[0])} == {
        (0, None), (0, 0)
    }  # fmt: skip


def test_bars_with_negative_values() -> None:
    """The bar of the lowest value is short, but not empty."""
    assert [Scale(-8.0, 6.0).length(value) for value in (-8.0, 6.0)] == [1 / LEVELS, 1.0]
    assert [Scale(0.5, 2.0).length(value) for value in (0.5, 2.0)] == [0.25, 1.0]
    assert [Scale(1e-3, 1e3, is_log=True).length(value) for value in (1e-3, 1e3)] == [0.125, 1.0]


def test_only_visible_rows_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 jobs: showing them reads the values of a screenful, and of a sample."""
    sweep = sweep_of(1000, 100)
    calls = 0
    value = Sweep.value

    def counted(self: Sweep, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return value(self, *arguments)

    monkeypatch.setattr(Sweep, "value", counted)
    rows = SweepRows()
    rows.show(sweep)
    assert len(rows.keys(None, False)) == 100_000
    for key in rows.keys(None, False)[:50]:
        rows.cells(key, rows.columns, [8] * len(rows.columns))
    assert calls < 3000
    drawing = HeatDrawing(map_of(1000, 100), (200, 60), COLORS)
    assert len(drawing.draw(0, 0, 200, 60)) == 60


def test_points_of_values_are_aligned() -> None:
    rows = SweepRows()
    rows.show(sweep_of(4, 6))
    place = [column.key for column in rows.columns].index(".x")
    cells = [rows.cells(key, rows.columns, ())[place][0] for key in rows.keys(None, False)]
    assert len({len(str(cell).strip()) for cell in cells}) > 1
    assert len({len(str(cell)) - len(str(cell).partition(".")[0].rstrip()) for cell in cells}) == 1


def test_values_in_few_characters() -> None:
    texts = [shown(value) for value in (0.123456, 1e-9, 12, 10**400, True, "a\x1b[2J" + "x" * 900)]
    assert texts[:5] == ["0.1235", "1e-09", "12", "1.000e+400", "true"]
    assert "\x1b" not in texts[5] and len(texts[5]) <= 200


def test_hostile_names() -> None:
    names = ["\x1b[31m" + "n" * 300, "مرحبا", "👩‍🚀" * 50]
    for name in names:
        jobs = [Job(at, name, S.FAILED, name, dumps({"p": name, "q": at})) for at in (1, 2)]
        sweep = sweeps_of(jobs)[0]
        rows = SweepRows()
        rows.show(sweep)
        assert all(one.width <= 21 for one in rows.columns if one.key.startswith(PARAMETER))
        drawing = HeatDrawing(heat_map(sweep, ("p", "q"), "time", "mean", 0.0), (60, 20), COLORS)
        assert "\x1b" not in "".join(text_of(drawing, 0, 0, 60, 20))
