"""Describe the record of a successful attempt, and compare files with it.

Input: values. Output: whether a file has changed since then, or needs its content for an answer.

Invariant: equal content is no change, whatever the times are, unless the file is checked by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from torc_tui.records import dataclass, field
from torc_tui.tuples import NamedTuple

RACY_NS = 2_000_000_000
"""A file that was modified this shortly before it was recorded, or later, may change again without
a new time: then only its content counts."""
DIRECTORY = -1
"""The size of a directory: its times do not show changes of the files in it."""


class Check(StrEnum):
    """How a change of a file is recognized: the key ``rerun_check`` of a file."""

    CONTENT = "content"
    TIME = "time"
    NEVER = "never"


class FileState(NamedTuple):
    """A file, directory or set of files. ``device`` is 0 on the device of the working directory.

    ``hash`` is that of the content; None if it was not computed: the file is larger than the
    limit, or cannot be read.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    hash: str | None = None

    def looks_like(self, other: FileState) -> bool:
        """Return whether inode, size and times are equal."""
        return self[1:5] == other[1:5]

    def with_hash(self, content: str | None) -> FileState:
        """Return this state with the hash of the content."""
        return FileState(*self[:5], content)

    @property
    def seen(self) -> tuple[int, float]:
        """Return size and modification time as a reason holds them."""
        return (self.size, self.mtime_ns / 1e9)


def states_text(states: Mapping[int, FileState | None]) -> str:
    """Return files by id as JSON; no text in a state needs an escape."""
    return f"{{{','.join([_state_text(key, state) for key, state in states.items()])}}}"


def _state_text(key: int, state: FileState | None) -> str:
    if state is None:
        return f'"{key}":null'
    device, inode, size, mtime, ctime, content = state
    last = "null" if content is None else f'"{content}"'
    return f'"{key}":[{device},{inode},{size},{mtime},{ctime},{last}]'


def needs_hash(old: FileState | None, now: FileState | None, recorded_ns: int) -> bool:
    """Return whether only the content can show that a file has not changed."""
    if old is None or now is None or old.hash is None or old.size != now.size:
        return False
    return old.size == DIRECTORY or not old.looks_like(now) or _is_racy(old, recorded_ns)


def _is_racy(old: FileState, recorded_ns: int) -> bool:
    latest = recorded_ns - RACY_NS
    return old.mtime_ns > latest or old.ctime_ns > latest


def differs(old: FileState, now: FileState, recorded_ns: int, check: Check) -> bool | None:
    """Return whether a file has changed since it was recorded; None if that cannot be determined.

    ``now`` needs a hash where `needs_hash` says so.
    """
    if check is Check.NEVER:
        return False
    if check is Check.TIME:
        return (old.size, old.mtime_ns) != (now.size, now.mtime_ns)
    if old.size != now.size:
        return True
    if not needs_hash(old, now, recorded_ns):
        return not old.looks_like(now)
    return None if now.hash is None else old.hash != now.hash


class Baseline(NamedTuple):
    """The state of an output after the last job that declares it, and when it was recorded.

    None: a user has accepted that it does not exist.
    """

    state: FileState | None
    recorded_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What was recorded of a successful attempt.

    Files and records are given by id; ``data`` has the version of each input record. ``began`` and
    ``ended`` are numbers of events of the workflow: the attempt followed everything that ended up
    to ``began``. ``changed_files`` and ``changed_data`` changed while the job ran.
    """

    started_at: float
    recorded_at: float
    began: int
    ended: int
    command: str
    script: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[int, FileState | None] = field(default_factory=dict)
    outputs: Mapping[int, FileState | None] = field(default_factory=dict)
    data: Mapping[int, int] = field(default_factory=dict)
    changed_files: tuple[int, ...] = ()
    changed_data: tuple[int, ...] = ()

    @property
    def started_ns(self) -> int:
        """When the inputs were recorded, in nanoseconds."""
        return int(self.started_at * 1e9)

    @property
    def recorded_ns(self) -> int:
        """When the outputs were recorded, in nanoseconds."""
        return int(self.recorded_at * 1e9)


def baselines(recorded: Iterable[Fingerprint]) -> dict[int, Baseline]:
    """Return for each output its state after the last of the jobs that declare it."""
    last: dict[int, int] = {}
    found: dict[int, Baseline] = {}
    for one in recorded:
        for file_id, state in one.outputs.items():
            if one.ended >= last.get(file_id, -1):
                last[file_id] = one.ended
                found[file_id] = Baseline(state, one.recorded_ns)
    return found
