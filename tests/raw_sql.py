"""Execute SQL for which the program has no statement, to prepare or inspect rows."""

from __future__ import annotations

from typing import Any


def execute(conn: Any, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Execute ``text``, with ``?`` for parameters, on a database connection; return its rows."""
    if conn.dialect == "postgresql":
        first, *rest = text.split("?")
        text = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    cursor = conn.raw.execute(text, values)
    return [] if cursor.description is None else [tuple(row) for row in cursor.fetchall()]


def execute_many(conn: Any, text: str, rows: list[tuple[Any, ...]]) -> None:
    """Execute ``text`` for each row of parameters."""
    for row in rows:
        execute(conn, text, row)
