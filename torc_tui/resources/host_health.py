"""Store the health of GPUs beside the ledger of the host, for all its users.

Input: the records of this user. Output: one file per user, and the records of all users. A file
counts only if it is owned by the user in its name; an invalid file counts as empty.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from torc_tui.resources.gpu_health import GpuHealth, HealthRecords, decode, encode
from torc_tui.resources.host_ledger import HEALTH, Ledger, LedgerUnavailable, unavailable
from torc_tui.resources.process_identity import user_name

_MOST_BYTES = 1 << 18
_MOST_USERS = 1000
_Version = tuple[int, int]
"""Inode and modification time of a file."""


class HostHealth:
    """The health files of one ledger; a file is read again when it has changed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._mine = f"{HEALTH}{os.getuid()}"
        self._read: dict[str, tuple[_Version, HealthRecords]] = {}

    def load(self) -> GpuHealth | None:
        """Return the records of all users; None without a ledger that can be trusted."""
        with self._ledger.opened() as directory:
            return None if directory is None else self._load(directory)

    def has_changed(self) -> bool | None:
        """Return whether a user has written since the last reading; None without a ledger."""
        with self._ledger.opened() as directory:
            if directory is None:
                return None
            versions = _versions(directory)
        return versions != {name: version for name, (version, _) in self._read.items()}

    @contextlib.contextmanager
    def changing(self) -> Iterator[GpuHealth]:
        """Hold the lock of the ledger, and write the records of this user that changed.

        Raise LedgerUnavailable if the ledger cannot be used.
        """
        with self._ledger.locked() as directory:
            health = self._load(directory)
            yield health
            if health.has_changed:
                self._write(directory, encode(health.own).encode())

    def _load(self, directory: int) -> GpuHealth:
        versions = _versions(directory)
        for name, version in versions.items():
            if self._read.get(name, (None,))[0] != version:
                self._read[name] = version, _records(directory, name)
        self._read = {name: self._read[name] for name in versions}
        others = [records for name, (_, records) in self._read.items() if name != self._mine]
        own = self._read.get(self._mine)
        return GpuHealth(None if own is None else own[1], others)

    def _write(self, directory: int, data: bytes) -> None:
        fresh = f"{self._mine}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=directory)
            file = os.open(fresh, flags, 0o644, dir_fd=directory)
            try:
                os.fchmod(file, 0o644)
                os.write(file, data)
            finally:
                os.close(file)
            os.replace(fresh, self._mine, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError as error:
            raise LedgerUnavailable(unavailable(self._ledger.path, error.strerror)) from None


def _versions(directory: int) -> dict[str, _Version]:
    """Return the health files in a directory."""
    found: dict[str, _Version] = {}
    with os.scandir(directory) as files:
        for file in files:
            name, _, user = file.name.partition(HEALTH)
            if not name and user.isdecimal() and len(found) < _MOST_USERS:
                with contextlib.suppress(OSError):
                    status = file.stat(follow_symlinks=False)
                    found[file.name] = status.st_ino, status.st_mtime_ns
    return found


def _records(directory: int, name: str) -> HealthRecords:
    """Return the records of a file; none if it is not a regular file of the user in its name."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(name, flags, dir_fd=directory)
    except OSError:
        return {}
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or str(status.st_uid) != name.removeprefix(HEALTH):
            return {}
        return decode(os.read(file, _MOST_BYTES), user_name(status.st_uid))
    except OSError:
        return {}
    finally:
        os.close(file)
