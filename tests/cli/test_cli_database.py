"""Check, copy and rescue the database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from torc_tui.cli import node_check
from torc_tui.errors import StoreUnavailable
from torc_tui.store.connect import connect_postgresql, resolve
from torc_tui.store.database import Store

BIG = "{name: big, jobs: [{name: 'a_{i}', command: 'echo {i}', parameters: {i: '1:2000'}}]}"


@pytest.fixture
def path(small: int) -> Path:
    found = Path(os.environ["TORC_DATABASE"])
    with sqlite3.connect(found) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def test_intact_database(torc: Any, path: Path) -> None:
    answer = torc("database", "check")
    assert answer.code == 0 and answer.out.splitlines()[0] == f"{path} is sound"
    record = torc("database", "check", "-f", "json").json
    assert (record["problems"], record["journal"], record["several_nodes"]) == ([], "wal", False)


def test_journal_for_several_hosts(torc: Any, small: int) -> None:
    assert torc("database", "check", "--shared", "-f", "json").json["journal"] == "truncate"
    assert torc("workflows", "list").code == 0
    assert torc("database", "check", "-f", "json").json["journal"] == "truncate"
    assert torc("database", "check", "--shared", "--database", "postgresql://x/y").code == 2


PROBE = r"""#!/bin/bash
SCRIPT=$(cat); echo 7
for RANK in 0 1; do
  SLURM_PROCID=$RANK SLURMD_NODENAME=n$RANK bash -c "${SCRIPT##*--kill-on-bad-exit=0 }" &
