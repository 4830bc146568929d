"""Open a driver's connection to a database: from a URL to sqlite3 or psycopg.

Input: a URL. Output: DBAPI connections in autocommit mode, to a database that is one of torc and
that this version may use. Transactions are begun by the callers, with `begin`.

Invariant: nothing slow is imported here, such as SQLAlchemy or pathlib, because every command
connects.
"""

from __future__ import annotations

import os

try:  # sqlite3 adds adapters for dates, whose import takes a tenth of a whole `user-data get`
    import _sqlite3 as sqlite3
except ImportError:
    import sqlite3  # type: ignore[no-redef]

from torc_tui.errors import SchemaMismatch, StoreError, StoreUnavailable
from torc_tui.store.driver_errors import (
    cannot_open,
    is_driver_error,
    is_missing,
    refused_connection,
    shown,
    translate,
)
from torc_tui.store.sql import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Dbapi(Protocol):
        """The methods that connections of sqlite3 and psycopg share."""

        def execute(self, text: str, parameters: Any = ..., /) -> Any:
            """Run a statement, and return a cursor with its rows."""

        def cursor(self) -> Any:
            """Return a cursor."""

        def commit(self) -> None:
            """Commit the transaction."""

        def rollback(self) -> None:
            """Roll the transaction back."""

        def close(self) -> None:
            """Close the connection."""


# Without an adapter, the driver looks in vain for a method of each NULL and each boolean that it
# binds, by exceptions that nobody sees: a twentieth of the CPU time of the runner for a short job.
sqlite3.register_adapter(type(None), {None: None}.get)
sqlite3.register_adapter(bool, int)

CONNECT_SECONDS = 10
"""Time for which a server of PostgreSQL may take to accept a connection, unless the URL or
PGCONNECT_TIMEOUT sets a limit."""

IDLE_SECONDS = 30
"""Time after which PostgreSQL ends a transaction whose program does nothing: it may be suspended,
or its machine cut off, and other runners wait for its locks."""

_SETTINGS = ("foreign_keys = ON", "synchronous = NORMAL")
_DAMAGED = ("writable_schema = ON",)
"""Settings of SQLite. With the second, it reads a file that is shorter than its header says."""

BUSY_SECONDS = 10.0
"""Time for which a writer on SQLite waits for another writer."""

APPLICATION_ID = 0x746F7263  # "torc"


def resolve(url: str | None) -> tuple[str, str]:
    """Return (dialect, place) of ``url``, by default of the configured database.

    The place is a path for "sqlite", and a conninfo for "postgresql".
    """
    from torc_tui import settings

    url = settings.database_url() if url is None else settings.normal_url(url)
    if url.startswith("sqlite:///"):
        return "sqlite", url[len("sqlite:///") :]
    return "postgresql", "postgresql://" + url.partition("://")[2]


def missing_file(url: str | None) -> str | None:
    """Return the path of a database that is a file and does not exist."""
    dialect, place = resolve(url)
    return place if dialect == "sqlite" and not os.path.lexists(place) else None


def connect(url: str | None = None, *, read_only: bool = False) -> tuple[Dbapi, str]:
    """Return the driver's connection to an existing database, and its place.

    Raise StoreUnavailable or SchemaMismatch if there is no database of torc.
    """
    dialect, place = resolve(url)
    if dialect == "postgresql":
        connection = connect_postgresql(place)
    elif os.path.exists(place):  # noqa: PTH110
        connection = connect_sqlite(place, read_only=read_only)
    else:
        raise no_database(place)
    try:
        return checked(connection, place), place
    except BaseException:
        connection.close()
        raise


def no_database(place: str) -> StoreUnavailable:
    """Return the error for a file that does not exist."""
    return StoreUnavailable(
        f"there is no database at {place}",
        hint="`torc create FILE` creates it; name another one with --database or TORC_DATABASE",
    )


def connect_sqlite(
    path: str, *, read_only: bool = False, create: bool = False, damaged: bool = False
) -> sqlite3.Connection:
    """Open a file, with the settings that every connection needs.

    With ``damaged``, a file that was truncated can be read, too.
    """
    if tuple(map(int, sqlite3.sqlite_version.split("."))) < (3, 35):
        raise StoreUnavailable(
            f"this Python has SQLite {sqlite3.sqlite_version}, and torc needs 3.35 or later",
            hint="use a newer Python, for instance one installed by uv",
        )
    if os.path.isdir(path):  # noqa: PTH112
        raise cannot_open(path)
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
        for setting in _DAMAGED if damaged else _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    return connection


