"""Hostile text, database outages, lost runners, two apps, small and odd terminals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui import driving
from tests.tui.driving import Workspace, screen, screen_text, sees
from torc_tui.errors import StoreUnavailable
from torc_tui.operations import workflows as acts
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store.event_log import append
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.workflows.runner_actions import read_runners_of
from torc_tui.tui.workflows.runner_startup_check import RunnerStartupCheck, log_tail
from torc_tui.tui.workflows.tab_host import TabHost
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

pytestmark = pytest.mark.system

ESC = "\x1b[2J\x1b]0;owned\x07\x1b[31m"
RTL = "\u202eabc \u05d0\u05d1\u05d2"
EMOJI = "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600"


class Place(Workspace):
    """A database in a folder, and apps on it."""

    def app(self, workflow: int | None = 1, **more: Any) -> TorcApp:
        return super().app(workflow_id=workflow, **more)

    def tell(self, status: JobStatus, job: int, kind: str, **data: Any) -> None:
        """Record the status of a job as a runner does."""
        now = time.time()
        with self.store.write() as conn:
            execute(
                conn,
                "UPDATE job SET status = ?, started_at = ?, reason = ? WHERE id = ?",
                (int(status), now, data.get("reason"), job),
            )
            append(conn, 1, [(kind, job, data)], at=now)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.store.close()


async def until(pilot: Pilot[int], *wanted: str | Callable[[], object]) -> None:
    """Wait for words on the screen, or for conditions."""
    for one in wanted:
        condition = sees(pilot, one) if isinstance(one, str) else one
        await driving.until(pilot, condition, str(one))


def assert_sound(pilot: Pilot[int]) -> None:
    """Every line fills its width, and nothing in it moves the cursor or turns the direction."""
    width = pilot.app.size.width
    for strip in pilot.app.screen._compositor.render_strips():
        assert strip.cell_length == width, strip.text
        assert not set(strip.text) & set("\x1b\x07\r\n\u202e\u200d"), repr(strip.text)


PLAIN = """
name: plain
jobs:
  - {name: first, command: "true"}
  - {name: second, command: "true", depends_on: [first]}
"""


async def test_hostile_text_everywhere(place: Place) -> None:
    """Markup, escape sequences, right-to-left text and emoji: in names, commands, reasons, toasts,
    the palette."""
    place.create(
        f"""
name: "[red]{EMOJI} {RTL}[/red]"
jobs:
  - {{name: "[bold]{EMOJI}", command: "printf '[/]' {RTL}"}}
  - {{name: "{RTL}", command: "echo [link=x]"}}
