"""A job by hand: a shell as if in it, and a line that does what it does.

What comes in: the app and a job. What goes out: a shell that has the terminal to itself, or a text
in the clipboard. What belongs to a job is read from the store by the reader thread, by the rule
that the engine starts it by.
"""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import SuspendNotSupported

from torc_tui.errors import TorcError
from torc_tui.model import Job

if TYPE_CHECKING:
    from torc_tui.tui.shell.app import TorcApp


def copy_line(app: TorcApp, job: Job) -> None:
    """A line for bash that reproduces the job into the clipboard; ``:`` shows it too."""

    def take(setting: Any) -> None:
        app.last_line = setting.line
        app.copy_to_clipboard(setting.line)
        app.notify(f"copied: a line that does what {setting.name} does (: shows it)", markup=False)

    app.acts.ask(_setting(job), then=take)


def open_shell(app: TorcApp, job: Job) -> None:
    """$SHELL in the folder of the job, with its variables, devices and data; leaving it comes back
    here."""
    app.acts.ask(_setting(job), then=lambda setting: _run_shell(app, setting))


def _setting(job: Job) -> Any:
    def read(store: Any, actor: str) -> Any:
        from torc_tui.store import job_shell

        return job_shell.read(store, job.id)

    return read


def _run_shell(app: TorcApp, setting: Any) -> None:
    from torc_tui.store.job_environment import with_commands

    if not Path(setting.directory).is_dir():
        app.complain(
            TorcError(
                f"{setting.directory} is not there any more",
                hint="a job's shell begins in its folder",
            )
        )
        return
    environment = {**app.environ, **setting.variables}
    environment["PATH"] = with_commands(environment.get("PATH"))
    shell = app.environ.get("SHELL") or "/bin/sh"
    try:
        with app.suspend() if not app.is_headless else nullcontext():
            print(
                f"\nThe folder, variables and devices of {ascii(setting.name)[1:-1]}. Its command:\n",
                flush=True,
            )
            print(
                "  " + ascii(setting.command)[1:-1].replace("\\n", "\n  ").replace("\\'", "'"),
                flush=True,
            )
            print("\nexit comes back to torc.\n", flush=True)
            subprocess.run([shell], cwd=setting.directory, env=environment, check=False)
    except (OSError, SuspendNotSupported) as error:
        app.complain(TorcError(f"no shell: {error}", hint="set SHELL"))
