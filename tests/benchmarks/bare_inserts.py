"""Insert the jobs and dependencies of `torc.db` into `bare.db` with the same schema.

The reference for creating a large workflow: run in the folder of `torc.db`, it prints the seconds
of the inserts alone as JSON.
"""

from __future__ import annotations

import json
import sqlite3
import time

TABLES = ("job", "dependency")


def main() -> None:
    source = sqlite3.connect("torc.db")
    rows = {name: source.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
    marks = ", ".join("?" * len(TABLES))
    schema = source.execute(
        f"SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ({marks})", TABLES
    ).fetchall()
    bare = sqlite3.connect("bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = NORMAL")
    for (text,) in schema:
        bare.execute(text)
    cpu, wall = time.process_time(), time.perf_counter()
    bare.execute("BEGIN IMMEDIATE")
    for name in TABLES:
        columns = ", ".join("?" * len(rows[name][0]))
        bare.executemany(f"INSERT INTO {name} VALUES ({columns})", rows[name])
    bare.execute("COMMIT")
    bare.close()
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**cost, "rows": {name: len(rows[name]) for name in TABLES}}))


if __name__ == "__main__":
    main()