def connect_postgresql(conninfo: str) -> Dbapi:
    """Connect to a server."""
    try:
        import psycopg
    except ImportError as error:
        raise StoreUnavailable(
            "a database on PostgreSQL needs the psycopg package",
            hint="pip install 'torc-tui[postgresql]'",
        ) from error
    try:
        limit = psycopg.conninfo.conninfo_to_dict(conninfo).get("connect_timeout")
        connection = psycopg.connect(
            conninfo,
            autocommit=True,
            application_name="torc",
            connect_timeout=limit or os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_SECONDS,
            cursor_factory=psycopg.RawCursor,
        )
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
        return connection
    except psycopg.Error as error:
        raise refused_connection(error, conninfo) from error


def server_address(conninfo: str) -> tuple[str, int]:
    """Return host and port of a server; ``localhost`` for one that a socket file reaches."""
    import psycopg

    known = psycopg.conninfo.conninfo_to_dict(conninfo)
    host = str(known.get("host") or os.environ.get("PGHOST") or "localhost").partition(",")[0]
    port = str(known.get("port") or os.environ.get("PGPORT") or 5432).partition(",")[0]
    return "localhost" if host.startswith(("/", "@")) else host, int(port)


def is_sqlite(connection: Dbapi) -> bool:
    """Return whether a connection is one of sqlite3."""
    return isinstance(connection, sqlite3.Connection)


def begin(connection: Dbapi, *, write: bool) -> None:
    """Begin a transaction.

    A writer on SQLite takes the lock at once: a transaction that asks for it later may fail.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    else:
        connection.execute("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


def in_transaction(connection: Any) -> bool:
    """Return whether a transaction is open, or has failed and is not rolled back."""
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    # libpq's PQTRANS_ACTIVE, _INTRANS and _INERROR
    return connection.info.transaction_status in (1, 2, 3)


# -- versions --------------------------------------------------------------------------------------


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
            raise _mismatch(version, place)
    elif version != VERSION and not write:
        raise _mismatch(version, place)


def stored_version(connection: Dbapi, place: str) -> int | None:
    """Return the version of the schema of a database; None for an empty database.

    Raise SchemaMismatch for a database of another program.
    """
    try:
        found = _version_in_meta(connection)
        if found is None and _has_tables(connection, place):
            # Another process may have created the tables since the first look.
            found = _version_in_meta(connection) or ""
    except Exception as error:
        if not is_driver_error(error):
            raise
        raise translate(error, place) from error
    if found is None:
        return None
    if not found.isdigit():
        raise SchemaMismatch(
            f"{shown(place)} is a database of another program, not of torc",
            hint="name another one with --database or TORC_DATABASE",
        )
    return int(found)


def _has_tables(connection: Dbapi, place: str) -> bool:
    """Return whether a SQLite file has any tables, or PostgreSQL a table ``meta``.

    Several programs may share a database on PostgreSQL.
    """
    query = "SELECT count(*) FROM sqlite_master"
    if "://" in place:
        query = "SELECT to_regclass('meta') IS NOT NULL"
    return bool(connection.execute(query).fetchone()[0])


def _version_in_meta(connection: Dbapi) -> str | None:
    """Return the version in the table ``meta``; None if there is no such table."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'torc_schema'").fetchone()
    except Exception as error:
        if is_driver_error(error) and is_missing(error):
            return None
        raise
    return "" if row is None else str(row[0])


def _mismatch(version: int | None, place: str) -> StoreError:
    """Return the error for a database whose schema has ``version`` instead of `VERSION`."""
    name = f"the database {shown(place)}"
    if version is None:
        return StoreUnavailable(f"{name} is empty", hint="create a workflow first")
    if version > VERSION:
        return SchemaMismatch(
            f"{name} was written by a newer torc (schema {version}, this one knows {VERSION})",
            hint="upgrade torc, or name another database with --database",
        )
    return SchemaMismatch(
        f"{name} was written by an older torc (schema {version}, this one needs {VERSION})",
        hint="any command that writes to it, such as `torc workflows list`, migrates it",
    )
