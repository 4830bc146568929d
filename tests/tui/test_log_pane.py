"""The tab Log, by Pilot on a real database and real files: attempts, streams, messages, copies,
search.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import ENVIRON, Workspace, screen, screen_text, sees, until
from tests.waiting import DEADLINE
from torc_tui.operations import workflows as workflow_acts
from torc_tui.status import JobStatus
from torc_tui.store import event_log, log_files
from torc_tui.tui.frame.external import CLIPBOARD
from torc_tui.tui.logs.log_pane import LogPane
from torc_tui.tui.logs.log_search import LogSearch
from torc_tui.tui.logs.log_view import LogView
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen

pytestmark = pytest.mark.system

SPEC = """
name: pipeline
jobs:
  - {name: first, command: "true"}
  - {name: second, command: "true", depends_on: [first]}
  - {name: third, command: "true", stdio: {mode: no_stdout}}
  - {name: fourth, command: "true", stdio: {mode: combined}}
  - {name: fifth, command: "true", stdio: {mode: none}}
  - {name: sixth, command: "true", stdio: {mode: separate, delete_on_success: true}}
"""
FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = range(1, 7)


class Story(Workspace):
    """A database with one workflow whose attempts the test records."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        workflow_acts.initialize(self.store, self.workflow_id, actor="ada@here")
        (folder / "torc_output" / "job_stdio").mkdir(parents=True)

    def file(self, job: int, ending: str, attempt: int = 1) -> Path:
        stem = log_files.attempt_stem(
            str(self.folder / "torc_output"), self.workflow_id, job, 1, attempt
        )
        return Path(f"{stem}.{ending}")

    def run(self, job: int, attempt: int = 1) -> None:
        """An attempt begins."""
        self._write(
            f"UPDATE job SET status = {JobStatus.RUNNING}, attempt_id = {attempt},"
            " started_at = 100.0,"
            f" output_dir = '{self.folder}/torc_output' WHERE id = {job}",
            ("job_started", job, {"attempt": attempt}),
        )

    def end(self, job: int, code: int = 0, attempt: int = 1) -> None:
        """An attempt ended."""
        status = JobStatus.COMPLETED if code == 0 else JobStatus.FAILED
        self._write(
            f"UPDATE job SET status = {int(status)}, return_code = {code}, ended_at = 101.0 WHERE id = {job}",
            (f"job_{status.word}", job, {"attempt": attempt, "return_code": code}),
            "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, return_code, started_at, ended_at,"
            f" output_dir) VALUES ({self.workflow_id}, {job}, 1, {attempt}, {int(status)}, {code}, 100.0, 101.0,"
            f" '{self.folder}/torc_output')",
        )

    def _write(self, change: str, event: tuple[str, int, dict[str, int]], *more: str) -> None:
        with self.store.write() as conn:
            for text in (change, *more):
                execute(conn, text)
            event_log.append(conn, self.workflow_id, [event], at=time.time())


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path)
    yield story
    story.store.close()


def pane(pilot: Pilot[int]) -> LogPane:
    return screen(pilot).query_one(LogPane)


async def open_log(pilot: Pilot[int], job: int) -> None:
    await until(pilot, lambda: bool(screen(pilot).table.order))
    screen(pilot).table.select(job)
    await screen(pilot).show_tab("log")
    screen(pilot).query_one(LogView).focus()


async def test_a_running_job_is_followed_to_its_end(story: Story) -> None:
    story.run(FIRST)
    story.file(FIRST, "o").write_text("hello\n")
    story.file(FIRST, "e").touch()
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "hello", "● following", "stdout (stderr is empty)"))
        with story.file(FIRST, "o").open("a") as file:
            file.write("more [bold]of[/bold] it\n")
        await until(pilot, sees(pilot, "more [bold]of[/bold] it", "2 lines"))
        story.end(FIRST, 3)
        await until(pilot, sees(pilot, "ended, exit 3"))


async def test_job_without_attempt(story: Story) -> None:
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, SECOND)
        await until(pilot, sees(pilot, "no log: second has not started", "first is ready"))


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (THIRD, ["the job wrote nothing to stderr", "stdout is not kept", "stdout not kept"]),
        (FIFTH, ["the output of the job is not kept (stdio mode none)"]),
        (SIXTH, ["the output was deleted: the job completed"]),
    ],
)
async def test_streams_that_are_not_kept(story: Story, job: int, words: list[str]) -> None:
    story.run(job)
    story.end(job)
    if job == THIRD:
        story.file(job, "e").touch()
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, job)
        await until(pilot, sees(pilot, *words))


async def test_missing_files(story: Story) -> None:
    story.run(FIRST)
    story.end(FIRST)
    async with story.app().run_test(size=(200, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "log files not found:"))
        said = "".join(line[-1][0] for line in pane(pilot).log_view.message)
        assert str(story.file(FIRST, "o")) in said and str(story.file(FIRST, "e")) in said


async def test_combined_output_is_one_stream(story: Story) -> None:
    story.run(FOURTH)
    story.end(FOURTH)
    story.file(FOURTH, "log").write_text("all in one\n")
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FOURTH)
        await until(pilot, sees(pilot, "all in one", "stdout and stderr"))


