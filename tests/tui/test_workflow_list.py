"""The list of workflows: the preview beside it, and the welcome of an empty database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.driving import Workspace, screen_text, sees, until
from torc_tui.operations import workflows as workflow_acts
from torc_tui.tui.widgets.empty_state import empty_lines
from torc_tui.tui.workflows import workflow_preview
from torc_tui.tui.workflows.new_workflow import NewWorkflow
from torc_tui.tui.workflows.welcome import SENTENCE, Centered
from torc_tui.tui.workflows.workflow_files import examples, find

PIPELINE = """
name: pipeline
description: Fits models
jobs:
  - {name: prep, command: "true"}
  - {name: "fit_{i}", command: "true", depends_on: [prep], parameters: {i: "1:5"}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with workflow files and other files."""
    folder = tmp_path / "here"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "torc_output").mkdir()
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / "deep" / "er" / "nightly.json").write_text('{"name": "nightly", "jobs": []}')
    (folder / "deep" / "other.yaml").write_text("name: not a workflow\n")
    (folder / "deep" / "binary.json").write_bytes(b"\xff\x00" * 99)
    (folder / "torc_output" / "copy.yaml").write_text(PIPELINE)
    (folder / "loop").symlink_to(folder)
    monkeypatch.chdir(folder)
    return folder


def test_workflow_files_are_found(here: Path) -> None:
    found = find(str(here))
    assert [(one.shown, one.name, one.description) for one in found] == [
        ("pipeline.yaml", "pipeline", "Fits models"),
        ("deep/er/nightly.json", "nightly", ""),
    ]
    assert find(str(here / "missing")) == []


def test_examples_are_workflow_files() -> None:
    found = examples()
    assert "diamond" in {one.shown for one in found}
    assert all(one.description and one.is_example for one in found)


@pytest.mark.parametrize("size", [(160, 45), (80, 24), (40, 10)])
async def test_welcome(tmp_path: Path, here: Path, size: tuple[int, int]) -> None:
    place = Workspace(tmp_path)
    async with place.app(workflow_id=None).run_test(size=size) as pilot:
        await until(pilot, sees(pilot, "torc", "pipeline.yaml", "N"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewWorkflow))
        assert pilot.app.screen.path == str(here / "pipeline.yaml")
        await pilot.press("ctrl+s")
        await until(pilot, sees(pilot, "fit_3"), "the new workflow")
        await pilot.press("escape", "escape")
        await until(pilot, sees(pilot, "pipeline"), "the list")
        assert "N another file" not in screen_text(pilot)
    place.store.close()


def test_a_long_line_in_the_middle_is_broken() -> None:
    centered = Centered([[(SENTENCE, "text")], [("⏎", "key"), (" opens", "muted")]])
    shown = ["".join(part for part, _ in line) for line in centered.lines(38, 4)]
    assert " ".join(" ".join(shown[:-1]).split()) == SENTENCE and len(shown) == 3
    assert shown[-1].strip() == "⏎ opens" and max(map(len, shown)) <= 38


async def test_a_workflow_ends_the_welcome(tmp_path: Path, here: Path) -> None:
    place = Workspace(tmp_path)
    async with place.app(workflow_id=None).run_test(size=(120, 35)) as pilot:
        await until(pilot, sees(pilot, "diamond"))
        place.create(PIPELINE)
        await until(pilot, sees(pilot, "Workflows 1", "pipeline"))
        assert "diamond" not in screen_text(pilot)
        await until(pilot, lambda: pilot.app.screen.table.has_focus)
    place.store.close()


async def test_preview(tmp_path: Path) -> None:
    place = Workspace(tmp_path, PIPELINE)
    place.create(PIPELINE.replace("fit_{i}", "score_{i}").replace("pipeline", "second"))
    workflow_acts.initialize(place.store, 2, actor="ada@here")
    async with place.app(workflow_id=None).run_test(size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "score_{i} ×5", "5 blocked", "╭─ second"))
        await pilot.press("down")
        await until(pilot, sees(pilot, "fit_{i} ×5", "╭─ pipeline", "Fits models"))
        assert "score_" not in screen_text(pilot)
    place.store.close()


async def test_a_large_workflow_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow_preview, "MOST_JOBS", 5)
    read = []
    monkeypatch.setattr(workflow_preview, "read", lambda *_: read.append(1))
    place = Workspace(tmp_path, PIPELINE)
    async with place.app(workflow_id=None).run_test(size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "6 uninitialized"))
        await pilot.pause(2 * workflow_preview.WAIT)
        assert not read
    place.store.close()


async def test_keys_that_apply_to_the_workflow_under_the_cursor(tmp_path: Path) -> None:
    place = Workspace(tmp_path, PIPELINE)
    async with place.app(workflow_id=None).run_test(size=(140, 40)) as pilot:
        await until(pilot, sees(pilot, "R run"))
        assert "X stop" not in screen_text(pilot)
        workflow_acts.cancel_workflow(place.store, 1, actor="ada@here")
        await until(pilot, lambda: "R run" not in screen_text(pilot), "nothing to run")
        assert "X stop" not in screen_text(pilot)
    place.store.close()


@pytest.mark.parametrize("size", [(200, 60), (99, 27), (40, 10), (1, 1)])
@pytest.mark.parametrize("empty", [True, False])
async def test_sizes(tmp_path: Path, here: Path, size: tuple[int, int], empty: bool) -> None:
    place = Workspace(tmp_path, None if empty else PIPELINE)
    async with place.app(workflow_id=None).run_test(size=(120, 35)) as pilot:
        await until(pilot, sees(pilot, "diamond" if empty else "fit_{i} ×5"))
        for keys in ((), ("down",), ("/", "x"), ("escape",)):
            await pilot.press(*keys)
            await pilot.resize_terminal(*size)
            await pilot.pause(0.02)
            strips = pilot.app.screen._compositor.render_strips()
            assert all(strip.cell_length == size[0] for strip in strips)
            await pilot.resize_terminal(120, 35)
            await pilot.pause(0.02)
        await until(pilot, sees(pilot, "diamond" if empty else "fit_{i} ×5"))
    place.store.close()


async def test_the_machine_fills_a_large_screen(tmp_path: Path) -> None:
    place = Workspace(tmp_path, PIPELINE)
    async with place.app(workflow_id=None).run_test(size=(200, 60)) as pilot:
        await until(pilot, sees(pilot, "╭─ Machine", "CPU slots", "now"))
        await pilot.resize_terminal(100, 30)
        await until(pilot, sees(pilot, "╭─ Machine", "50 %", "CPU slots"))
        await pilot.resize_terminal(99, 30)
        await until(pilot, lambda: "╭─ Machine" not in screen_text(pilot))
    place.store.close()


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("size", [(80, 20), (80, 3), (12, 9), (1, 1), (30, 5)])
def test_an_empty_part(size: tuple[int, int], plain: bool) -> None:
    lines = empty_lines("no job has run yet", "R starts a runner", *size, plain=plain)
    assert len(lines) == size[1]
    shown = ["".join(text for text, _ in line) for line in lines]
    assert any("no job" in line for line in shown)
    if size[0] >= 30 and size[1] >= 5:
        assert {len(line.rstrip() if plain else line) <= size[0] for line in shown} == {True}
        assert ("╱" in shown[0]) is not plain
