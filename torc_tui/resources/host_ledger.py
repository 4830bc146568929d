"""Record what jobs hold in a directory that all users and databases of this host share.

Input: grants. Output: files, and the grants of other databases. Each attempt with GPUs has one
file, locked by its process: the kernel frees the lock when the last process of the job ends, even
if it is killed. A runner holds the lock of the directory while it places jobs. Each runner has
another file with the CPUs and the memory of its other jobs, which is only for display.

Invariants
* A file without a lock is ignored, and so is an invalid entry. Its owner removes a file without a
  lock while placing jobs.
* The user of a grant is the owner of its file. Only the owner can remove it (sticky directory).
* Never: following a symbolic link, or waiting for the lock longer than `LOCK_SECONDS`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from torc_tui.model import Allocation, GpuGrant
from torc_tui.reasons import Kind, Reason, because
from torc_tui.resources.attempt_tag import database_digest
from torc_tui.resources.machine_identity import boot_id
from torc_tui.resources.process_identity import user_name
from torc_tui.tuples import NamedTuple
from torc_tui.units import in_thousandths

LOCK_SECONDS = 1.0
HEALTH = "health-"
"""The prefix of the names of the files with the health of GPUs (`host_health`)."""
_MOST_FILES = 10_000
MOST_BYTES = 1 << 16
"""Bytes of a file that are read."""
_LENGTH = 4096
"""Length of a file in bytes: a new text of the same length is written atomically."""
_LONGEST_NAME = 200
_NAME = re.compile(r"[0-9a-f]{16}(-[0-9]+)+")


class LedgerUnavailable(Exception):
    """The ledger cannot be used; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason


class LedgerEntry(NamedTuple):
    """What an attempt of another database holds, or all jobs without GPUs of a runner.

    ``job`` is "" for the jobs of a runner, ``jobs`` is their number. ``since`` is the time of the
    entry (epoch).
    """

    name: str
    user: str
    workflow: str
    job: str
    pid: int
    allocation: Allocation
    jobs: int = 1
    since: float = 0.0


def ledger_path() -> Path:
    """Return the directory of the ledger, which is a new one after each start of the machine."""
    chosen = os.environ.get("TORC_GPU_LEDGER")
    return Path(chosen) if chosen else Path("/var/tmp") / f"torc-gpus-{boot_id()}"


