"""Work in a job by hand: a shell with its environment, and a line that reproduces it.

Input: a job. Output: a shell that has the terminal to itself, or a text in the clipboard. The
reader thread reads the settings of the job by the same rule as the engine starts it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torc_tui.errors import TorcError
from torc_tui.model import Job
from torc_tui.tui.frame.ports import AppPort

if TYPE_CHECKING:
    from torc_tui.operations.job_shell import JobSetting
    from torc_tui.store.database import Store


def copy_line(torc: AppPort, job: Job) -> None:
    """Copy a command line for bash that reproduces the job."""

    def take(setting: JobSetting) -> None:
        torc.last_line = setting.line
        torc.copy(setting.line)
        key = torc.keymap.key("command-line")
        torc.notify(f"copied a command line that reproduces {setting.name} ({key} shows it)")

    torc.actions.read(_read(job), then=take)


def open_shell(torc: AppPort, job: Job) -> None:
    """Open $SHELL in the directory of the job, with its environment and devices."""
    torc.actions.read(_read(job), then=lambda setting: _run_shell(torc, setting))


def _read(job: Job) -> Callable[[Store, str], JobSetting]:
    def read(store: Store, actor: str) -> JobSetting:
        from torc_tui.operations import job_shell

        return job_shell.read(store, job.id)

    return read


def _run_shell(torc: AppPort, setting: JobSetting) -> None:
    from torc_tui.operations.job_environment import with_commands
    from torc_tui.tui.frame.external import run_program

    if not Path(setting.directory).is_dir():
        torc.show_error(
            TorcError(
                f"the directory {setting.directory} does not exist",
                hint="the shell of a job starts in its working directory",
            )
        )
        return
    environ = {**torc.environ, **setting.variables}
    environ["PATH"] = with_commands(environ.get("PATH"))
    shell = torc.environ.get("SHELL") or "/bin/sh"
    name, command = ascii(setting.name)[1:-1], ascii(setting.command)[1:-1]
    command = command.replace("\\n", "\n  ").replace("\\'", "'")
    banner = (
        f"\nShell with the directory, environment and devices of {name}. Command of the job:\n\n"
    )
    banner += f"  {command}\n\nType exit to return to torc.\n\n"
    where = setting.directory
    try:
        run_program(
            torc, [shell], "the shell", "set SHELL", environ=environ, directory=where, banner=banner
        )
    except TorcError as error:
        torc.show_error(error)
