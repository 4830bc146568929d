"""The door from the command line to the app. What comes in: nothing, a workflow, or a file. What goes out: the exit
code of the app. The app is loaded only here."""

from __future__ import annotations

import os
import sys

from torc_tui import settings
from torc_tui.errors import UsageError


def open_app(what: str | None, database: str | None) -> int:
    """Open the app, on a workflow (an id) or a file where one is named. UsageError where it cannot be shown."""
    try:
        from torc_tui.tui.app import run_app
        from torc_tui.tui.terminal import refusal
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("torc_tui"):
            raise
        raise UsageError(
            "the app is not part of this version yet", hint="`torc --help` tells what the command line can do"
        ) from None
    trouble = refusal(os.environ, interactive=sys.stdin.isatty() and sys.stdout.isatty())
    if trouble is not None:
        raise UsageError(trouble)
    url = settings.database_url(database)
    if what is None or what.isdecimal():
        return run_app(url, workflow_id=None if what is None else int(what))
    if not os.path.isfile(what):  # noqa: PTH113
        raise UsageError(f"there is no file {what}", hint="`torc FILE` opens the app on a workflow file")
    return run_app(url, spec_file=what)