class Ledger:
    """The ledger as one database sees it; ``database`` is its URL."""

    def __init__(self, database: str, path: Path | None = None) -> None:
        self.path = ledger_path() if path is None else path
        self._mine = database_digest(database)
        """How the names of the files of this database begin."""
        self._locks: dict[str, int] = {}
        """The locked files of attempts that were not started yet."""
        self._parsed: dict[tuple[str, int, int], LedgerEntry | None] = {}

    def name(self, *ids: int) -> str:
        """Return the name of the file of an attempt: workflow, run, job, attempt."""
        return "-".join([self._mine, str(os.getuid()), *map(str, ids)])

    @contextlib.contextmanager
    def placing(self) -> Iterator[list[LedgerEntry]]:
        """Hold the lock of the ledger, and return the entries of other databases.

        Raise LedgerUnavailable if it cannot be written or trusted.
        """
        with self.locked() as directory:
            yield self._read(directory, sweep=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the lock of the ledger, whose directory is open.

        Raise LedgerUnavailable if it cannot be written or trusted.
        """
        directory = self._open()
        try:
            _lock(directory, self.path)
            yield directory
        finally:
            os.close(directory)

    def others(self) -> list[LedgerEntry]:
        """Return what attempts of other databases hold; nothing where there is no ledger."""
        with self.opened() as directory:
            return [] if directory is None else self._read(directory)

    @contextlib.contextmanager
    def opened(self) -> Iterator[int | None]:
        """Open the directory; return None without a directory that can be trusted."""
        try:
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            yield None
            return
        try:
            yield directory if _problem(directory) is None else None
        finally:
            os.close(directory)

    def claim(self, name: str, workflow: str, job: str, allocation: Allocation) -> None:
        """Write what an attempt holds; call this in `placing`.

        Raise LedgerUnavailable if that fails.
        """
        self.create(name, _text(workflow, job, 1, allocation))

    def publish(self, name: str, workflow: str, jobs: int, held: Allocation) -> None:
        """Write what the jobs of a runner hold, in a file that this process keeps locked.

        Raise LedgerUnavailable if that fails.
        """
        text, file = _text(workflow, "", jobs, held), self._locks.get(name)
        if file is None:
            with self.placing():
                self.create(name, text)
            return
        try:
            os.pwrite(file, text, 0)  # of equal length, so that readers see the old or the new text
        except OSError as error:
            raise LedgerUnavailable(unavailable(self.path, error.strerror)) from None

    def create(self, name: str, text: bytes) -> None:
        """Write a file that is locked until its process has ended; call this in `locked`.

        Raise LedgerUnavailable if that fails.
        """
        path = self.path / name
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(path, flags, 0o644)
            self._locks[name] = file
            os.fchmod(file, 0o644)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(file, text)
        except OSError as error:
            self.release(name)
            raise LedgerUnavailable(unavailable(self.path, error.strerror)) from None

    def lock_of(self, name: str) -> int | None:
        """Return the descriptor that the process of the attempt must inherit."""
        return self._locks.get(name)

    def started(self, name: str) -> None:
        """Leave the lock to the process of the attempt."""
        file = self._locks.pop(name, None)
        if file is not None:
            os.close(file)

    def release(self, name: str) -> None:
        """Remove the file of an attempt that has ended, or was not started."""
        self.started(name)
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    def _open(self) -> int:
        """Return a descriptor of the directory, which is made if it does not exist."""
        try:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o1777)
                self.path.chmod(0o1777)
            directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise LedgerUnavailable(unavailable(self.path, error.strerror)) from None
        problem = _problem(directory)
        for _ in range(10):
            if problem is None:
                break
            time.sleep(0.01)  # another process may just have made it
            problem = _problem(directory)
        if problem is None and not os.access(self.path, os.W_OK | os.X_OK):
            problem = "it cannot be written"
        if problem is not None:
            os.close(directory)
            raise LedgerUnavailable(unavailable(self.path, problem))
        return directory

    def _read(self, directory: int, *, sweep: bool = False) -> list[LedgerEntry]:
        """Return the entries of other databases whose files are locked.

        With ``sweep``, remove unlocked files of this user, such as those of killed runners. That
        needs the lock of the directory, because a new file is not locked at once.
        """
        found = []
        with os.scandir(directory) as files:
            for number, file in enumerate(files):
                if number >= _MOST_FILES:
                    break
                if not file.name.startswith((self._mine, HEALTH)):
                    entry = self._entry(file.name, directory, sweep)
                    if entry is not None:
                        found.append(entry)
        return sorted(found)

    def _entry(self, name: str, directory: int, sweep: bool) -> LedgerEntry | None:
        try:
            with locked_file(name, directory, sweep=sweep) as found:
                if found is None:
                    return None
                file, status = found
                key = name, status.st_ino, status.st_mtime_ns
                if key not in self._parsed:
                    self._parsed[key] = _parse(name, os.read(file, MOST_BYTES), status)
                return self._parsed[key]
        except OSError:
            return None


@contextlib.contextmanager
def locked_file(
    name: str, directory: int, *, sweep: bool = False
) -> Iterator[tuple[int, os.stat_result] | None]:
    """Open a plain file that a process keeps locked; None for another one.

    With ``sweep``, remove a file of this user that is not locked and has a name of the ledger.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(name, flags, dir_fd=directory)
    try:
        status = os.fstat(file)
        if stat.S_ISREG(status.st_mode) and _is_locked(file):
            yield file, status
            return
        is_left = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if sweep and is_left and _NAME.fullmatch(name):
            os.unlink(name, dir_fd=directory)
        yield None
    finally:
        os.close(file)


def _text(workflow: str, job: str, jobs: int, held: Allocation) -> bytes:
    """Return the contents of a file, padded to a fixed length unless it names many GPUs."""
    grants = [[one.uuid, one.share, one.memory] for one in held.gpus]
    entry = {
        "workflow": workflow[:_LONGEST_NAME],
        "job": job[:_LONGEST_NAME],
        "jobs": jobs,
        "pid": os.getpid(),
        "held": [held.num_cpus, held.memory, grants],
    }
    return json.dumps(entry).encode().ljust(_LENGTH)


def _lock(directory: int, path: Path) -> None:
    """Lock the directory; raise LedgerUnavailable when another process keeps it locked."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LedgerUnavailable(unavailable(path, "it stays locked")) from None
            time.sleep(0.001)


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _problem(directory: int) -> str | None:
    """Return why a directory cannot be trusted: users could remove the files of others."""
    mode = os.fstat(directory).st_mode
    return None if stat.S_IMODE(mode) == 0o1777 else "its mode is not 1777"


def _parse(name: str, text: bytes, status: os.stat_result) -> LedgerEntry | None:
    try:
        value = json.loads(text)
        num_cpus, memory, grants = value["held"]
        gpus = tuple(
            GpuGrant(str(uuid), min(max(int(share), 0), 1000), max(int(size), 0))
            for uuid, share, size in grants
        )
        allocation = Allocation(in_thousandths(num_cpus), int(memory), gpus)
        names = str(value["workflow"])[:_LONGEST_NAME], str(value["job"])[:_LONGEST_NAME]
        jobs = max(int(value.get("jobs", 1)), 0)
        pid, user = int(value["pid"]), user_name(status.st_uid)
        return LedgerEntry(name, user, *names, pid, allocation, jobs, status.st_mtime)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def unavailable(path: Path, problem: str | None) -> Reason:
    """Return the reason for a `LedgerUnavailable`."""
    return because(Kind.GPU_LEDGER, path=str(path), problem=problem)
