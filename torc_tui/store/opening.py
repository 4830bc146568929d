"""Create a database, or migrate an older one, when it is opened.

Input: a path or a conninfo. Output: a database of the current version, or one clear error.

Invariants: a SQLite file is copied before it is migrated. Nothing is migrated while a runner of the
older version is alive. The kind of the journal is stored in the database, and every program that
opens the file uses it: hosts that see the file on different file systems would not agree.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from torc_tui import settings
from torc_tui.errors import SchemaMismatch, StoreUnavailable
from torc_tui.store import connect, driver_errors, sql
from torc_tui.store.migrations import STEPS
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi

OLDEST_READER = OLDEST_WRITER = 3
"""The oldest versions of the schema whose programs may read, or write, the current one."""

_JOURNAL_PAUSE = 0.01
"""Seconds between two attempts to change the journal."""

LEASE_SECONDS = 60.0
"""A runner whose process cannot be seen counts as alive while its heartbeat is younger."""


def prepare_sqlite(path: str, *, read_only: bool, network: str | None) -> str:
    """Create or migrate the file; return the kind of its journal: ``wal`` or ``truncate``.

    ``network`` is the kind of the network file system of the file, if any.
    """
    if fresh := not os.path.exists(path):  # noqa: PTH110
        if read_only:
            raise connect.no_database(path)
        _create_file(path)
    raw = connect.connect_sqlite(path, read_only=read_only, create=fresh)
    try:
        version = connect.stored_version(raw, path)
        connect.check_version(raw, path, version, write=not read_only)
        stored = None if version is None else _stored_journal(raw)
        journal = stored or _new_journal(raw, is_empty=version is None, network=network)
        if network and stored == "wal":
            raise _not_shared(path, network)
        if not read_only:
            set_journal(raw, journal)
            if version is None or version < sql.VERSION:
                _make(raw, path)
            if stored is None:
                raw.execute(f"INSERT OR IGNORE INTO meta VALUES ('journal', '{journal}')")
    except Exception as error:
        if driver_errors.is_driver_error(error):
            raise driver_errors.translate(error, path) from error
        raise
    finally:
        raw.close()
    return journal


def _create_file(path: str) -> None:
    """Create an empty file that only this user can read, and its directory."""
    directory = os.path.dirname(path)  # noqa: PTH120
    try:
        if directory == settings.data_dir():
            settings.make_private(directory)
        else:
            os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103
    except OSError as error:
        raise StoreUnavailable(
            f"the folder of the database {path} cannot be created: {error.strerror}",
            hint="choose another path with --database or TORC_DATABASE",
        ) from error
    with suppress(OSError):  # SQLite names what is wrong
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _stored_journal(raw: Dbapi) -> str | None:
    row = raw.execute("SELECT value FROM meta WHERE key = 'journal'").fetchone()
    return row and str(row[0])


def _new_journal(raw: Dbapi, *, is_empty: bool, network: str | None) -> str:
    """Return the kind of journal for a database that does not name one.

    WAL needs memory that all users share, which a network file system does not offer. Earlier
    versions stored no kind: a file without WAL was in use on such a file system.
    """
    if network or not (is_empty or _has_wal(raw)):
        return "truncate"
    return "wal"


def _has_wal(raw: Dbapi) -> bool:
    return bool(raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal")


def _not_shared(path: str, network: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the database {driver_errors.shown(path)} has a journal for one host (WAL), and is on"
        f" {network}, where other hosts may write it",
        hint="`torc database check --shared` changes the journal, while no other program uses it",
    )


def set_journal(raw: Dbapi, journal: str) -> None:
    """Change the journal of a file, unless it has this kind.

    SQLite does not wait for a lock here: of two processes that change the journal at the same time,
    one is refused at once.
    """
    deadline = time.monotonic() + connect.BUSY_SECONDS
    while _has_wal(raw) != (journal == "wal"):
        try:
            raw.execute(f"PRAGMA journal_mode = {journal}")
            return
        except Exception as error:
            if not driver_errors.is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(_JOURNAL_PAUSE)


def share_journal(path: str) -> None:
    """Give a database a journal that several hosts can use; StoreUnavailable while it is in use."""
    raw = connect.connect_sqlite(path)
    try:
        connect.checked(raw, path)
        raw.execute("PRAGMA locking_mode = EXCLUSIVE")  # without the shared memory of WAL
        set_journal(raw, "truncate")
        raw.execute(
            "INSERT INTO meta VALUES ('journal', 'truncate')"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )
    except Exception as error:
        if driver_errors.is_driver_error(error):
            raise driver_errors.translate(error, path) from error
        raise
    finally:
        raw.close()


def prepare_postgresql(place: str, *, read_only: bool) -> None:
    """Create or migrate the tables."""
    raw = connect.connect_postgresql(place)
    try:
        version = connect.stored_version(raw, place)
        connect.check_version(raw, place, version, write=not read_only)
        if not read_only and (version is None or version < sql.VERSION):
            _make(raw, place)
    except Exception as error:
        if driver_errors.is_driver_error(error):
            raise driver_errors.translate(error, place) from error
        raise
    finally:
        raw.close()


def _make(raw: Dbapi, place: str) -> None:
    """Create or migrate the tables in one transaction; a second process finds them complete."""
    dialect = "sqlite" if connect.is_sqlite(raw) else "postgresql"
    connect.begin(raw, write=True)
    try:
        if dialect == "postgresql":
            raw.execute(f"SELECT pg_advisory_xact_lock({connect.APPLICATION_ID})")
        version = connect.stored_version(raw, place) if _has_meta(raw, dialect) else None
        if version is None:
            for text in _schema(dialect):
                raw.execute(text)
        elif version < sql.VERSION:
            _refuse_live_runners(raw, place)
            if dialect == "sqlite":
                _back_up(place, version)
            for step in range(version, sql.VERSION):
                STEPS[step](raw, dialect)
        _write_versions(raw)
        raw.commit()
    except BaseException:
        raw.rollback()
        raise


def _write_versions(raw: Dbapi) -> None:
    versions = {
        "torc_schema": sql.VERSION,
        "oldest_reader": OLDEST_READER,
        "oldest_writer": OLDEST_WRITER,
    }
    for key, number in versions.items():
        raw.execute(
            f"INSERT INTO meta (key, value) VALUES ('{key}', '{number}')"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )


def _refuse_live_runners(raw: Dbapi, place: str) -> None:
    """Raise SchemaMismatch if a runner of an older version is alive: it would fail."""
    rows = raw.execute(
        "SELECT id, hostname, boot_id, pid, process_started, heartbeat_at FROM compute_node"
        " WHERE is_active ORDER BY id"
    ).fetchall()
    for number, hostname, boot_id, pid, started, heartbeat in rows:
        if _is_alive(hostname, boot_id, pid, started, heartbeat):
            raise SchemaMismatch(
                f"the database {driver_errors.shown(place)} is in use by torc 0.1.0"
                f" (runner {number}, pid {pid})",
                hint="stop it first, or wait until it has finished",
            )


def _is_alive(hostname: str, boot_id: str, pid: int, started: int, heartbeat: float) -> bool:
    """Return whether the runner of a row without a machine id is alive.

    A process that runs here is alive, whatever its host name. Another process is known to be gone
    only if the host name and the boot are those of this machine, or if this machine was booted
    after its last heartbeat. Of any other runner, only the heartbeat is known: machines and
    containers may share a name.
    """
    from torc_tui.resources.machine_identity import this_machine
    from torc_tui.resources.process_identity import process_started

    here = this_machine()
    same_boot = boot_id == here.boot_id
    if same_boot and process_started(pid) == started:
        return True
    if hostname == here.hostname and (same_boot or here.booted_at > heartbeat):
        return False
    return time.time() - heartbeat < LEASE_SECONDS


def _back_up(path: str, version: int) -> None:
    """Copy the file beside itself, readable by its owner only; an existing copy is kept."""
    number, target = 1, f"{path}.v{version}-backup"
    while True:
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
            break
        except FileExistsError:
            number += 1
            target = f"{path}.v{version}-backup-{number}"
        except OSError as error:
            raise StoreUnavailable(
                f"the database cannot be copied to {target} before it is migrated:"
                f" {error.strerror}",
                hint="free some space, or allow writing to the folder",
            ) from error
    source = connect.connect_sqlite(path, read_only=True)
    copy = connect.connect_sqlite(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def _has_meta(raw: Dbapi, dialect: str) -> bool:
    if dialect == "sqlite":
        found = raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
    else:
        found = raw.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()[0]
    return bool(found)


def _schema(dialect: str) -> Iterator[str]:
    """Yield the statements that create all tables and indexes."""
    from torc_tui.store.generated.schema import POSTGRESQL_WORDS, SCHEMA

    for text in SCHEMA:
        if dialect == "postgresql":
            for word, other in POSTGRESQL_WORDS.items():
                text = text.replace(word, other)
        yield text


# -- file systems ----------------------------------------------------------------------------------


_NAMES = """
    nfs nfs3 nfs4 cifs smb smb2 smb3 smbfs ncpfs 9p virtiofs afs ceph lustre gpfs beegfs orangefs
    pvfs2 panfs glusterfs quobyte wekafs vboxsf davfs fuse.sshfs fuse.glusterfs fuse.ceph
    fuse.beegfs fuse.s3fs fuse.rclone fuse.davfs2 fuse.juicefs fuse.quobyte fuse.vmhgfs-fuse
