"""The tab Timeline: its cells, its cursor, and the selection that it shares with the job table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import Workspace, screen, screen_text, sees, until
from torc_tui.status import JobStatus
from torc_tui.tui.look.text_layout import Line, line_width
from torc_tui.tui.timeline.timeline_facts import path_parts
from torc_tui.tui.timeline.timeline_pane import TimelinePane
from torc_tui.tui.timeline.timeline_picture import TimelinePicture, load_rows
from torc_tui.views.lane_cells import BarLane, CellRun, Levels, TimeScale
from torc_tui.views.report import CriticalStep, ReportAttempt, ReportRunner
from torc_tui.views.timeline_lanes import BarPlace, Grouping, timeline

S = JobStatus
BEGIN = 1_800_000_000.0
NODES = [ReportRunner(1, "alpha.example", {"u": 0}, 4), ReportRunner(2, "beta.example", {}, 4)]


def ran(
    job_id: int, start: float, end: float, status: JobStatus = S.COMPLETED, **more: Any
) -> ReportAttempt:
    known = {"running": status is S.RUNNING, "return_code": 3 if status is S.FAILED else 0, **more}
    return ReportAttempt(job_id, f"job{job_id}", 1, status, BEGIN + start, BEGIN + end, **known)


def picture(*attempts: ReportAttempt, size: tuple[int, int] = (60, 8), **more: Any) -> Any:
    found = timeline(attempts, NODES, more.get("grouping", Grouping.SLOTS))
    assert found is not None
    made = TimelinePicture(found)
    made.place(*size)
    return made


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_icons_names_and_durations() -> None:
    """A status can be read without colors."""
    some = [ran(1, 0, 20), ran(2, 20, 40, S.FAILED), ran(3, 40, 60, S.RUNNING), ran(4, 61, 61.1)]
    lines = texts(picture(*some).draw(0, 0, 60, 12))
    assert "✔ job1" in lines[5] and "✖ job2" in lines[5] and "▶ job3" in lines[5]
    assert "20 s" in lines[6] and "20 s, exit 3" in lines[6]
    assert lines[2].startswith(" alpha") and "4 CPUs" in lines[3]


def test_a_line_for_now() -> None:
    """While attempts run, and only then."""
    over = texts(picture(ran(1, 0, 30), ran(2, 10, 20)).draw(0, 0, 60, 12))
    assert not any("▼" in line or "│" in line for line in over)
    lines = texts(
        picture(ran(1, 0, 30, S.RUNNING), ran(2, 10, 20), size=(60, 11)).draw(0, 0, 60, 12)
    )
    assert lines[1].index("▼") == lines[8].index("│") > 50


def test_short_bars_have_icons() -> None:
    some = [ran(1, 0, 300), ran(2, 300, 302, S.FAILED), ran(3, 310, 311, S.CANCELED)]
    line = texts(picture(*some).draw(0, 0, 60, 12))[5]
    assert "✖" in line and "⊘" in line


def test_ruler_shows_the_extent_of_the_cursor() -> None:
    made = picture(ran(1, 0, 30), ran(2, 30, 60))
    made.cursor = BarPlace(1, 1)
    styles = {style for text, style in made.draw(0, 0, 60, 12)[1] if "━" in text}
    assert styles == {"accent bold"}
    assert "▸ job2" in texts(made.draw(0, 0, 60, 12))[5]


def test_marks_of_the_critical_path() -> None:
    made = picture(ran(1, 0, 30), ran(2, 30, 60))
    made.path = {(2, 1)}
    assert "◆ job2" in texts(made.draw(0, 0, 60, 12))[5]
    made.path_only = True
    assert any(style == "faint reverse" for _, style in made.draw(0, 0, 60, 12)[5])


def test_words_about_the_path() -> None:
    steps = [CriticalStep(1, "a", 0.0, 12.0, S.COMPLETED), CriticalStep(2, "b", 2.0, 3.0, S.FAILED)]
    both, one = (
        ["".join(text for text, _ in line) for _, line in path_parts(some)]
        for some in (steps, steps[:1])
    )
    assert both == ["◆ critical path 2 jobs, 15 s", "its jobs waited 2.0 s"]
    assert one == ["◆ critical path 1 job, 12 s"] and path_parts([]) == []


def test_hit_is_what_is_drawn() -> None:
    made = picture(ran(1, 0, 30), ran(2, 30, 60), ran(3, 10, 60))
    lines = texts(made.draw(0, 0, 60, 12))
    for job in (1, 2, 3):
        y, line = next((y, line) for y, line in enumerate(lines) if f"job{job}" in line)
        number = made.hit(line.index(f"job{job}"), y)
        assert number is not None and made.attempt(made.place_of(number)).job_id == job
    assert made.hit(1, 5) is None and made.hit(30, 0) is None


def test_load_in_the_colors_of_states() -> None:
    levels = [Levels(1.0, 0.5, 0.0), Levels(0.5, 0.0, 0.5), Levels(0.0, 0.0, 0.0)]
    top, foot = load_rows(levels, 2, 3)
    assert [style for _, style in foot][:2] == ["failed", "running"]
    assert top[0] == ("█", "completed") and "".join(text for text, _ in top)[1:] == "  "


def test_only_visible_lanes_and_cells_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [ran(n, n % 100, 100 + n % 100 + n // 100 * 100) for n in range(100)]
    some += [ran(n, 300 + n, 301 + n) for n in range(20_000)]
    made = picture(*some, size=(120, 20))
    made.zoomed = 0.5
    asked: list[range] = []
    known = BarLane.runs

    def runs(self: BarLane, scale: TimeScale, cells: range) -> list[CellRun]:
        asked.append(cells)
        return known(self, scale, cells)

    monkeypatch.setattr(BarLane, "runs", runs)
    made.draw(700, 30, 120, 20)
    assert set(asked) == {range(700, 820 - made.gutter)} and len(asked) == 18


@settings(max_examples=60)
@given(
    st.integers(1, 70),
    st.integers(1, 30),
    st.integers(0, 500),
    st.integers(0, 40),
    st.sampled_from(list(Grouping)),
    st.sampled_from([None, 0.01, 1.0, 100.0]),
)
def test_lines_of_any_size(
    width: int, height: int, x: int, y: int, grouping: Grouping, zoom: float | None
) -> None:
    name = "\x1b[31m名前🚀שלום[bold]" * 9
    some = [ran(n, n % 7 * 9, n % 7 * 9 + n, gpus=("u",))._replace(name=name) for n in range(40)]
    made = picture(*some, size=(width, height), grouping=grouping)
    made.zoomed, made.cursor = zoom, BarPlace(1 if grouping is not Grouping.RUNNERS else 0, 0)
    lines = made.draw(x, y, width, height)
    assert len(lines) <= height
    assert all(line_width(line) <= max(width, made.gutter) for line in lines)


# -- in the app ------------------------------------------------------------------------------------

SPEC = """
name: runs
jobs:
  - {name: prep, command: "true"}
  - {name: "fit_{i}", command: "true", depends_on: [prep], parameters: {i: "1:3"}}
  - {name: report, command: "true", depends_on_regexes: ["^fit_.*"]}
