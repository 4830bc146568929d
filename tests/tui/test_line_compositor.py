"""Partial updates of the screen: only changed lines are rendered, and they look as a full paint."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from textual.geometry import Region

from tests.tui.driving import Workspace, screen, sees, until
from torc_tui.tui.widgets.line_compositor import LineCompositor

SPEC = """
name: flow
jobs:
  - {name: "fit_{i}", command: x, parameters: {i: "1:9"}}
  - {name: last, command: x, depends_on_regexes: ["fit_.*"]}
"""
SIZE = (120, 40)


def updated(compositor: LineCompositor, *regions: Region) -> int:
    """Update regions of the screen; return the number of cells that look as in a full paint."""
    whole = compositor.render_strips()
    compositor._dirty_regions = {*regions}  # not what is painted next
    update = compositor.render_partial_update()
    assert update is not None
    same = 0
    for y, first, last in update.spans:
        for (start, strip), end in zip(update.chops[y].items(), update.chop_ends[y], strict=True):
            if start < last and end > first:
                assert strip is not None, (y, start)
                assert strip.text == whole[y].crop(start, end).text, (y, start)
                same += min(end, last) - max(start, first)
    return same


async def test_updates_look_as_a_full_paint(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(notifications=True, size=SIZE) as pilot:
        await until(pilot, sees(pilot, "fit_9", "last"))
        pilot.app.notify("a notification over the panes", timeout=600)
        await until(pilot, sees(pilot, "a notification over the panes"))
        compositor = cast(LineCompositor, screen(pilot)._compositor)
        for y in range(SIZE[1]):
            assert updated(compositor, Region(0, y, SIZE[0], 1)) == SIZE[0]
        for x in range(0, SIZE[0] - 20, 7):
            regions = [Region(x, 2, 9, 1), Region(x + 3, 9, 17, 20), Region(x, 38, 1, 2)]
            assert updated(compositor, *regions) == sum(one.area for one in regions)
    place.store.close()


async def test_only_changed_lines_are_rendered(tmp_path: Path) -> None:
    place = Workspace(tmp_path, SPEC)
    async with place.app().run_test(size=SIZE) as pilot:
        await until(pilot, sees(pilot, "fit_9", "last"))
        compositor = cast(LineCompositor, screen(pilot)._compositor)
        table = screen(pilot).table.region
        row = Region(table.x, table.y + 2, table.width - 1, 1)
        before = compositor.lines_asked
        updated(compositor, Region(0, 0, SIZE[0], 1), row, Region(0, SIZE[1] - 1, SIZE[0], 1))
        assert compositor.lines_asked - before == 3
    place.store.close()
