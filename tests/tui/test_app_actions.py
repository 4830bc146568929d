"""Actions: each has a handler and a valid command line, and is refused in read-only mode; actions
with a dialog, by Pilot on a real database.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.raw_sql import execute
from tests.tui.driving import ENVIRON, Workspace, screen, screen_text, sees, until
from torc_tui.cli.command_help import parser_of
from torc_tui.cli.command_table import BY_NAME
from torc_tui.errors import TorcError
from torc_tui.model import Event, Machine
from torc_tui.operations import runners, user_action
from torc_tui.operations import workflows as workflow_acts
from torc_tui.operations.runners import Background
from torc_tui.plan.resolve import resolve
from torc_tui.records import replace
from torc_tui.resources.machine_identity import hostname
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes, event_log, workflows
from torc_tui.store.database import Store
from torc_tui.tui.data.data_editor import DataEditor
from torc_tui.tui.data.data_versions import DataVersions
from torc_tui.tui.frame.commands import BY_ID, COMMANDS
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.widgets.choice import Choice
from torc_tui.tui.widgets.command_node import CommandNode
from torc_tui.tui.workflows.new_workflow import NewWorkflow
from torc_tui.tui.workflows.tab_host import TABS
from torc_tui.workflow_file.load import loads

SPEC = """
name: pipeline
jobs:
  - {name: prep, command: "true"}
  - {name: "train_{i}", command: "true", depends_on: [prep], parameters: {i: "1:5"}}
  - {name: report, command: "true", depends_on_regexes: ["^train_.*"]}
"""

WORDS = {
    "FILE": "f.yaml",
    "JSON": "'{}'",
    "NAME": "n",
    "RECORD": "r",
    "VERSION": "1",
    "PRIORITY": "1",
    "RUNNER": "1",
    "ALLOCATION": "1",
    "GROUP": "gpu",
    "NUMBER": "2",
    "N": "4",
    "JOB": "5",
    "ID": "3",
}


def filled(line: str) -> list[str]:
    return shlex.split(" ".join(WORDS.get(word, word) for word in line.split()))


def understood(line: str) -> None:
    """Parse the line as the command line interface would; SystemExit or an error if it cannot."""
    words = filled(line)
    assert words[0] == "torc"
    words = words[1:]
    if "-f" in words and words[0] == "graph":
        at = words.index("-f")
        assert words[at + 1] in BY_NAME["graph"].formats
        del words[at : at + 2]
    name = " ".join(words[:2]) if " ".join(words[:2]) in BY_NAME else words[0]
    assert name in BY_NAME, line
    parser_of(BY_NAME[name], "torc", name).parse_args(words[len(name.split()) :])


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.shell], ids=lambda command: command.id
)
def test_command_lines_are_valid(command) -> None:  # type: ignore[no-untyped-def]  # a Command
    understood(command.shell)


class Story(Workspace):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPEC)
        workflow_acts.initialize(self.store, self.workflow_id, actor="ada@here")

    def last(self, kind: str) -> Event | None:
        return next((event for event in reversed(self.events()) if event.kind == kind), None)

    def lost_runner(self) -> int:
        """Add a runner whose process is gone, and that holds the job prep."""
        node = self.runner(started=1)
        with self.store.write() as conn:
            execute(
                conn,
                f"UPDATE job SET status = {JobStatus.RUNNING}, compute_node_id = {node},"
                " started_at = 1.0"
                " WHERE name = 'prep'",
            )
        return node

    def runner(self, **changes: int) -> int:
        process = replace(compute_nodes.this_process(hostname()), **changes)
        machine = Machine(hostname=hostname(), num_cpus=8, memory=16 << 30)
        with self.store.write() as conn:
            node, event = compute_nodes.register(
                conn, self.workflow_id, 1, process, machine, {}, time.time()
            )
            event_log.append(conn, self.workflow_id, [event], at=time.time())
        return node


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a generator fixture
    monkeypatch.chdir(tmp_path)
    story = Story(tmp_path)
    yield story
    story.store.close()


def handled(app: TorcApp) -> set[str]:
    """Return the commands that the app and everything on its screens carries out."""
    found = set(app.handlers())
    for shown in app.screen_stack:
        for node in (shown, *shown.walk_children()):
            if isinstance(node, CommandNode):
                found |= set(node.handlers())
    return found


async def test_commands_and_handlers_are_the_same(story: Story) -> None:
    """Every command of the table is carried out somewhere, and nothing else is."""
    app = story.app()
    found: set[str] = set()
    record = {"id": 1, "name": "r", "version": 0, "size": 0, "data": None, "schema": None}
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        workflow = screen(pilot)
        for tab in TABS:
            await workflow.show_tab(tab.name)
            found |= handled(app)
        app.push(DataVersions(workflow, {**record, "workflow_id": story.workflow_id}))
        app.push(DataEditor(workflow, {**record, "job_id": None}, "null"))
        await until(pilot, lambda: isinstance(app.screen, DataEditor) and app.screen.is_mounted)
        found |= handled(app)
        app.pop_screen()
        app.pop_screen()
        app.open_list()
        app.front().new_workflow("")
        await until(pilot, lambda: isinstance(app.screen, NewWorkflow) and app.screen.is_mounted)
        found |= handled(app)
    # Those of the tabs Rerun, Results, Files and Machine need rows, parameters, a file of several
    # kinds or allocations; their own tests have some.
    own = {"failures", "plan", "results", "sweep", "heat", "files", "allocations"}
    others = {command.id for command in COMMANDS if {*command.where} <= own}
    assert found | others == set(BY_ID)


async def test_answers_for_a_closed_screen(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer reaches a tab or screen only while it is complete: not while it is taken apart."""
    app = story.app()
    received: list[object] = []
    deliveries: list[Callable[[object], None]] = []
    refusals: list[Callable[[TorcError], None]] = []

    def keep(_key: object, _read: object, deliver: Any, refuse: Any) -> None:
        deliveries.append(deliver)
        refusals.append(refuse)

    def answer_all() -> list[object]:
        received.clear()
        for deliver, refuse in zip(deliveries, refusals, strict=True):
            deliver("answer")
            refuse(TorcError("failure"))
        return received

    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        workflow = screen(pilot)
        for tab in TABS:
            await workflow.show_tab(tab.name)
        panes = list(workflow.tabs.panes.values())
        with monkeypatch.context() as patch:
            patch.setattr(app.reader, "ask", keep)
            for asker in (*panes, workflow):
                asker.ask("test", lambda _: "answer", received.append, received.append)
        assert len(answer_all()) == 2 * (len(TABS) + 1)
        app.open_list()
        app.front().new_workflow("")
        await until(pilot, lambda: workflow not in app.screen_stack)
        assert answer_all() == []


