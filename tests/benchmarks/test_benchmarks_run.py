"""The benchmarks run, with sizes that measure nothing. What they measure is never asserted here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path


def test_every_benchmark_runs(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--tiny", "--rounds", "1", "--json"],
        cwd=Path(__file__).parents[2],
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "TORC_BENCH_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    rows = json.loads(told.stdout)["rows"]
    assert len(rows) == (18 if shutil.which("make") else 17)
    assert all(row["what"] and row["figure"] is not None for row in rows)
    assert not list(tmp_path.iterdir())
