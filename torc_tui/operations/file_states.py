"""Read the states of files: existence, size, times, and the hash of their content.

Input: paths, relative to the working directory or absolute. Output: `FileState` records.

Invariants
* Only regular files and directories are opened: opening a pipe could wait for ever.
* A hash belongs to the state with which it is returned: a file that changes meanwhile has none.
"""

# Every input and output of every job passes through here, and strings are quicker than paths.
# ruff: noqa: PTH112, PTH115, PTH116, PTH118, PTH120

from __future__ import annotations

import os
import stat
import time
from _blake2 import blake2b  # that of hashlib, without OpenSSL
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from torc_tui.lifecycle.fingerprint import DIRECTORY, RACY_NS, Check, FileState

DEFAULT_LIMIT = 100 << 20
"""Larger files, in bytes, are compared by size and times only."""
LARGE_GROUP = 50
"""Equal lists of more files than this are recorded as one."""
_MOST_ENTRIES = 10_000
"""Files of a directory beyond which their content does not count, only their sizes and times."""
_CHUNK = 1 << 20
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NOTHING = blake2b(b"", digest_size=16).hexdigest()
"""The hash of an empty file."""
_SPECIAL = "special"
"""Stands for the content of a device or pipe."""


class Declared(Protocol):
    """A declared file."""

    @property
    def id(self) -> int:
        """Return the id."""

    @property
    def name(self) -> str:
        """Return the name."""


