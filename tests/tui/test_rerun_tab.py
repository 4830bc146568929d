"""The tab *Rerun*, by Pilot, over a workflow that really ran."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.raw_sql import execute
from tests.tui.driving import screen, screen_text, sees, until
from torc_tui.operations import runners
from torc_tui.status import JobStatus
from torc_tui.store import job_definitions, queries, user_data, workflows
from torc_tui.store.database import Store
from torc_tui.tui.data.data_editor import DataEditor
from torc_tui.tui.rerun.rerun_pane import RerunPane
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.widgets.choice import Choice
from torc_tui.tui.widgets.dialogs import Ask
from torc_tui.tui.workflows.retry_dialogs import EditCommand, UpdateForm

pytestmark = pytest.mark.system

ENVIRON = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
SPEC = """
name: sweep
resource_requirements: [{name: small, num_cpus: 1, memory: 64m}]
user_data: [{name: config, data: {lr: 0.1, seed: 3}}]
files: [{name: raw, path: raw.txt}, {name: table, path: table.txt}]
jobs:
  - {name: prep, command: "cat raw.txt > table.txt", input_files: [raw], output_files: [table]}
  - {name: "fit_{i}", command: "echo ${user_data.input.config} {i}", parameters: {i: "1:3"},
     input_files: [table]}
  - name: "grow_{i}"
    command: "echo shard {i}; echo 'MemoryError: no room for {i}00 rows' >&2; exit 1"
    parameters: {i: "1:4"}
    resource_requirements: small
  - name: "read_{i}"
    command: "echo 'KeyError: column of shard {i} is unknown' >&2; test --rate 1 = {i}"
    parameters: {i: "11:12"}
  - {name: after, command: "echo after", depends_on: [grow_1]}
