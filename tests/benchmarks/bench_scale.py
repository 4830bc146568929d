"""Large workflows: 100,000 jobs with 300,000 dependencies, 1,000 jobs that each wait for the same
1,000, and memory.

The work is done in child processes that time themselves (`python -m tests.benchmarks.bench_scale
STEP …`), so that neither imports nor the memory of one measurement count in another.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, Row, median, output, spend


def _layers(jobs: int) -> dict[str, object]:
    """One entry that becomes ``jobs`` jobs, each waiting for the three before it."""
    last = jobs + 2
    values = {"i": f"3:{last}", "a": f"2:{last - 1}", "b": f"1:{last - 2}", "c": f"0:{last - 3}"}
    entry = {
        "name": "j_{i}",
        "command": "echo {i}",
        "depends_on": ["j_{a}", "j_{b}", "j_{c}"],
        "parameters": values,
        "parameter_mode": "zip",
    }
    return {
        "name": "large",
        "jobs": [*({"name": f"j_{i}", "command": "true"} for i in range(3)), entry],
    }


def _crowd(jobs: int, how: str) -> dict[str, object]:
    """``jobs`` jobs, each waiting for the same ``jobs`` others: by a pattern, or by the files that
    those write."""
    parameters = {"i": f"1:{jobs}"}
    first: dict[str, object] = {"name": "first_{i}", "command": "true", "parameters": parameters}
    second: dict[str, object] = {"name": "second_{i}", "command": "true", "parameters": parameters}
    if how == "regex":
        return {"name": how, "jobs": [first, {**second, "depends_on_regexes": ["^first_.*$"]}]}
    files = [{"name": "f_{i}", "path": "f_{i}.txt", "parameters": parameters}]
    first |= {"output_files": ["f_{i}"]}
    second |= {"input_file_regexes": ["^f_.*$"]}
    return {"name": how, "files": files, "jobs": [first, second]}


def _step(step: str, *words: str) -> dict[str, float]:
    """What a child does: import, then the work, timed."""
    from torc_tui.executors.fake import FakeExecutor
    from torc_tui.model import Machine
    from torc_tui.operations.workflows import create_workflow, initialize
    from torc_tui.plan.resolve import resolve
    from torc_tui.store.database import Store
    from torc_tui.workflow_file.load import load

    store = Store.open()
    with store.read():
        pass
    own, wall = time.process_time(), time.perf_counter()
    found: dict[str, float] = {}

    def lap(name: str) -> None:
        found[name] = time.perf_counter() - wall

    if step == "create":
        plan = resolve(load(words[0]))
        lap("planned")
        workflow_id = create_workflow(store, plan, user="u", directory=str(Path.cwd()), actor=None)
        lap("created")
        del plan
        initialize(store, workflow_id, force=True)
    elif step == "bare":
        with store.read() as conn:
            jobs = [tuple(row) for row in conn.exec_driver_sql("SELECT * FROM job").all()]
            edges = [tuple(row) for row in conn.exec_driver_sql("SELECT * FROM dependency").all()]
        schema = [
            row[0]
            for row in store.dbapi().execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ('job', 'dependency')"
            )
        ]
        raw = sqlite3.connect("bare.db", isolation_level=None)
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = NORMAL")
        for text in schema:
            raw.execute(text)
        own, wall = time.process_time(), time.perf_counter()
        raw.execute("BEGIN IMMEDIATE")
        for name, rows in (("job", jobs), ("dependency", edges)):
            raw.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        raw.execute("COMMIT")
        raw.close()
    else:
        from torc_tui.engine.report import RunOptions
        from torc_tui.engine.runner import run

        machine = Machine(hostname="bench", num_cpus=64, memory=1 << 40)
        report = run(
            store,
            int(words[0]),
            RunOptions(max_parallel_jobs=2),
            executor=FakeExecutor(lambda order: 0),
            machine=machine,
        )
        found["jobs"] = sum(report.counts.values())
    lap("wall")
    store.close()
    return {**found, "cpu": time.process_time() - own}


def _child(folder: Path, *words: str) -> dict[str, float]:
    cost = spend([PYTHON, "-m", "tests.benchmarks.bench_scale", *words], folder)
    found: dict[str, float] = json.loads(output(folder))
    return {**found, "peak": cost.peak}


def _new(root: Path, spec: dict[str, object]) -> Path:
    folder = root / f"scale{sum(1 for _ in root.iterdir())}"
    folder.mkdir()
    (folder / "w.json").write_text(json.dumps(spec))
    return folder


def large(root: Path, rounds: int, *, jobs: int = 100_000) -> list[Row]:
    """Create and initialize, against the bare inserts of the same rows (into a table with the same
    indexes)."""
    own, bare = [], []
    for _ in range(rounds):
        folder = _new(root, _layers(jobs))
        own.append(_cost(_child(folder, "create", "w.json")))
        bare.append(_cost(_child(folder, "bare")))
        for name in ("torc.db", "bare.db"):
            (folder / name).unlink()
    subject, reference = median(own), median(bare)
    return [
        Row(
            what=f"create + initialize {jobs:,} jobs, {3 * jobs:,} dependencies",
            unit="s",
            figure=subject.wall,
            reference=reference.wall,
            against="sqlite3 inserts",
            budget=8.0,
            cpu=subject.cpu,
            reference_cpu=reference.cpu,
        )
    ]


def crowds(root: Path, rounds: int, *, jobs: int = 1000) -> list[Row]:
    """A crowd that waits for a crowd: its creation, and what the end of one job costs the engine
    (nothing is run)."""
    rows = []
    for how in ("regex", "files"):
        made, ends = [], []
        for _ in range(rounds):
            folder = _new(root, _crowd(jobs, how))
            made.append(_cost(_child(folder, "create", "w.json")))
            ran = _child(folder, "run", "1")
            ends.append(Cost(ran["wall"] / ran["jobs"], ran["cpu"] / ran["jobs"]))
        create, end = median(made), median(ends)
        what = f"{jobs:,} x {jobs:,} by {how}"
        rows += [
            Row(
                what=f"{what}: create + initialize",
                unit="s",
                figure=create.wall,
                budget=2.0,
                cpu=create.cpu,
            ),
            Row(
                what=f"{what}: each completion",
                unit="ms",
                figure=end.wall * 1e3,
                budget=2.0,
                cpu=end.cpu * 1e3,
            ),
        ]
    return rows


def memory(root: Path, rounds: int, *, jobs: int = 100_000, seconds: int = 3) -> list[Row]:
    """The peak of a runner that meets ``jobs`` ready jobs and runs some of them for ``seconds``: of
    a stored workflow, and of a file (created, initialized and run by one process)."""
    needs = {
        "name": "little",
        "num_cpus": 1,
        "memory": "10m",
        "runtime": "PT1S",
    }  # fits into the time limit
    entry = {
        "name": "j_{i}",
        "command": "true",
        "parameters": {"i": f"1:{jobs}"},
        "resource_requirements": "little",
    }
    spec: dict[str, object] = {"name": "w", "resource_requirements": [needs], "jobs": [entry]}
    folder = _new(root, spec)
    limit = ["--max-parallel-jobs", "2", "--time-limit", str(seconds)]
    whole = spend([TORC, "run", "w.json", *limit], folder, expect=(0, 1, 3))
    if "completed" not in output(folder):
        raise RuntimeError("nothing ran")
    stored = spend([TORC, "run", "1", *limit], folder, expect=(0, 1, 3))
    return [
        Row(
            what=f"memory of a run, {jobs:,} jobs stored",
            unit="MB",
            figure=stored.peak / 1e6,
            budget=300.0,
        ),
        Row(
            what=f"memory of a run, {jobs:,} jobs from a file",
            unit="MB",
            figure=whole.peak / 1e6,
            budget=300.0,
        ),
    ]


def _cost(found: dict[str, float]) -> Cost:
    return Cost(found["wall"], found["cpu"], int(found["peak"]))


if __name__ == "__main__":
    print(json.dumps(_step(*sys.argv[1:])))
