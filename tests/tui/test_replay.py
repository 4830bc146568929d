"""The replay of a run on the workflow screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import Workspace, screen, screen_text, sees, until
from tests.tui.test_every_key import EXTERNAL, commands_here
from torc_tui.operations import jobs, workflows
from torc_tui.status import JobStatus
from torc_tui.store.event_log import append
from torc_tui.tui.workflows.replay_bar import ReplayBar, ReplayState
from torc_tui.tui.workflows.replay_controller import SPEEDS, ReplayController
from torc_tui.tui.workflows.tab_host import TABS
from torc_tui.wording import time_of_day

pytestmark = pytest.mark.system

S = JobStatus
BEGIN = 1_800_000_000.0
SPEC = """
name: runs
jobs:
  - {name: prep, command: "true"}
  - {name: "fit_{i}", command: "true", depends_on: [prep], parameters: {i: "1:2"}}
  - {name: report, command: "true", depends_on_regexes: ["^fit_.*"],
     cancel_on_blocking_job_failure: false}
"""
ATTEMPTS = [
    (1, 1, S.COMPLETED, 0.0, 100.0),
    (2, 1, S.FAILED, 100.0, 200.0),
    (2, 2, S.COMPLETED, 300.0, 400.0),
    (3, 1, S.FAILED, 100.0, 350.0),
    (4, 1, S.COMPLETED, 400.0, 1000.0),
]
FREES = {1: (2, 3), 2: (), 3: (), 4: ()}


class ReplayStory(Workspace):
    """A finished run with its events, which took 1,000 seconds."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        workflows.initialize(self.store, self.workflow_id, force=True)
        with self.store.write() as conn:
            execute(
                conn,
                "INSERT INTO compute_node (options, id, workflow_id, run_id, hostname, pid,"
                " process_started, boot_id, num_cpus, memory, gpus, is_active, started_at,"
                " heartbeat_at) VALUES ('{}', 1, 1, 1, 'alpha', 1, 1, 'b', 4, 1, '[]', 0, 0, 0)",
            )
            for at, row in self.history():
                append(conn, self.workflow_id, [row], at=BEGIN + at, actor=None)
            for attempt in ATTEMPTS:
                self.store_attempt(conn, *attempt)

    def history(self) -> list[tuple[float, Any]]:
        """Return the events with their times, in the order of time."""
        found: list[tuple[float, Any]] = []
        for job, attempt, status, start, end in ATTEMPTS:
            key = {"attempt": attempt, "node": 1}
            if (job, attempt) in ((2, 1), (3, 1), (4, 1)):
                found.append((start, ("job_ready", job, {"attempt": 1})))
            found.append((start, ("job_claimed", job, {**key, "run": 1})))
            found.append((start, ("job_started", job, {**key, "at": BEGIN + start})))
            ended = {"attempt": attempt, "started_at": BEGIN + start, "ended_at": BEGIN + end,
                     "return_code": 3 if status is S.FAILED else 0}  # fmt: skip
            found.append((end, (f"job_{status.word}", job, ended)))
            if (job, attempt) == (2, 1):
                found.append((end, ("job_retried", job, {"attempt": 2, "of": 2, "number": 2})))
        return sorted(found, key=lambda pair: pair[0])

    def rerun(self) -> None:
        """Add a second run, in which only fit_2 ran: it completed."""
        key = {"attempt": 2, "node": 1}
        ended = {"attempt": 2, "started_at": BEGIN + 2000, "ended_at": BEGIN + 2100}
        rows: list[tuple[float, Any]] = [
            (1900, ("job_rerun", 3, {})),
            (1900, ("workflow_reset", None, {"run_id": 2})),
            (2000, ("job_claimed", 3, {**key, "run": 2})),
            (2000, ("job_started", 3, {**key, "at": BEGIN + 2000})),
            (2100, ("job_completed", 3, {**ended, "return_code": 0})),
        ]
        with self.store.write() as conn:
            for at, row in rows:
                append(conn, self.workflow_id, [row], at=BEGIN + at, actor=None)
            self.store_attempt(conn, 3, 2, S.COMPLETED, 2000, 2100, run=2)
            execute(conn, "UPDATE workflow SET run_id = 2")

    def store_attempt(
        self,
        conn: Any,
        job: int,
        attempt: int,
        status: JobStatus,
        start: float,
        end: float,
        run: int = 1,
    ) -> None:
        """Store the result of an attempt, and the row of its job."""
        code = 3 if status is S.FAILED else 0
        execute(
            conn,
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, compute_node_id, status,"
            " return_code, cause, started_at, ended_at, allocation)"
            " VALUES (1, ?, ?, ?, 1, ?, ?, 'exit', ?, ?, '[1, 1, []]')",
            (job, run, attempt, int(status), code, BEGIN + start, BEGIN + end),
        )
        execute(
            conn,
            "UPDATE job SET status = ?, attempt_id = ?, started_at = ?, ended_at = ?,"
            " return_code = ?, compute_node_id = 1 WHERE id = ?",
            (int(status), attempt, BEGIN + start, BEGIN + end, code, job),
        )