async def test_rename(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        app.run_command("workflow-rename")
        await until(pilot, sees(pilot, "description", "project"))
        await pilot.press("ctrl+u", *"other name", "enter", *"a test", "enter", "enter", "enter")
        await until(
            pilot,
            lambda: workflows.get_workflow(story.store, story.workflow_id).name == "other name",
        )
        told = story.last("workflow_updated")
        assert told is not None and told.actor
        assert (
            app.last_line
            == f"torc workflows update {story.workflow_id} --name 'other name' --description 'a test'"
        )
        understood(app.last_line)
        await until(pilot, sees(pilot, "other name"))


async def test_export_keeps_existing_files(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        app.run_command("workflow-export")
        await until(pilot, sees(pilot, "pipeline.json"))
        await pilot.press("enter")
        path = story.folder / "pipeline.json"
        await until(pilot, sees(pilot, "wrote"))
        assert json.loads(path.read_text())["workflow"]["name"] == "pipeline"
        understood(app.last_line or "")
        app.run_command("workflow-export")
        await until(pilot, sees(pilot, "Export pipeline"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "already exists"))


async def test_resize_a_runner(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        app.run_command("workflow-resize")
        await until(pilot, sees(pilot, "has no active runner"))
        node = story.runner()
        app.run_command("workflow-resize")
        await until(pilot, sees(pilot, "jobs at once", "16g"))
        await pilot.press("ctrl+u", "0")
        await until(pilot, sees(pilot, "enter a number above 0"))
        await pilot.press("ctrl+u", "2", "enter", "ctrl+u", *"4g", "enter", "3", "enter", "enter")
        await until(pilot, lambda: story.last("node_resized"))
        told = story.last("node_resized")
        assert told is not None and told.actor
        assert told.data == {"node": node, "num_cpus": 2, "memory": 4 << 30, "max_parallel_jobs": 3}
        line = f"torc compute-nodes resize {node} --num-cpus 2 --memory 4g --max-parallel-jobs 3"
        assert app.last_line == line
        understood(line)


async def test_a_runner_with_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    def start_runner(store: Store, workflow_id: int, words: Any, *, actor: str) -> Background:
        started.append([workflow_id, *words])
        return Background(os.getpid(), str(tmp_path / "log"))

    monkeypatch.setattr(runners, "start_runner", start_runner)
    jobs = "[{name: 'fit_{i}', command: x, labels: [gpu, big], parameters: {i: '1:3'}}]"
    place = Workspace(tmp_path, f"name: flow\njobs: {jobs}\n")
    app = place.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "fit_{i}"))
        await pilot.press("R")
        await until(pilot, sees(pilot, "3 jobs of it need a runner with labels", "big,gpu"))
        await pilot.press("tab", "0")
        await until(pilot, sees(pilot, "CPUs: enter a number above 0"))
        await pilot.press("backspace", "4", "enter", "enter", "enter")
        await until(pilot, lambda: started)
        assert started == [[1, "--label", "big,gpu", "--num-cpus", "4"]]
        await until(pilot, lambda: app.last_line is not None)
        assert app.last_line == "torc run 1 --detach --label big,gpu --num-cpus 4"
        understood(app.last_line)
        app.run_command("workflow-run-options")
        await until(pilot, sees(pilot, "Run flow", "jobs at once"))
        await pilot.press("ctrl+u", *"a,,b")
        await until(pilot, sees(pilot, "labels: '' is not a valid label"))
    place.store.close()


async def test_the_maximum_number_of_attempts(tmp_path: Path) -> None:
    rules = "failure_handlers: [{name: h, rules: [{exit_codes: [7], max_retries: 3}]}]"
    jobs = "jobs: [{name: fit, command: x, failure_handler: h}]"
    place = Workspace(tmp_path, f"name: flow\n{rules}\n{jobs}\n")
    workflow_acts.initialize(place.store, 1, actor="ada@here")
    with place.store.write() as conn:
        execute(conn, f"UPDATE job SET attempt_id = 2, status = {int(JobStatus.RUNNING)}")
    async with place.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "attempt 2 of "))
        await pilot.press("w")
        await until(pilot, lambda: screen_text(pilot).count("attempt 2 of ") >= 2)
    place.store.close()


