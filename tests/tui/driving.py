"""Drive the app in a test: read the screen, and wait for texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.waiting import wait_for_async
from torc_tui.model import Event
from torc_tui.operations import workflows
from torc_tui.plan.resolve import resolve
from torc_tui.store import feed
from torc_tui.store.database import Store
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.workflows.workflow_screen import WorkflowScreen
from torc_tui.workflow_file.load import loads

ENVIRON = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


class Workspace:
    """A database in a folder, and apps on it; with ``spec``, it has that workflow."""

    def __init__(self, folder: Path, spec: str | None = None) -> None:
        self.folder = folder
        self.url = str(folder / "torc.db")
        self.store = Store.open(self.url)
        self.workflow_id = 0 if spec is None else self.create(spec)

    def create(self, spec: str) -> int:
        """Create a workflow from the text of its file."""
        plan = resolve(loads(spec, format="yaml"))
        return workflows.create_workflow(
            self.store, plan, user="ada", directory=str(self.folder), actor="ada@here"
        )

    def app(self, **more: Any) -> TorcApp:
        """Return an app that shows the workflow."""
        return TorcApp(self.url, **{"workflow_id": self.workflow_id, "environ": ENVIRON, **more})

    def events(self) -> list[Event]:
        """Return the events of the workflow."""
        return feed.list_events(self.store, self.workflow_id)


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
