"""Turn the errors of sqlite3 and psycopg into errors that a user understands.

Input: an exception of a driver, and the place of the database. Output: an exception of
`torc_tui.errors` with a hint.

Invariant: codes decide, because the texts of SQLite and PostgreSQL change with version and
language. A text is shown as a detail where the code says too little.
"""

# ruff: noqa: PTH110, PTH112, PTH114, PTH116, PTH118, PTH120 - importing pathlib takes longer than a short command

from __future__ import annotations

import os
import sys

try:  # sqlite3 adds adapters for dates, whose import takes a tenth of a whole `user-data get`
    import _sqlite3 as sqlite3
except ImportError:
    import sqlite3  # type: ignore[no-redef]

from torc_tui.errors import SchemaMismatch, SettingsError, StoreError, StoreUnavailable, TorcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# -- kinds of errors -------------------------------------------------------------------------------


def is_driver_error(error: BaseException) -> bool:
    """Return whether a database driver raised the error; psycopg may not be imported."""
    return _has_class(error, "Error")


def is_data_error(error: BaseException) -> bool:
    """Return whether the database cannot hold a value: a number out of range, a NUL in a text."""
    return _has_class(error, "DataError")


def _has_class(error: BaseException, name: str) -> bool:
    """Return whether the error is of the class that both drivers call ``name``."""
    drivers = (sqlite3, sys.modules.get("psycopg"))
    return any(
        driver is not None and isinstance(error, getattr(driver, name)) for driver in drivers
    )


def is_bug(error: BaseException) -> bool:
    """Return whether a driver's error can only come from a mistake in this program.

    A missing table, column or privilege does not count: users can change these.
    """
    if isinstance(error, sqlite3.Error):
        bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
        return isinstance(error, bugs) or str(error).startswith('near "')
    if not is_driver_error(error):
        return False
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(("23", "42")):
        return state not in ("42501", *_MISSING)
    return isinstance(error, sys.modules["psycopg"].ProgrammingError) and not state


def is_missing(error: BaseException) -> bool:
    """Return whether the error says that a table or column does not exist."""
    if isinstance(error, sqlite3.Error):
        words = ("no such ", "has no column ")
        return _sqlite_code(error) == sqlite3.SQLITE_ERROR and any(
            word in str(error) for word in words
        )
    return getattr(error, "sqlstate", None) in _MISSING


_MISSING = ("42P01", "42703", "3F000")
"""States of PostgreSQL for a table, a column or a schema that does not exist."""


def is_busy(error: BaseException) -> bool:
    """Return whether another process holds a lock on the SQLite file."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


# -- messages --------------------------------------------------------------------------------------


def shown(place: str) -> str:
    """Return ``place`` without passwords, also those in parameters."""
    scheme, mark, rest = place.partition("://")
    if not mark:
        return place
    rest, query, parameters = rest.partition("?")
    user, at, host = rest.rpartition("@")
    kept = "&".join(
        one for one in parameters.split("&") if one and "pass" not in one.partition("=")[0].lower()
    )
    tail = query + kept if kept else ""
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{tail}"


def translate(error: Exception, place: str) -> StoreError:
    """Return the error of `torc_tui.errors` for an error of a driver."""
    if is_missing(error):
        what = _first_line(error, place) if "://" in place else str(error)
        return SchemaMismatch(
            f"the database {shown(place)} does not match this version of torc: {what}",
            hint="`torc database check` shows what is missing; --database names another one",
        )
    if "://" in place:
        return _translate_postgresql(error, place)
    return _translate_sqlite(error, place)


def refused_connection(error: Exception, conninfo: str) -> TorcError:
    """Return the error for a failed connection to PostgreSQL.

    The messages of a server are in its own language, and the error of an attempt has no code. So a
    ping, which needs no log-in, shows whether the server accepts connections.
    """
    from psycopg import ProgrammingError, errors, pq

    name, detail = shown(conninfo), _first_line(error, conninfo)
    if isinstance(error, ProgrammingError):  # nothing was sent
        return SettingsError(
            f"the URL of the database cannot be used: {detail}",
            hint=f"check the parameters of {name}",
        )
    attempt = getattr(error, "pgconn", None)
    if attempt is not None and attempt.needs_password:
        return StoreUnavailable(
            f"the database {name} needs a password",
            hint="put it into a password file (~/.pgpass or PGPASSFILE) or the URL",
        )
    answer: int = pq.Ping.NO_RESPONSE
    if not isinstance(error, errors.ConnectionTimeout):
        answer = pq.PGconn.ping(conninfo.encode())
    if answer == pq.Ping.REJECT:
        return StoreUnavailable(
            f"the server of the database {name} is starting or stopping: {detail}", hint="try again"
        )
    if answer != pq.Ping.OK:
        return StoreUnavailable(
            f"no answer from the server of the database {name}: {detail}",
            hint="is the server running, and are host and port right?",
        )
    refused = "log-in refused by the server of"
    if "password authentication" in detail:
        refused = "wrong user or password for"
    return StoreUnavailable(
        f"{refused} the database {name}: {detail}",
        hint="check the user name, the password, the name of the database and the user's rights",
    )


def _first_line(error: Exception, conninfo: str) -> str:
    """Return the first line of a driver's message, without the password."""
    from torc_tui.redaction import redact

    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    return redact(lines[0], [conninfo]).rpartition(" failed: ")[2]