async def test_stop_one_of_two_runners(story: Story) -> None:
    app = story.app()
    first, second = story.runner(), story.runner()
    async with app.run_test(notifications=True, size=(160, 40)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("0", "0")
        await until(pilot, sees(pilot, "runner on"))
        await pilot.press("tab")
        await until(pilot, sees(pilot, "stop runner"))
        await pilot.press("down", "X")
        named = f"runner {second} on {hostname()}"
        await until(pilot, sees(pilot, f"Stop {named}?", f"runner {first} on {hostname()} cont"))
        await pilot.press("y")
        await until(pilot, sees(pilot, f"Asked {named} to stop"))
        assert (told := story.last("node_stop_requested")) is not None
        assert told.data == {"node": second, "hard": False}
        assert app.last_line == f"torc compute-nodes stop {second}"
        understood(app.last_line)
        await pilot.press("X")
        await until(pilot, sees(pilot, "its jobs are killed"))
        await pilot.press("y")
        await until(pilot, lambda: app.last_line == f"torc compute-nodes stop {second} --now")
        await pilot.press("d")
        await until(pilot, sees(pilot, f"Drop {named}?"))


async def test_drop_a_runner(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        app.run_command("runner-drop")
        await until(pilot, sees(pilot, "has no active runner"))
        node = story.lost_runner()
        app.run_command("runner-drop")
        named = f"runner {node} on {hostname()}"
        await until(pilot, sees(pilot, f"Drop {named}?", "Its jobs run again, or fail"))
        await pilot.press("y")
        await until(pilot, lambda: story.last("node_lost"))
        await until(pilot, sees(pilot, f"Dropped {named}"))
        assert app.last_line == f"torc compute-nodes drop {node}"


@pytest.mark.parametrize(
    ("command", "kind"),
    [("workflow-sync-status", "job_retried"), ("workflow-initialize", "workflow_initialized")],
    ids=["sync", "init"],
)
async def test_lost_jobs_are_freed(story: Story, command: str, kind: str) -> None:
    """By the action for it, and before an action that running jobs forbid."""
    story.lost_runner()
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "1 running"))
        app.run_command(command)
        await until(pilot, lambda: story.last("node_lost"))
        await until(pilot, lambda: story.last(kind))


