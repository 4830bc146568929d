"""The door from the command line to the app. What comes in: nothing, a workflow, or a file. What goes out: the exit
code of the app. The app is loaded only here."""

from __future__ import annotations

import sys

from torc_tui import settings
from torc_tui.errors import UsageError


def open_app(workflow: str | None, database: str | None) -> int:
    """Open the app, on a workflow (id) or a file where one is named. UsageError without a terminal."""
    try:
        from torc_tui.tui.app import run_app
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("torc_tui"):
            raise
        raise UsageError(
            "the app is not part of this version yet", hint="`torc --help` tells what the command line can do"
        ) from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal", hint="`torc run FILE` works without one")
    return int(run_app(workflow, database=settings.database_url(database)) or 0)
