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
    # The jobs held, the jobs that wait for the one that ended, the ready job.
    assert len([one for one in statements if one.startswith("SELECT")]) == 3


@pytest.mark.parametrize("statement", [sql.END, sql.APPLY_CHANGE, sql.CLAIM, sql.START])
def test_moves_without_temporary_tables(statement: Any, store: Store) -> None:
    """SQLite makes one of each list of more than two values, for each job that ends."""
    if store.dialect != "sqlite":
        pytest.skip("EXPLAIN of SQLite")
    prepared = prepare("sqlite", statement)
    values = [None] * len(prepared.names)
    program = store.connection().raw.execute(f"EXPLAIN {prepared.text}", values).fetchall()
    assert "OpenEphemeral" not in {operation for _, operation, *_ in program}


FAN = """
name: fan
jobs:
  - {name: 'a_{i}', command: x, parameters: {i: '1:6'}}
  - {name: 'b_{i}', command: x, parameters: {i: '1:6'}, depends_on_regexes: ['^a_']}
  - {name: c, command: x}
  - {name: d, command: x, depends_on: [c], depends_on_regexes: ['^a_']}
"""


def test_many_jobs_behind_one_failure(bench: Callable[..., Any], store: Store) -> None:
    """The job to blame is searched once for all that wait at a gate, however many are before it."""
    if store.dialect != "sqlite":
        pytest.skip("the statements are seen by sqlite3")
    it = bench(FAN)
    it.step()
    for number in (1, 2, 3, 6):
        it.finish(f"a_{number}")
    it.finish("c", 1)
    it.finish("a_5", 2)
    statements: list[str] = []
    store.connection().raw.set_trace_callback(statements.append)
    it.finish("a_4", 3)
    reasons = {job.name: job.reason for job in it.jobs() if job.status.word == "canceled"}
    assert reasons.keys() == {"b_1", "b_2", "b_3", "b_4", "b_5", "b_6", "d"}
    assert {reasons[f"b_{number}"]["job"] for number in range(1, 7)} == {"a_4"}
    assert reasons["d"]["job"] == "a_4"  # the first of those that failed, by their order
    searches = [one for one in statements if "ORDER BY job.status, job.id" in one]
    assert len([one for one in searches if "dependency.job_id = -" in one]) == 1
