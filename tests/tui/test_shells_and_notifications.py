"""The shell of a job, the command line that reproduces it, and notifications."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import ENVIRON, Workspace, sees, until
from torc_tui.operations import jobs as job_acts
from torc_tui.operations import workflows as workflow_acts
from torc_tui.tui.feed.watches import Watch, Watches, WatchResult
from torc_tui.tui.shell import notifier
from torc_tui.tui.shell.app import TorcApp

SPEC = """
name: pipeline
env: {GREETING: hello}
jobs:
  - {name: prep, command: "echo $GREETING"}
  - {name: "train_{i}", command: "true", parameters: {i: "1:5"}}
"""


class Story(Workspace):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        workflow_acts.initialize(self.store, self.workflow_id)

    def app(self, **environ: str) -> TorcApp:
        return super().app(environ={**ENVIRON, "PATH": "/usr/bin:/bin", **environ})


@pytest.fixture
def story(tmp_path: Path):  # type: ignore[no-untyped-def]  # a generator fixture
    story = Story(tmp_path)
    yield story
    story.store.close()


# -- by hand ---------------------------------------------------------------------------------------


async def test_the_line_of_a_job_is_copied(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard.startswith(f"cd {story.folder} && env "))
        assert "GREETING=hello" in app.clipboard and app.clipboard.endswith(
            "bash -c 'echo $GREETING'"
        )
        assert app.last_line == app.clipboard


async def test_shell_of_a_job(story: Story, capfd: pytest.CaptureFixture[str]) -> None:
    script = story.folder / "shell"
    script.write_text(
        '#!/bin/sh\necho "$PWD|$GREETING|$TORC_JOB_NAME|[$CUDA_VISIBLE_DEVICES]" > told\n'
    )
    script.chmod(0o755)
    app = story.app(SHELL=str(script))
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("!")
        told = story.folder / "told"
        await until(pilot, lambda: told.exists() and told.read_text().endswith("\n"))
        assert told.read_text() == f"{story.folder}|hello|prep|[]\n"


async def test_missing_shell(story: Story, capfd: pytest.CaptureFixture[str]) -> None:
    async with story.app(SHELL="/no/such/shell").run_test(
        notifications=True, size=(120, 30)
    ) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("!")
        await until(pilot, sees(pilot, "cannot start the shell"))


# -- watches ---------------------------------------------------------------------------------------


def test_notification_of_a_group(story: Story) -> None:
    watches = Watches()
    ids = [2, 3, 4]
    assert watches.toggle("group", Watch("train_{i}", story.workflow_id, ids))
    assert watches.toggle("all", Watch("pipeline", story.workflow_id))
    assert watches.check(story.store) == []
    job_acts.cancel_jobs(story.store, ids[:2], actor=None)
    assert watches.check(story.store) == [] and len(watches) == 2
    job_acts.disable_jobs(story.store, ids[2:], actor=None)
    assert watches.check(story.store) == [WatchResult("train_{i}: 2 canceled, 1 disabled", 2)]
    workflow_acts.cancel_workflow(story.store, story.workflow_id)
    assert [ended.text for ended in watches.check(story.store)] == [
        "pipeline: 5 canceled, 1 disabled"
    ]
    assert watches.check(story.store) == [] and len(watches) == 0


def test_second_call_cancels_a_notification(story: Story) -> None:
    watches = Watches()
    assert watches.toggle(1, Watch("a", story.workflow_id, [1]))
    assert not watches.toggle(1, Watch("a", story.workflow_id, [1]))
    assert len(watches) == 0


async def test_notification_by_bell_osc9_and_command(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story.folder / "told"
    monkeypatch.setattr(
        notifier, "command_of_settings", lambda: f'printf %s "$TORC_NOTICE|$1" > {told}'
    )
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        rung: list[int] = []
        written: list[str] = []
        monkeypatch.setattr(app, "bell", lambda: rung.append(1))
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("n")
        await until(pilot, sees(pilot, "prep: you will be notified", "1 notification"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "Workflows 1", "1 notification"))
        job_acts.cancel_jobs(story.store, [1], actor=None)
        await until(pilot, sees(pilot, "prep canceled"))
        assert rung and "\x1b]9;prep canceled\x07" in written
        await until(
            pilot, lambda: told.exists() and told.read_text() == "prep canceled|prep canceled"
        )
        await pilot.press("n")
        await until(pilot, sees(pilot, "pipeline: you will be notified"))


def test_no_notification_of_what_has_finished(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = story.app()
    told: list[str] = []
    monkeypatch.setattr(app, "notify", lambda text, **more: told.append(text))
    app.toggle_watch(1, Watch("prep", story.workflow_id, [1]), ended=True)
    assert told == ["prep: already finished, there is nothing to wait for"] and not app.watches


def test_hostile_notification() -> None:
    assert notifier.osc9("a\x07b\x1b]52;c;x\x07\nc").count("\x07") == 1
    assert notifier.osc9("x" * 999).startswith("\x1b]9;xxx") and len(notifier.osc9("x" * 999)) < 210


def test_the_command_comes_from_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torc.toml").write_text('[tui]\nnotify_command = "notify-send torc \\"$1\\""\n')
    assert notifier.command_of_settings() == 'notify-send torc "$1"'
