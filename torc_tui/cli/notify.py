"""Notify the user at the end of ``torc run``: by a command, the bell and the desktop.

Input: the settings ``[notify]`` and the options of the run. Output: processes, and control
sequences for the terminal. A notifier gets a limited time; then it is killed, and the exit code of
the run follows. Its failure is reported on standard error and changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torc_tui import settings
from torc_tui.cli.diagnostics import print_stderr
from torc_tui.errors import TorcError
from torc_tui.tuples import NamedTuple
from torc_tui.wording import duration

if TYPE_CHECKING:
    import subprocess

    from torc_tui.model import Workflow

SECONDS = 10.0
"""How long notifiers may take together, unless ``notify.timeout`` says otherwise."""
_INTERRUPTED = 130


class Notifiers(NamedTuple):
    """How the user is notified."""

    command: str | None
    bell: bool
    desktop: bool
    timeout: float


def notifiers(options: Any) -> Notifiers | None:
    """Return how the end of a run is announced; None if it is not."""
    if options.no_notify:
        return None
    found = settings.load()
    command = found.get("notify.command") or None
    bell, desktop = bool(found.get("notify.bell")), bool(found.get("notify.desktop"))
    if not (command or bell or desktop):
        if not options.notify:
            return None
        bell = desktop = True
    timeout = found.get("notify.timeout")
    return Notifiers(command, bell, desktop, SECONDS if timeout is None else timeout)


def arguments_of(options: Any) -> list[str]:
    """Return the options as words of ``torc run``, for a runner in the background."""
    return [
        f"--{name}" for name in ("notify", "no-notify") if getattr(options, name.replace("-", "_"))
    ]


@contextlib.contextmanager
def if_it_fails(how: Notifiers | None, workflow: Workflow) -> Iterator[None]:
    """Notify of a run that ends with an error of torc, such as an unavailable database."""
    try:
        yield
    except TorcError as error:
        text = f"Workflow {workflow.id} ({workflow.name}) stopped: {error}"
        of_end(how, workflow.id, workflow.run_id, text, 2)
        raise


def of_end(how: Notifiers | None, workflow_id: int, run_id: int, text: str, exit_code: int) -> None:
    """Notify of the end of a run, unless the user has just interrupted it."""
    if how is None or exit_code == _INTERRUPTED:
        return
    variables = {
        "TORC_NOTICE": text,
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_RUN_ID": str(run_id),
        "TORC_EXIT_CODE": str(exit_code),
    }
    announce(how, text, variables)


def announce(how: Notifiers, text: str, variables: Mapping[str, str]) -> None:
    """Notify in all ways at once, within the time limit."""
    if how.bell:
        _to_terminal("\a")
    commands = (
        {"notify.command": ["/bin/sh", "-c", how.command, "torc", text]} if how.command else {}
    )
    if how.desktop and (words := desktop_command(text)):
        commands["notify.desktop"] = words
    elif how.desktop:
        from torc_tui.views.ansi import osc9

        _to_terminal(osc9(text))
    running = [_Notifier(name, words, variables) for name, words in commands.items()]
    end = time.monotonic() + how.timeout
    for one in running:
        with contextlib.suppress(KeyboardInterrupt):  # the run has ended: its exit code follows
            one.join(max(0.0, end - time.monotonic()))
    for one in running:
        if problem := one.problem(how.timeout):
            print_stderr(problem)


def desktop_command(text: str) -> list[str] | None:
    """Return the command for a notification of the desktop; None if there is none here."""
    import shutil

    if sys.platform == "darwin":
        script = 'on run argv\ndisplay notification (item 1 of argv) with title "torc"\nend run'
        return ["osascript", "-e", script, text]
    has_desktop = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if has_desktop and (program := shutil.which("notify-send")):
        return [program, "--app-name=torc", "--", "torc", text]
    return None


class _Notifier:
    """A notifier that runs. It is started in a thread, because a start may hang, too."""

    def __init__(self, name: str, words: Sequence[str], variables: Mapping[str, str]) -> None:
        self._name = name
        self._words = words
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="torc-notify", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        import subprocess

        try:
            self._process = subprocess.Popen(
                self._words,
                env={**os.environ, **self._variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._process.wait()
        except (OSError, ValueError) as error:
            self._error = error if isinstance(error, OSError) else OSError(str(error))

    def join(self, seconds: float) -> None:
        """Wait for the end of the notifier."""
        self._thread.join(seconds)

    def problem(self, seconds: float) -> str | None:
        """Return what went wrong, None for nothing; kill a notifier that still runs."""
        if self._error is not None:
            return f"{self._name} cannot be started: {self._error.strerror or self._error}"
        if self._thread.is_alive():
            if self._process is not None:
                with contextlib.suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            return f"{self._name} did not end within {duration(seconds)} and was killed"
        code = self._process.returncode if self._process is not None else 0
        return f"{self._name} failed (exit {code})" if code else None


def _to_terminal(text: str) -> None:
    """Write a control sequence to the terminal, if there is one."""
    for stream in (sys.stderr, sys.stdout):
        if stream.isatty():
            with contextlib.suppress(OSError, ValueError):
                stream.write(text)
                stream.flush()
            return
