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
from collections.abc import Iterable, Iterator

from torc_tui.executors.exit_file import write_reserve
from torc_tui.model import Order

_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOG = os.O_WRONLY | os.O_APPEND | _NEW
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOG_MODE, _SCRIPT_MODE = 0o666, 0o600


class JobFiles:
    """The open files of an attempt that is being started; `close` them after the start.

    ``stdout`` and ``stderr`` are ``nothing`` (a descriptor of /dev/null) where the order names no
    file. `close` and `remove` may be called also after `make` has failed.
    """

    __slots__ = ("_made", "_opened", "stderr", "stdout")

    def __init__(self, nothing: int) -> None:
        self.stdout = self.stderr = nothing
        self._opened: list[int] = []
        self._made: list[str] = []

    def make(self, order: Order, scripts: Iterable[tuple[str, str]]) -> None:
        """Make the files of the order, and ``scripts`` (path, text).

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
        fd = self._open(order.exit_file, os.O_WRONLY | _NEW, _LOG_MODE)
        with _naming(order.exit_file):
            write_reserve(fd, order.note)
        for path, text in scripts:
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
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _open(self, path: str, flags: int, mode: int) -> int:
        fd = open_new(path, flags, mode)
        self._opened.append(fd)
        self._made.append(path)
        return fd


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
    if os.access(path, os.X_OK) and os.path.isdir(path):
        return
    try:
        os.stat(path)
        number = errno.EACCES if os.path.isdir(path) else errno.ENOTDIR
    except OSError as error:
        number = error.errno or errno.ENOENT
    raise WorkingDirectoryError(number, os.strerror(number), path)
