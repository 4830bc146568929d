"""What users do, by Pilot on a real database in a temporary folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import ENVIRON, Workspace, screen, screen_text, sees, until
from tests.waiting import DEADLINE
from torc_tui.docs import topics
from torc_tui.model import Machine
from torc_tui.operations import job_holds
from torc_tui.operations import jobs as job_acts
from torc_tui.operations import workflows as workflow_acts
from torc_tui.reasons import Kind, because
from torc_tui.records import replace
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, feed
from torc_tui.store.log_files import attempt_stem
from torc_tui.tui.frame.bars import HeaderBar
from torc_tui.tui.look.theme import THEMES
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.shell.help import HelpDialog
from torc_tui.tui.widgets.choice import Confirm
from torc_tui.tui.widgets.dialogs import Finder
from torc_tui.tui.widgets.filter_line import FilterLine
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.widgets.virtual_table import VirtualTable
from torc_tui.tui.workflows.workflows_screen import WorkflowsScreen

pytestmark = pytest.mark.system

SPEC = """
name: pipeline
user_data:
  - {name: config, data: {lr: 0.1, layers: [1, 2]}}
jobs:
  - {name: prep, command: "echo ${user_data.input.config}"}
  - {name: "train_{i}", command: "train {i}", depends_on: [prep], parameters: {i: "1:5"}}
  - {name: "[bold]report", command: "report", depends_on_regexes: ["^train_.*"]}
"""


class Story(Workspace):
    """A database with one workflow, and the app on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)

    def initialize(self) -> None:
        workflow_acts.initialize(self.store, self.workflow_id, actor="bob@there")

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]


@pytest.fixture
def story(tmp_path: Path):  # type: ignore[no-untyped-def]  # a generator fixture
    story = Story(tmp_path)
    yield story
    story.store.close()


async def test_list_to_workflow_and_back(story: Story) -> None:
    async with story.app(workflow_id=None).run_test(notifications=True, size=(100, 30)) as pilot:
        await until(pilot, sees(pilot, "pipeline", "0/7", "new"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "train_3", "[bold]report", "not initialized"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowsScreen))


async def test_cursor_of_the_list(story: Story) -> None:
    story.create(SPEC.replace("pipeline", "newer"))
    async with story.app(workflow_id=None).run_test(notifications=True, size=(100, 30)) as pilot:
        await until(pilot, sees(pilot, "newer", "pipeline"))
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "newer", "pipeline"))
        table = pilot.app.screen.query_one(VirtualTable)
        await until(pilot, lambda: table.cursor == story.workflow_id)


