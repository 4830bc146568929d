"""How often one step asks the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.store import sql
from torc_tui.store.database import Store
from torc_tui.store.prepared import prepare

CHAIN = """
name: chain
jobs:
  - {name: a, command: x}
  - {name: b, command: x, depends_on: [a]}
  - {name: c, command: x, depends_on: [b]}
  - {name: d, command: x, depends_on: [c]}
"""


def test_one_link(bench: Callable[..., Any], store: Store) -> None:
    if store.dialect != "sqlite":
        pytest.skip("the statements are seen by sqlite3")
    it = bench(CHAIN)
    it.step()
    it.finish("a")
    statements: list[str] = []
    store.connection().raw.set_trace_callback(statements.append)
    it.finish("b")
    assert it.running() == {"c"}
    # The jobs held, the jobs that wait for the one that ended, the class of a ready job, the job.
    assert len([one for one in statements if one.startswith("SELECT")]) == 4


@pytest.mark.parametrize("statement", [sql.END, sql.APPLY_CHANGE, sql.CLAIM, sql.START])
def test_moves_without_temporary_tables(statement: Any, store: Store) -> None:
    """SQLite makes one of each list of more than two values, for each job that ends."""
    if store.dialect != "sqlite":
        pytest.skip("EXPLAIN of SQLite")
    prepared = prepare("sqlite", statement)
    values = [None] * len(prepared.names)
    program = store.connection().raw.execute(f"EXPLAIN {prepared.text}", values).fetchall()
    assert "OpenEphemeral" not in {operation for _, operation, *_ in program}
