"""The thread that hashes files: it survives errors, and never holds up the end of a runner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.waiting import wait_for
from torc_tui.engine.recording_thread import RecordingThread
from torc_tui.operations.file_states import FileStates


def thread(path: Path, decide: Callable[[int], bool]) -> RecordingThread:
    return RecordingThread(FileStates(str(path)), decide, lambda: None)


@pytest.mark.parametrize("error", [RuntimeError("boom"), MemoryError(), AssertionError()])
def test_error_in_a_decision(tmp_path: Path, error: Exception) -> None:
    """A job whose decision fails runs; later decisions are made, and the error is kept."""

    def decide(job_id: int) -> bool:
        if job_id == 1:
            raise error
        return True

    recording = thread(tmp_path, decide)
    recording.decide(1)
    recording.decide(2)
    wait_for(lambda: len(recording.decisions) == 2, "two decisions")
    assert list(recording.decisions) == [(1, False), (2, True)]
    assert recording.take_error() is error
    assert recording.take_error() is None
    recording.decisions.clear()
    wait_for(lambda: not recording.is_busy, "all tasks done")
    recording.close()


def test_error_in_a_record(tmp_path: Path) -> None:
    """A record that cannot be completed is left out; the thread goes on."""
    recording = thread(tmp_path, lambda job_id: True)
    recording.add(None)  # type: ignore[arg-type]  # stands for a fault in a record
    recording.decide(2)
    wait_for(lambda: list(recording.decisions) == [(2, True)], "the decision")
    assert isinstance(recording.take_error(), AttributeError)
    recording.close()


def test_close_does_not_wait(tmp_path: Path) -> None:
    """A task that hangs, such as a read from a dead server, does not hold up the runner."""
    release, begun = threading.Event(), threading.Event()

    def decide(job_id: int) -> bool:
        begun.set()
        release.wait()
        return True

    recording = thread(tmp_path, decide)
    recording.decide(1)
    assert begun.wait(60)
    before = time.monotonic()
    recording.close(0.05)
    assert time.monotonic() - before < 30
    assert recording.is_busy
    release.set()
