"""The keys of the graph, by Pilot on a real database in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.driving import Workspace, screen, screen_text, sees, until
from torc_tui.tui.graph.graph_pane import GraphPane

pytestmark = pytest.mark.system

SPEC = """
name: pipeline
jobs:
  - {name: prep, command: x}
  - {name: "train_{i}", command: "train {i}", depends_on: [prep], parameters: {i: "1:60"}}
  - {name: check, command: x, depends_on: [prep]}
  - {name: report, command: x, depends_on_regexes: ["^train_.*"]}
"""


@pytest.fixture
def story(tmp_path: Path):  # type: ignore[no-untyped-def]  # a generator fixture
    story = Workspace(tmp_path, SPEC)
    yield story
    story.store.close()


def pane(pilot: Pilot[Any]) -> GraphPane:
    found = screen(pilot).tabs.pane
    assert isinstance(found, GraphPane)
    return found


async def open_graph(pilot: Pilot[Any]) -> None:
    """Show the graph over the whole screen, with the first job selected."""
    await until(pilot, sees(pilot, "prep", "train_{i}"))
    await pilot.press("3", "3", "z")
    await until(pilot, sees(pilot, "┃ ", "prep ┃"))


def selected(pilot: Pilot[Any]) -> str:
    """Return the name of the selected job."""
    job = screen(pilot).selected_job
    return "" if job is None else job.name


async def test_open_a_group(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 40)) as pilot:
        await open_graph(pilot)
        await pilot.press("b")
        await until(pilot, lambda: selected(pilot) == "train_1")
        await pilot.press("enter")
        await until(pilot, sees(pilot, "┏━ train_{i} ×60 ━", "train_1◀", " more "))
        assert screen_text(pilot).count("▼") == 3, "one line to each box"
        await pilot.press("enter")
        await until(pilot, lambda: "train_2" not in screen_text(pilot))


async def test_click_on_a_job_in_a_group(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 40)) as pilot:
        await open_graph(pilot)
        await pilot.press("b", "enter")
        await until(pilot, sees(pilot, "train_4 "))
        lines = screen_text(pilot).splitlines()
        y = next(at for at, line in enumerate(lines) if "train_4 " in line)
        await pilot.click(offset=(lines[y].index("train_4 "), y))
        await until(pilot, lambda: selected(pilot) == "train_4")
        await until(pilot, sees(pilot, "train_4◀"))