def _translate_postgresql(error: Exception, conninfo: str) -> StoreError:
    name, first = shown(conninfo), _first_line(error, conninfo)
    sqlstate = getattr(error, "sqlstate", None) or ""
    if sqlstate in ("55P03", "57014"):  # lock not available, query canceled
        return StoreUnavailable(f"the database {name} is locked: {first}", hint="try again")
    if sqlstate == "53100":  # disk full
        return StoreUnavailable(
            f"no space left for the database {name}", hint="free some space on the server"
        )
    if sqlstate == "42P07":  # duplicate table
        return SchemaMismatch(
            f"the database {name} has tables of another program with the same names as torc's",
            hint="name another database with --database or TORC_DATABASE, or another schema with"
            " ?options=-csearch_path%3DSCHEMA",
        )
    if sqlstate[:2] in ("28", "3D", "42"):
        hint = "the server is running: check user, password, database name and rights"
    else:
        hint = "is the server running, and are host and port right?"
    return StoreUnavailable(f"the database {name} cannot be used: {first}", hint=hint)


def _translate_sqlite(error: BaseException, path: str) -> StoreError:
    code = _sqlite_code(error)
    if is_busy(error):
        return StoreUnavailable(
            f"the database {path} is locked by another program",
            hint=f"try again; `fuser {path}` shows which program holds it",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return SchemaMismatch(
            f"{path} is not a database",
            hint="name another one with --database or TORC_DATABASE, or move the file away",
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreUnavailable(
            f"the database {path} is damaged: {error}",
            hint="copy what can be read into a new one with `torc database recover FILE`",
        )
    if code == sqlite3.SQLITE_READONLY:
        return StoreUnavailable(
            f"the database {path} is read-only",
            hint="check the permissions of the file and its directory",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreUnavailable(
            f"no space left for the database {path}", hint="free some space; nothing was written"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return cannot_open(path)
    return StoreUnavailable(
        f"the database {path} cannot be used: {error}",
        hint="check the disk and the permissions of the file",
    )


def _sqlite_code(error: BaseException) -> int:
    """Return the primary result code; 0 for an error that does not come from SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def cannot_open(path: str) -> StoreUnavailable:
    """Return the error for a file that SQLite cannot open, with the obstacle."""
    hint = "check the permissions of the file and its directory, or use another --database"
    if os.path.isdir(path):
        hint = f"name a file, such as {os.path.join(path, 'torc.db')}"
    return StoreUnavailable(f"the database {path} cannot be opened: {_obstacle(path)}", hint=hint)


def _obstacle(path: str) -> str:
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return "it is a directory"
    if not os.path.exists(folder):
        return f"the folder {folder} does not exist"
    if not os.path.isdir(folder):
        return f"{folder} is not a folder"
    try:
        os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            return "it is a link to a file that does not exist"
        return f"it does not exist, and {folder} cannot be written to"
    except OSError as error:
        return error.strerror or "the path cannot be used"
    return "no permission" if os.access(path, os.R_OK) else "no permission to read it"


def refused_value(error: Exception, values: object) -> str:
    """Return a message that names the value that the database cannot hold."""
    for value in _flat(values):
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            return f"{value} is too large for the database"
        if isinstance(value, str):
            if "\0" in value:
                return f"{value!r} contains a NUL character"
            try:
                value.encode()
            except UnicodeEncodeError:
                return f"{value!r} is not UTF-8 text"
    return f"the database cannot hold a value: {error}"


def _flat(values: object) -> Sequence[Any]:
    if isinstance(values, dict):
        return [one for value in values.values() for one in _flat(value)]
    if isinstance(values, (list, tuple)):
        return [one for value in values for one in _flat(value)]
    return [values]
