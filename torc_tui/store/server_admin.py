"""Administer a PostgreSQL server that has no database of torc yet, or whose clients must wait.

Input: a connection of a user who may do so. Names and passwords are chosen by the caller, and have
no quotes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torc_tui.store.connect import Dbapi


def create_database(connection: Dbapi, name: str, user: str, password: str) -> None:
    """Create a database and its owner, who cannot connect yet."""
    connection.execute(f"CREATE ROLE {user} NOLOGIN PASSWORD '{password}'")
    connection.execute(f"CREATE DATABASE {name} OWNER {user}")


def admit(connection: Dbapi, user: str) -> None:
    """Let a user connect."""
    connection.execute(f"ALTER ROLE {user} LOGIN")


def expel(connection: Dbapi, user: str) -> None:
    """Let a user connect no more, and end the connections that there are."""
    connection.execute(f"ALTER ROLE {user} NOLOGIN")
    connection.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'"
    )


def log_position(connection: Dbapi) -> str:
    """Return the position in the write-ahead log, which grows with every change."""
    (position,) = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
    return str(position)