@pytest.fixture
def story(tmp_path: Path) -> ReplayStory:
    return ReplayStory(tmp_path)


def replay(pilot: Pilot[Any]) -> ReplayController:
    return screen(pilot).replay


def statuses(pilot: Pilot[Any]) -> list[JobStatus]:
    return [job.status for job in screen(pilot).model.view.jobs.values()]


async def start(pilot: Pilot[Any]) -> None:
    """Start a replay, and pause it at its begin."""
    await until(pilot, sees(pilot, "prep", "report", "4/4"))
    await pilot.press("6", "6")
    await until(pilot, sees(pilot, "CPU slots", "critical path"))
    await pilot.press("space")
    await until(pilot, sees(pilot, "replay", "returns to now"))
    await pilot.press("space")
    await until(pilot, sees(pilot, "‖ replay"))
    await go(pilot, 0.0)


async def go(pilot: Pilot[Any], share: float, *expected: JobStatus) -> None:
    """Go to a share of the run, and wait for the statuses of the jobs there."""
    replay(pilot).scrub(share)
    await until(pilot, lambda: not replay(pilot)._waits)
    if expected:
        await until(pilot, lambda: statuses(pilot) == list(expected), f"at {share}")


async def test_states_at_moments(story: ReplayStory) -> None:
    """Table, counts, overview, events and results show the moment, forwards and backwards."""
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await go(pilot, 0.05, S.RUNNING, S.BLOCKED, S.BLOCKED, S.BLOCKED)
        await until(pilot, sees(pilot, "0/4", "1 running"))
        await go(pilot, 0.15, S.COMPLETED, S.RUNNING, S.RUNNING, S.BLOCKED)
        await go(pilot, 0.25, S.COMPLETED, S.READY, S.RUNNING, S.BLOCKED)
        await go(pilot, 0.36, S.COMPLETED, S.RUNNING, S.FAILED, S.BLOCKED)
        await until(pilot, sees(pilot, "2/4", "1 failed"))
        screen(pilot).go_to_job(2, focus=False)
        await pilot.press("1")
        await until(pilot, sees(pilot, "Attempts (1)", "✖ failed"))
        await pilot.press("7")
        await until(pilot, lambda: screen(pilot).tabs.panes["results"].listed == 3)
        await go(pilot, 0.15, S.COMPLETED, S.RUNNING, S.RUNNING, S.BLOCKED)
        await until(pilot, lambda: screen(pilot).tabs.panes["results"].listed == 1)
        await go(pilot, 1.0, S.COMPLETED, S.COMPLETED, S.FAILED, S.COMPLETED)


async def test_timeline_shows_the_moment(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await go(pilot, 0.36)
        await until(pilot, sees(pilot, "▶ fit_1", "✖ fit_2", "▼", "░"))
        assert "✔ report" not in screen_text(pilot)
        await pilot.press("escape")
        await until(pilot, sees(pilot, "◆ report"))
        assert "▼" not in screen_text(pilot)


async def test_an_older_run(story: ReplayStory) -> None:
    """The timeline shows it, a replay replays it, and the present comes back with the last run."""
    story.rerun()
    async with story.app().run_test(size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep", "report", "4/4"))
        await pilot.press("6", "6")
        await until(pilot, sees(pilot, "CPU slots · 1 attempt"))
        await pilot.press("a")
        await until(pilot, sees(pilot, "run 2", "run 1", "5 attempts, 2 without success"))
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "run 1 · CPU slots"))
        await pilot.press("space")
        await until(pilot, sees(pilot, "▶ replay", "returns to now"))
        await go(pilot, 0.36, S.COMPLETED, S.RUNNING, S.FAILED, S.BLOCKED)
        await until(pilot, sees(pilot, "2/4", "1 failed"))
        await pilot.press("a")
        await until(pilot, sees(pilot, "run 2", "type to search"))
        await pilot.press("enter")
        await until(
            pilot, lambda: replay(pilot)._recording and replay(pilot)._recording.end > BEGIN + 2000
        )
        await go(pilot, 0.5, S.COMPLETED, S.COMPLETED, S.RUNNING, S.COMPLETED)
        await pilot.press("escape")
        await until(pilot, sees(pilot, "CPU slots · 1 attempt"))
        assert statuses(pilot)[2] is S.COMPLETED


