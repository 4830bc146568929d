"""How often one step asks the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torc_tui.store.database import Store

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
