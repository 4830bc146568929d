"""A plain connection to the store: from a URL to sqlite3 or psycopg, checked to be one of ours.

What comes in: a URL. What goes out: DBAPI connections in autocommit mode, and errors of the drivers
in the words of a user. Transactions are begun by the callers, with :func:`begin`.

Never here: SQLAlchemy, nor anything else that is slow to load; ``torc user-data get`` passes
through here.
"""

# ruff: noqa: PTH110, PTH112, PTH118, PTH120
# Importing pathlib costs as much as a whole `user-data get`.

from __future__ import annotations

import os
import sys

try:  # sqlite3 adds adapters for dates, whose import takes a tenth of a whole `user-data get`
    import _sqlite3 as sqlite3
except ImportError:
    import sqlite3  # type: ignore[no-redef]

from torc_tui.errors import SchemaMismatch, StoreError, StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Dbapi = Any
    """A connection of sqlite3 or psycopg; both have execute, commit, rollback and close."""

VERSION = 3
"""Of the schema. A store with a higher one is refused, one with a lower one is brought up to
date."""

CHANNEL = "torc_event"
"""PostgreSQL's notifications of new events; the payload is the workflow's id."""

BUSY_SECONDS = 10.0
"""How long a writer waits for another writer before it gives up."""

APPLICATION_ID = 0x746F7263  # "torc": SQLite keeps it in the head of the file

_NETWORK_WORDS = """
    nfs nfs3 nfs4 cifs smb smb2 smb3 smbfs ncpfs 9p virtiofs afs ceph lustre gpfs beegfs orangefs pvfs2 panfs glusterfs
    quobyte wekafs vboxsf davfs fuse.sshfs fuse.glusterfs fuse.ceph fuse.beegfs fuse.s3fs fuse.rclone fuse.davfs2
    fuse.juicefs fuse.quobyte fuse.vmhgfs-fuse
"""
NETWORK = frozenset(_NETWORK_WORDS.split())
"""Kinds of file system on which other hosts may write the same files, so that WAL's shared memory
does not work."""


def resolve(url: str | None) -> tuple[str, str]:
    """(dialect, place) of ``url``, or of the configured store: "sqlite" and a path, "postgresql"
    and its conninfo.
    """
    from torc_tui import settings

    url = settings.database_url() if url is None else settings.normal_url(url)
    if url.startswith("sqlite:///"):
        return "sqlite", url[len("sqlite:///") :]
    return "postgresql", "postgresql://" + url.partition("://")[2]


def connect(url: str | None = None, *, read_only: bool = False) -> tuple[Dbapi, str]:
    """Return the driver's connection to an existing database, and its place.

    Raise StoreUnavailable or SchemaMismatch if there is none of ours.
    """
    dialect, place = resolve(url)
    if dialect == "postgresql":
        connection = connect_postgresql(place)
    elif os.path.exists(place):
        connection = connect_sqlite(place, read_only=read_only)
    else:
        raise no_store(place)
    try:
        return checked(connection, place), place
    except BaseException:
        connection.close()
        raise


def no_store(place: str) -> StoreUnavailable:
    """The error for a file that is not there and is not to be made."""
    hint = "`torc create FILE` makes it; another one is named with --database or TORC_DATABASE"
    return StoreUnavailable(f"there is no store at {place}", hint=hint)


