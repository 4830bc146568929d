"""Drive the app in a test: read the screen, and wait for texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from tests.waiting import wait_for_async
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen


def screen_text(pilot: Pilot[Any]) -> str:
    """Return the text of the screen, without blanks at the ends of lines."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def sees(pilot: Pilot[Any], *words: str) -> Callable[[], bool]:
    """Return a condition: all these words are on the screen."""
    return lambda: all(word in screen_text(pilot) for word in words)


def screen(pilot: Pilot[Any]) -> WorkflowScreen:
    """Return the uppermost screen of a workflow."""
    screens = reversed(pilot.app.screen_stack)
    return next(one for one in screens if isinstance(one, WorkflowScreen))


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "") -> None:
    """Wait until the condition is true. A failure shows the screen."""
    await wait_for_async(
        condition, lambda: f"{what}\n{screen_text(pilot)}", pause=lambda: pilot.pause(0.02)
    )
