"""Write to the log of the runner once the terminal of a run is gone.

A run continues when its terminal closes. What it would print goes to a log file then, and to
nowhere if that file cannot be written. Streams that are files or pipes stay as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from torc_tui.model import Workflow


def redirect(streams: Sequence[TextIO], log: Path | None = None) -> None:
    """Let the streams write to the end of a log; to nowhere without one."""
    target: int | None = None
    if log is not None:
        with suppress(OSError):
            target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if target is None:
        target = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(target, stream.fileno())
    os.close(target)


def goes_nowhere(stream: TextIO) -> bool:
    """Return whether a stream writes to the null device, chosen by the user or by `redirect`."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), Path(os.devnull).stat())
    except (OSError, ValueError):
        return False


class TerminalFallback:
    """Replaces the terminals of this process by the log of its runner when they are gone."""

    def __init__(self, workflow: Workflow, folder: str) -> None:
        run = f"{os.uname().nodename}_wf{workflow.id}_r{workflow.run_id or 1}_p{os.getpid()}"
        self.log = Path(folder) / f"job_runner_{run}.log"
        streams = (sys.stdout, sys.stderr)
        self.terminals = [one for one in streams if one is not None and one.isatty()]

    def covers(self, stream: TextIO) -> bool:
        """Return whether the stream is a terminal that was not replaced yet."""
        return any(stream is one for one in self.terminals)

    def replace(self) -> None:
        """Write to the log from now on."""
        if self.terminals:
            redirect(self.terminals, self.log)
            self.terminals = []

    def is_needed(self) -> bool:
        """Return whether a terminal is gone. Under nohup, no signal announces it."""
        return not all(one.isatty() for one in self.terminals)


class RunOutput:
    """Standard output of a run, which may disappear while the run continues."""

    def __init__(self, stream: TextIO, fallback: TerminalFallback) -> None:
        self.stream = stream
        self.fallback = fallback
        self.is_lost = False
        """Nobody sees the output any more."""

    def hung_up(self) -> None:
        """Write to the log what would go to the terminal that is gone."""
        self.is_lost = self.is_lost or self.fallback.covers(self.stream)
        self.fallback.replace()

    def write(self, text: str) -> None:
        """Write and flush; a stream that can no longer be written is replaced."""
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            if self.is_lost:
                return  # the log cannot be written either
            if self.fallback.covers(self.stream):
                self.hung_up()
                self.write("")  # writes what is still buffered
            else:
                self.is_lost = True
                redirect([sys.stdout])