"""
NETWORK = frozenset(_NAMES.split())
"""Kinds of file system on which other hosts may write the same files.

The shared memory of WAL does not work there.
"""
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
"""How the kernel writes special characters of a mount point."""


_MOUNTS = "/proc/self/mountinfo"


class FileSystem(NamedTuple):
    """A file system: its kind, such as ``nfs4``, and its source, such as ``server:/export``."""

    kind: str
    source: str

    @property
    def is_network(self) -> bool:
        """Return whether other hosts may write the same files."""
        return self.kind in NETWORK

    @property
    def id(self) -> str:
        """Return the name by which a result for this file system is stored."""
        return f"{self.kind}:{self.source}"


def file_system(path: str, mounts: str = _MOUNTS) -> FileSystem | None:
    """Return the file system that holds ``path``; None on a system without the list ``mounts``."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    longest, found = -1, None
    for line in lines:
        fields = line.split(" ")
        try:
            point, end = _plain(fields[4]), fields.index("-", 6)
            kind, source = fields[end + 1], _plain(fields[end + 2])
        except (IndexError, ValueError):
            continue
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= longest:  # a later mount hides an earlier one at this point
            longest, found = len(point), FileSystem(kind, source)
    return found


def _plain(text: str) -> str:
    for code, character in _ESCAPES.items():
        text = text.replace(code, character)
    return text.rstrip("\n")


def network_file_system(path: str, mounts: str = _MOUNTS) -> str | None:
    """Return the kind of network file system that holds ``path``; None for a local one."""
    found = file_system(path, mounts)
    return found.kind if found is not None and found.is_network else None