def connect_sqlite(
    path: str, *, read_only: bool = False, create: bool = False
) -> sqlite3.Connection:
    """Open the file, with the settings that every connection needs. StoreUnavailable names the
    path.
    """
    if tuple(map(int, sqlite3.sqlite_version.split("."))) < (3, 35):
        raise StoreUnavailable(
            f"the SQLite library of this Python is {sqlite3.sqlite_version}, 3.35 or later is needed",
            hint="use a newer Python, for instance one installed by uv",
        )
    if os.path.isdir(path):
        raise StoreUnavailable(
            f"the store {path} cannot be opened: it is a directory", hint=_way_out(path)
        )
    mode = "ro" if read_only else "rwc" if create else "rw"
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(
            f"file:{name}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    return connection


def connect_postgresql(conninfo: str) -> Dbapi:
    """Connect to the server. StoreUnavailable with the server's words; the password is never
    shown.
    """
    try:
        import psycopg
    except ImportError as error:
        raise StoreUnavailable(
            "a store on PostgreSQL needs the psycopg package",
            hint="pip install 'torc-tui[postgresql]'",
        ) from error
    try:
        return psycopg.connect(
            conninfo, autocommit=True, application_name="torc", cursor_factory=psycopg.RawCursor
        )
    except psycopg.Error as error:
        raise _refused_connection(error, conninfo) or translate(error, conninfo) from error


def _refused_connection(error: BaseException, conninfo: str) -> StoreError | None:
    """Return the error for a server that answers but does not accept the user."""
    attempt = getattr(error, "pgconn", None)
    if attempt is None:
        return None
    name = shown(conninfo)
    if attempt.needs_password:
        return StoreUnavailable(
            f"the database {name} needs a password",
            hint="put it into a password file (~/.pgpass or PGPASSFILE) or the URL",
        )
    if attempt.used_password:
        return StoreUnavailable(
            f"the database {name} does not accept this user or password",
            hint="check the user name, the password and the name of the database",
        )
    return None


def checked(connection: Dbapi, place: str) -> Dbapi:
    """Return ``connection`` if it leads to a database of this version or an earlier one."""
    version = stored_version(connection, place)
    if version is None or version > VERSION:
        check_version(connection, place, version, write=version is not None)
    return connection


def check_version(connection: Dbapi, place: str, version: int | None, *, write: bool) -> None:
    """Raise an error if this version of torc must not read, or with ``write`` write, the database.

    A newer database names the oldest versions that may do so. An older one is migrated by a writer;
    None is an empty one, which a writer fills.
    """
    if version is not None and version > VERSION:
        key = "oldest_writer" if write else "oldest_reader"
        row = connection.execute(f"SELECT value FROM meta WHERE key = '{key}'").fetchone()
        if row is None or not str(row[0]).isdigit() or int(row[0]) > VERSION:
            raise mismatch(version, place)
    elif version != VERSION and not write:
        raise mismatch(version, place)


def stored_version(connection: Dbapi, place: str) -> int | None:
    """Return the version of the schema that is there; None in an empty database. Raise
    SchemaMismatch if it is a database of another program.
    """
    try:
        found = _version_in_meta(connection)
        if found is None and is_sqlite(connection):
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
            if not tables:
                return None
            # Another process may have created the tables since the first look.
            found = (_version_in_meta(connection) if ("meta",) in tables else None) or ""
    except Exception as error:
        if not is_driver_error(error):
            raise
        raise translate(error, place) from error
    if found is None:
        return None
    if not found.isdigit():
        raise _foreign(place)
    return int(found)


def _version_in_meta(connection: Dbapi) -> str | None:
    """Return what the table ``meta`` names as the version; None if there is no such table."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'torc_schema'").fetchone()
    except Exception as error:
        if is_driver_error(error) and _is_missing(error):
            return None
        raise
    return "" if row is None else str(row[0])


def mismatch(version: int | None, place: str) -> StoreError:
    """The error for a store whose schema has ``version`` instead of ours."""
    if version is None:
        return StoreUnavailable(
            f"the store {shown(place)} is empty", hint="create a workflow first"
        )
    if version > VERSION:
        return SchemaMismatch(
            f"the store {shown(place)} was written by a newer torc (schema {version}, this one knows {VERSION})",
            hint="upgrade torc, or name another store with --database",
        )
    return SchemaMismatch(
        f"the store {shown(place)} is of an older torc (schema {version}, this one needs {VERSION})",
        hint="any command that opens it for writing, such as `torc workflows list`, brings it up to date",
    )


def _foreign(place: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"{shown(place)} is a database of another program, not a store of torc",
        hint="name another one with --database or TORC_DATABASE",
    )


def is_sqlite(connection: Dbapi) -> bool:
    return isinstance(connection, sqlite3.Connection)


def is_driver_error(error: BaseException) -> bool:
    """Whether a database driver raised it; psycopg is asked only if it is imported."""
    if isinstance(error, sqlite3.Error):
        return True
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.Error)


def is_busy(error: BaseException) -> bool:
    """Return whether another process holds a lock on the SQLite file."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_data_error(error: BaseException) -> bool:
    """Whether the database cannot hold a value: a number out of range, a NUL in a text."""
    if isinstance(error, sqlite3.DataError):
        return True
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(error, psycopg.DataError)


def is_bug(error: BaseException) -> bool:
    """Whether a driver's error can only come from a mistake in this program.

    A missing table or right is none: others can drop tables and revoke rights.
    """
    if isinstance(error, sqlite3.Error):
        bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
        return isinstance(error, bugs) or str(error).startswith('near "')
    if not is_driver_error(error):
        return False
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(("23", "42")):
        return state not in ("42501", "42P01")
    return isinstance(error, sys.modules["psycopg"].ProgrammingError) and not state


def _is_missing(error: BaseException) -> bool:
    """Whether ``error`` says that the table or column is not there."""
    if isinstance(error, sqlite3.Error):
        return _sqlite_code(error) == sqlite3.SQLITE_ERROR  # the statement itself is right
    return getattr(error, "sqlstate", None) in ("42P01", "42703", "3F000")


def begin(connection: Dbapi, *, write: bool) -> None:
    """Begin a transaction. A writer on SQLite takes the lock at once, for one that asks for it
    later fails.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    else:
        connection.execute("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


def in_transaction(connection: Dbapi) -> bool:
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    return connection.info.transaction_status in (
        1,
        2,
        3,
    )  # active, open, failed; 4 is a broken connection


def shown(place: str) -> str:
    """Return ``place`` as it may be shown: without passwords, also those in parameters."""
    scheme, mark, rest = place.partition("://")
    if not mark:
        return place
    rest, query, parameters = rest.partition("?")
    who, at, where = rest.rpartition("@")
    kept = "&".join(
        one for one in parameters.split("&") if one and "pass" not in one.partition("=")[0].lower()
    )
    tail = query + kept if kept else ""
    return f"{scheme}://{who.partition(':')[0]}{at}{where}{tail}"


def translate(error: BaseException, place: str) -> StoreError:
    """Return a driver's error as one of ours, with the way out.

    Codes decide, for the texts of SQLite and PostgreSQL change with version and language. A text is
    shown as a detail where the code says too little.
    """
    if "://" in place:
        return _translate_postgresql(error, shown(place))
    return _translate_sqlite(error, place)


def _translate_postgresql(error: BaseException, name: str) -> StoreError:
    text = str(error).strip()
    from torc_tui.redaction import redact

    first = redact(text.splitlines()[0]) if text else type(error).__name__
    sqlstate = getattr(error, "sqlstate", None) or ""
    if sqlstate in ("55P03", "57014"):  # lock not available, query canceled
        return StoreUnavailable(f"the store {name} is locked: {first}", hint="try again")
    if sqlstate == "53100":  # disk full
        return StoreUnavailable(
            f"no space left for the store {name}", hint="free some space on the server"
        )
    if sqlstate[:2] in ("28", "3D", "42") or (not sqlstate and "FATAL" in text):
        hint = "the server is running: check user, password, database name and rights"
    else:
        hint = "is the server running, and are host and port right?"
    return StoreUnavailable(f"the store {name} cannot be used: {first}", hint=hint)


def _translate_sqlite(error: BaseException, path: str) -> StoreError:
    code = _sqlite_code(error)
    if is_busy(error):
        return StoreUnavailable(
            f"the store {path} is locked by another program for more than {BUSY_SECONDS:g} s",
            hint=f"try again; `fuser {path}` tells which program holds it",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return SchemaMismatch(
            f"{path} is not a database",
            hint="name another one with --database or TORC_DATABASE, or move it away",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreUnavailable(
            f"the store {path} is damaged: {error}",
            hint="copy what can be read into a new one with `torc database recover FILE`",
        )
    if code == sqlite3.SQLITE_READONLY:
        return StoreUnavailable(
            f"the store {path} is read-only", hint="check the rights of the file and its folder"
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreUnavailable(
            f"no space left for the store {path}", hint="free some space; nothing was written"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailable(
            f"the store {path} cannot be opened: {_obstacle(path)}", hint=_way_out(path)
        )
    return StoreUnavailable(
        f"the store {path} cannot be used: {error}", hint="check the disk, and the file's rights"
    )


def _sqlite_code(error: BaseException) -> int:
    """Return the primary result code; 0 for an error that SQLite itself has not raised."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _obstacle(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if not os.path.exists(folder):
        return f"the folder {folder} does not exist"
    if not os.path.isdir(folder):
        return f"{folder} is not a folder"
    if os.path.exists(path) and not os.access(path, os.R_OK):
        return "no permission to read it"
    if not os.path.exists(path):
        return f"it does not exist, and nothing may be written to {folder}"
    return "no permission"


def _way_out(path: str) -> str:
    if os.path.isdir(path):
        return f"name a file, such as {os.path.join(path, 'torc.db')}"
    return "check the rights of the file and its folder, or name another one with --database"


def network_file_system(path: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """The kind of network file system that holds ``path``, or None for a local one (or where nobody
    can tell).
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        try:
            point, found = fields[4], fields[fields.index("-", 6) + 1]
        except (IndexError, ValueError):
            continue
        if "\\" in point:
            for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
                point = point.replace(code, sign)
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= best:  # a later mount covers an earlier one at the same point
            best, kind = len(point), found
    return kind if kind in NETWORK else None
