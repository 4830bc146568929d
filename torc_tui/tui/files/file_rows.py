"""The files of a workflow: what the database and the disk say about each. No Textual, no I/O.

Input: declared files with the jobs that write and read them, what lies at their paths, the jobs,
and the rerun plan. Output: rows of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.lifecycle.rerun_plan import JobVerdict
from torc_tui.model import Job
from torc_tui.reasons import Kind
from torc_tui.records import dataclass, field
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.files.read_file import DiskState
from torc_tui.tui.look.status_icons import STATUS, Sign
from torc_tui.tui.widgets.table_model import Cell, Key, ListRows, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.wording import listed, moment, sentence, size_in_column

STATES = {
    "present": Sign("●", "present", "success"),
    "stale": Sign("◆", "stale", "warning"),
    "changed": Sign("◆", "changed", "warning"),
    "writing": Sign("▶", "being written", "info"),
    "awaited": Sign("○", "not written yet", "muted"),
    "missing": Sign("✖", "missing", "error"),
    "unreadable": Sign("✖", "unreadable", "error"),
    "unknown": Sign("…", "checking", "faint"),
}
_PLACES = {key: place for place, key in enumerate(STATES)}
_CHANGED = frozenset({Kind.INPUT_CHANGED, Kind.INPUT_APPEARED})

COLUMNS = (
    TableColumn("name", "name", 18, minimum=10, importance=0, grow=1),
    TableColumn("state", "state", 17, minimum=12, importance=1),
    TableColumn("size", "size", 10, minimum=8, importance=2, align="right"),
    TableColumn("writers", "written by", 16, minimum=8, importance=4, grow=1),
    TableColumn("readers", "read by", 16, minimum=8, importance=5, grow=1),
    TableColumn("modified", "modified", 19, importance=6),
    TableColumn("path", "path", 24, minimum=12, importance=7, grow=2),
)


class ListedFile(NamedTuple):
    """A file of the workflow; ``writers`` and ``readers`` are ids of jobs."""

    id: int
    name: str
    path: str
    place: str
    """The absolute path."""
    writers: Sequence[int]
    readers: Sequence[int]


class FileStatus(NamedTuple):
    """The state of a file: a key of `STATES`, and why, if that needs a word."""

    key: str
    why: str = ""


@dataclass(slots=True)
class FileFacts:
    """What is known about the jobs around the files."""

    jobs: Mapping[int, Job] = field(default_factory=dict)
    stale: Mapping[int, JobVerdict] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    """Paths of changed inputs, each with a job that has read it; see `changed_inputs`."""
    disk: Mapping[int, DiskState] = field(default_factory=dict)

    def state(self, file: ListedFile) -> FileStatus:
        """Return the state of a file."""
        disk = self.disk.get(file.id)
        if disk is None:
            return FileStatus("unknown")
        writers = [self.jobs[number] for number in file.writers if number in self.jobs]
        if any(job.status in HELD for job in writers):
            return FileStatus("writing")
        if disk.kind == "unreadable":
            return FileStatus("unreadable", disk.problem)
        if not disk.exists:
            return self._absent(writers)
        return self._stale(file, writers) or FileStatus("present")

    def _absent(self, writers: Sequence[Job]) -> FileStatus:
        late = [job for job in writers if job.status is not JobStatus.COMPLETED]
        if not writers:
            return FileStatus("missing", "no job writes it")
        if late:
            job = late[0]
            return FileStatus("awaited", f"{job.name} is {STATUS[job.status].word}")
        return FileStatus("missing", f"{writers[0].name} completed, but its output does not exist")

    def _stale(self, file: ListedFile, writers: Sequence[Job]) -> FileStatus | None:
        for job in writers:
            verdict = self.stale.get(job.id)
            if verdict is not None and verdict.reasons and job.status is JobStatus.COMPLETED:
                return FileStatus(
                    "stale", f"{job.name} would rerun: {sentence(verdict.reasons[0])}"
                )
        reader = self.changed.get(file.path) or self.changed.get(file.place)
        if reader is None:
            return None
        return FileStatus("changed", f"{reader} has read an earlier version")

    def names(self, numbers: Sequence[int]) -> str:
        """Return the first jobs and the number of the others: ``fit_1 and 11 more``."""
        found = [self.jobs[number].name for number in numbers[:1] if number in self.jobs]
        return listed(found, more=len(numbers) - len(found)) if found else ""


def changed_inputs(stale: Mapping[int, JobVerdict]) -> Mapping[str, str]:
    """Return the paths of inputs that make jobs stale, each with the name of a job."""
    found: dict[str, str] = {}
    for verdict in stale.values():
        for reason in verdict.reasons:
            if reason.kind in _CHANGED:
                found.setdefault(str(reason["path"]), verdict.name)
    return found


class FileRows(ListRows):
    """The rows of the table. The cells are computed when they are painted."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, self._cell_of, self._sort_key)
        self.facts = FileFacts()
        self.files: Mapping[int, ListedFile] = {}

    def chosen(self, words: Sequence[str]) -> dict[Key, ListedFile]:
        """Return the files that contain all words; called in any thread."""
        return {
            number: file
            for number, file in self.files.items()
            if not words or all(word in self._searched(file) for word in words)
        }

    def _searched(self, file: ListedFile) -> str:
        state = STATES[self.facts.state(file).key].word
        jobs = self.facts.names(file.writers), self.facts.names(file.readers)
        return " ".join((file.name, file.path, state, *jobs)).lower()

    def _sort_key(self, file: ListedFile, column: str) -> Any:
        match column:
            case "size" | "modified":
                return getattr(self.facts.disk.get(file.id), column, None)
            case "state":
                return _PLACES[self.facts.state(file).key]
            case "writers" | "readers":
                return self.facts.names(getattr(file, column))
        return file.name if column == "name" else file.path

    def _cell_of(self, file: ListedFile, column: str, width: int) -> Cell:
        disk = self.facts.disk.get(file.id, DiskState())
        match column:
            case "name":
                return (file.name, "text")
            case "state":
                sign = STATES[self.facts.state(file).key]
                return (f"{sign.sign} {sign.word}", sign.style)
            case "size":
                return (size_of(disk), "muted")
            case "modified":
                return (moment(disk.modified) if disk.modified is not None else "", "faint")
            case "writers" | "readers":
                numbers = file.writers if column == "writers" else file.readers
                return (self.facts.names(numbers), "muted")
        return (file.path, "faint")


def size_of(disk: DiskState) -> str:
    """Return the size of a file, or what else lies there."""
    if disk.kind and disk.exists:
        return disk.kind
    return "" if disk.size is None else size_in_column(disk.size)
