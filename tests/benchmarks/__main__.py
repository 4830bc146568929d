"""All benchmarks in one table.

    python -m tests.benchmarks [--json] [--rounds N] [--tiny] [NAME …]

Everything is written below a new folder in $TORC_BENCH_DIR, else in /dev/shm where there is one, so
that no disk is measured. Exit code 0, also when a budget is missed: the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import bench_app, bench_jobs, bench_scale
from tests.benchmarks.measuring import Row, table

ALL: dict[str, tuple[Callable[..., list[Row]], dict[str, int]]] = {
    "independent": (bench_jobs.independent, {"few": 2, "many": 6}),
    "one": (bench_jobs.one, {}),
    "chain": (bench_jobs.chain, {"few": 2, "links": 4}),
    "user-data": (bench_jobs.user_data, {}),
    "large": (bench_scale.large, {"jobs": 20}),
    "crowds": (bench_scale.crowds, {"jobs": 5}),
    "memory": (bench_scale.memory, {"jobs": 5}),
    "app-paint": (bench_app.paint, {}),
    "app-keys": (bench_app.keys, {"jobs": 50, "rate": 20, "each": 3}),
    "app-idle": (bench_app.idle, {"seconds": 1}),
}
"""Name -> the benchmark, and the sizes of a tiny run that only shows that it works."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; all without one"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--tiny", action="store_true", help="small sizes: shows that they work, measures nothing"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in ALL]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}")
    place = os.environ.get("TORC_BENCH_DIR") or ("/dev/shm" if Path("/dev/shm").is_dir() else None)
    root = Path(tempfile.mkdtemp(prefix="torc-bench-", dir=place))
    rows: list[Row] = []
    before = os.getloadavg()
    try:
        for name in options.names or ALL:
            measure, tiny = ALL[name]
            folder = root / name
            folder.mkdir()
            if not options.json:
                print(f"{name} …", file=sys.stderr)
            rows += measure(folder, options.rounds, **(tiny if options.tiny else {}))
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(root)
    load = {"before": round(before[0], 2), "after": round(os.getloadavg()[0], 2)}
    if options.json:
        print(
            json.dumps(
                {"folder": str(root.parent), "load": load, "rows": [row.record() for row in rows]},
                indent=2,
            )
        )
    else:
        print(table(rows))
        print(
            f"\nmedians of {options.rounds} rounds in {root.parent}; "
            f"load {load['before']} before, {load['after']} after"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