"""
ROWS = [
    (1, 1, 1, S.COMPLETED, 0.0, 30.0),
    (2, 1, 1, S.FAILED, 30.0, 50.0),
    (2, 2, 2, S.COMPLETED, 60.0, 95.0),
    (3, 1, 1, S.COMPLETED, 31.0, 60.0),
    (4, 1, 2, S.FAILED, 31.0, 70.0),
]


class RunStory(Workspace):
    """A workflow with the attempts of two runners."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        with self.store.write() as conn:
            execute(conn, "UPDATE workflow SET run_id = 1")
            for node, host in ((1, "alpha"), (2, "beta")):
                execute(
                    conn,
                    "INSERT INTO compute_node (options, id, workflow_id, run_id, hostname, pid,"
                    " process_started, boot_id, num_cpus, memory, gpus, is_active, started_at,"
                    " heartbeat_at) VALUES ('{}', ?, 1, 1, ?, 1, 1, 'b', 4, 1, '[]', 0, 0, 0)",
                    (node, host),
                )
            for row in ROWS:
                self.add(conn, *row)

    def add(
        self,
        conn: Any,
        job: int,
        attempt: int,
        node: int,
        status: JobStatus,
        start: float,
        end: float,
    ) -> None:
        """Add an attempt that has ended."""
        code = 3 if status is S.FAILED else 0
        execute(
            conn,
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, compute_node_id, status,"
            " return_code, cause, started_at, ended_at, allocation)"
            " VALUES (1, ?, 1, ?, ?, ?, ?, 'exit', ?, ?, '[2, 1, []]')",
            (job, attempt, node, int(status), code, BEGIN + start, BEGIN + end),
        )
        execute(
            conn,
            "UPDATE job SET status = ?, attempt_id = ?, started_at = ?, ended_at = ?,"
            " compute_node_id = ? WHERE id = ?",
            (int(status), attempt, BEGIN + start, BEGIN + end, node, job),
        )


@pytest.fixture
def story(tmp_path: Path) -> RunStory:
    return RunStory(tmp_path)


def pane(pilot: Pilot[Any]) -> TimelinePane:
    found = screen(pilot).tabs.panes["timeline"]
    assert isinstance(found, TimelinePane)
    return found


async def open_timeline(pilot: Pilot[Any]) -> None:
    await until(pilot, sees(pilot, "prep", "report"))
    await pilot.press("6", "6")
    await until(pilot, sees(pilot, "CPU slots", "critical path", "alpha"))


