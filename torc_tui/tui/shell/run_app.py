"""Open the app in this terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from torc_tui import settings
from torc_tui.tui.shell.app import TorcApp


def run_app(
    store_url: str | None = None,
    workflow_id: int | None = None,
    spec_file: str | None = None,
    read_only: bool = False,
) -> int:
    """Open the app and stay until the user leaves; return the exit code.

    Ask ``terminal.refusal`` before.
    """
    state = Path(settings.state_dir()) / "app.json"
    # Reading threads must not delay the screen: Python's own 5 ms are a third of a frame.
    sys.setswitchinterval(0.001)
    app = TorcApp(store_url, workflow_id, spec_file, read_only, state_file=state)
    app.config_dir = Path(settings.config_paths()[1][1]).parent
    code = app.run() or 0
    if app.farewell is not None:
        print(app.farewell)
    return code