class FileStates:
    """The files of one workflow, whose jobs run in ``directory``."""

    def __init__(self, directory: str, limit: int = DEFAULT_LIMIT) -> None:
        self.directory = os.path.join(directory, "")
        self.limit = limit
        try:
            self.device: int | None = os.stat(directory).st_dev
        except OSError:
            self.device = None

    def path(self, path: str) -> str:
        """Return the absolute path of a declared file."""
        return path if path.startswith("/") else self.directory + path

    def state(self, path: str) -> FileState | None:
        """Return the state of a file without a hash; None if it does not exist.

        Raise OSError if that cannot be determined.
        """
        try:
            return self.of(os.stat(self.path(path)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:  # a path with a zero byte
            raise OSError(str(error)) from None

    def of(self, found: os.stat_result) -> FileState:
        """Return the state from the result of ``stat``, without a hash."""
        device = 0 if found.st_dev == self.device else found.st_dev
        mode = found.st_mode
        if stat.S_ISREG(mode):
            size, mtime, ctime = found.st_size, found.st_mtime_ns, found.st_ctime_ns
            return FileState(device, found.st_ino, size, mtime, ctime)
        if stat.S_ISDIR(mode):
            return FileState(device, 0, DIRECTORY, found.st_mtime_ns, found.st_ctime_ns)
        return FileState(device, found.st_ino, 0, 0, 0, _SPECIAL)

    def is_missing(self, path: str, recorded: FileState | None) -> bool:
        """Return whether a file that does not exist is gone, and not only its file system.

        ``recorded`` is its state when it was there.
        """
        if self.device is None:
            return False
        above = os.path.dirname(self.path(path))
        while not os.path.isdir(above) and above != os.path.dirname(above):
            above = os.path.dirname(above)
        try:
            device = os.stat(above or "/").st_dev
        except OSError:
            return False
        expected = self.device if recorded is None else recorded.device or self.device
        return device == expected

    def hashed(self, path: str, state: FileState) -> FileState:
        """Return a state with the hash of the content, if there is one; see `FileState.hash`."""
        if state.hash is not None:
            return state
        if state.size == 0:
            return state.with_hash(_NOTHING)
        try:
            if state.size == DIRECTORY:
                return state.with_hash(self._hash_directory(self.path(path)))
            if state.size <= self.limit:
                return state.with_hash(self._hash_file(self.path(path), state))
        except OSError:
            pass
        return state

    def _hash_file(self, path: str, state: FileState | None = None) -> str | None:
        """Return the hash of a regular file; None if it is not in that state any more."""
        fd = os.open(path, _OPEN)
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                return None
            if state is not None and state[1:5] != _times(before):
                return None
            # A large buffer takes longer to get than a small file to read.
            data = os.read(fd, min(_CHUNK, before.st_size + 1))
            digest = blake2b(data, digest_size=16)
            if len(data) < before.st_size:
                while data := os.read(fd, _CHUNK):
                    digest.update(data)
                if state is not None and state[1:5] != _times(os.fstat(fd)):
                    return None
            return digest.hexdigest()
        finally:
            os.close(fd)

    def _hash_directory(self, path: str) -> str:
        """Return a hash of the names in a directory and of the content of its files.

        Raise OSError if a part of the directory cannot be read.
        """
        entries = sorted(_walk(path))
        size = sum(file.st_size for _, _, file in entries if file is not None)
        large = len(entries) > _MOST_ENTRIES or size > self.limit
        digest = blake2b(digest_size=16)
        for name, kind, file in entries:
            content: str | None = kind
            if file is not None and large:
                content = f"{file.st_size} {file.st_mtime_ns}"
            elif file is not None:
                content = self._hash_file(os.path.join(path, name))
            line = f"{name}\0{content}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def key(self, state: FileState) -> tuple[int, int]:
        """Return device and inode of a file."""
        return (state.device or self.device or 0, state.inode)


def _times(found: os.stat_result) -> tuple[int, int, int, int]:
    """Return inode, size and times of a regular file as `FileState` holds them."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _walk(path: str) -> Iterable[tuple[str, str, os.stat_result | None]]:
    """Yield everything below a directory: its path there, its kind, its ``stat`` if it is a file.

    Links are followed to files only. Raise OSError if a part of the directory cannot be read.
    """
    for folder, folders, names in os.walk(path, onerror=_raise):
        for name in (*folders, *names):
            whole = os.path.join(folder, name)
            yield (os.path.relpath(whole, path), *_kind(whole))


def _raise(error: OSError) -> None:
    raise error


def _kind(path: str) -> tuple[str, os.stat_result | None]:
    """Return what stands for a part of a directory; the result of ``stat`` if it is a file."""
    found, target = os.lstat(path), ""
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(path)
        with suppress(OSError):
            found = os.stat(path)
    if stat.S_ISREG(found.st_mode):
        return "file", found
    if target:
        return f"-> {target}", None
    return "directory" if stat.S_ISDIR(found.st_mode) else _SPECIAL, None


def is_settled(state: FileState) -> bool:
    """Return whether a change of the file from now on would show in its times.

    A modification time in the future was set by somebody; the next change replaces it.
    """
    now = time.time_ns()
    is_set = state.mtime_ns > now + RACY_NS
    return max(state.ctime_ns, 0 if is_set else state.mtime_ns) < now - RACY_NS


def is_cachable(state: FileState) -> bool:
    """Return whether the hash of a file may be kept for later."""
    return state.hash not in (None, _SPECIAL) and state.size >= 0 and is_settled(state)


def combined(states: Sequence[FileState]) -> FileState:
    """Return the state of many files as one."""
    looks = "".join([repr(state[1:5]) for state in states])
    hashes = [state.hash for state in states if state.hash is not None]
    _, _, sizes, mtimes, ctimes, _ = zip(*states, strict=True)
    found = FileState(
        0,
        int.from_bytes(blake2b(looks.encode(), digest_size=7).digest(), "big"),
        sum(sizes) - DIRECTORY * sizes.count(DIRECTORY),
        max(mtimes),
        max(ctimes),
    )
    if len(hashes) < len(states):
        return found
    return found.with_hash(blake2b("".join(hashes).encode(), digest_size=16).hexdigest())


def hash_limit(settings: Mapping[str, Any]) -> int:
    """Return the largest size of files that are hashed, by the settings of a workflow."""
    given = settings.get("hash_limit")
    return DEFAULT_LIMIT if given is None else int(given)


def file_checks(settings: Mapping[str, Any]) -> dict[str, Check]:
    """Return how changes of files are recognized, by the names of those with ``rerun_check``."""
    return {name: Check(check) for name, check in (settings.get("rerun_check") or {}).items()}


def is_combined(
    files: Sequence[Declared], outputs: Collection[int], checks: Mapping[str, Check]
) -> bool:
    """Return whether the inputs of a job are recorded as one: a long list of plain files."""
    if len(files) <= LARGE_GROUP:
        return False
    return not any(file.id in outputs or file.name in checks for file in files)
