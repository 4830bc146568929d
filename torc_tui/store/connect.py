"""Open a driver's connection to a database: from a URL to sqlite3 or psycopg.

Input: a URL. Output: DBAPI connections in autocommit mode. Transactions are begun by the callers,
with `begin`.

Invariant: nothing slow is imported here, such as SQLAlchemy or pathlib, because every command
connects.
"""

from __future__ import annotations

import os

try:  # sqlite3 adds adapters for dates, whose import takes a tenth of a whole `user-data get`
    import _sqlite3 as sqlite3
except ImportError:
    import sqlite3  # type: ignore[no-redef]

from torc_tui.errors import StoreUnavailable
from torc_tui.store.driver_errors import cannot_open, refused_connection, translate
from torc_tui.store.schema_version import checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.store.schema_version import Dbapi

CONNECT_SECONDS = 10
"""Time for which a server of PostgreSQL may take to accept a connection, unless the URL or
PGCONNECT_TIMEOUT sets a limit."""

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
        return psycopg.connect(
            conninfo,
            autocommit=True,
            application_name="torc",
            connect_timeout=limit or os.environ.get("PGCONNECT_TIMEOUT") or CONNECT_SECONDS,
            cursor_factory=psycopg.RawCursor,
        )
    except psycopg.Error as error:
        raise refused_connection(error, conninfo) from error


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


def in_transaction(connection: Dbapi) -> bool:
    """Return whether a transaction is open, or has failed and is not rolled back."""
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    # libpq's PQTRANS_ACTIVE, _INTRANS and _INERROR
    return connection.info.transaction_status in (1, 2, 3)
