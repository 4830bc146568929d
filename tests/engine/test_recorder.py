"""What is recorded of an attempt: the files at its start and at its end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import pytest

from torc_tui.engine import recording_thread
from torc_tui.engine.attempt_record import Record, Start, read_note
from torc_tui.engine.in_flight import InFlight
from torc_tui.engine.outputs import DeclaredFile
from torc_tui.engine.recording import Recorder
from torc_tui.engine.recording_thread import RecordingThread
from torc_tui.lifecycle.fingerprint import FileState, Fingerprint
from torc_tui.model import Allocation, AttemptKey, Exited
from torc_tui.operations.file_states import FileStates
from torc_tui.store import fingerprints


class Job(NamedTuple):
    """The columns of a job that are recorded."""

    id: int = 1
    input_files: int | None = 7
    output_files: int | None = None
    input_user_data: int | None = None
    output_user_data: int | None = None
    command: str = "true"
    invocation_script: str | None = None
    env: str | None = None
    options: str | None = None


class Context:
    """A workflow without settings."""

    settings: ClassVar[dict[str, Any]] = {}
    env: ClassVar[dict[str, str]] = {}

    def script(self, *_: object) -> None:
        """Return the script around commands."""


class Files:
    """One group with the file `in`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, group_id: int) -> list[DeclaredFile]:
        """Return the files of the group."""
        return [DeclaredFile(group_id * 10, "in", str(self.path), self.path.name)]


class Attempt:
    """The recorder, and one attempt of a job that reads the file `in`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "in"
        self.job = cast(Any, Job())
        self.thread = RecordingThread(FileStates(str(folder)), lambda _: True, lambda: None)
        context, files = cast(Any, Context()), cast(Any, Files(self.file))
        self.recorder = Recorder(cast(Any, None), context, files, self.thread)

    def begin(self) -> Start:
        """Start the attempt."""
        return self.recorder.begin(self.job, 3)

    def end(self, start: Start) -> Record:
        """End the attempt."""
        key = AttemptKey(1, 1, 1, 1)
        flight = InFlight(
            key=key,
            job=self.job,
            allocation=Allocation(),
            allocation_text="",
            output_dir="",
            recorded=start,
        )
        seen = self.recorder.look(flight, {})
        assert seen is not None
        exited = Exited(key=key, return_code=0, started_at=1.0, ended_at=2.0)
        return self.recorder.end(cast(Any, None), flight, exited, seen, 5)


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path)


def test_input_that_stays(attempt: Attempt) -> None:
    attempt.file.write_text("old")
    found = attempt.end(attempt.begin()).fingerprint
    state = found.inputs[70]
    assert state is not None
    assert state == attempt.thread.states.hashed(str(attempt.file), state._replace(hash=None))
    assert found.changed_files == ()


def test_input_that_changes_before_its_job_starts(attempt: Attempt) -> None:
    """Inputs are looked at a moment ahead: then they count as changed while the job ran."""
    attempt.file.write_text("old")
    attempt.recorder.look_ahead([attempt.job])
    attempt.file.write_text("other")
    found = attempt.end(attempt.begin()).fingerprint
    assert found.changed_files == (70,)


def test_each_look_ahead_serves_one_start(attempt: Attempt) -> None:
    attempt.file.write_text("old")
    attempt.recorder.look_ahead([attempt.job])
    attempt.file.write_text("other")
    attempt.begin()
    assert attempt.end(attempt.begin()).fingerprint.changed_files == ()


def test_input_that_is_only_touched(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content was hashed when the job started, because the file had not changed lately."""
    attempt.file.write_text("old")
    os.utime(attempt.file, (1e9, 1e9))
    monkeypatch.setattr(recording_thread, "is_settled", lambda state: True)
    start = attempt.begin()
    os.utime(attempt.file, (2e9, 2e9))
    found = attempt.end(start).fingerprint
    state = found.inputs[70]
    assert state is not None and state.mtime_ns == 2_000_000_000 * 10**9
    assert found.changed_files == ()


def test_missing_input(attempt: Attempt) -> None:
    found = attempt.end(attempt.begin()).fingerprint
    assert found.inputs == {70: None}
    assert found.changed_files == ()


STATES = {
    1: FileState(0, 2, 3, 4, 5, "ab"),
    2: FileState(1 << 40, 2, -1, 1 << 62, 5),
    3: None,
}


def test_note_of_a_start() -> None:
    for start in (Start(3), Start(3, STATES), Start(3, {}, {4: 2}), Start(3, STATES, {4: 2})):
        assert read_note(start.note()) == start


@pytest.mark.parametrize("command", ["true", 'echo "a\\b"\n\tä\x01 🎉', "\udcff"])
def test_text_of_a_fingerprint(command: str) -> None:
    found = Fingerprint(
        started_at=1795996157.2285333,
        recorded_at=2.5,
        began=3,
        ended=5,
        command=command,
        script='bash "x"',
        env={"A": "ab"},
        inputs=STATES,
        outputs=STATES,
        data={4: 2},
        changed_files=(1,),
        changed_data=(4,),
    )
    assert fingerprints.decode(fingerprints.encode(found), 2.5) == found


def test_text_of_a_fingerprint_without_anything() -> None:
    found = Fingerprint(started_at=0.0, recorded_at=2.5, began=0, ended=0, command="")
    assert fingerprints.encode(found) == "{}"
    assert fingerprints.decode("{}", 2.5) == found
