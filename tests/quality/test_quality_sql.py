"""SQL has one source: `torc_tui/store/statements/`."""

from __future__ import annotations

import re
from pathlib import Path

STORE = Path(__file__).resolve().parents[2] / "torc_tui" / "store"
ALLOWED = {"migrations.py", "opening.py", "schema_version.py", "database_repair.py"}
"""Migrations describe earlier schemas; the others open and copy files that may be no database."""
SQL = re.compile(r"\"(?:SELECT|UPDATE|INSERT|DELETE FROM|ALTER TABLE|CREATE TABLE|WITH RECURSIVE) ")


def test_no_sql_texts() -> None:
    found = [
        f"{path.relative_to(STORE.parent)}: {line.strip()}"
        for path in STORE.parent.rglob("*.py")
        if not (path.parent == STORE and path.name in ALLOWED) and path.parent.name != "generated"
        for line in path.read_text().splitlines()
        if SQL.search(line)
    ]
    assert not found, "\n".join([*found, "add the statement to torc_tui/store/statements/"])


def test_no_unused_statements() -> None:
    product = [path for path in STORE.parent.rglob("*.py") if path.parent.name != "generated"]
    used = {name for path in product for name in re.findall(r"\bsql\.(\w+)", path.read_text())}
    names = set(re.findall(r"^(\w+) = ", (STORE / "sql.py").read_text(), re.MULTILINE))
    assert len(names) > 100
    assert not names - used, "statements that no code runs"