@pytest.mark.parametrize(
    ("ending", "begins"), [("svg", "<svg"), ("mmd", "flowchart"), ("dot", "digraph"), ("txt", "")]
)
async def test_the_graph_as_a_file(story: Story, ending: str, begins: str) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("3", "3")
        await until(pilot, sees(pilot, "train_{i} ×5"))
        screen(pilot).focus_pane()
        await pilot.press("E")
        await until(pilot, sees(pilot, "Graph of pipeline"))
        await pilot.press("ctrl+u", *f"g.{ending}", "enter")
        await until(pilot, sees(pilot, "wrote"))
        text = (story.folder / f"g.{ending}").read_text()
        assert begins in text[:200] and "train_" in text


async def test_keys_of_the_graph(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("3", "3")
        await until(pilot, sees(pilot, "train_{i} ×5"))
        shown = screen(pilot)
        for name in ("train_1", "report", "prep"):
            await pilot.press("b")
            await until(
                pilot,
                lambda name=name: (job := shown.selected_job) is not None and job.name == name,
            )
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is shown.table)


async def test_command_line_of_pause(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        for kind, verb in (("workflow_paused", "pause"), ("workflow_resumed", "resume")):
            await pilot.press("P")
            await until(pilot, lambda kind=kind: story.last(kind) is not None)  # type: ignore[misc]  # a bound value
            assert app.last_line == f"torc workflows {verb} {story.workflow_id}"
            paused = verb == "pause"
            await until(
                pilot, lambda paused=paused: screen(pilot).view.workflow.is_paused is paused
            )  # type: ignore[misc]


async def test_many_jobs_are_confirmed(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(user_action, "MANY", 3)
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("down", "-")
        await until(pilot, sees(pilot, "×5"))
        await pilot.press("h")
        await until(pilot, sees(pilot, "Hold 5 jobs"))
        await pilot.press("y")
        await until(pilot, lambda: story.last("job_held") is not None)
        kinds = [event.kind for event in story.events()]
        assert kinds.count("job_held") == 5


async def test_read_only(story: Story) -> None:
    app = story.app(read_only=True)
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        said: list[str] = []
        app.notify = lambda text, **_: said.append(text)  # type: ignore[method-assign]  # what is said is what counts
        before = len(story.events())
        acts = [command for command in COMMANDS if command.writes]
        for command in acts:
            await app.dispatcher.carry_out(command)
        assert len(said) == len(acts) and all("read-only" in text for text in said)
        called: list[str] = []
        app.actions.run(
            lambda store, actor: called.append(actor), refused=lambda: said.append("no")
        )
        assert said[-2:] == ["the app is read-only", "no"] and not app.reader.is_busy
        assert not called
        assert len(story.events()) == before


def test_stop_and_resize_by_the_command_line(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    from torc_tui.cli.main import main

    node = story.runner()

    def torc(*words: object) -> tuple[int, str]:
        code = main([*map(str, words), "--database", story.store.url])
        found = capsys.readouterr()
        return code, found.out + found.err

    resize = ("compute-nodes", "resize", node)
    assert torc(*resize, "--num-cpus", 3, "--memory", "2g", "--max-parallel-jobs", 0) == (
        0,
        f"Resized runner {node}\n",
    )
    told = story.last("node_resized")
    assert told is not None and told.data is not None and told.data["memory"] == 2 << 30
    code, text = torc(*resize)
    assert code == 2 and "nothing to change" in text
    assert torc("compute-nodes", "stop", node) == (0, f"Asked runner {node} to stop\n")
    assert torc("compute-nodes", "stop", node + 1)[0] != 0
    assert torc("workflows", "stop", story.workflow_id, "--now") == (
        0,
        f"Asked the runners of workflow {story.workflow_id} to stop\n",
    )
    assert (stop := story.last("node_stop_requested")) is not None and stop.data == {
        "node": node,
        "hard": True,
    }


async def test_files_and_user_data_in_the_graph(tmp_path: Path) -> None:
    text = """
name: flow
files: [{name: table, path: t.csv}]
user_data: [{name: config, data: 1}, {name: score}]
jobs:
  - {name: make, command: "true", output_files: [table], input_user_data: [config], output_user_data: [score]}
  - {name: use, command: "true", input_files: [table], input_user_data: [score]}
"""
    store = Store.open(str(tmp_path / "torc.db"))
    try:
        plan = resolve(loads(text, format="yaml"))
        workflow = workflow_acts.create_workflow(
            store, plan, user="a", directory=str(tmp_path), actor=None
        )
        app = TorcApp(str(tmp_path / "torc.db"), workflow, environ=ENVIRON)
        async with app.run_test(size=(140, 50)) as pilot:
            await until(pilot, sees(pilot, "make"))
            await pilot.press("3", "3")
            await until(pilot, sees(pilot, "╭"))
            screen(pilot).focus_pane()
            await pilot.press("F", "z")
            await until(pilot, sees(pilot, "table", "config", "score"))
            await pilot.press("F")
            await until(pilot, lambda: "config" not in screen_text(pilot))
    finally:
        store.close()


async def test_actor_of_a_runner(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("R")
        await until(pilot, lambda: story.last("workflow_completed") or story.last("node_stopped"))
        told = story.last("node_requested")
        assert told is not None and told.actor and told.data is not None and told.data["pid"] > 0


async def test_second_runner_is_confirmed(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        node = story.runner()
        await pilot.press("R")
        await until(pilot, sees(pilot, "Start another runner?", f"runner {node} on {hostname()}"))
        await pilot.press("n")
        await until(pilot, lambda: "Start another runner" not in screen_text(pilot))
        assert story.last("node_requested") is None
        await pilot.press("R")
        await until(pilot, sees(pilot, "Start another runner?"))
        await pilot.press("y")
        await until(pilot, lambda: story.last("node_requested"))


async def test_a_long_line_is_wrapped_and_copied_whole(story: Story) -> None:
    app = story.app()
    async with app.run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        app.last_line = "torc " + "x" * 150 + "\nend"
        await pilot.press(":")
        await until(pilot, sees(pilot, "Command line of the last action", "end"))
        await pilot.press("y")
        assert app.clipboard == app.last_line


async def test_initialize_is_confirmed(story: Story) -> None:
    set_status(
        story, f"UPDATE job SET status = {JobStatus.COMPLETED} WHERE id <= 3", "job_completed", 1
    )
    async with story.app().run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "completed"))
        await pilot.press("I")
        await until(pilot, sees(pilot, "Initialize pipeline?", "3 completed"))
        await pilot.press("enter")  # the focus is on the answer that changes nothing
        await until(pilot, lambda: not isinstance(pilot.app.screen, Choice))
        assert workflows.get_workflow(story.store, story.workflow_id).run_id == 1
        await pilot.press("I")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        await pilot.press("a")
        await until(
            pilot, lambda: workflows.get_workflow(story.store, story.workflow_id).run_id == 2
        )


async def test_an_action_counts_the_jobs_that_it_applies_to(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_action, "MANY", 1)
    set_status(
        story, f"UPDATE job SET status = {JobStatus.FAILED} WHERE id IN (3, 4)", "job_failed", 3
    )
    app = story.app()
    async with app.run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, sees(pilot, "failed"))
        await pilot.press("ctrl+a", "r")
        await until(pilot, sees(pilot, "Retry 2 jobs?"))
        await pilot.press("n", "backspace", "r")
        await until(pilot, sees(pilot, "cannot retry prep: it is ready"))
        assert app.last_line is None


def set_status(story: Story, change: str, kind: str, job: int) -> None:
    with story.store.write() as conn:
        execute(conn, change)
        event_log.append(conn, story.workflow_id, [(kind, job, {})], at=time.time())


async def test_filters_by_dependencies(story: Story) -> None:
    async with story.app().run_test(size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "waits for prep"))
        await pilot.press("/", *"before:report")
        await until(pilot, sees(pilot, "6 of 7"))
        screen(pilot).filter.line.field.value = "after:train_1"
        await until(pilot, sees(pilot, "1 of 7"))