async def test_streams_one_after_the_other(story: Story) -> None:
    story.run(FIRST)
    story.end(FIRST)
    story.file(FIRST, "o").write_text("the output\n")
    story.file(FIRST, "e").write_text("the complaint\n")
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(
            pilot, sees(pilot, "the output", "▎the complaint", "order relative to stdout unknown")
        )
        await pilot.press("o")
        await until(
            pilot,
            lambda: (
                "the complaint" not in screen_text(pilot) and "the output" in screen_text(pilot)
            ),
        )
        await pilot.press("o")
        await until(
            pilot,
            lambda: (
                "the complaint" in screen_text(pilot) and "the output" not in screen_text(pilot)
            ),
        )
        await pilot.press("o")
        await until(pilot, sees(pilot, "the output", "the complaint"))


async def test_choice_of_an_attempt(story: Story) -> None:
    for attempt in (1, 2):
        story.run(FIRST, attempt)
        story.end(FIRST, attempt, attempt)
        story.file(FIRST, "o", attempt).write_text(f"this was attempt {attempt}\n")
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "this was attempt 2", "ended, exit 2", "attempt 2 of 2"))
        await pilot.press("a")
        await until(pilot, sees(pilot, "run 1, attempt 1", "exit 1"))
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "this was attempt 1", "ended, exit 1", "attempt 1 of 2"))
        await pilot.press("a", "enter")
        await until(pilot, sees(pilot, "this was attempt 2"))
        story.file(FIRST, "o", 3).write_text("this is attempt 3\n")
        story.run(FIRST, 3)
        await until(pilot, sees(pilot, "this is attempt 3", "● following"))


async def test_search_while_typing_and_by_keys(story: Story) -> None:
    story.run(FIRST)
    story.end(FIRST)
    story.file(FIRST, "o").write_text("".join(f"epoch {n}\n" for n in range(1, 501)))
    async with story.app().run_test(size=(140, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "500 lines"))
        await pilot.press("/", *"epoch 4")
        await until(pilot, sees(pilot, "of 111", "epoch 4"))
        await pilot.press("enter", "home")
        await until(pilot, sees(pilot, "line 24 of 500"))
        await pilot.press("n")
        await until(pilot, sees(pilot, "1 of 111"))
        await pilot.press("n")
        await until(pilot, sees(pilot, "2 of 111"))
        await pilot.press("N", "N")
        await until(pilot, sees(pilot, "111 of 111"))
        await pilot.press("escape")
        await until(pilot, lambda: "of 111" not in screen_text(pilot))
        await pilot.press("end", "/", *"epoch 4")
        await until(pilot, sees(pilot, " of 111"))
        await pilot.press("escape")
        await until(pilot, lambda: pane(pilot).log_view.follow)
        await pilot.press("/", *"nowhere")
        await until(pilot, sees(pilot, "no match for nowhere"))
        await pilot.press("escape")
        await until(pilot, lambda: "nowhere" not in screen_text(pilot))
        assert isinstance(pilot.app.focused, LogView)


async def test_copies_go_to_the_clipboard_and_large_ones_to_a_file(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    story.run(FIRST)
    story.end(FIRST)
    story.file(FIRST, "o").write_bytes(b"\x1b[31mred\x1b[0m\nlast\n")
    async with story.app().run_test(size=(120, 30), notifications=True) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "red"))
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard == "red\nlast")
        await pilot.press("shift+down", "y")
        await until(pilot, lambda: pilot.app.clipboard == "red")
        with story.file(FIRST, "o").open("a") as file:
            file.writelines(f"{n:0100}\n" for n in range(CLIPBOARD // 100 + 10))
        await pilot.press("end")
        await until(pilot, sees(pilot, "752 lines"))
        await pilot.press("Y")
        await until(pilot, sees(pilot, "too large for the clipboard", "torc-job1-both-"))
        (copy,) = tmp_path.glob("torc-job1-both-*.txt")
        assert (
            copy.read_text().startswith("red\nlast\n0000")
            and len(copy.read_text().splitlines()) == 752
        )


async def test_the_pager_gets_the_files(story: Story, tmp_path: Path) -> None:
    story.run(FIRST)
    story.end(FIRST)
    story.file(FIRST, "o").write_text("x\n")
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\necho "$LESS $*" > {tmp_path}/called\n')
    pager.chmod(0o755)
    async with story.app(environ={**ENVIRON, "PAGER": f"{pager} --flag"}).run_test(
        size=(120, 30), notifications=True
    ) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "1 line"))
        await pilot.press("O")
        await until(pilot, (tmp_path / "called").exists)
        assert (tmp_path / "called").read_text() == f"-R --flag {story.file(FIRST, 'o')}\n"
        pilot.app.environ = {**ENVIRON, "PAGER": "no-such-pager"}  # type: ignore[attr-defined]  # it is a TorcApp
        await pilot.press("O")
        await until(pilot, sees(pilot, "pager 'no-such-pager' not found"))


