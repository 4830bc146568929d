"""Run the app in this terminal until the user quits."""

from __future__ import annotations

import sys
from pathlib import Path

import textual.screen

from torc_tui import settings
from torc_tui.tui.shell.app import TorcApp
from torc_tui.tui.shell.ending import tolerate_lost_terminal
from torc_tui.tui.shell.patient_driver import patient

FRAME = 0.005
"""Seconds between two paints, at least. Ticks paint seldom; a key may follow one at once."""


def run_app(
    store_url: str | None = None,
    workflow_id: int | None = None,
    spec_file: str | None = None,
    read_only: bool = False,
) -> int:
    """Run the app until the user quits; return the exit code. Ask ``terminal.refusal`` before."""
    state = Path(settings.state_dir()) / "app.json"
    # Reading threads must not delay the screen: Python's own 5 ms are a third of a frame.
    sys.setswitchinterval(0.001)
    vars(textual.screen)["UPDATE_PERIOD"] = FRAME
    app = TorcApp(store_url, workflow_id, spec_file, read_only, state_file=state)
    app.driver_class = patient(app.driver_class)
    app.config_dir = Path(settings.config_paths()[1][1]).parent
    tolerate_lost_terminal()
    code = app.run() or 0
    if app.exit_message is not None and sys.stdout.isatty():
        print(app.exit_message)
    return code
