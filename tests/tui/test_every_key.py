"""Every key on each screen in each state of a workflow.

No key raises an exception, no key in the footer does nothing, and nothing that needs a question
happens without one. Actions are recorded instead of carried out, so that the state stays.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import Workspace, screen_text, sees, until
from torc_tui.model import Machine
from torc_tui.operations.user_action import Target, must_confirm, narrow
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes
from torc_tui.tui.frame.action_runner import ActionRunner
from torc_tui.tui.frame.base_screen import TorcScreen, contexts
from torc_tui.tui.frame.command import AppCommand
from torc_tui.tui.frame.commands import ACTIONS, COMMANDS
from torc_tui.tui.results.results_pane import ResultsPane
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.workflows.tab_host import TABS, Tab
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen
from torc_tui.tui.workflows.workflows_screen import WorkflowsScreen

pytestmark = pytest.mark.system

S = JobStatus
SPEC = """
name: pipeline
user_data: [{name: config, data: {lr: 0.1, layers: [1, 2]}}]
files: [{name: table, path: table.csv}]
jobs:
  - {name: prep, command: "echo ${user_data.input.config}", output_files: [table]}
  - {name: "fit_{i}", command: "true", input_files: [table], parameters: {i: "1:25", k: "1"}}
  - {name: report, command: "true", depends_on_regexes: ["^fit_.*"]}
"""
STATES: dict[str, Sequence[JobStatus]] = {
    "uninitialized": [S.UNINITIALIZED] * 27,
    "waiting": [S.READY, *[S.BLOCKED] * 26],
    "running": [S.COMPLETED, S.RUNNING, S.FAILED, *[S.READY] * 23, S.BLOCKED],
    "failed": [S.COMPLETED, S.FAILED, S.TERMINATED, *[S.COMPLETED] * 23, S.CANCELED],
    "completed": [S.COMPLETED] * 27,
    "canceled": [S.CANCELED] * 27,
    "paused": [S.COMPLETED, S.RUNNING, S.FAILED, *[S.READY] * 23, S.BLOCKED],
    "archived": [S.COMPLETED, S.FAILED, *[S.COMPLETED] * 24, S.CANCELED],
    "empty": [],
}
FLAGS = {"paused": "is_paused", "archived": "is_archived"}
"""The flags of the workflow in a state."""
EMPTY = "name: pipeline\njobs: []\n"
PAUSE = 0.01
"""Seconds for the messages that follow a key."""
EXTERNAL = frozenset({"quit", "quit-now", "suspend", "log-pager", "data-editor", "editor-external"})
"""Commands that leave the app, or start programs that need a terminal."""
EXTERNAL |= {"job-shell", "keys-write", "screenshot", "keys-preset"}
SHOWS_NOTHING = frozenset({"copy-value", "copy-path", "log-copy", "job-copy", "data-command"})
"""Commands whose effect is in the clipboard."""
SHOWS_NOTHING |= {"reload", "next-pane", "filter-keep"}
LATER = frozenset({"notify", "notify-workflow"})
"""Commands whose effect comes later, as a notification among those of other keys."""


class EveryKeyStory(Workspace):
    """A workflow in one state, with a runner if it is running."""

    def __init__(self, folder: Path, state: str) -> None:
        statuses = STATES[state]
        super().__init__(folder, SPEC if statuses else EMPTY)
        with self.store.write() as conn:
            node = None
            if S.RUNNING in statuses:
                machine = Machine(hostname=gethostname(), num_cpus=8, memory=16 << 30)
                process = compute_nodes.this_process(gethostname())
                node, _ = compute_nodes.register(conn, 1, 1, process, machine, {}, time.time())
            for job, status in enumerate(statuses, start=1):
                began = None if status in (S.UNINITIALIZED, S.READY, S.BLOCKED) else 100.0
                ended = None if status is S.RUNNING or began is None else 101.0
                execute(
                    conn,
                    "UPDATE job SET status = ?, started_at = ?, ended_at = ?, compute_node_id = ?,"
                    " pid = ? WHERE id = ?",
                    (int(status), began, ended, node if status is S.RUNNING else None,
                     os.getpid() if status is S.RUNNING else None, job),
                )  # fmt: skip
            if state in FLAGS:
                execute(conn, f"UPDATE workflow SET {FLAGS[state]} = true")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command lines of the actions that would have been carried out."""
    found: list[str] = []
    monkeypatch.setattr(
        ActionRunner, "run", lambda self, action, *, line=None, **more: found.append(line or "?")
    )
    monkeypatch.setenv("VISUAL", "true")
    return found


