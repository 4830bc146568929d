"""Describe what is recorded of an attempt at its start and at its end.

Output: the note for the exit file, from which another runner can record the end, and fingerprints.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from torc_tui.lifecycle.fingerprint import FileState, Fingerprint, states_text
from torc_tui.operations.file_states import combined
from torc_tui.records import dataclass, field, replace

States = dict[int, FileState | None]
Hasher = Callable[[str, FileState], FileState]
"""Returns the state of a file, given by its path, with its hash."""
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Start:
    """What was recorded of an attempt at its start; ``began`` is explained in `Fingerprint`."""

    began: int
    inputs: States = field(default_factory=dict)
    data: dict[int, int] = field(default_factory=dict)

    def note(self) -> str:
        """Return the text for the exit file."""
        if not self.inputs and not self.data:
            return str(self.began)
        data = _encode(self.data) if self.data else "{}"
        return f"[{self.began},{states_text(self.inputs)},{data}]"


def join_notes(outputs: str, start: str) -> str:
    """Return the note of an exit file: the outputs before the attempt, and what was recorded."""
    return f"{outputs}\n{start}"


def split_note(note: str) -> tuple[str, Start | None]:
    """Return the inverse of `join_notes`; notes of earlier versions have only the outputs."""
    outputs, _, start = note.partition("\n")
    return outputs, read_note(start)


def read_note(text: str) -> Start | None:
    """Return the inverse of `Start.note`; None for the note of another version."""
    try:
        values = json.loads(text)
        if isinstance(values, int):
            return Start(values)
        began, inputs, data = values
        states = {int(key): None if one is None else FileState(*one) for key, one in inputs.items()}
        return Start(began, states, {int(key): version for key, version in data.items()})
    except (ValueError, TypeError, AttributeError):
        return None


@dataclass(frozen=True, slots=True)
class InputGroup:
    """The inputs of a job: (id, absolute path) of each.

    ``as_one`` is the id under which a long list is recorded as one.
    """

    files: Sequence[tuple[int, str]]
    as_one: int | None = None


@dataclass(slots=True)
class InputStates:
    """The states of inputs at one time, by the monotonic clock, and how they are recorded.

    Jobs with the same inputs that start or end in one step share one. ``as_one`` is the state of a
    long list with its hash, as soon as that is known.
    """

    inputs: InputGroup
    states: States
    recorded: States
    at: float
    as_one: FileState | None = None


@dataclass(slots=True)
class Record:
    """A fingerprint without hashes, and what is needed to hash it.

    It holds the inputs at the end, the paths of outputs by id, and the inputs that look different
    from the start.
    """

    job_id: int
    fingerprint: Fingerprint
    look: InputStates
    outputs: Mapping[int, str]
    suspects: Mapping[int, FileState | None] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """The files of an attempt at its end: the inputs, and the paths and states of its outputs.

    ``is_complete`` is set if the states of all files have their hashes.
    """

    look: InputStates
    paths: dict[int, str] = field(default_factory=dict)
    outputs: States = field(default_factory=dict)
    is_complete: bool = True

    def hasher(self, hashes: Mapping[tuple[int, ...], str]) -> Hasher:
        """Return what gives a state the hash of the input that has this state at the end.

        ``hashes`` are those of other states.
        """
        known = {state[:5]: state.hash for state in self.look.states.values() if state}

        def hashed(_: str, state: FileState) -> FileState:
            key = state[:5]
            return state if state.hash else state.with_hash(known.get(key) or hashes.get(key))

        return hashed


def complete(record: Record, hashed: Hasher) -> Fingerprint:
    """Return the fingerprint of a record with the hashes of its files."""
    old = record.fingerprint
    outputs = {
        key: state and hashed(record.outputs[key], state) for key, state in old.outputs.items()
    }
    group = record.look.inputs
    if group.as_one is not None:
        inputs, changed = _complete_group(record, group.as_one, hashed)
    else:
        inputs, changed = complete_inputs(group, old.inputs, record.suspects, hashed)
    return replace(old, inputs=inputs, outputs=outputs, changed_files=changed)


def complete_inputs(
    group: InputGroup,
    states: Mapping[int, FileState | None],
    suspects: Mapping[int, FileState | None],
    hashed: Hasher,
) -> tuple[States, tuple[int, ...]]:
    """Return the inputs with their hashes, and those that changed while the job ran.

    ``suspects`` are those that look different at the end.
    """
    inputs, changed = dict(states), []
    for key, path in group.files:
        state = inputs.get(key)
        if state is not None:
            inputs[key] = state = hashed(path, state)
        if key in suspects:
            now = suspects[key]
            now = None if now is None else hashed(path, now)
            if state is None or now is None or state.hash is None or state.hash != now.hash:
                changed.append(key)
            else:
                inputs[key] = now  # only touched
    return inputs, tuple(changed)


def _complete_group(record: Record, as_one: int, hashed: Hasher) -> tuple[States, tuple[int, ...]]:
    """Return a long list of inputs as one, with a hash unless it has changed."""
    state = record.fingerprint.inputs.get(as_one)
    if as_one in record.suspects:
        return {as_one: state}, (as_one,)
    if state is None:
        return {as_one: None}, ()
    look = record.look
    if look.as_one is None:
        members = ((path, look.states.get(key)) for key, path in look.inputs.files)
        look.as_one = combined([hashed(path, one) for path, one in members if one is not None])
    return {as_one: look.as_one}, ()