"""
    )
    acts.initialize(place.store, 1, actor="bob@there")
    async with place.app().run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, "[bold]", "[red]", "[/]")
        assert_sound(pilot)
        place.tell(JobStatus.RUNNING, 1, "job_started", attempt=1)
        place.tell(
            JobStatus.FAILED,
            1,
            "job_failed",
            return_code=1,
            exec_time=1.0,
            reason=f"[blink]{ESC}{EMOJI}{RTL}",
        )
        await until(pilot, "[blink]", "1/2")
        assert_sound(pilot)
        await until(
            pilot, lambda: "[bold]" in screen_text(pilot).split("Command")[-1]
        )  # the toast lies over the pane
        for keys in (
            ["6"],
            ["9"],
            ["8"],
            ["3"],
            ["1"],
            ["ctrl+p", *"bold"],
            ["escape"],
            ["enter"],
            ["escape"],
            ["r"],
        ):
            await pilot.press(*keys)
            await pilot.pause()
            assert_sound(pilot)
        await until(pilot, lambda: "[bold]" in screen_text(pilot))


class Flaky(FeedReader):
    """A database that can become unavailable."""

    away = False

    @classmethod
    def check(cls) -> None:
        if cls.away:
            raise StoreUnavailable("the disk [bold] is gone", hint="plug it in again")

    def load(self, workflow_id: int) -> Any:
        self.check()
        return super().load(workflow_id)

    def tail(self, workflow_id: int | None, after: Any) -> Any:
        tail, check = super().tail(workflow_id, after), self.check

        class Checked:
            def wait(self, timeout: float) -> Sequence[Any]:
                check()
                return tail.wait(0.05)

            wake, close = tail.wake, tail.close

        return Checked()


async def test_database_outage(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.create(PLAIN)
    app = place.app(source=lambda: Flaky(place.url))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "first", "not initialized")
        monkeypatch.setattr(Flaky, "away", True)
        await until(pilot, "database unavailable: the disk [bold] is gone")
        await pilot.press("down", "6", "/", "x", "escape")  # everything goes on with what is known
        assert "second" in screen_text(pilot)
        assert_sound(pilot)
        acts.initialize(place.store, 1, actor="bob@there")
        monkeypatch.setattr(Flaky, "away", False)
        await until(
            pilot, "waits for first", lambda: "database unavailable" not in screen_text(pilot)
        )


async def test_killed_runner_is_reported(place: Place) -> None:
    number = place.create(PLAIN.replace('"true"', '"sleep 60"', 1))
    environ = {**os.environ, "TORC_DATABASE": place.url}
    line = [sys.executable, "-m", "torc_tui.cli.main", "run", str(number)]
    runner = subprocess.Popen(
        line, env=environ, cwd=place.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with place.app().run_test(size=(120, 30), notifications=True) as pilot:
            await until(pilot, "1 running")
            runner.kill()
            runner.wait()
            await until(pilot, "no runner", "stopped responding", "R starts another")
            assert read_runners_of(place.store, number) == [], "R does not ask about a lost one"
            await pilot.press("c", "y")  # there is nobody else to end it
            await until(pilot, "canceled")
    finally:
        runner.kill()
        runner.wait()


async def test_two_apps_on_one_store(place: Place) -> None:
    place.create(PLAIN)
    acts.initialize(place.store, 1, actor="bob@there")
    async with (
        place.app().run_test(size=(100, 24)) as one,
        place.app().run_test(size=(100, 24)) as other,
    ):
        await until(one, "waits for first")
        await until(other, "waits for first")
        acts.pause_workflow(place.store, 1, actor="bob@there")
        await until(one, "paused")
        await until(other, "paused")


@pytest.mark.parametrize(
    ("typed", "rows", "said"),
    [
        ("fir", 1, "1 of 2"),
        ("statu", 2, "status: one or more"),
        ("status:", 2, "expected one or more"),
        ("first status:", 1, "expected one or more"),
        ("first cpu", 1, "cpus: CPUs requested"),
        ("first cpus>", 1, "CPUs requested"),
        ("first (", 1, "expected a word"),
        ("first status:nope", 1, "unknown status"),
        ("nobody", 0, "0 of 2"),
    ],
)
async def test_half_typed_filter(place: Place, typed: str, rows: int, said: str) -> None:
    place.create(PLAIN)
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, "second")
        line = screen(pilot).query_one(FilterLine)
        await pilot.press("/")
        for end in range(1, len(typed) + 1):  # as it is typed
            line.field.value = typed[:end]
            await pilot.pause()
        await until(pilot, said)
        assert len(screen(pilot).table.order) == rows
        assert ("no job matches; \\ shows all" in screen_text(pilot)) == (rows == 0)


async def test_filter_history(place: Place, tmp_path: Path) -> None:
    place.create(PLAIN)
    state = tmp_path / "app.json"
    async with place.app(state_file=state).run_test(size=(120, 30)) as pilot:
        await until(pilot, "second")
        await pilot.press("/", *"sec", "enter", "s", "S", "6")
        await until(pilot, lambda: screen(pilot).tabs.current == "timeline")
    async with place.app(state_file=state).run_test(size=(120, 30)) as pilot:
        await until(pilot, "second", lambda: screen(pilot).tabs.current == "timeline")
        assert (screen(pilot).table.sort, screen(pilot).table.reverse) == ("id", True)
        await pilot.press("/", "up")
        await until(pilot, "1 of 2")
        await pilot.press("down")
        assert screen(pilot).query_one(FilterLine).text == ""


async def test_unknown_workflow(place: Place) -> None:
    place.create(PLAIN)
    async with place.app(99).run_test(size=(80, 24)) as pilot:
        await until(pilot, "there is no workflow 99: esc goes to the list")
        await pilot.press("escape")
        await until(pilot, "plain")


async def test_no_user_data(place: Place) -> None:
    place.create(PLAIN)
    async with place.app().run_test(size=(100, 24)) as pilot:
        await until(pilot, "first", "plain")
        await pilot.press("4", "4")
        await until(pilot, "no user data yet; a adds a record")


async def test_read_only_connection(place: Place) -> None:
    place.create(PLAIN)
    before = len(list(place.folder.iterdir()))
    async with place.app(read_only=True).run_test(size=(100, 24), notifications=True) as pilot:
        await until(pilot, "read-only", "not initialized")
        for keys in ("I", "R", "h", "p", "D"):
            await pilot.press(keys)
            await until(pilot, "the app is read-only")
        assert isinstance(pilot.app.screen, WorkflowScreen)
    assert len(list(place.folder.iterdir())) == before


@pytest.mark.parametrize(
    "environ", [{"TERM": "linux"}, {"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "xterm"}]
)
@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_poor_terminals(place: Place, size: tuple[int, int], environ: dict[str, str]) -> None:
    place.create(PLAIN)
    acts.initialize(place.store, 1, actor="bob@there")
    async with place.app(environ=environ).run_test(size=size) as pilot:
        await until(pilot, "first", "plain")
        for keys in ("3", "5", "7", "8", "9", "0", "1"):
            await pilot.press(keys)
            await pilot.pause()
            assert_sound(pilot)


async def test_the_overview_leads_to_the_neighbors(place: Place) -> None:
    place.create(PLAIN)
    acts.initialize(place.store, 1, actor="bob@there")
    async with place.app().run_test(size=(160, 50)) as pilot:
        await until(pilot, "Dependents (1)", "second")
        await pilot.press("tab", "down")
        await until(pilot, "▸ … second".replace("…", "◌"))
        await pilot.press("enter")
        await until(pilot, "Dependencies (1)")
        job = screen(pilot).selected_job
        assert job is not None and job.name == "second"


async def test_runner_that_fails_at_once(place: Place) -> None:
    from torc_tui.operations.runners import Background

    place.create(PLAIN)
    log = place.folder / "runner.log"
    log.write_text("of another run\n")
    async with place.app().run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "second")
        child = subprocess.Popen(
            [sys.executable, "-c", f"open({str(log)!r}, 'a').write('no [bold]room\\n'); exit(3)"]
        )
        steps = RunnerStartupCheck(screen(pilot).torc, 1, Background(child.pid, str(log)))
        child.returncode = 0  # as start_runner leaves it: its end is for the app to see
        steps.watch([0.01] * 200)
        await until(pilot, "the runner ended immediately (exit 3)", "no [bold]room")
        assert "another run" not in screen_text(pilot)


def test_log_tail_of_a_runner(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n\n" for number in range(2000)) + f"end {ESC}\n")
    words = log_tail(str(log), 0)
    assert len(words) == 6 and words[0] == "line 1995" and "\x1b" not in words[-1]
    assert log_tail(str(tmp_path / "none"), 0) == []


def test_jobs_of_a_lost_runner(place: Place) -> None:
    from torc_tui.store import workflows
    from torc_tui.tui.jobs.job_rows import JobRows
    from torc_tui.views.workflow_view import WorkflowView

    place.create(PLAIN)
    acts.initialize(place.store, 1, actor="bob@there")
    found = workflows.snapshot(place.store, 1)
    rows = JobRows(WorkflowView(found.workflow, found.jobs, found.requirements, found.cursor, [7]))
    first = replace(rows.view.jobs[1])
    assert "no runner" not in rows.reasons.why(first)
    rows.reasons.dead = frozenset({7})
    assert "no runner" in rows.reasons.why(first)


async def test_a_folded_group_is_shown_as_a_whole(place: Place) -> None:
    place.create('name: many\njobs: [{name: "fit_{i}", command: "true", parameters: {i: "1:30"}}]')
    acts.initialize(place.store, 1, actor="bob@there")
    async with place.app().run_test(size=(160, 50)) as pilot:
        await until(pilot, "Status", lambda: "100 %" in screen_text(pilot))
        place.tell(JobStatus.FAILED, 7, "job_failed", return_code=3, exec_time=1.0)
        await until(pilot, "Failed (1)", "✖ fit_7     exit 3", "29    97 %")
        await pilot.press("tab", "down", "enter")
        await until(
            pilot, lambda: (job := screen(pilot).selected_job) is not None and job.name == "fit_7"
        )
        await until(pilot, "job 7 of fit_{i}")


async def test_requested_and_used_of_a_group(place: Place) -> None:
    """The page of a group compares the highest peak of its jobs with what they request."""
    place.create(
        'name: many\njobs: [{name: "fit_{i}", command: "true", parameters: {i: "1:30"},'
        " resource_requirements: r}]\n"
        "resource_requirements: [{name: r, num_cpus: 2, memory: 4g, runtime: PT1H}]"
    )
    acts.initialize(place.store, 1, actor="bob@there")
    with place.store.write() as conn:
        for job, memory in ((3, 1 << 30), (4, 3 << 30)):
            execute(
                conn,
                "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, started_at,"
                f" ended_at, peak_memory, peak_cpu_percent) VALUES (1, {job}, 1, 1, 5, 0, 90,"
                f" {memory}, 150.0)",
            )
    async with place.app().run_test(size=(160, 50)) as pilot:
        await until(pilot, "Resources", "peak 3 GiB, mean 2 GiB", "75 %", "peak 1.5, mean 1.5")


async def test_choices_survive_a_lost_connection(place: Place, tmp_path: Path) -> None:
    """What was chosen is written soon, not only when the app is left."""
    state = tmp_path / "app.json"
    place.create(PLAIN)
    async with place.app(state_file=state).run_test(size=(120, 30)) as pilot:
        await until(pilot, "second")
        await pilot.press("6")
        await until(pilot, lambda: state.exists() and '"timeline"' in state.read_text())


async def test_the_key_of_a_tab_while_the_app_starts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = TabHost.compose

    def early(self: TabHost) -> ComposeResult:
        yield from compose(self)
        with suppress(StopIteration):
            self.show("files").send(None)

    def named(pilot: Pilot[Any]) -> str:
        pane = screen(pilot).tabs.visible_pane
        return "" if pane is None else pane.NAME

    monkeypatch.setattr(TabHost, "compose", early)
    async with place.app().run_test(size=(120, 36)) as pilot:
        await driving.until(pilot, lambda: named(pilot) == "files")