"""


class Place:
    """A folder with a database of one workflow that ran once."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def app(self, *, read_only: bool = False) -> TorcApp:
        return TorcApp(self.url, 1, read_only=read_only, environ=ENVIRON)

    def jobs(self) -> dict[str, dict[str, object]]:
        store = Store.open(self.url)
        try:
            return {job["name"]: job for job in queries.list_jobs(store, 1)}
        finally:
            store.close()

    def statuses(self, start: str) -> set[object]:
        return {job["status"] for name, job in self.jobs().items() if name.startswith(start)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    (folder / "raw.txt").write_text("first\n")
    (folder / "w.yaml").write_text(SPEC)
    line = [sys.executable, "-m", "torc_tui.cli.main", "--database", str(folder / "torc.db")]
    done = subprocess.run(
        [*line, "run", "w.yaml", "-q", "--max-parallel-jobs", "1"],
        cwd=folder,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    return folder


@pytest.fixture
def place(ran: Path, tmp_path: Path) -> Iterator[Place]:
    """A database with the workflow; the files are shared by all tests."""
    shutil.copy(ran / "torc.db", tmp_path / "torc.db")
    yield Place(ran, str(tmp_path / "torc.db"))
    (ran / "raw.txt").write_text("first\n")


def pane(pilot: Pilot[int]) -> RerunPane:
    found = screen(pilot).tabs.pane
    assert isinstance(found, RerunPane)
    return found


async def test_failures_by_reason(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "6 jobs, 2 reasons", "grow_*", "read_*", "+1"))
        assert [key.kind for key in pane(pilot).failures.table.order] == ["group", "group"]
        # the log at the line that says why
        await until(pilot, sees(pilot, "MemoryError: no room for 100 rows", "4 jobs failed"))
        view = pane(pilot).failures.log_view
        await until(pilot, lambda: view.source.marked is not None)
        await pilot.press("down")
        await until(pilot, sees(pilot, "KeyError: column of shard 11 is unknown", "2 jobs failed"))


async def test_jobs_of_a_reason(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("-")
        await until(pilot, sees(pilot, "grow_4  MemoryError", "after  canceled: grow_1 failed"))
        await pilot.press("down", "down")
        await until(pilot, sees(pilot, "no room for 200 rows"))
        await pilot.press("down", "down", "down", "enter")
        job = screen(pilot).selected_job
        assert job is not None and job.name == "after"
        await pilot.press("-")
        await until(pilot, lambda: len(pane(pilot).failures.table.order) == 2)


async def test_retry_of_a_reason(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "Retry 4 jobs?", "grow_4", "1 job that depends on them"))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Retrying 4 jobs and 1 job that depends on them"))
        await until(pilot, sees(pilot, "2 jobs, 1 reason"))
        assert place.statuses("grow") == {"ready"}


async def test_retry_with_more_memory(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("m")
        await until(pilot, sees(pilot, "Retry 4 jobs with more memory", "requested now: 64 MiB"))
        await pilot.press("q", "enter")
        await until(pilot, sees(pilot, "'q' is not a size"))
        assert isinstance(pilot.app.screen, Ask)
        await pilot.press("backspace", "x", "3", "enter")
        await until(pilot, sees(pilot, "Retrying 4 jobs"))
        assert pilot.app.last_line.endswith("--memory x3")
    store = Store.open(place.url)
    with store.read() as conn:
        job = place.jobs()["grow_2"]
        found = job_definitions.definitions(conn, [job["id"]])[job["id"]]
        memory = workflows.read_requirements(conn, 1)[found.requirement_id].memory
    store.close()
    assert memory == 192 << 20


async def test_edited_command(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("down", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditCommand))
        await until(pilot, sees(pilot, "Edit the command of 2 jobs", "The command of read_11"))
        dialog = pilot.app.screen
        dialog.field.text = dialog.field.text.replace("--rate 1", "--rate 2.5")
        await until(pilot, sees(pilot, "[-1-] {+2.5+}", "changes 2 of 2 commands"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "Retrying 2 jobs"))
    commands = {job["command"] for job in place.jobs().values() if job["name"].startswith("read_")}
    assert all("test --rate 2.5 = " in command for command in commands) and len(commands) == 2


async def test_skipped_reason(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("down", "d")
        await until(pilot, sees(pilot, "Disable 2 jobs?"))
        await pilot.press("y")
        await until(pilot, sees(pilot, "4 jobs, 1 reason"))
        assert place.statuses("read") == {"disabled"}


async def test_marked_reasons(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("ctrl+a", "d")
        await until(pilot, sees(pilot, "Disable 6 jobs?"))
        await pilot.press("n", "r")
        await until(pilot, sees(pilot, "Retry 6 jobs?"))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Retrying 6 jobs"))
        await until(pilot, sees(pilot, "No job of this run has failed."))


async def test_read_only(place: Place) -> None:
    async with place.app(read_only=True).run_test(notifications=True, size=(120, 36)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "the app is read-only"))


def write_config(place: Place, value: object) -> None:
    store = Store.open(place.url)
    conn = store.connection()
    user_data.update(conn, 1, {"data": value}, user_data.Author(1.0, actor="ada@here"))
    store.close()


async def test_plan_with_evidence(place: Place) -> None:
    (place.folder / "raw.txt").write_text("second and longer\n")
    write_config(place, {"lr": 0.2, "seed": 3})
    async with place.app().run_test(notifications=True, size=(200, 60)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, sees(pilot, "2 reasons"))
        await pilot.press("v")
        await until(pilot, sees(pilot, "11 of 11 stale", "about"))
        await until(pilot, sees(pilot, "prep  runs because", "6 B → 18 B", "raw.txt"))
        await pilot.press("down")
        await until(pilot, sees(pilot, "fit_1  runs because", ".lr: 0.1 → 0.2", "takes about"))


async def test_plan_follows_changes(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8", "v")
        await until(pilot, sees(pilot, "7 of 11 stale"))
        write_config(place, {"lr": 0.2, "seed": 3})
        await until(pilot, sees(pilot, "10 of 11 stale"))
        write_config(place, {"lr": 0.1, "seed": 3})
        await until(pilot, sees(pilot, "7 of 11 stale"))
        (place.folder / "raw.txt").write_text("second and longer\n")
        await until(pilot, sees(pilot, "8 of 11 stale, 3 perhaps"))


async def test_rerun_of_marked_jobs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.setattr(runners, "start_runner", lambda store, wf, actor=None: started.append(wf))
    write_config(place, {"lr": 0.2, "seed": 3})
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8", "v")
        await until(pilot, sees(pilot, "10 of 11 stale"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "Rerun 10 jobs of sweep?"))
        await pilot.press("n", "s", "space", "space", "r")
        await until(pilot, sees(pilot, "Rerun 2 jobs of sweep?", "fit_1 and fit_2."))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Rerunning 2 jobs"))
    assert started == [1]
    jobs = place.jobs()
    assert [name for name, job in jobs.items() if job["status"] == "ready"] == ["fit_1", "fit_2"]
    assert jobs["grow_1"]["status"] == "failed" and jobs["prep"]["status"] == "completed"


async def test_rerun_while_others_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked jobs join the present run; all at once are offered only when no job is running."""
    monkeypatch.setattr(runners, "start_runner", lambda store, wf, actor=None: None)
    write_config(place, {"lr": 0.2, "seed": 3})
    store = Store.open(place.url)
    with store.write() as conn:
        running = int(JobStatus.RUNNING)
        execute(conn, "UPDATE job SET status = ? WHERE name = 'grow_1'", (running,))
    store.close()
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8", "v")
        await until(pilot, sees(pilot, "10 of 11 stale", "a accept"))
        assert "r rerun" not in screen_text(pilot)
        await pilot.press("space", "r")
        await until(pilot, sees(pilot, "Rerun 1 job of sweep?", "fit_1."))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Rerunning 1 job"))
    jobs = place.jobs()
    assert jobs["fit_1"]["status"] == "ready" and jobs["grow_1"]["status"] == "running"


async def test_accept(place: Place) -> None:
    write_config(place, {"lr": 0.2, "seed": 3})
    async with place.app().run_test(notifications=True, size=(160, 45)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8", "v")
        await until(pilot, sees(pilot, "10 of 11 stale", "fit_1  runs because"))
        await pilot.press("a")
        await until(pilot, sees(pilot, "Accepted the present state of 1 job"))
        await until(pilot, sees(pilot, "9 of 11 stale"))


async def test_initialize_what_is_stale(place: Place) -> None:
    write_config(place, {"lr": 0.2, "seed": 3})
    async with place.app().run_test(notifications=True, size=(120, 36)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("I")
        await until(pilot, sees(pilot, "Rerun what is stale (10)", "Rerun all (11)", "Cancel"))
        await pilot.press("enter")  # nothing changes
        await until(pilot, lambda: not isinstance(pilot.app.screen, Choice))
        assert place.statuses("fit") == {"completed"}
        await pilot.press("I")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choice))
        await pilot.press("s")
        await until(pilot, sees(pilot, "Reinitialized sweep: 10 stale jobs"))
    assert place.statuses("prep") == {"completed"} and place.statuses("fit") == {"ready"}


async def test_reasons_of_a_stale_job(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("home", "down")
        await until(pilot, sees(pilot, "job 2 of fit_{i}"))
        assert "Would rerun" not in screen_text(pilot)
        write_config(place, {"lr": 0.2, "seed": 3})
        told = "user data config changed (version 1 → 2)"
        await until(pilot, sees(pilot, "Would rerun because", told))
        write_config(place, {"lr": 0.1, "seed": 3})
        await until(pilot, lambda: "Would rerun" not in screen_text(pilot))


async def test_opens_on_first_failure(place: Place) -> None:
    async with place.app().run_test(size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "r retry"))
        assert pilot.app.screen.selected_job.name == "grow_1"


async def test_rerun_of_jobs_in_the_table(place: Place) -> None:
    """Completed jobs run again, too, with the jobs that used their output."""
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("home", "ctrl+r")
        await until(pilot, sees(pilot, "Rerun 1 job?", "3 jobs that depend on it", "fit_2"))
        await pilot.press("y")
        await until(pilot, sees(pilot, "Rerunning 1 job and 3 jobs that depend on it"))
    assert place.statuses("prep") == {"ready"} and place.statuses("fit") == {"blocked"}


async def test_edit_of_jobs_in_the_table(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("/", *"grow", "enter", "ctrl+a", "E")
        await until(pilot, sees(pilot, "Edit grow_1, grow_2 and 2 more", "64m", "PT2H"))
        form = pilot.app.screen
        assert isinstance(form, UpdateForm)
        form.inputs["memory"].value = "x"
        await until(pilot, sees(pilot, "memory: 'x' is not a size"))
        form.inputs["memory"].value = "x4"
        form.inputs["command"].value = form.inputs["command"].value.replace("exit 1", "exit 0")
        form.accept.post_message(form.accept.Pressed(form.accept))
        await until(pilot, sees(pilot, "Updated 4 jobs"))
        assert (
            pilot.app.last_line
            == "torc jobs update 5 6 7 8 --memory x4 --command 's/exit 1/exit 0/'"
        )
    jobs = [job for name, job in place.jobs().items() if name.startswith("grow_")]
    assert all(str(job["command"]).endswith("exit 0") for job in jobs)


async def test_more_memory_in_the_table(place: Place) -> None:
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("home", "m")
        await until(pilot, sees(pilot, "cannot retry prep: it has already completed"))
        await pilot.press("ctrl+a", "ctrl+p", *"more mem")
        await until(pilot, sees(pilot, "Retry jobs with more memory"))
        await pilot.press("enter")
        await until(pilot, sees(pilot, "Retry 7 jobs with more memory", "3 without a size"))


async def edit_config(pilot: Pilot[int], text: str) -> None:
    """Edit the record, and ask to save it."""
    await until(pilot, sees(pilot, "prep"))
    await pilot.press("4", "4")
    await until(pilot, sees(pilot, "lr: 0.1"))
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, DataEditor))
    pilot.app.screen.set_text(text)
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, Choice))


async def test_jobs_that_an_edit_makes_stale(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The review names them, and one key saves and reruns just these."""
    started: list[int] = []
    monkeypatch.setattr(runners, "start_runner", lambda store, wf, actor=None: started.append(wf))
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await edit_config(pilot, '{"lr": 0.5, "seed": 3}')
        await until(pilot, sees(pilot, "3 jobs become stale: fit_1, fit_2 and fit_3"))
        await until(pilot, sees(pilot, "Save and rerun 3 jobs"))
        await pilot.press("r")
        await until(pilot, sees(pilot, "Rerunning 3 jobs"))
    assert started == [1]
    ready = [name for name, job in place.jobs().items() if job["status"] == "ready"]
    assert ready == ["fit_1", "fit_2", "fit_3"]


async def test_an_edit_that_makes_nothing_stale(place: Place) -> None:
    write_config(place, {"lr": 0.2, "seed": 3})
    async with place.app().run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("4", "4")
        await until(pilot, sees(pilot, "lr: 0.2"))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, DataEditor))
        pilot.app.screen.set_text('{"lr": 0.1, "seed": 3}')
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "No job becomes stale."))
        await pilot.press("y")
        await until(pilot, sees(pilot, "saved config, version 3"))
    assert place.statuses("fit") == {"completed"}


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (40, 10)], ids=str)
async def test_sizes(place: Place, size: tuple[int, int]) -> None:
    async with place.app().run_test(size=size) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("8", "8")
        await until(pilot, lambda: pane(pilot).failures.is_read)
        await until(pilot, sees(pilot, "Failures"))
        for keys in ("-", "down", "v", "end", "z", "z", "v"):
            await pilot.press(keys)
            await pilot.pause()
            strips = pilot.app.screen._compositor.render_strips()
            assert all(strip.cell_length == size[0] for strip in strips)
            assert "�" not in screen_text(pilot)
