"""Notifications in the app: where they are, how many, and what is left when they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from tests.tui.driving import Workspace, screen, screen_text, sees, until
from torc_tui.tui.frame.bars import FooterBar
from torc_tui.tui.shell.app import TOASTS

pytestmark = pytest.mark.system

SPEC = "name: flow\njobs: [{name: 'prep_{i}', command: x, parameters: {i: '1:90'}}]"
SIZES = [(200, 60), (120, 30), (100, 30), (99, 29), (80, 24), (40, 10)]


def below_header(pilot: Pilot[Any]) -> list[str]:
    """Return the lines below the header, which shows the load of the machine."""
    return screen_text(pilot).split("\n")[1:]


async def settled(pilot: Pilot[Any]) -> list[str]:
    """Return the lines below the header once they stay the same: a scrollbar appears later."""
    seen: list[list[str]] = [[]]

    def stays() -> bool:
        seen.append(below_header(pilot))
        return seen[-1] == seen[-2]

    await until(pilot, stays)
    return seen[-1]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("text", ["short", "one\ntwo\nthree"], ids=["line", "lines"])
async def test_they_cover_no_row(tmp_path: Path, size: tuple[int, int], text: str) -> None:
    place = Workspace(tmp_path, SPEC)
    app = place.app()
    async with app.run_test(notifications=True, size=size) as pilot:
        await until(pilot, sees(pilot, "prep_{i}"))
        await pilot.press("-")
        await until(pilot, sees(pilot, "prep_2"))
        before = await settled(pilot)
        app.notify(text, timeout=600)
        await until(pilot, lambda: len(app.screen.query(Toast)) == 1)
        await until(pilot, sees(pilot, text.split("\n")[-1]))
        (toast,) = app.screen.query(Toast)
        (footer,) = app.screen.query(FooterBar)
        await until(pilot, lambda: toast.region.bottom == footer.region.y)
        side = screen(pilot).split
        for part in (side.first, side.second):
            content = part.region.bottom - (size[0] >= 100 and size[1] >= 30)
            assert not part.display or content <= toast.region.y
        assert screen(pilot).jobs_side.is_framed is (size[0] >= 100 and size[1] >= 30)
        app.clear_notifications()
        await until(pilot, lambda: below_header(pilot) == before)
    place.store.close()


async def test_bursts_are_folded(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    app = place.app()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, sees(pilot, "prep_{i}"))
        for _ in range(9):
            app.notify("the same again", timeout=600)
        await until(pilot, sees(pilot, "the same again"))
        assert screen_text(pilot).count("the same again") == 1
        for number in range(20):
            app.notify(f"news {number}.", timeout=600)
        await until(pilot, sees(pilot, "news 19."))
        await until(pilot, lambda: screen_text(pilot).count("news ") == TOASTS)
        assert "the same again" not in screen_text(pilot)
    place.store.close()
