"""The app in a pty: signals restore the terminal, ctrl+z suspends, quitting says how to reopen."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.raw_sql import execute
from tests.waiting import DEADLINE, wait_for
from torc_tui.operations import workflows
from torc_tui.plan.resolve import resolve
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.tui.workflows.exit_message import still_running
from torc_tui.workflow_file.load import loads

SPEC = "name: pipeline\njobs: [{name: prep, command: 'true'}, {name: fit, command: 'true'}]"
MAIN_SCREEN, NO_MOUSE = b"\x1b[?1049l", b"\x1b[?1000l"

pytestmark = pytest.mark.terminal


def _without_size() -> dict[str, str]:
    """Return the environment without the size that pytest sets: this terminal tells none."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """The app in a pty; ``seen`` is its output."""

    def __init__(self, folder: Path) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            look = {"TERM": "xterm-256color", "TORC_DATABASE": str(folder / "torc.db")}
            look |= {"HOME": str(folder), "XDG_STATE_HOME": str(folder)}
            words = [sys.executable, "-m", "torc_tui.cli.main", "1"]
            os.execve(words[0], words, _without_size() | look)
        self.seen = b""
        self.status: int | None = None

    def read(self) -> bytes:
        """Return the output so far."""
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.seen += data
        return self.seen

    def until(self, wanted: bytes) -> None:
        wait_for(lambda: wanted in self.read(), lambda: repr(self.seen[-2000:]))

    def ended(self, options: int = 0) -> int:
        """Return the status of the app once it has ended, or stopped."""

        def status() -> int | None:
            self.read()
            pid, found = os.waitpid(self.pid, os.WNOHANG | options)
            return found if pid else None

        found = wait_for(lambda: (known := status()) is not None and (known + 1), "it ended") - 1
        self.status = found
        return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return the directory of a database in which a workflow runs."""
    store = Store.open(str(tmp_path / "torc.db"))
    plan = resolve(loads(SPEC, format="yaml"))
    wf = workflows.create_workflow(store, plan, user="ada", directory=str(tmp_path), actor=None)
    with store.write() as conn:
        execute(conn, f"UPDATE job SET status = {JobStatus.RUNNING} WHERE id = 1")
    store.close()
    assert wf == 1
    return tmp_path


@pytest.fixture
def terminal(database: Path) -> Iterator[Terminal]:
    made = Terminal(database)
    yield made
    if made.status is None or os.WIFSTOPPED(made.status):
        os.kill(made.pid, signal.SIGKILL)
        os.waitpid(made.pid, 0)
    os.close(made.fd)


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT", "QUIT", "USR1", "USR2"])
def test_signal(terminal: Terminal, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    terminal.until(b"prep")
    os.kill(terminal.pid, number)
    assert os.waitstatus_to_exitcode(terminal.ended()) == 128 + number
    assert MAIN_SCREEN in terminal.seen and NO_MOUSE in terminal.seen


def test_terminal_that_is_gone(database: Path) -> None:
    """No signal reaches a process whose session has another terminal."""
    controller, worker = pty.openpty()
    look = {"TERM": "xterm-256color", "TORC_DATABASE": str(database / "torc.db")}
    look |= {"HOME": str(database), "XDG_STATE_HOME": str(database)}
    app = subprocess.Popen(
        [sys.executable, "-m", "torc_tui.cli.main", "1"],
        stdin=worker,
        stdout=worker,
        stderr=worker,
        start_new_session=True,
        env={**os.environ, **look},
    )
    os.close(worker)
    seen = b""
    while b"prep" not in seen:
        seen += os.read(controller, 65536)
    os.close(controller)
    assert app.wait(DEADLINE) == 128 + signal.SIGHUP


def test_suspend(terminal: Terminal) -> None:
    """The key works in a dialog, too."""
    terminal.until(b"prep")
    os.write(terminal.fd, b"c")
    terminal.until(b"Go back")
    os.write(terminal.fd, b"\x1a")
    assert os.WIFSTOPPED(terminal.ended(os.WUNTRACED))
    assert MAIN_SCREEN in terminal.seen


def test_continue_after_suspension(terminal: Terminal) -> None:
    """The whole screen is painted again, not only what changes."""
    terminal.until(b"Timeline")
    os.write(terminal.fd, b"\x1a")
    assert os.WIFSTOPPED(terminal.ended(os.WUNTRACED))
    terminal.seen, terminal.status = b"", None
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(b"Timeline")


def test_quit_from_the_list(terminal: Terminal) -> None:
    terminal.until(b"prep")
    os.write(terminal.fd, b"\x1b")
    terminal.until(b"1 workflow")
    os.write(terminal.fd, b"q")
    assert os.waitstatus_to_exitcode(terminal.ended()) == 0
    assert b"workflow 1 is still running; reopen it with `torc 1`" in terminal.read()


def test_several_workflows_still_run() -> None:
    told = "workflows 6, 7 and 9 are still running; reopen one with `torc 6`"
    assert still_running([6, 7, 9]) == told
    assert still_running([]) is None


def test_quit(terminal: Terminal) -> None:
    terminal.until(b"prep")
    os.write(terminal.fd, b"q")
    assert os.waitstatus_to_exitcode(terminal.ended()) == 0
    assert b"workflow 1 is still running; reopen it with `torc 1`" in terminal.read()