def commands_here(app: TorcApp) -> Iterator[tuple[str, AppCommand]]:
    """Yield the keys that work now, each with its command."""
    here = contexts(app.screen)
    handlers = app.handlers_here()
    for command in COMMANDS:
        for key in app.keymap.keys(command.id)[:1]:
            if app.keymap.find(key, here) is command and command.id in handlers:
                yield key, command


def snapshot(pilot: Pilot[Any], done: list[str]) -> tuple[object, ...]:
    """Return everything that a key may change."""
    app = pilot.app
    focused = app.screen.focused
    return (
        screen_text(pilot),
        len(app.screen_stack),
        id(app.screen),
        id(focused),
        tuple(done),
        len(app._notifications),
        getattr(app.screen, "_alone", None),
    )


async def close_dialogs(pilot: Pilot[Any], stack: int) -> None:
    """Close the dialogs that a key has opened."""
    for _ in range(6):
        if len(pilot.app.screen_stack) <= stack:
            return
        await pilot.press("escape")
        await pilot.pause(PAUSE)
    raise AssertionError(f"escape does not close\n{screen_text(pilot)}")


async def press_all(
    pilot: Pilot[Any],
    done: list[str],
    where: str,
    *,
    archived: bool = False,
    view: Callable[[], None] = lambda: None,
    skipped: Collection[str] = (),
) -> None:
    """Press every key that works here, and check what it did; ``view`` shows the view again."""
    app = pilot.app
    assert isinstance(app, TorcApp)
    base, stack, focused = app.screen, len(app.screen_stack), app.screen.focused
    assert isinstance(base, TorcScreen)
    cursor = base.table.cursor  # type: ignore[attr-defined]  # both screens have a table
    shown = {command.id for command in base.available()}
    for key, command in list(commands_here(app)):
        opens = command.id == "activate" and isinstance(base, WorkflowsScreen)
        if opens or command.id in EXTERNAL | LATER | {"back", "palette", *skipped}:
            continue
        # A refusal of the previous key may come late.
        await until(pilot, lambda: not app.reader.is_busy and not app.inbox)
        done.clear()
        app.clear_notifications()
        await pilot.pause(PAUSE)
        before = snapshot(pilot, done)
        await app.dispatcher.carry_out(command)
        await pilot.pause(PAUSE)
        check_question(app, command, done, where)
        if command.id in shown and command.id not in SHOWS_NOTHING:
            await until(
                pilot,
                lambda before=before: snapshot(pilot, done) != before,  # type: ignore[misc]
                f"{where}: {key} ({command.id}) is in the footer and does nothing",
            )
            told = [one.message for one in app._notifications if one.severity == "error"]
            assert not told, f"{where}: {key} ({command.id}) is in the footer, but: {told}"
        await close_dialogs(pilot, stack)
        view()
        await restore(pilot, base, focused, cursor, archived=archived)


