"""Every key in a replay, in the dialog that merges values, and in those of allocations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.engine.test_allocator import STAGES
from tests.tui.driving import Workspace, screen, sees, until
from tests.tui.test_allocations_tab import submitted
from tests.tui.test_every_key import (
    close_dialogs,
    commands_here,
    dialog_keys,
    done,
    press_all,
    press_in_dialog,
)
from tests.tui.test_replay import ReplayStory, go, replay, start
from torc_tui.tui.data.data_review import MergedChanges, merge_versions
from torc_tui.tui.data.merge_dialog import Choices, MergeDialog
from torc_tui.tui.machine.cluster_part import AllocationTable
from torc_tui.tui.workflows.tab_host import TABS

__all__ = ["done"]  # a fixture

pytestmark = pytest.mark.system
LEAVES = ("reload", "replay-end")
"""Commands that return to the present."""
CHOSEN = {"m": 1, "t": 1, "b": 1, "M": 2, "T": 2, "B": 2}
"""How many of two conflicts each key decides."""
ONE_JOB = "name: one\njobs: [{name: prep, command: 'true'}]"


@pytest.mark.long
@pytest.mark.parametrize("tab", [tab.name for tab in TABS])
async def test_keys_of_a_replay(tmp_path: Path, done: list[str], tab: str) -> None:
    story = ReplayStory(tmp_path)
    async with story.app().run_test(size=(160, 45), notifications=True) as pilot:
        await start(pilot)

        def view() -> None:
            replay(pilot)._plays = False
            replay(pilot).scrub(0.36)

        await screen(pilot).show_tab(tab)
        screen(pilot).focus_pane()
        await go(pilot, 0.36)
        await press_all(pilot, done, f"replay, {tab}", view=view, skipped=LEAVES)
        assert replay(pilot).is_on and not done
    story.store.close()


async def merge_dialog(
    pilot: Pilot[Any], merged: MergedChanges, found: list[Choices | None]
) -> MergeDialog:
    """Show the dialog of a merge; its result is added to ``found``."""
    dialog = MergeDialog("config", merged.conflicts, merged.mine, merged.theirs)
    pilot.app.push_screen(dialog, found.append)
    await until(pilot, lambda: dialog.is_mounted and dialog.chosen)
    return dialog


@pytest.mark.long
async def test_keys_of_a_merge(tmp_path: Path) -> None:
    """Only the keys of the dialog decide, and it closes only with y, n, enter and escape."""
    merged = merge_versions({"a": 0, "b": 0}, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2, "d": 2})
    place = Workspace(tmp_path, ONE_JOB)
    async with place.app().run_test(size=(120, 36), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep"))
        found: list[Choices | None] = []
        dialog: MergeDialog | None = None
        for key in sorted({*dialog_keys(), *"mtbMTB", "enter", "space", "home", "end"}):
            if dialog is None:
                dialog = await merge_dialog(pilot, merged, found)
            dialog.choices.clear()
            found.clear()
            dialog.accept.focus()
            await pilot.press(key)
            assert len(dialog.choices) == CHOSEN.get(key, 0), key
            assert found == ([None] if key in ("n", "escape") else []), key
            dialog = None if found else dialog
    place.store.close()


@pytest.mark.long
async def test_keys_of_allocations(
    tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Workspace(tmp_path, STAGES)
    cluster, allocator = submitted(work, monkeypatch)
    async with work.app().run_test(size=(160, 45), notifications=True) as pilot:
        await until(pilot, sees(pilot, "work_1", "1 queued"))
        await pilot.press("0")
        await until(pilot, sees(pilot, "no node runs jobs", "… queued (Priority)"))
        app: Any = pilot.app
        table = screen(pilot).query_one(AllocationTable)
        table.focus()
        await until(pilot, lambda: screen(pilot).focused is table and table.order)
        await press_all(pilot, done, "allocations")
        stack, opened = len(app.screen_stack), 0
        for command in ("activate", "allocation-cancel", "allocation-more"):
            key, found = next(pair for pair in commands_here(app) if pair[1].id == command)
            table.focus()
            await app.dispatcher.carry_out(found)
            await until(pilot, lambda: len(app.screen_stack) > stack)
            opened += 1
            await press_in_dialog(pilot, done, found, f"allocations, {key}")
            await close_dialogs(pilot, stack)
        assert opened == 3 and len(cluster.requests) == 1
    allocator.release()
    work.store.close()