async def test_cursor_selects_the_job(story: RunStory) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        await until(pilot, sees(pilot, "prep · attempt 1 · 30 s"))
        await pilot.press("right")
        await until(pilot, sees(pilot, "fit_1 · attempt 1 · 20 s", "exit 3"))
        assert screen(pilot).selected_job.id == 2  # type: ignore[union-attr]
        await pilot.press("right", "down")
        await until(pilot, sees(pilot, "fit_2 · attempt 1 · 29 s"))
        await pilot.press("end", "down")
        await until(pilot, sees(pilot, "fit_3 · attempt 1 · 39 s", "beta slot 1"))
        assert screen(pilot).selected_job.id == 4  # type: ignore[union-attr]
        await pilot.press("enter")
        await until(pilot, lambda: screen(pilot).tabs.current == "log")


async def test_selection_moves_the_cursor(story: RunStory) -> None:
    """The last attempt of the job is shown; the cursor stays on another one of the same job."""
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        screen(pilot).go_to_job(2, focus=False)
        await until(pilot, sees(pilot, "fit_1 · attempt 2 · 35 s", "beta"))
        await pilot.press("up", "up", "up", "home", "right")
        await until(pilot, sees(pilot, "fit_1 · attempt 1"))
        pane(pilot).job_changed()
        await until(pilot, sees(pilot, "fit_1 · attempt 1"))
        screen(pilot).go_to_job(5, focus=False)  # it never ran
        await until(pilot, lambda: "attempt 1 ·" not in screen_text(pilot))


async def test_zoom_keeps_the_cursor_in_view(story: RunStory) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        screen(pilot).go_to_job(4, focus=False)
        for _ in range(8):
            await pilot.press("+")
        await until(pilot, sees(pilot, "▸✖"))
        assert pane(pilot).canvas.max_scroll_x > 1000
        await pilot.press("w")
        await until(pilot, lambda: pane(pilot).canvas.scroll_offset.x == 0)
        await pilot.press("-")
        assert pane(pilot).picture.zoomed is None  # type: ignore[union-attr]


async def test_lanes_of_runners(story: RunStory) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        await pilot.press("v")
        await until(pilot, sees(pilot, "Runners", "alpha", "beta"))
        await pilot.press("down", "end")
        await until(pilot, sees(pilot, "fit_1 · attempt 2"))
        await pilot.press("v")
        await until(pilot, sees(pilot, "CPU slots", "beta slot 2"))


async def test_new_attempts_appear(story: RunStory) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        with story.store.write() as conn:
            story.add(conn, 5, 1, 2, S.COMPLETED, 95.0, 120.0)
        screen(pilot).reload()
        await until(pilot, sees(pilot, "6 attempts", "✔ report"))


async def test_click_selects(story: RunStory) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        await until(pilot, sees(pilot, "✖ fit_3"))
        lines = screen_text(pilot).split("\n")
        y, line = next((y, line) for y, line in enumerate(lines) if "✖ fit_3" in line)
        await pilot.click(offset=(line.index("✖ fit_3") + 2, y))
        await until(pilot, sees(pilot, "fit_3 · attempt 1 · 39 s"))


async def test_no_attempts(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("6", "6", "right", "down", "end", "+", "-", "w", "v", "c")
        await until(pilot, sees(pilot, "no attempt has started in this run"))


@pytest.mark.parametrize("size", [(1, 1), (40, 10), (80, 24), (200, 60)])
async def test_sizes(story: RunStory, size: tuple[int, int]) -> None:
    async with story.app().run_test(size=(150, 40)) as pilot:
        await open_timeline(pilot)
        await pilot.press("z")
        await pilot.resize_terminal(*size)
        await pilot.press("right", "down", "+", "+", "end", "v", "w", "c")
        await until(pilot, lambda: not pilot.app.inbox)  # type: ignore[attr-defined]
        await pilot.resize_terminal(150, 40)
        await until(pilot, sees(pilot, "Runners", "alpha"))


async def test_events_of_the_job(story: RunStory) -> None:
    """The tab Events lists those of the selected job, or all."""
    from torc_tui.operations import jobs, workflows

    workflows.initialize(story.store, 1, force=True)
    jobs.set_priority(story.store, [1], 7, actor="ada@here")
    jobs.set_priority(story.store, [2], 8, actor="ada@here")
    async with story.app().run_test(size=(150, 40)) as pilot:
        await until(pilot, sees(pilot, "prep", "report"))
        await pilot.press("9", "9")
        await until(pilot, sees(pilot, "workflow initialized"))
        screen(pilot).go_to_job(2, focus=False)
        await pilot.press("o")
        await until(pilot, lambda: "workflow initialized" not in screen_text(pilot))
        table = pane_table(pilot)
        await until(pilot, lambda: table.order)
        assert {table.rows.records[key].job_id for key in table.order} == {2}
        screen(pilot).go_to_job(1, focus=False)
        await until(pilot, lambda: {table.rows.records[key].job_id for key in table.order} == {1})
        await pilot.press("o")
        await until(pilot, sees(pilot, "workflow initialized"))


def pane_table(pilot: Pilot[Any]) -> Any:
    return screen(pilot).tabs.panes["events"].table  # type: ignore[attr-defined]
