"""Make the files of an attempt: logs, exit file, scripts, and the directories of its outputs.

Input: an order. Output: open descriptors.

Invariants
* Every file is new. A file or link with its name is removed, never followed or written to.
* Logs follow the umask; scripts are readable by this user only.
* The working directory is never made. If it is missing, no file of the attempt is made either.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator

from torc_tui.executors.exit_file import write_reserve
from torc_tui.model import Order

_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOG = os.O_WRONLY | os.O_APPEND | _NEW
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SPARE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SPARE_FILES = 128
"""Largest number of exit files that are kept for later attempts."""
_LOG_MODE, _SCRIPT_MODE = 0o666, 0o600


class JobFiles:
    """The open files of an attempt that is being started; `close` them after the start.

    ``stdout`` and ``stderr`` are ``nothing`` (a descriptor of /dev/null) where the order names no
    file. `close` and `remove` may be called also after `make` has failed.
    """

    __slots__ = ("_exit_files", "_made", "_opened", "stderr", "stdout")

    def __init__(self, nothing: int, exit_files: SpareExitFiles) -> None:
        self.stdout = self.stderr = nothing
        self._exit_files = exit_files
        self._opened: list[int] = []
        self._made: list[str] = []

    def make(self, order: Order) -> None:
        """Make the logs and the exit file of the order.

        Raise OSError or ValueError if that is not possible.
        """
        if not order.exit_file.startswith("/"):  # the job may change its directory
            raise ValueError(f"the exit file must be an absolute path: {order.exit_file}")
        check_directory(order.directory)
        for directory in order.output_directories:
            os.makedirs(directory, exist_ok=True)
        if order.stdout is not None:
            self.stdout = self._open(order.stdout, _LOG, _LOG_MODE)
        if order.stderr is not None:
            same = order.stderr == order.stdout
            self.stderr = self.stdout if same else self._open(order.stderr, _LOG, _LOG_MODE)
        self._make_exit_file(order.exit_file, order.note)

    def write(self, path: str, text: str) -> None:
        """Write a script of the attempt; raise OSError or ValueError if that is not possible."""
        fd = self._open(path, os.O_WRONLY | _NEW, _SCRIPT_MODE)
        with _naming(path), open(fd, "wb", closefd=False) as file:
            file.write(text.encode(errors="surrogateescape"))

    def close(self) -> None:
        """Close the files. This unlocks the exit file."""
        for fd in self._opened:
            os.close(fd)
        self._opened.clear()

    def remove(self) -> None:
        """Remove the files of an attempt that did not start."""
        for path in self._made:
            _remove(path)

    def _make_exit_file(self, path: str, note: str) -> None:
        fd = self._exit_files.reuse(path, note)
        if fd is not None:
            self._opened.append(fd)
            self._made.append(path)
            return
        fd = self._open(path, os.O_WRONLY | _NEW, _LOG_MODE)
        with _naming(path):
            write_reserve(fd, note)

    def _open(self, path: str, flags: int, mode: int) -> int:
        try:
            fd = os.open(path, flags, mode)
        except (FileExistsError, FileNotFoundError):
            fd = open_new(path, flags, mode)
        self._opened.append(fd)
        self._made.append(path)
        return fd


class SpareExitFiles:
    """Exit files of ended attempts, from which those of later attempts are made.

    To rename a file takes less time than to remove one and make another.
    """

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}

    def add(self, paths: Iterable[str]) -> None:
        """Keep some of the files, and remove the others."""
        for path in paths:
            if len(self._paths) < _SPARE_FILES:
                self._paths[path] = None
            else:
                _remove(path)

    def reuse(self, path: str, note: str) -> int | None:
        """Make the exit file ``path`` from another one; return its locked descriptor.

        Return None if that is not possible. The file has its new content before its new name, so
        that nobody ever reads the end of the former attempt as that of this one.
        """
        self._paths.pop(path, None)  # it will be in use
        while self._paths:
            spare, _ = self._paths.popitem()
            try:
                fd = os.open(spare, _SPARE)
            except OSError:
                continue
            try:
                write_reserve(fd, note, size=_own_size(fd))
                os.rename(spare, path)
            except OSError:
                os.close(fd)
                _remove(spare)
            else:
                return fd
        return None

    def remove(self) -> None:
        """Remove the files."""
        for path in self._paths:
            _remove(path)
        self._paths.clear()


def _own_size(fd: int) -> int:
    """Return the size of a file; raise OSError unless it is a plain file with one name."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return found.st_size


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Add the path to errors of writing; errors of opening have it already."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def open_new(path: str, flags: int, mode: int) -> int:
    """Open a new file, in a directory that is made if it is missing."""
    for _ in range(2):
        try:
            return os.open(path, flags, mode)
        except FileExistsError:
            os.unlink(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, flags, mode)


def open_log(path: str) -> int:
    """Open a log to which several commands append, one after the other."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, _APPEND, _LOG_MODE)


def append_line(path: str, line: str) -> None:
    """Append a line to a log if that is possible; do nothing if the log is a link."""
    with contextlib.suppress(OSError, ValueError):
        fd = os.open(path, _APPEND, _LOG_MODE)
        try:
            os.write(fd, f"{line}\n".encode(errors="replace"))
        finally:
            os.close(fd)


class WorkingDirectoryError(OSError):
    """The working directory of a job is missing, or cannot be entered."""


def check_directory(path: str) -> None:
    """Raise WorkingDirectoryError unless this process can enter the directory."""
    if os.access(f"{path}/.", os.X_OK):
        return
    try:
        os.stat(path)
        number = errno.EACCES if os.path.isdir(path) else errno.ENOTDIR
    except OSError as error:
        number = error.errno or errno.ENOENT
    raise WorkingDirectoryError(number, os.strerror(number), path)
