"""A new workflow from its file: path, problems, preview, creation, by Pilot on a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tui.driving import screen_text, sees, until
from torc_tui.model import Gpu, Machine
from torc_tui.store import feed, workflow_import, workflows
from torc_tui.store.database import Store
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.widgets.line_canvas import LineCanvas
from torc_tui.tui.workflows.file_preview import common, completions, expanded, preview
from torc_tui.tui.workflows.new_workflow import NewWorkflow
from torc_tui.tui.workflows.preview_panes import SourceLines
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen
from torc_tui.tui.workflows.workflows_screen import WorkflowsScreen

ENVIRON = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}

GOOD = """\
name: sweep
description: a small grid
jobs:
  - {name: prep, command: "true", output_files: [table]}
  - {name: "train_{i}", command: "cat ${files.input.given}", depends_on: [prep], parameters: {i: "1:5"},
     resource_requirements: big}
files:
  - {name: table, path: table.csv}
  - {name: given, path: given.txt}
resource_requirements:
  - {name: big, num_cpus: 4096, memory: 1g, runtime: PT1H}
"""

BAD = """\
name: sweep
jobs:
  - name: prep
    command: "true"
    comand: "true"
  - name: train
    command: "true"
    depends_on: [prepp]
"""

MACHINE = Machine(hostname="here", num_cpus=4, memory=8 << 30, gpus=())


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


# -- the model -------------------------------------------------------------------------------------


def test_completions(tmp_path: Path) -> None:
    for name in ("a.yaml", "ab.KDL", "about.txt", ".hidden.yaml", "abc/inner.json"):
        write(tmp_path / name, "")
    folder = str(tmp_path)
    assert completions("", folder) == ["a.yaml", "ab.KDL", "abc/"]
    assert completions("ab", folder) == ["ab.KDL", "abc/"]
    assert completions("abc/", folder) == ["abc/inner.json"]
    assert completions(".", folder) == [".hidden.yaml"]
    assert completions(f"{folder}/abc/i", "/") == [f"{folder}/abc/inner.json"]
    assert completions("nowhere/x", folder) == []
    assert completions("", folder, "import") == ["abc/"]
    assert common(completions("ab", folder)) == "ab"


def test_the_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert expanded("~/a/../b.yaml", "/x") == "/home/ada/b.yaml"
    assert expanded("b.yaml", "/x") == "/x/b.yaml"


def test_preview(tmp_path: Path) -> None:
    found = preview(write(tmp_path / "w.yaml", GOOD), MACHINE, folder=str(tmp_path))
    assert found.plan is not None and len(found.plan.jobs) == 6
    assert found.never == [("big (5 jobs): needs 4096 CPUs, machine has 4", 5)]
    assert found.missing == ["given.txt"]
    assert found.graph is not None
    scene = found.graph.scene()
    assert sorted(node.label for node in scene.nodes) == ["prep", "train_{i}"]
    assert len(scene.links) == 1
    kinds = sorted(node.kind for node in found.graph.scene(data=True).nodes)
    assert kinds == ["file", "file", "job", "job"]


def test_problems_have_their_lines_and_the_file(tmp_path: Path) -> None:
    found = preview(write(tmp_path / "w.yaml", BAD), MACHINE)
    assert found.plan is None
    assert 5 in [problem.line for problem in found.problems]
    assert any("prepp" in problem.message for problem in found.problems)
    assert list(found.source) == BAD.splitlines()


@pytest.mark.parametrize("text", ["", "[", "{}", '{"workflow": 3}', "[" * 5000])
def test_not_an_export(tmp_path: Path, text: str) -> None:
    found = preview(write(tmp_path / "w.json", text), MACHINE, "import")
    assert found.plan is None and found.problems


def test_missing_gpus(tmp_path: Path) -> None:
    text = GOOD.replace("num_cpus: 4096", "num_cpus: 1, num_gpus: 1")
    path = write(tmp_path / "w.yaml", text)
    assert "GPU" in preview(path, MACHINE).never[0][0]
    gpu = Gpu(uuid="GPU-1", index=0, name="A", memory=1 << 34)
    with_gpu = Machine(hostname="here", num_cpus=4, memory=8 << 30, gpus=(gpu,))
    assert preview(path, with_gpu).never == []


def test_highlighted_source_line() -> None:
    lines = SourceLines(["one", "two", "three"])
    lines.lit = 2
    drawn = lines.draw(0, 0, 20, 3)
    assert [line[0][0].strip() for line in drawn] == ["", "▶", ""]
    assert lines.size == (10, 3)


# -- the screen ------------------------------------------------------------------------------------


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = str(folder / "torc.db")
        self.store = Store.open(self.url)

    def app(self, file: str | None = None, *, read_only: bool = False) -> TorcApp:
        return TorcApp(self.url, spec_file=file, read_only=read_only, environ=ENVIRON)

    def made(self) -> list[str]:
        return [workflow.name for workflow in workflows.list_workflows(self.store)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a generator fixture
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path)
    yield place
    place.store.close()


async def test_create_from_a_path(place: Place) -> None:
    write(place.folder / "flows" / "w.yaml", GOOD)
    async with place.app().run_test(notifications=True, size=(120, 36)) as pilot:
        await until(pilot, sees(pilot, "no workflows yet"))
        await pilot.press("N")
        await until(pilot, sees(pilot, "flows/", "The preview of the workflow appears here."))
        await pilot.press("f", "l")
        await until(pilot, lambda: pilot.app.screen.picker.matches.names == ["flows/"])
        await pilot.press("tab")
        await until(pilot, sees(pilot, "flows/w.yaml"))
        await pilot.press("tab")
        await until(
            pilot,
            sees(pilot, "✔ valid", "from 2 entries", "train_{i} ×5", "4096 CPUs", "given.txt"),
        )
        assert place.made() == []
        await until(pilot, sees(pilot, "─ Summary ─", "─ Graph ─", "^s Create"))
        assert screen_text(pilot).lower().count("create and run") == 1
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        await until(pilot, sees(pilot, "train_3"))
        assert place.made() == ["sweep"]
        made = workflows.list_workflows(place.store)[0]
        assert made.directory == str(place.folder)
        assert all(
            event.actor for event in feed.list_events(place.store, made.id, kind="workflow_created")
        )
        await pilot.press(":")
        await until(pilot, sees(pilot, f"torc create {place.folder}/flows/w.yaml"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowsScreen))
        assert sum(isinstance(one, WorkflowsScreen) for one in pilot.app.screen_stack) == 1


async def test_fix_a_file(place: Place) -> None:
    path = write(place.folder / "w.yaml", BAD)
    async with place.app(path).run_test(notifications=True, size=(120, 36)) as pilot:
        await until(pilot, sees(pilot, "─ Problems", "─ w.yaml ─", "comand", "prepp"))
        assert pilot.app.screen.panes.shape == "stack" and "Create" not in screen_text(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "nothing to create yet"))
        await pilot.press("enter")
        assert pilot.app.focused is pilot.app.screen.panes.table
        await pilot.press("end", "enter")
        source = pilot.app.screen.query_one("#source", LineCanvas)
        assert pilot.app.focused is source and source.drawing.lit == 8
        write(place.folder / "w.yaml", GOOD)
        await pilot.press("ctrl+l")
        await until(pilot, sees(pilot, "✔ valid"))


async def test_read_only_creates_nothing(place: Place) -> None:
    path = write(place.folder / "w.yaml", GOOD)
    async with place.app(path, read_only=True).run_test(
        notifications=True, size=(120, 36)
    ) as pilot:
        await until(pilot, sees(pilot, "✔ valid"))
        await pilot.press("enter", "enter")
        await until(pilot, sees(pilot, "the app is read-only"))
        assert place.made() == []


async def test_directory_of_the_file(place: Place) -> None:
    path = write(place.folder / "flows" / "w.yaml", GOOD)
    async with place.app(path).run_test(notifications=True, size=(140, 36)) as pilot:
        await until(pilot, sees(pilot, "✔ valid"))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: pilot.app.screen.target == f"{place.folder}/flows")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: place.made() == ["sweep"])
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkflowScreen))
        assert workflows.list_workflows(place.store)[0].directory == str(place.folder / "flows")
        assert pilot.app.last_line == f"cd {place.folder}/flows && torc create {path}"


async def test_import_a_workflow(place: Place) -> None:
    from torc_tui.operations.workflows import create_workflow
    from torc_tui.plan.resolve import load_plan

    plan = load_plan(write(place.folder / "w.yaml", GOOD))
    first = create_workflow(place.store, plan, user="ada", directory=str(place.folder), actor=None)
    found = workflow_import.export_workflow(
        place.store, first, include_results=True, include_events=True
    )
    write(place.folder / "out.json", json.dumps(found))
    async with place.app().run_test(notifications=True, size=(120, 36)) as pilot:
        await until(pilot, sees(pilot, "sweep"))
        pilot.app.run_command("workflow-import")
        await until(pilot, sees(pilot, "Import a workflow", "out.json"))
        await pilot.press("tab")
        await until(pilot, sees(pilot, "✔ valid"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: place.made() == ["sweep", "sweep"])


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 6)])
async def test_small_terminals(place: Place, size: tuple[int, int]) -> None:
    path = write(place.folder / "w.yaml", GOOD)
    app = place.app(path)
    async with app.run_test(notifications=True, size=size) as pilot:
        await until(
            pilot, lambda: isinstance(app.screen, NewWorkflow) and app.screen.found is not None
        )
        for keys in (["tab"], ["shift+tab"], ["ctrl+o"]):
            await pilot.press(*keys)
            assert all(
                strip.cell_length == size[0] for strip in app.screen._compositor.render_strips()
            )
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WorkflowsScreen))