done >/dev/null 2>&1
"""


def test_check_by_nodes(
    torc: Any, path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place / "bin"
    folder.mkdir()
    for name, text in {"sbatch": PROBE, "squeue": "#!/bin/sh\n", "scontrol": "#!/bin/sh\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    answer = torc("database", "check", "--slurm")
    assert answer.code == 0 and "n0 and n1 lock files on" in answer.out, answer.err
    record = torc("database", "check", "-f", "json").json
    assert record["several_nodes"] and record["nodes"]["hosts"] == ["n0", "n1"]
    assert "n0 and n1 can use it together" in torc("database", "check").out


def test_backup(torc: Any, path: Path, place: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")  # a runner that writes
        answer = torc("database", "backup", "copy.db")
        assert (answer.code, answer.out) == (0, f"Copied {path} to {place / 'copy.db'}\n")
    assert (place / "copy.db").stat().st_mode & 0o777 == 0o600
    words = ("jobs", "list", "-f", "json")
    assert torc(*words, "--database", "copy.db").json == torc(*words).json
    again = torc("database", "backup", "copy.db")
    assert again.code == 2 and "copy.db already exists" in again.err
    assert torc("database", "backup", "nowhere/copy.db").code == 1


def test_recover(torc: Any, place: Path, path: Path) -> None:
    """A page in the middle of the table of jobs is overwritten."""
    (place / "big.yaml").write_text(BIG)
    torc("create", "big.yaml")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = [
            row[0]
            for row in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'job' AND pagetype = 'leaf'"
            )
        ]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    for rest in ("-wal", "-shm"):
        Path(f"{path}{rest}").unlink(missing_ok=True)
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * size)
        file.write(os.urandom(size))
    answer = torc("database", "check")
    assert answer.code == 1 and "torc database recover FILE" in answer.err
    answer = torc("database", "recover", "new.db", "-f", "json")
    assert answer.code == 1
    (jobs,) = [table for table in answer.json["tables"] if table["table"] == "job"]
    assert jobs["damaged"] and 1800 < jobs["rows"] < 2002
    assert "some rows could not be read: job" in answer.err
    assert torc("database", "check", "--database", "new.db").code in (0, 1)
    words = ("--database", "new.db", "-f", "json")
    assert torc("user-data", "get", "config", "-w", 1, *words).json["name"] == "config"
    assert len(torc("workflows", "list", *words).json) == 2
    assert torc("database", "recover", "new.db").code == 2


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
def test_recover_a_truncated_database(torc: Any, place: Path, path: Path, left: float) -> None:
    (place / "big.yaml").write_text(BIG)
    torc("create", "big.yaml")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(path, int(path.stat().st_size * left))
    answer = torc("database", "check")
    assert answer.code == 1 and "torc database recover FILE" in answer.err
    answer = torc("database", "recover", "new.db", "-f", "json")
    assert answer.code == 1 and "some rows could not be read: " in answer.err
    rows = sum(table["rows"] for table in answer.json["tables"])
    assert (rows > 0) == (left > 0.1), "the schema is lost with the first pages"
    assert torc("status", 1, "--database", "new.db").code in (0, 2)


def test_recover_an_intact_database(torc: Any, path: Path) -> None:
    answer = torc("database", "recover", "new.db")
    assert answer.code == 0 and "Damaged" in answer.out
    for words in (("jobs", "list"), ("events", "list"), ("user-data", "list"), ("files", "list")):
        assert (
            torc(*words, "-f", "json").json
            == torc(*words, "-f", "json", "--database", "new.db").json
        )


def test_on_postgresql(torc: Any, postgresql_url: str, place: Path) -> None:
    words = ("--database", postgresql_url)
    assert torc("workflows", "new", "-n", "w", *words).code == 0
    answer = torc("database", "check", *words)
    assert answer.code == 0 and answer.out.endswith(" is sound\n")
    for name in ("backup", "recover"):
        answer = torc("database", name, "x", *words)
        assert answer.code == 2 and "is not a file" in answer.err


def test_unreachable_server(torc: Any) -> None:
    answer = torc("jobs", "list", 1, "--database", "postgresql://ada:s3cret@127.0.0.1:1/torc")
    assert answer.code == 1
    assert "is the server running, and are host and port right?" in answer.err
    assert "s3cret" not in answer.err


def test_without_a_database(torc: Any, place: Path) -> None:
    for words in (("check",), ("backup", "x"), ("recover", "x")):
        answer = torc("database", *words)
        assert answer.code == 1 and "there is no" in answer.err
        assert not (place / "x").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("ALTER TABLE user_data DROP COLUMN is_ephemeral", "the table user_data lacks the column"),
        ("DROP TABLE user_data", "the table user_data is missing"),
    ],
    ids=["column", "table"],
)
@pytest.mark.parametrize("words", ["user-data update 1 -d 2", "user-data list 1"])
def test_another_schema(torc: Any, path: Path, change: str, problem: str, words: str) -> None:
    """The error reports a database that lacks a table or column, and the check names it."""
    with closing(sqlite3.connect(path)) as connection:
        for (index,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'user_data'"
            " AND sql IS NOT NULL"
        ).fetchall():
            connection.execute(f"DROP INDEX {index}")
        connection.execute(change)
    answer = torc(*words.split())
    assert answer.code not in (0, 70) and answer.out == ""
    assert f"the database {path} does not match this version of torc: no such" in answer.err
    assert "`torc database check`" in answer.err and "check the disk" not in answer.err
    answer = torc("database", "check")
    assert answer.code == 1 and answer.out.startswith(problem)


def test_another_schema_on_postgresql(torc: Any, postgresql_url: str) -> None:
    words = ("--database", postgresql_url)
    assert torc("workflows", "new", "-n", "w", *words).code == 0
    with closing(connect_postgresql(resolve(postgresql_url)[1])) as connection:
        connection.execute("ALTER TABLE user_data DROP COLUMN is_ephemeral")
    answer = torc("user-data", "list", 1, *words)
    assert "does not match this version of torc: " in answer.err
    answer = torc("database", "check", *words)
    assert answer.code == 1
    assert answer.out == "the table user_data lacks the column is_ephemeral\n"


class Restarting:
    """A call whose server does not answer for the first attempts."""

    missing_store = None

    def __init__(self, store: Store, failures: int) -> None:
        self._store, self._failures = store, failures

    @property
    def store(self) -> Store:
        self._failures -= 1
        if self._failures >= 0:
            raise StoreUnavailable("no answer from the server")
        return self._store


def test_runner_on_a_node_waits_for_the_server(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its allocation may start while the server restarts."""
    pauses: list[float] = []
    node_check.open_in_allocation(Restarting(store, 4), pauses.append)  # type: ignore[arg-type]
    assert len(pauses) == 4
    assert capsys.readouterr().err.count("no answer from the server") == 1
    with pytest.raises(StoreUnavailable, match="tried for 20 min"):
        node_check.open_in_allocation(Restarting(store, 9999), pauses.append)  # type: ignore[arg-type]
    assert sum(pauses) >= 1200
