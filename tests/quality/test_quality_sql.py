"""SQL has one source: `torc_tui/store/statements/`."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from torc_tui.status import HELD, JobStatus
from torc_tui.store import sql

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "torc_tui" / "store"
ALLOWED = {"connect.py", "migrations.py", "opening.py", "database_repair.py", "server_admin.py"}
ALLOWED |= {"file_counter.py"}
"""Migrations describe earlier schemas; the others open, copy, administer and try what may have no
tables of torc."""
SQL = re.compile(r"\"(?:SELECT|UPDATE|INSERT|DELETE FROM|ALTER TABLE|CREATE TABLE|WITH RECURSIVE) ")
STATUS_NUMBER = re.compile(
    r"\bstatus[\"']?\s*(?:=|<>|!=|[<>]=?|(?:NOT\s+)?IN\b)\s*\(?\s*\d", re.IGNORECASE
)


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
    names = set(" ".join(sql.NAMES.values()).split())
    assert len(names) > 100
    assert not names - used, "statements that no code runs"


def test_no_status_numbers() -> None:
    """`torc_tui/store/generated/` may have them: it is generated from the sets of `status`."""
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for folder in ("torc_tui", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if path.parent.name != "generated"
        for text in [path.read_text()]
        for match in STATUS_NUMBER.finditer(text)
    ]
    assert not found, "\n".join([*found, "take the number from JobStatus"])


@pytest.mark.parametrize(
    "condition",
    [
        f"status = {JobStatus.RUNNING}",
        f"job.status<>{JobStatus.FAILED}",
        f'"status" NOT IN ({JobStatus.READY})',
        f"status in ( {', '.join(str(int(status)) for status in HELD)})",
        f"status >= {JobStatus.COMPLETED}",
    ],
)
def test_status_numbers_are_found(condition: str) -> None:
    assert STATUS_NUMBER.search(condition)


SEARCHED_TWICE = {"relations.UPSTREAM_PAIRS", "user_actions.CULPRITS"}
"""Unions: each of their parts searches one list."""


def test_no_statement_searches_pairs_of_lists() -> None:
    """SQLite looks up each pair of values of two lists: 10,000 jobs take 10 s."""
    found = set()
    for path in (STORE / "generated").glob("*.py"):
        module = importlib.import_module(f"torc_tui.store.generated.{path.stem}")
        for name, statement in getattr(module, "STATEMENTS", {}).items():
            if str(statement[0]).count("json_each(") > 1:
                found.add(f"{path.stem}.{name}")
    assert found == SEARCHED_TWICE
