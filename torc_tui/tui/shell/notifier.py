"""Notify the user outside the app: by the bell, OSC 9 and a command of the user.

The command is ``tui.notify_command`` of the settings; it gets the sentence as ``TORC_NOTICE`` and
as its first argument.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping

from torc_tui.errors import SettingsError, TorcError
from torc_tui.tui.feed.watches import WatchResult
from torc_tui.tui.shell.shell_app import ShellApp
from torc_tui.views.ansi import osc9


def announce(app: ShellApp, ended: WatchResult) -> None:
    """Notify in the app, by bell and OSC 9, and with the user's command."""
    app.notify(ended.text, severity="error" if ended.bad else "information", timeout=20)
    app.bell()
    app.write_terminal(osc9(ended.text))
    try:
        command = command_of_settings()
    except SettingsError as error:
        app.show_error(error)
        return
    if command:
        try:
            run(command, ended.text, app.environ)
        except OSError as error:
            app.show_error(TorcError(f"tui.notify_command: {error}"))


def command_of_settings() -> str | None:
    """Return the notification command of the user, if any."""
    from torc_tui import settings

    found = settings.load().get("tui.notify_command")
    return found if isinstance(found, str) and found.strip() else None


def run(command: str, text: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the command with sh, detached from the terminal; a thread waits for its end."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command, "torc", text],
        env={**environ, "TORC_NOTICE": text},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=process.wait, name="torc-notice", daemon=True).start()
    return process
