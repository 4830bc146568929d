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
    """One group with the file `in`, and those of ``more``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.more: list[Path] = []

    def of(self, group_id: int) -> list[DeclaredFile]:
        """Return the files of the group."""
        files = enumerate([self.path, *self.more], group_id * 10)
        return [DeclaredFile(number, path.name, str(path), path.name) for number, path in files]


class Attempt:
    """The recorder, and one attempt of a job that reads the file `in`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "in"
        self.job = cast(Any, Job())
        self.thread = RecordingThread(FileStates(str(folder)), lambda _: True, lambda: None)
        context, self.files = cast(Any, Context()), Files(self.file)
        self.recorder = Recorder(cast(Any, None), context, cast(Any, self.files), self.thread)

    def begin(self) -> Start:
        """Start the attempt."""
        return self.recorder.begin(self.job, 3)

    def read_many(self) -> int:
        """Give the job a long list of inputs; return their number."""
        for number in range(60):
            self.files.more.append(self.file.with_name(f"in_{number}"))
        for path in [self.file, *self.files.more]:
            path.write_text("old")
        return len(self.files.more) + 1

    def end(self, start: Start, *, step: bool = True) -> Record:
        """End the attempt, in a new step unless that has begun."""
        key = AttemptKey(1, 1, 1, 1)
        flight = InFlight(
            key=key,
            job=self.job,
            allocation=Allocation(),
            allocation_text="",
            output_dir="",
            recorded=start,
        )
        if step:
            self.recorder.forget_looks()
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


def test_jobs_with_the_same_inputs_share_a_look(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that end in one step, and those that are then about to start."""
    number = attempt.read_many()
    seen: list[str] = []
    state = attempt.thread.states.state
    monkeypatch.setattr(
        attempt.thread.states, "state", lambda path: [seen.append(path), state(path)][1]
    )
    others = [attempt.job._replace(id=2), attempt.job._replace(id=3)]
    attempt.recorder.look_ahead([attempt.job, *others[:1]])
    starts = [attempt.begin(), attempt.recorder.begin(others[0], 4)]
    assert len(seen) == number
    first = attempt.end(starts[0])
    second = attempt.end(starts[1], step=False)
    attempt.recorder.look_ahead(others[1:])
    assert len(seen) == 2 * number
    assert first.look is second.look
    (attempt.file).write_text("other")
    assert attempt.end(attempt.recorder.begin(others[1], 6)).suspects


def test_long_list_is_read_again_after_a_later_look(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash is that of a content that was read after the attempt had ended."""
    number = attempt.read_many()
    read: list[str] = []
    hashed = attempt.thread.states.hashed
    monkeypatch.setattr(
        attempt.thread.states,
        "hashed",
        lambda path, state: [read.append(path), hashed(path, state)][1],
    )
    start = attempt.begin()
    records = [attempt.end(start), attempt.end(start)]
    for record in records:
        attempt.thread._complete(record)
    assert len(read) == number
    attempt.thread._complete(attempt.end(start))
    assert len(read) == 2 * number
    found = [one.inputs[-7] for _, one in attempt.thread.fingerprints]
    assert found[0] is not None and found[0].hash is not None
    assert found == found[:1] * 3


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
