"""The keys of the graph, by Pilot on a real database in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.color import Color
from textual.pilot import Pilot

from tests.tui.driving import Workspace, screen, screen_text, sees, until
from torc_tui.tui.graph.graph_pane import GraphPane
from torc_tui.tui.look.theme import PALETTES, THEMES

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
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await pilot.press("b")
        await until(pilot, lambda: selected(pilot) == "train_1")
        await pilot.press("enter")
        await until(pilot, sees(pilot, "┏━ train_{i} ×60 ━", "train_1 ", " more "))
        assert screen_text(pilot).count("▼") == 3, "one line to each box"
        await pilot.press("enter")
        await until(pilot, lambda: "┏━ train_{i}" not in screen_text(pilot))


async def test_click_on_a_job_in_a_group(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await pilot.press("b", "enter")
        await until(pilot, sees(pilot, "┏━ train_{i}", "train_4 "))
        lines = screen_text(pilot).splitlines()
        y = next(at for at, line in enumerate(lines) if "train_4 " in line)
        await pilot.click(offset=(lines[y].index("train_4 "), y))
        await until(pilot, lambda: selected(pilot) == "train_4")
        await until(pilot, sees(pilot, "┏━ train_{i}"))


async def test_arrows_walk_along_links(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        for key, name in (
            ("down", "train_1"),
            ("right", "check"),
            ("left", "train_1"),
            ("down", "report"),
            ("up", "train_1"),
            ("up", "prep"),
        ):
            await pilot.press(key)
            await until(pilot, lambda name=name: selected(pilot) == name, f"{key} to {name}")  # type: ignore[misc]  # a default value


async def test_the_footer_has_one_entry_for_the_arrows(story: Workspace) -> None:
    """It stands for an arrow that leads to a box, and is left out where none does."""
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        found = [one.id for one in screen(pilot).available() if one.id.startswith("graph-")]
        assert found == ["graph-down", "graph-ancestors"]
        assert screen_text(pilot).count("walk") == 1
        await pilot.press("a")
        await until(pilot, lambda: "train_{i}" not in screen_text(pilot))
        await until(pilot, lambda: "walk" not in screen_text(pilot))


async def test_arrows_walk_through_an_opened_group(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await pilot.press("down", "enter")
        await until(pilot, sees(pilot, "train_1 "))
        await pilot.press("right")
        await until(pilot, lambda: selected(pilot) == "train_2")
        await pilot.press("up")
        await until(pilot, lambda: selected(pilot) == "prep")


async def test_the_selected_box_is_in_view(story: Workspace) -> None:
    async with story.app().run_test(size=(40, 10)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("3", "3")
        await until(pilot, sees(pilot, "[· prep]"))
        await pilot.press("+")
        await until(pilot, sees(pilot, "prep ┠"))
        await pilot.press("right", "right")
        await until(pilot, sees(pilot, "report ┃", "┏━", "━┓", "┗━", "━┛"), "the whole box")
        await pilot.press(*["shift+left"] * 9)
        await until(pilot, sees(pilot, "prep ├"))
        assert "report ┃" not in screen_text(pilot)
        await pilot.press("left")
        await until(pilot, sees(pilot, "┃ train_{i}", "┏━", "━┓", "┗━", "━┛"), "the whole box")


def direction(pilot: Pilot[Any]) -> str:
    picture = pane(pilot).picture
    return "" if picture is None else picture.drawing.direction


async def test_the_direction_follows_the_size(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await until(pilot, lambda: direction(pilot) == "down")
        await pilot.resize_terminal(160, 30)
        await until(pilot, lambda: direction(pilot) == "right")
        await until(pilot, sees(pilot, "prep ┠", "▶"))


async def test_the_chosen_direction_is_remembered(story: Workspace) -> None:
    state = story.folder / "app.json"
    async with story.app(state_file=state).run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await pilot.press("o")
        await until(pilot, lambda: direction(pilot) == "right")
    async with story.app(state_file=state).run_test(size=(100, 60)) as pilot:
        await until(pilot, sees(pilot, "prep"))
        await pilot.press("3", "3", "z")
        await until(pilot, lambda: direction(pilot) == "right")
        await pilot.press("o")
        await until(pilot, lambda: direction(pilot) == "down")


async def test_zoom(story: Workspace) -> None:
    async with story.app().run_test(size=(100, 60)) as pilot:
        await open_graph(pilot)
        await pilot.press("-")
        await until(pilot, sees(pilot, "[· prep]"))
        await pilot.press("+", "+")
        await until(pilot, sees(pilot, "┃ · prep"))
        await pilot.press("w")
        await until(pilot, lambda: pane(pilot).zoom is None)


@pytest.mark.parametrize("name", ["torc-night", "torc-day", "torc-safe"])
def test_links_are_visible(name: str) -> None:
    """Lines need a contrast of 3 to 1 (WCAG 2.2, 1.4.11); thin lines of a terminal need more."""
    theme = next(theme for theme in THEMES if theme.name == name)
    color = PALETTES[name]("edge").color
    assert color is not None and color.triplet is not None and theme.background is not None
    light = sorted(map(luminance, (color.triplet.hex, theme.background)))
    assert (light[1] + 0.05) / (light[0] + 0.05) >= 4


def luminance(color: str) -> float:
    """Return the relative luminance of a color (WCAG 2.2)."""
    parts = (
        part / 12.92 if part <= 0.04 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(color).normalized
    )
    return sum(part * share for part, share in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))


async def test_the_critical_path_and_the_legend(story: Workspace) -> None:
    async with story.app().run_test(size=(120, 60)) as pilot:
        await open_graph(pilot)
        await until(pilot, sees(pilot, "· prep uninitialized", "╭╮ job", "▕█▏ job group"))
        await pilot.press("c")
        await until(pilot, sees(pilot, "━ critical path 3 jobs, duration unknown", "┃"))
        await pilot.press("down", "d")
        await until(pilot, sees(pilot, "only what depends on it: train_{i}", "60 jobs: 60 unin"))
        await pilot.press("c", "w")
        await until(pilot, lambda: "critical path" not in screen_text(pilot))