def check_question(app: TorcApp, command: AppCommand, done: list[str], where: str) -> None:
    """Fail if an action that needs a question was carried out without one."""
    for action in ACTIONS.get(command.id, ()):
        if not done or action.confirm is None:
            continue
        screen = app.front()
        counts: Counter[JobStatus] = Counter()
        if action.target is Target.JOBS and isinstance(screen, WorkflowScreen):
            counts = Counter(job.status for job in narrow(action, screen.table.chosen_jobs)[0])
        elif screen is not None and screen.workflow is not None:  # type: ignore[attr-defined]
            counts = Counter(screen.workflow.counts)  # type: ignore[attr-defined]
        assert not must_confirm(action, counts), f"{where}: {command.id} did not ask: {done}"


async def restore(
    pilot: Pilot[Any], base: TorcScreen, focused: Any, cursor: object, *, archived: bool = False
) -> None:
    """Show the same rows and the same pane again."""
    if isinstance(base, WorkflowScreen):
        base.filter.line.clear()
        base.table.set_marks(set())
        base.split.show_alone(None)
        base.model.rows.folds, base.model.rows.groups.opened = True, set()
        base.table.set_rows(base.model.rows)
        base.table.select(cursor)  # type: ignore[arg-type]  # a key
    elif isinstance(base, WorkflowsScreen):
        base.filter_line.clear()
        base.table.set_marks(set())
        base.rows.archived, base.rows.user = archived, None
        base.table.reload()
    await pilot.pause(PAUSE)
    if focused is not None and focused.is_attached and focused.display:
        base.set_focus(focused)
    await pilot.pause(PAUSE)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, marks=() if state == "running" else pytest.mark.long)
        for state in STATES
        if state != "empty"
    ],
)
async def test_keys_of_a_workflow(tmp_path: Path, done: list[str], state: str) -> None:
    place = EveryKeyStory(tmp_path, state)
    async with place.app().run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep", "report"))
        screen = pilot.app.screen
        assert isinstance(screen, WorkflowScreen)
        for row in ("prep", "fit_{i}"):
            assert screen.table.select(row if "{" in row else 1)
            screen.table.focus()
            await pilot.pause(PAUSE)
            await press_all(pilot, done, f"{state}, jobs, {row}")
    place.store.close()


@pytest.mark.long
@pytest.mark.parametrize("state", ["running", "failed", "completed"])
async def test_keys_of_the_tabs(tmp_path: Path, done: list[str], state: str) -> None:
    place = EveryKeyStory(tmp_path, state)
    async with place.app().run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep", "report"))
        screen = pilot.app.screen
        assert isinstance(screen, WorkflowScreen)
        for tab in TABS:
            await screen.show_tab(tab.name)
            screen.focus_pane()
            await until(pilot, lambda: not pilot.app.reader.is_busy and not pilot.app.inbox)
            await pilot.pause(PAUSE)
            await press_all(pilot, done, f"{state}, {tab.name}")
            await screen.show_tab(tab.name)
    place.store.close()


@pytest.mark.long
@pytest.mark.parametrize("view", ["sweep", "heat"])
async def test_keys_of_sweeps(tmp_path: Path, done: list[str], view: str) -> None:
    place = EveryKeyStory(tmp_path, "running")
    async with place.app().run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep", "report"))
        screen = pilot.app.screen
        assert isinstance(screen, WorkflowScreen)
        await screen.show_tab("results")
        pane = screen.tabs.pane
        assert isinstance(pane, ResultsPane)
        await until(pilot, lambda: pane.reader.sweep is not None)
        pane.choose(view)
        await until(pilot, lambda: pane.reader.sweep.known)
        screen.focus_pane()
        await until(pilot, lambda: view == "sweep" or pane.heat.drawing is not None)
        await press_all(pilot, done, f"running, {view}", view=lambda: pane.choose(view))
    place.store.close()


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(one, marks=() if one in ("empty", "failed") else pytest.mark.long)
        for one in STATES
    ],
)
async def test_keys_of_the_list(tmp_path: Path, done: list[str], state: str) -> None:
    place = EveryKeyStory(tmp_path, state)
    async with place.app(workflow_id=None).run_test(size=(120, 36), notifications=True) as pilot:
        if state == "archived":
            await until(pilot, sees(pilot, "archived"))
            await press_all(pilot, done, "only archived workflows, list")
            await pilot.press("A")
        await until(pilot, sees(pilot, "pipeline", "27" if STATES[state] else "empty"))
        await press_all(pilot, done, f"{state}, list", archived=state == "archived")
    place.store.close()