async def test_help_on_a_small_terminal(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("?")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        await until(pilot, lambda: pilot.app.screen.query_one(LineCanvas).max_scroll_x == 0)
        await until(pilot, sees(pilot, "unschedulable"))


async def test_help_finds_topics(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("f1")
        await until(pilot, sees(pilot, "search all topics", "workflow-files", "exit-codes", "Jobs"))
        await pilot.press(*"cuda_visible")
        await until(pilot, lambda: "exit-codes" not in screen_text(pilot))
        dialog = pilot.app.screen
        while dialog.topic != "gpus":
            before = dialog.topic
            await pilot.press("down")
            await until(pilot, lambda before=before: dialog.topic != before)
        await until(pilot, sees(pilot, "CUDA_VISIBLE_DEVICES"))
        await pilot.press("escape", "ctrl+p", *"help: rerun")
        await until(pilot, sees(pilot, "Help: rerun"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        assert pilot.app.screen.topic == "rerun"
        await until(pilot, sees(pilot, topics.text_of("rerun").splitlines()[0].lstrip("# ")))


async def test_the_list_of_workflows_is_searched(story: Story) -> None:
    async with story.app(workflow_id=None).run_test(notifications=True, size=(100, 30)) as pilot:
        await until(pilot, sees(pilot, "pipeline", "0/7", "uninit"))
        await pilot.press("/", *"state:run")
        await until(pilot, sees(pilot, "no workflow matches", "shows all"))
        await pilot.press(*["backspace"] * 3, *"unini")
        await until(pilot, sees(pilot, "pipeline", "0/7"))
        await pilot.press("x")
        await until(pilot, sees(pilot, "no workflow matches"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "pipeline"))


async def test_changes_of_other_programs(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        story.initialize()
        await until(pilot, sees(pilot, "run 1", "waits for prep", "…"))
        job_holds.hold_jobs(story.store, [screen(pilot).table.order[0]], actor="bob@there")
        await until(pilot, sees(pilot, "held"))


async def test_filter_and_its_errors(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("/", *"train")
        await until(pilot, lambda: len(screen(pilot).table.order) == 5)
        await until(pilot, sees(pilot, "5 of 7"))
        screen(pilot).query_one(FilterLine).field.value = "train status:xyz"
        await until(pilot, sees(pilot, "unknown status"))
        assert len(screen(pilot).table.order) == 5
        await pilot.press("escape")
        await until(pilot, lambda: len(screen(pilot).table.order) == 7)
        assert pilot.app.focused is screen(pilot).table


async def test_the_field_of_the_filter_is_made_at_its_first_use(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        line = screen(pilot).query_one(FilterLine)
        line.clear()
        assert (line.text, [*line.children]) == ("", [])
        line.write("train")
        await until(pilot, lambda: len(screen(pilot).table.order) == 5)
        assert len(line.children) == 3
        await pilot.press("/")
        await until(pilot, lambda: pilot.app.focused is line.field)
        assert len(line.children) == 3


async def test_keys_typed_ahead_are_the_filter(story: Story) -> None:
    """Keys that arrive together, as over a slow connection, are never commands."""
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        app = pilot.app
        for key in "/train":
            app.post_message(events.Key({"/": "slash"}.get(key, key), key))
        await until(pilot, lambda: screen(pilot).query_one(FilterLine).text == "train")
        await pilot.press("_")
        assert screen(pilot).query_one(FilterLine).text == "train_"
        assert len(app.screen_stack) == 2  # no dialog


async def test_tab_completes_a_filter(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("/")
        await until(pilot, sees(pilot, "⏎ keep  esc clear  tab complete  ↑ history"))
        await pilot.press(*"sta", "tab", *"unin", "tab", "enter")
        assert screen(pilot).query_one(FilterLine).text == "status:uninitialized"


async def test_action_has_event_and_command_line(story: Story) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("space", "space", "h")
        await until(pilot, lambda: story.kinds().count("job_held") == 2)
        told = [
            event
            for event in feed.list_events(story.store, story.workflow_id)
            if event.kind == "job_held"
        ]
        assert all(event.actor for event in told)
        await until(pilot, lambda: pilot.app.last_line is not None)
        await pilot.press(":")
        await until(pilot, sees(pilot, "torc jobs hold"))


async def test_footer(story: Story) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(160, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep", "h hold", "esc back"))
        assert "u release" not in screen_text(pilot)
        await pilot.press("h")
        await until(pilot, sees(pilot, "u release"))
        assert "h hold" not in screen_text(pilot)
        await pilot.press("down")
        await until(pilot, sees(pilot, "h hold"))
        await pilot.press("up", "u")
        await until(pilot, sees(pilot, "Released 1 job", "h hold"))


async def test_retry_without_runner(story: Story) -> None:
    story.initialize()
    job_acts.cancel_jobs(story.store, [1], actor="bob@there")
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "canceled by"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "Retrying 1 job", "R starts a runner"))


async def test_destructive_actions_are_confirmed(story: Story) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "Cancel 1 job" in screen_text(pilot)
        await pilot.press("enter")  # the sanitize button has the focus
        await until(pilot, lambda: not isinstance(pilot.app.screen, Confirm))
        assert "job_canceled" not in story.kinds()
        await pilot.press("c", "y")
        await until(pilot, lambda: story.kinds().count("job_canceled") >= 1)
        await until(pilot, sees(pilot, "canceled: prep w", "Canceled 1 job"))


async def test_cancel_names_the_dependents(story: Story) -> None:
    """What is canceled with the job, before the answer and after it."""
    story.initialize()
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("c")
        told = ("6 jobs that depend on it are canceled too:", "train_1", "train_5", "report")
        await until(pilot, sees(pilot, "Cancel 1 job", "Running jobs are stopped.", *told))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Canceled 1 job and 6 jobs that depend on it"))


async def test_a_lost_job_is_retried(story: Story) -> None:
    """The runner is lost: the action takes the job from it first."""
    story.initialize()
    gone = replace(compute_nodes.this_process("here"), started=1)
    machine = Machine(hostname="here", num_cpus=1, memory=1)
    with story.store.write() as conn:
        node, _ = compute_nodes.register(conn, story.workflow_id, 1, gone, machine, {}, 1.0)
        execute(conn, f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node},"
                " started_at = 1.0 WHERE name = 'prep'")  # fmt: skip
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "1 running"))
        await pilot.press("x")
        await until(pilot, sees(pilot, "Disable 1 job"))
        await pilot.press("y")
        await until(pilot, lambda: "job_disabled" in story.kinds())
        assert "node_lost" in story.kinds()


async def test_read_only_refuses(story: Story) -> None:
    story.initialize()
    async with story.app(read_only=True).run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep", "read-only"))
        await pilot.press("h")
        await until(pilot, sees(pilot, "the app is read-only"))
        assert "job_held" not in story.kinds()


async def test_palette_finds_jobs_and_commands(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, Finder))
        await pilot.press(*"train_4")
        table = pilot.app.screen.query_one(VirtualTable)
        await until(pilot, lambda: len(table.order) == 1 and table.size.height == 2)
        await pilot.press("enter")
        await until(
            pilot, lambda: (job := screen(pilot).selected_job) is not None and job.name == "train_4"
        )
        await pilot.press("ctrl+p", *"turn split", "enter")
        await until(pilot, lambda: screen(pilot).split.turned)


async def test_help_lists_all_commands(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("?")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpDialog))
        await until(pilot, sees(pilot, "torc jobs retry", "Cancel jobs"))


async def test_the_whole_chain_of_reasons(story: Story) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(180, 40)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("end")
        await until(
            pilot,
            sees(
                pilot,
                "waits for train_1, train_2 and 3 ",
                "├─ train_1 is blocked",
                "prep is ready",
                "no runner",
            ),
        )


async def test_graph_shares_the_selection(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("3", "3")
        await until(pilot, sees(pilot, "train_{i} ×5", "╭"))
        await pilot.press("tab", "down", "down")
        await until(pilot, sees(pilot, "┏"))
        await pilot.press("tab")
        await pilot.press("enter")
        # In the table, in the opened group, and in the notes and the line below it.
        await until(pilot, lambda: screen_text(pilot).count("train_2") == 4)


async def test_focus_of_tabs(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3", "1-0 tabs", "tab pane"))
        for key in ("2", "3", "4", "5", "6", "7", "8", "9", "0", "1"):
            await pilot.press(key)
            assert screen(pilot).table.has_focus, key  # arrow keys still move through the jobs
            await pilot.press(key)
            pane = screen(pilot).tabs.pane
            assert pane is not None and pane.has_focus_within, key
            await pilot.press("escape")
            assert screen(pilot).table.has_focus, key
        await pilot.press("tab", "}")  # from pane to pane
        pane = screen(pilot).tabs.pane
        assert pane is not None and pane.NAME == "log" and pane.has_focus_within
        await pilot.press("tab")
        assert screen(pilot).table.has_focus
        await pilot.press("3", "3", "z")
        assert screen(pilot).split.alone == "second"


async def test_deleted_workflow(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        workflow_acts.delete_workflows(story.store, [story.workflow_id])
        await until(pilot, sees(pilot, "was deleted"))
        assert not any(command.writes for command in screen(pilot).available())
        await pilot.press("r")
        await until(pilot, sees(pilot, "retry", "was deleted; esc goes to the list"))
        await pilot.press("escape")
        await until(pilot, sees(pilot, "no workflows yet", "N new"))
        await until(pilot, lambda: "X stop" not in screen_text(pilot))


async def test_unknown_workflow(story: Story) -> None:
    app = TorcApp(story.url, 99, environ=ENVIRON)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, sees(pilot, "there is no workflow 99"))


async def test_unreadable_database(tmp_path: Path) -> None:
    (tmp_path / "torc.db").write_text(
        "this is no database, and longer than the sixteen bytes of its header"
    )
    app = TorcApp(str(tmp_path / "torc.db"), environ=ENVIRON)
    async with app.run_test(notifications=True, size=(120, 24)) as pilot:
        await until(pilot, sees(pilot, "database unavailable"))


def lines_are_as_wide_as(pilot: Pilot[Any], width: int) -> bool:
    strips = pilot.app.screen._compositor.render_strips()
    return all(strip.cell_length == width for strip in strips)


@pytest.mark.system
@pytest.mark.parametrize(
    "size",
    [
        pytest.param((200, 60), marks=pytest.mark.long),
        pytest.param((80, 24), marks=pytest.mark.long),
        (40, 10),
        pytest.param((5, 3), marks=pytest.mark.long),
        pytest.param((1, 1), marks=pytest.mark.long),
    ],
)
async def test_sizes_and_resize(story: Story, size: tuple[int, int]) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        for keys in (
            ["3"],
            ["5"],
            ["8"],
            ["9"],
            ["1"],
            ["?"],
            ["escape"],
            ["/", "t"],
            ["escape"],
            ["z"],
            ["z"],
        ):
            await pilot.press(*keys)
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: lines_are_as_wide_as(pilot, size[0]))
            await pilot.resize_terminal(120, 30)
            await pilot.pause()


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_themes(story: Story, theme: str) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(100, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        pilot.app.theme = theme
        await pilot.press("3", "8", "9", "1", "?")
        await until(pilot, sees(pilot, "retry"))
        # Jobs that print in red get the red of the theme.
        red = pilot.app.palette("failed").color
        printed = pilot.app.ansi_theme.ansi_colors[1]
        assert pilot.app.current_theme.ansi or printed == red.get_truecolor()


async def test_a_title_shows_the_focus_without_colors(story: Story) -> None:
    def reversed_titles() -> list[str]:
        line = pilot.app.screen._compositor.render_strips()[1]
        return [part.text.strip() for part in line if part.style and part.style.reverse]

    async with story.app().run_test(notifications=True, size=(120, 36)) as pilot:
        pilot.app.theme = "torc-mono"
        await until(pilot, lambda: [one.split()[:1] for one in reversed_titles()] == [["Jobs"]])
        await pilot.press("tab")
        await until(pilot, lambda: reversed_titles() and "Jobs" not in reversed_titles()[0])


@pytest.mark.parametrize(
    ("environ", "theme"),
    [
        ({"TERM": "xterm", "NO_COLOR": "1"}, "torc-mono"),
        ({"TERM": "xterm"}, "torc-16"),
        ({"TERM": "xterm-256color"}, "torc-night"),
    ],
)
async def test_the_terminal_chooses_the_theme(
    story: Story, environ: dict[str, str], theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(key, raising=False)
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    app = TorcApp(story.url, story.workflow_id, environ=environ)
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        assert app.theme == theme


async def test_ascii_terminal(story: Story) -> None:
    story.initialize()
    app = TorcApp(story.url, story.workflow_id, environ={"TERM": "linux"})
    async with app.run_test(notifications=True, size=(100, 30)) as pilot:
        await until(pilot, lambda: screen(pilot).table.order)
        await pilot.press("3", "3")
        await until(pilot, sees(pilot, "train_{i}"))
        filters = app.get_line_filters()
        for strip in app.screen._compositor.render_strips():
            segments = list(strip)
            for line_filter in filters:
                segments = line_filter.apply(segments, app.screen.background_colors[1])
            assert all(segment.text.isascii() for segment in segments)


async def test_choices_are_kept(story: Story, tmp_path: Path) -> None:
    def app() -> TorcApp:
        return TorcApp(
            story.url,
            story.workflow_id,
            environ=ENVIRON,
            state_file=tmp_path / "state" / "app.json",
        )

    async with app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("<", "<", "|", "ctrl+p", *"key preset", "enter")
        await until(pilot, lambda: screen(pilot).torc.keymap.preset == "vim")
    async with app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        assert screen(pilot).torc.keymap.preset == "vim"
        assert screen(pilot).split.turned and round(screen(pilot).split.ratio, 2) == 0.42


async def test_quit_is_quick(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        begin = time.monotonic()
        await pilot.press("q")
    assert time.monotonic() - begin < DEADLINE / 6
    assert not app.feed._thread.is_alive() and not app.reader._thread.is_alive()


def test_icons_have_one_cell() -> None:
    from rich.cells import cell_len

    from torc_tui.tui.look.status_icons import STATUS

    assert set(STATUS) == set(JobStatus)
    assert all(cell_len(sign.sign) == 1 for sign in STATUS.values())
    assert len({sign.sign for sign in STATUS.values()}) == len(STATUS)


def test_refusal_of_poor_terminals() -> None:
    from torc_tui.tui.look.terminal import refusal

    assert "TERM=dumb" in (refusal({"TERM": "dumb"}) or "")
    assert "torc run" in (refusal({"TERM": "xterm"}, interactive=False) or "")
    assert refusal({"TERM": "xterm"}) is None


async def failed_jobs(story: Story, folder: Path) -> None:
    """Let train_2 and train_4 fail, each with a log."""
    story.initialize()
    (folder / "out" / "job_stdio").mkdir(parents=True)
    with story.store.write() as conn:
        done, failed = int(JobStatus.COMPLETED), int(JobStatus.FAILED)
        change = "UPDATE job SET status = ?, started_at = 1, ended_at = 2"
        execute(conn, f"{change} WHERE id = 1", (done,))
        for job in (3, 5):
            stem = attempt_stem(str(folder / "out"), 1, job, 1, 1)
            Path(f"{stem}.e").write_text("loading\nValueError: no such column\n")
            execute(
                conn,
                f"{change}, return_code = 1, output_dir = ? WHERE id = ?",
                (failed, str(folder / "out"), job),
            )
            execute(
                conn,
                "INSERT INTO result (workflow_id, job_id, run_id, attempt_id, status, started_at,"
                " ended_at, return_code, output_dir) VALUES (1, ?, 1, 1, ?, 1, 2, 1, ?)",
                (job, failed, str(folder / "out")),
            )


async def test_failed_jobs_in_one_key(story: Story, tmp_path: Path) -> None:
    await failed_jobs(story, tmp_path)
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3", "2 failed"))
        for key, expected in (("]", 3), ("]", 5), ("]", 3), ("[", 5), ("[", 3)):
            await pilot.press(key)
            assert screen(pilot).selected_job.id == expected
        await pilot.press("2", "2", "]")  # also in a tab
        pane = screen(pilot).tabs.pane
        assert screen(pilot).selected_job.id == 5 and pane is not None and pane.has_focus_within


async def test_states_in_one_key(story: Story, tmp_path: Path) -> None:
    await failed_jobs(story, tmp_path)
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3", "2 failed"))
        seen = []
        for _ in range(3):
            await pilot.press("f")
            await pilot.pause()
            seen.append(len(screen(pilot).table.order))
        assert seen == [2, 4, 7]  # failed, waiting, all; nothing runs
        assert screen(pilot).table.has_focus
        header = pilot.app.screen.query_one(HeaderBar)
        line = header.render_line(0).text
        await pilot.click(header, offset=(line.index("2 failed") + 1, 0))
        await until(pilot, lambda: len(screen(pilot).table.order) == 2, "the failed jobs")


async def test_the_log_of_a_job_in_full_size(story: Story, tmp_path: Path) -> None:
    await failed_jobs(story, tmp_path)
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3", "2 failed"))
        await pilot.press("3", "]", "enter")
        await until(pilot, sees(pilot, "no such column"))
        assert screen(pilot).split.alone == "second"
        await pilot.press("escape")
        await until(pilot, lambda: screen(pilot).tabs.current == "graph", "the tab before")
        assert screen(pilot).table.has_focus and screen(pilot).split.alone is None
        await pilot.press("end", "enter")  # it has not started
        await until(pilot, sees(pilot, "Why [bold]report"))


async def test_filter_to_a_value_of_the_job(story: Story) -> None:
    story.initialize()
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        await pilot.press("down", "down", "=", *"i:", "enter")
        await until(pilot, lambda: screen(pilot).filter.line.text == "i:2", "the filter")
        assert [screen(pilot).selected_job.name] == ["train_2"]
        assert len(screen(pilot).table.order) == 1


async def test_themes_are_shown_while_the_cursor_moves(story: Story) -> None:
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "train_3"))
        app = pilot.app
        app.run_command("theme")
        await until(pilot, lambda: isinstance(app.screen, Finder))
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "torc-day", "the theme under the cursor")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "torc-night", "the theme before")
        app.run_command("theme")
        await until(pilot, lambda: isinstance(app.screen, Finder))
        await pilot.press(*"safe", "enter")
        await until(pilot, lambda: app.theme == "torc-safe")
        assert app.state.get("theme", "") == "torc-safe"


async def test_stopped_jobs_have_not_failed(story: Story) -> None:
    story.initialize()
    with story.store.write() as conn:
        change = "UPDATE job SET status = ?, started_at = 1, ended_at = 2, reason = ? WHERE id = ?"
        reason = because(Kind.TERMINATED_BY_USER, actor="ada@here")
        execute(conn, change, (int(JobStatus.TERMINATED), reason.encode(), 2))
        execute(conn, change, (int(JobStatus.FAILED), None, 3))
    async with story.app().run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "train_3", "· 1 failed"))
        await pilot.press("]")
        assert screen(pilot).selected_job.id == 3
        await pilot.press("]")
        assert screen(pilot).selected_job.id == 3
        assert "[-] failed" not in screen_text(pilot)  # there is no other failed job
