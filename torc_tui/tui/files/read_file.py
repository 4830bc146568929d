"""Read what the viewer shows of a file: its state, the first and the last bytes, or its entries.

Input: a path. Output: a `FileContent`; what cannot be read becomes one sentence. Called in a reader
thread.

Invariants: at most two blocks of a file are read. Nothing but regular files and directories is
opened, because opening a FIFO may wait, and opening a device may act on it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from itertools import islice

from torc_tui.records import dataclass
from torc_tui.tui.files.file_kind import FileKind, View, kind_of
from torc_tui.tuples import NamedTuple
from torc_tui.wording import size

BLOCK = 256 * 1024
"""Bytes that are read at the start and at the end of a file."""
ENTRIES = 2000
"""Entries of a directory that are listed."""
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_SPECIAL = (
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISBLK, "block device"),
)


class DiskState(NamedTuple):
    """What lies at a path now. ``kind`` is empty for a regular file, ``missing`` for nothing."""

    kind: str = ""
    size: int | None = None
    modified: float | None = None
    problem: str = ""
    identity: tuple[int, ...] = ()
    """Changes when the file changes."""

    @property
    def exists(self) -> bool:
        return self.kind != "missing"


class Entry(NamedTuple):
    """One entry of a directory."""

    name: str
    kind: str
    size: int | None
    modified: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """What the viewer shows. ``tail`` is empty if ``head`` is the whole file."""

    path: str
    disk: DiskState
    kind: FileKind
    sentence: str = ""
    """Why there is nothing to show."""
    head: bytes = b""
    tail: bytes = b""
    entries: Sequence[Entry] = ()
    more: bool = False
    """Whether the directory has more entries."""

    def continues(self, earlier: FileContent) -> bool:
        """Return whether bytes were only added at the end, as far as that is known."""
        if (self.disk.size or 0) == (earlier.disk.size or 0):
            return (self.head, self.tail) == (earlier.head, earlier.tail)
        return self.head.startswith(earlier.head)


def disk_state(path: str) -> DiskState:
    """Return what lies at a path, without opening it; links are followed."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every file of a workflow
    except (FileNotFoundError, NotADirectoryError):
        return DiskState("missing")
    except (OSError, ValueError) as error:
        return DiskState("unreadable", problem=getattr(error, "strerror", None) or str(error))
    return _state(status)


def _state(status: os.stat_result) -> DiskState:
    kind = next((word for test, word in _SPECIAL if test(status.st_mode)), "")
    if stat.S_ISDIR(status.st_mode):
        kind = "directory"
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return DiskState(kind, status.st_size, status.st_mtime, identity=identity)


def read_file(path: str) -> FileContent:
    """Return what lies at a path now."""
    disk = disk_state(path)
    if disk.kind == "missing":
        return _nothing(path, disk, _missing(path))
    if disk.kind == "unreadable":
        return _nothing(path, disk, f"cannot be read: {disk.problem}")
    try:
        if disk.kind == "directory":
            return _directory(path, disk)
        if disk.kind:
            return _nothing(path, disk, f"a {disk.kind}: only regular files are shown")
        return _regular(path)
    except FileNotFoundError:
        return _nothing(path, DiskState("missing"), "the file was deleted just now")
    except OSError as error:
        return _nothing(path, disk, f"cannot be read: {error.strerror or error}")


def _nothing(path: str, disk: DiskState, sentence: str) -> FileContent:
    kind = FileKind(View.NOTHING, disk.kind or "file")
    return FileContent(path=path, disk=disk, kind=kind, sentence=sentence)


def _missing(path: str) -> str:
    if os.path.islink(path):  # noqa: PTH114 - as in `disk_state`
        target = os.readlink(path)  # noqa: PTH115
        return f"a link to {target}, which does not exist"
    parent = os.path.dirname(path)  # noqa: PTH120
    if not os.path.isdir(parent):  # noqa: PTH112
        return f"there is no such file: its directory {parent} does not exist"
    return "there is no such file"


def _directory(path: str, disk: DiskState) -> FileContent:
    with os.scandir(path) as found:
        entries = [_entry(one) for one in islice(found, ENTRIES + 1)]
    more = len(entries) > ENTRIES
    entries = sorted(entries[:ENTRIES], key=lambda one: (one.kind != "directory", one.name))
    kind = FileKind(View.DIRECTORY, "directory")
    empty = "" if entries else "the directory is empty"
    return FileContent(path=path, disk=disk, kind=kind, entries=entries, more=more, sentence=empty)


def _entry(one: os.DirEntry[str]) -> Entry:
    try:
        state = _state(one.stat())
    except OSError:
        state = DiskState("dangling link" if one.is_symlink() else "unreadable")
    return Entry(one.name, state.kind or "file", state.size, state.modified)


def _regular(path: str) -> FileContent:
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        disk = _state(status)
        if not stat.S_ISREG(status.st_mode):
            return _nothing(path, disk, "the file was replaced just now")
        length = status.st_size
        head = os.pread(descriptor, BLOCK, 0)
        tail = b""
        if length > len(head):
            begin = max(len(head), length - BLOCK)
            tail = os.pread(descriptor, BLOCK, begin)
    finally:
        os.close(descriptor)
    if not head:
        return _nothing(path, disk, "the file is empty" if not length else "nothing can be read")
    kind = kind_of(os.path.basename(path), head)  # noqa: PTH119
    # A file of /proc has no size; a text without lines would be searched for their ends.
    if kind.view in (View.TEXT, View.TABLE) and (
        not length or (length > BLOCK and b"\n" not in head)
    ):
        kind = kind._replace(view=View.EXCERPT)
    return FileContent(path=path, disk=disk, kind=kind, head=head, tail=tail)


def not_shown(content: FileContent, shown: int) -> str:
    """Return how much of a file is not shown, in words; empty if all is."""
    rest = (content.disk.size or 0) - shown
    return f"{size(rest)} not shown" if rest > 0 else ""