async def test_search_in_all_logs_goes_to_the_line(story: Story) -> None:
    for job, word in ((FIRST, "one"), (THIRD, "two"), (FOURTH, "three")):
        story.run(job)
        story.end(job)
        ending = {FIRST: "o", THIRD: "e", FOURTH: "log"}[job]
        story.file(job, ending).write_text(
            "".join(f"{word} {n}\n" for n in range(300)) + f"ERROR in {word}\n" + "x\n" * 99
        )
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FIRST)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogSearch))
        await pilot.press(*"error", "enter")
        await until(pilot, sees(pilot, "3 lines in 3 jobs", "ERROR in one", "ERROR in two", "301"))
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "ERROR in two", "two 299", "1 of 1 error"))
        assert screen(pilot).selected_job.id == THIRD and not pane(pilot).log_view.follow
        await pilot.press("L")
        await until(pilot, sees(pilot, "3 lines in 3 jobs"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))


async def test_a_search_in_thousands_of_logs_can_be_stopped(story: Story) -> None:
    story.run(FIRST)
    story.end(FIRST)
    story.file(FIRST, "o").write_bytes(b"x\n" * 200_000)
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FIRST)
        await pilot.press("L", "x", "enter")
        found = pilot.app.screen.grep
        await until(pilot, lambda: found.total > 0)
        if not found.done:
            await pilot.press("escape")
            assert isinstance(pilot.app.screen, LogSearch)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert found.done and found.join(DEADLINE)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (20, 6), (8, 3)])
async def test_sizes(story: Story, size: tuple[int, int]) -> None:
    story.run(FIRST)
    story.file(FIRST, "o").write_text("".join(f"epoch {n} {'x' * n}\n" for n in range(1, 200)))
    story.file(FIRST, "e").write_text("漢字🎉" * 40)
    async with story.app().run_test(size=size) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, lambda: bool(pane(pilot).log_view.window.lines))
        for key in (
            "w",
            "up",
            "pageup",
            "home",
            "w",
            "right",
            "left",
            "/",
            "e",
            "enter",
            "n",
            "end",
            "z",
            "z",
        ):
            await pilot.press(key)
        await pilot.resize_terminal(200, 60)
        await until(pilot, sees(pilot, "following"))


async def test_hidden_log(story: Story) -> None:
    story.run(FIRST)
    story.file(FIRST, "o").write_text("x\n")
    async with story.app().run_test(size=(120, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "1 line"))
        reader = pane(pilot).log_view.reader
        await screen(pilot).show_tab("overview")
        await until(pilot, lambda: not reader._watching)
        story.end(FIRST, 4)
        await until(pilot, lambda: pane(pilot).stale)
        await screen(pilot).show_tab("log")
        await until(pilot, sees(pilot, "ended, exit 4"))
        assert reader._watching


async def test_unreadable_log(story: Story) -> None:
    story.run(FIRST)
    story.file(FIRST, "o").symlink_to(story.file(FIRST, "o"))
    async with story.app().run_test(size=(200, 30)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, sees(pilot, "the log cannot be read:", "symbolic"))


async def test_the_log_thread_ends_with_the_app(story: Story) -> None:
    async with story.app().run_test(size=(80, 24)) as pilot:
        await open_log(pilot, FIRST)
        await until(pilot, lambda: pane(pilot).log_view.reader._thread.is_alive())
        thread = pane(pilot).log_view.reader._thread
    assert not thread.is_alive()


async def test_stderr_tail_in_the_overview(story: Story) -> None:
    story.file(FIRST, "e").write_text(
        "".join(f"line {number}\n" for number in range(50)) + "\x1b[31mboom\x1b[0m\n\n"
    )
    story.file(FOURTH, "log").write_text("all in one\n")
    story.run(FIRST)
    story.run(FOURTH)
    async with story.app().run_test(size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "first"))
        story.end(FIRST, 7)
        story.end(FOURTH, 3)
        await until(pilot, sees(pilot, "End of standard error", "line 45", "boom"))
        assert "line 44" not in screen_text(pilot)
        screen(pilot).table.select(FOURTH)
        await until(pilot, sees(pilot, "End of standard error", "all in one"))
        screen(pilot).table.select(SECOND)
        await until(pilot, lambda: "End of standard error" not in screen_text(pilot))


async def test_output_of_a_completed_job(story: Story) -> None:
    story.file(FIRST, "o").write_text("".join(f"epoch {number}\n" for number in range(99)))
    story.run(FIRST)
    async with story.app().run_test(size=(160, 60)) as pilot:
        await until(pilot, sees(pilot, "first"))
        story.end(FIRST, 0)
        await until(pilot, sees(pilot, "Command", "End of standard output", "epoch 98"))
        assert "standard error" not in screen_text(pilot)


async def test_stdout_tail_in_the_overview(story: Story) -> None:
    story.file(FIRST, "e").touch()
    story.file(FIRST, "o").write_text("only here\n")
    story.run(FIRST)
    story.end(FIRST, 7)
    async with story.app().run_test(size=(140, 40)) as pilot:
        await until(
            pilot, sees(pilot, "End of standard output", "standard error is empty", "only here")
        )
        assert "End of standard error" not in screen_text(pilot)