async def test_plays_to_the_end(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await pilot.press(*[">"] * len(SPEEDS), "<", ">", "space")
        await until(pilot, lambda: statuses(pilot)[3] is S.COMPLETED)
        await until(pilot, sees(pilot, "‖ replay", "4/4"))
        end = time_of_day(BEGIN + 1000)
        await until(pilot, sees(pilot, f"{end} / {end}"))
        await pilot.press(*["<"] * len(SPEEDS), "space")
        await until(pilot, lambda: statuses(pilot)[3] is S.BLOCKED and replay(pilot).busy)


async def test_scrub_by_keys(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await pilot.press(".", ".", "shift+right")
        await until(pilot, sees(pilot, time_of_day(BEGIN + 60)))
        await pilot.press(",", "shift+left", ",", ",")
        await until(pilot, sees(pilot, f"{time_of_day(BEGIN)} /"))


async def test_scrub_by_mouse(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        slider = screen(pilot).replay_bar._slider
        await pilot.mouse_down(offset=(slider.stop - 1, 1))
        await until(pilot, lambda: statuses(pilot)[3] is S.COMPLETED)
        await pilot.hover(offset=(slider.start, 1))
        await pilot.mouse_up(offset=(slider.start, 1))
        await until(pilot, lambda: statuses(pilot)[0] is S.RUNNING)


async def test_actions_are_refused(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45), notifications=True) as pilot:
        await start(pilot)
        await go(pilot, 0.36, S.COMPLETED, S.RUNNING, S.FAILED, S.BLOCKED)
        screen(pilot).go_to_job(3)
        before = len(story.events())
        for key in ("r", "c", "R", "h", "e"):
            await pilot.press(key)
        await until(pilot, sees(pilot, "the past cannot be changed; esc returns to now"))
        assert pilot.app.screen is screen(pilot)
        assert len(story.events()) == before
        assert not any(one.writes for one in screen(pilot).available())


async def test_changes_meanwhile_are_shown_afterwards(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45), notifications=True) as pilot:
        await start(pilot)
        await go(pilot, 0.15, S.COMPLETED, S.RUNNING, S.RUNNING, S.BLOCKED)
        jobs.retry_jobs(story.store, [3], actor="ada@here")
        await until(pilot, lambda: not pilot.app.inbox)  # type: ignore[attr-defined]
        assert statuses(pilot)[2] is S.RUNNING
        await pilot.press("escape")
        await until(pilot, lambda: statuses(pilot)[2] is S.READY)
        assert screen(pilot).moment is None
        assert "returns to now" not in screen_text(pilot)


async def test_reload_ends_the_replay(story: ReplayStory) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await pilot.press("ctrl+l")
        await until(pilot, sees(pilot, "4/4"))
        assert not replay(pilot).is_on


async def test_keys_of_text_fields(story: ReplayStory) -> None:
    """In a filter, keys of the replay are text."""
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await pilot.press("/", *"fit_", ",", ".", "space", "backspace", "backspace", "backspace")
        await until(pilot, sees(pilot, "2 of 4"))
        assert not replay(pilot).busy
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not replay(pilot).is_on)


async def test_nothing_to_replay(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("6", "6", "space")
        await until(pilot, sees(pilot, "no attempt has started in this run"))
        assert not replay(pilot).is_on


@pytest.mark.long
@pytest.mark.system
async def test_no_key_changes_anything(story: ReplayStory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key in every tab: the replay goes on, and nothing is written."""
    monkeypatch.setenv("VISUAL", "true")
    leaves = EXTERNAL | {"back", "reload", "palette"}
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        app: Any = pilot.app
        before = len(story.events())
        for tab in TABS:
            for key, command in list(commands_here(app)):
                if command.id in leaves:
                    continue
                await app.dispatcher.carry_out(command)
                await pilot.pause()
                while len(app.screen_stack) > 1 or app.screen is not screen(pilot):
                    await pilot.press("escape")
                    await pilot.pause()
                assert replay(pilot).is_on, f"{tab.name}: {key} ({command.id})"
            await screen(pilot).show_tab(tab.name)
            screen(pilot).focus_pane()
            await until(pilot, lambda: not app.reader.is_busy and not app.inbox)
        assert len(story.events()) == before


@pytest.mark.parametrize("width", [1, 12, 40, 80, 160])
def test_bar(width: int) -> None:
    bar = ReplayBar(lambda share: None)
    bar.state = ReplayState(BEGIN, BEGIN + 60, 0.5, 10.0, True, "esc returns to now")
    (line,) = bar.lines(width, 1)
    text = "".join(part for part, _ in line)
    assert ("━" in text and "●" in text) is (width >= 80)
    assert "replay" in text


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((1, 1), marks=pytest.mark.long),
        (40, 10),
        pytest.param((200, 60), marks=pytest.mark.long),
    ],
)
async def test_sizes(story: ReplayStory, size: tuple[int, int]) -> None:
    async with story.app().run_test(size=(160, 45)) as pilot:
        await start(pilot)
        await pilot.resize_terminal(*size)
        await pilot.press(".", ">", "space", "space", ",")
        await pilot.resize_terminal(160, 45)
        await until(pilot, sees(pilot, "returns to now"))