@pytest.mark.parametrize("tabs", [(), pytest.param(TABS, marks=pytest.mark.long)], ids=len)
async def test_keys_of_an_empty_workflow(
    tmp_path: Path, done: list[str], tabs: Sequence[Tab]
) -> None:
    place = EveryKeyStory(tmp_path, "empty")
    async with place.app().run_test(size=(120, 36), notifications=True) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, WorkflowScreen)
        await until(pilot, lambda: screen.model.loaded)
        await press_all(pilot, done, "empty, jobs")
        for tab in tabs:
            await screen.show_tab(tab.name)
            screen.focus_pane()
            await until(pilot, lambda: not pilot.app.reader.is_busy and not pilot.app.inbox)
            await pilot.pause(PAUSE)
            await press_all(pilot, done, f"empty, {tab.name}")
            await screen.show_tab(tab.name)
    place.store.close()


AGREES = frozenset({"y", "enter", "space", "ctrl+s", "ctrl+r"})
"""Keys that accept what a dialog asks, besides those of its buttons."""


def dialog_keys() -> list[str]:
    """Return all keys of the app, without chords and those that leave the app."""
    keys = {key for command in COMMANDS for key in (*command.keys, *(command.vim or ()))}
    keys |= {"tab", "shift+tab", "left", "right", "y", "n", "1", "x", "backspace", "delete"}
    return sorted(keys - {"ctrl+q", "ctrl+z", "q"} - {key for key in keys if " " in key})


@pytest.mark.long
@pytest.mark.parametrize(
    ("state", "where"),
    [("running", "jobs"), ("failed", "jobs"), ("paused", "list"), ("failed", "list")],
)
async def test_keys_in_dialogs(tmp_path: Path, done: list[str], state: str, where: str) -> None:
    """Every key in every dialog that a key opens: nothing is carried out but on agreement."""
    place = EveryKeyStory(tmp_path, state)
    number = 1 if where == "jobs" else None
    async with place.app(workflow_id=number).run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, sees(pilot, "pipeline"))
        app = pilot.app
        base, stack = app.screen, len(app.screen_stack)
        await until(pilot, lambda: base.table.order)
        base.table.select(1)
        opened = 0
        for key, command in list(commands_here(app)):
            if command.id in EXTERNAL | {"back", "palette", "activate"}:
                continue
            await app.dispatcher.carry_out(command)
            await pilot.pause(PAUSE)
            if len(app.screen_stack) > stack:
                opened += 1
                await press_in_dialog(pilot, done, command, f"{state}, {where}, {key}")
            if app.screen is not base:
                await close_dialogs(pilot, stack)
            await restore(pilot, base, base.table, 1)
        assert opened > 3
    place.store.close()


async def press_in_dialog(
    pilot: Pilot[Any], done: list[str], command: AppCommand, where: str
) -> None:
    """Press every key in the dialog of a command, and open it again when a key has closed it."""
    app = pilot.app
    assert isinstance(app, TorcApp)
    kind, stack = type(app.screen), len(app.screen_stack) - 1
    for key in dialog_keys():
        if type(app.screen) is not kind:
            await close_dialogs(pilot, stack)
            await app.dispatcher.carry_out(command)
            await pilot.pause(PAUSE)
            if type(app.screen) is not kind:
                return  # such as one that asks only the first time
        done.clear()
        agrees = AGREES | {option.key for option in getattr(app.screen, "options", ())}
        await pilot.press(key)
        await pilot.pause(0)
        assert key in agrees or not done, f"{where}: {key} in {kind.__name__} did {done}"
