"""Measure batches and jobs that add jobs: `torc exec` and `torc spawn`.

The lines of a batch arrive through a pipe, as usual. The cost of `torc spawn` is measured inside
the job.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from tests.benchmarks.bench_jobs import run_parameterized
from tests.benchmarks.measuring import TORC, Cost, environment, new_folder, spend
from tests.benchmarks.programs import PEERS, Program, Work
from tests.benchmarks.rows import Rows, Skipped, absolute, against, values
from torc_tui.status import JobStatus

MEGABYTE = 1e6
DEADLINE = 120.0
FIRST_SECONDS = 0.3
STORED_SECONDS = 3.0
CHILDREN_SECONDS = 1.0

LOOP = """
next=$((TORC_GENERATION + 1))
test $next -gt %d || torc spawn - > /dev/null <<END
{"jobs": [{"name": "loop_$next", "command": "bash loop.sh"}]}
END
"""


def _exec(root: Path, jobs: int) -> Cost:
    folder = new_folder(root, "exec")
    line = f"seq {jobs} | {TORC} exec -j 2 -- true"
    return spend(["bash", "-c", line], folder)


def _parallel() -> Program:
    return next(program for program in PEERS if program.name.startswith("GNU parallel"))


def batch(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Compare `torc exec` with `torc run` of as many jobs, and with GNU parallel."""
    parallel = _parallel()
    own, run, other = [], [], []
    for _ in range(rounds):
        own.append(_exec(root, jobs))
        run.append(run_parameterized(root, jobs))
        if parallel.find() is not None:
            other.append(parallel.run(root, Work(jobs)))
    what = f"torc exec -j 2 of {jobs:,} lines, against"
    rows: Rows = [against(f"{what} torc run", "s", own, run, name="torc run", budget=1.1)]
    if other:
        row = against(f"{what} {parallel.name}", "s", own, other, name=parallel.name, budget=1.0)
        rows.append(row)
    else:
        rows.append(
            Skipped(what=f"{what} {parallel.name}", why=f"not installed ({parallel.install})")
        )
    return rows


def first(root: Path, rounds: int, *, repeats: int = 3) -> Rows:
    """Measure the time from the start of `torc exec` to the start of its first job."""
    seconds = []
    for _ in range(rounds * repeats + 1):
        folder = new_folder(root, "first")
        began = time.time()
        spend([TORC, "exec", "-c", "true"], folder)
        seconds.append(_read(folder, "SELECT min(started_at) FROM job") - began)
    return [values("torc exec: first job", "s", seconds[1:], FIRST_SECONDS)]


def _read(folder: Path, statement: str) -> float:
    """Return a number from the database; 0 while there is none."""
    uri = f"file:{folder / 'torc.db'}?mode=ro"
    try:
        raw = sqlite3.connect(uri, uri=True)
        try:
            return float(raw.execute(statement).fetchone()[0] or 0)
        finally:
            raw.close()
    except sqlite3.OperationalError:
        return 0.0


MOST_UNFINISHED = 100_000
"""Number of unfinished jobs with which `torc exec` pauses reading."""


def _store(root: Path, lines: int) -> Cost:
    """Store lines while two jobs run; return the time until they are stored, and the peak memory."""
    folder = new_folder(root, "lines")
    began = time.perf_counter()
    with (folder / "stderr").open("wb") as error:
        producer = subprocess.Popen(["seq", str(lines)], stdout=subprocess.PIPE)
        command = [TORC, "exec", "-q", "-j", "2", "--", "sleep 1000; :"]
        child = subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdin=producer.stdout, stderr=error
        )
        assert producer.stdout is not None
        producer.stdout.close()  # otherwise the producer would wait for ever to write the rest
        stored = min(lines, MOST_UNFINISHED)  # reading pauses then, and no job ends
        while _read(folder, "SELECT count(*) FROM job") < stored:
            if time.perf_counter() - began > DEADLINE or child.poll() is not None:
                raise RuntimeError((folder / "stderr").read_text())
            time.sleep(0.02)
        wall = time.perf_counter() - began
        child.send_signal(signal.SIGINT)
        _, _, used = os.wait4(child.pid, 0)
        child.returncode = 130
        producer.wait()
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def lines(root: Path, rounds: int, *, number: int = 100_000) -> Rows:
    """Measure how long it takes to store lines, and how the memory grows with their number.

    The memory grows up to the page caches of the database, 32 MiB for each of two connections.
    """
    stored = [_store(root, number) for _ in range(rounds)]
    twice = [_store(root, 2 * number) for _ in range(rounds)]
    fourfold = [_store(root, 4 * number) for _ in range(rounds)]
    peaks = [cost.peak / MEGABYTE for cost in stored]
    growth = [large.peak / small.peak for large, small in zip(fourfold, twice, strict=True)]
    return [
        absolute(f"torc exec: {number:,} lines stored", "s", stored, STORED_SECONDS),
        values(f"torc exec: peak memory with {number:,} lines", "MB", peaks),
        values(f"torc exec: that, {4 * number:,} against {2 * number:,} lines", "×", growth, 1.25),
    ]


def children(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Measure one `torc spawn` of many jobs, inside a job that then fails."""
    costs = []
    for _ in range(rounds):
        folder = new_folder(root, "children")
        new = [{"name": f"c{number}", "command": "true"} for number in range(jobs)]
        (folder / "f.json").write_text(json.dumps({"jobs": new}))
        command = "a=$EPOCHREALTIME; torc spawn f.json; echo $a $EPOCHREALTIME > times; exit 1"
        spec = {"name": "w", "jobs": [{"name": "p", "command": command}]}
        (folder / "w.json").write_text(json.dumps(spec))
        spend([TORC, "run", "w.json"], folder, expect=[1])
        began, ended = map(float, (folder / "times").read_text().split())
        costs.append(ended - began)
    return [values(f"torc spawn of {jobs:,} jobs", "s", costs, CHILDREN_SECONDS)]


def _chain(root: Path, links: int, command: str) -> Cost:
    folder = new_folder(root, "chain")
    jobs: list[dict[str, object]] = [
        {"name": f"j{n}", "command": command, "depends_on": [f"j{n - 1}"] if n else []}
        for n in range(links)
    ]
    records = [{"name": "x", "data": 1}]
    spec = {"name": "w", "jobs": jobs, "user_data": records}
    (folder / "w.json").write_text(json.dumps(spec))
    return spend([TORC, "run", "w.json"], folder)


def _generations(root: Path, links: int) -> Cost:
    folder = new_folder(root, "generations")
    (folder / "loop.sh").write_text(LOOP % links)
    spec = {"name": "w", "jobs": [{"name": "loop", "command": "bash loop.sh"}]}
    (folder / "w.json").write_text(json.dumps(spec))
    cost = spend([TORC, "run", "w.json"], folder)
    completed = f"SELECT count(*) FROM job WHERE status = {int(JobStatus.COMPLETED)}"
    if _read(folder, completed) != links + 1:
        raise RuntimeError("not all generations completed")
    return cost


def generations(root: Path, rounds: int, *, links: int = 1000) -> Rows:
    """Compare a loop of jobs that add their successors with chains in a workflow file."""
    update = "torc user-data update x --data 2"
    own, plain, calling = [], [], []
    for _ in range(rounds):
        own.append(_generations(root, links))
        plain.append(_chain(root, links, "true"))
        calling.append(_chain(root, links, update))
    what = f"{links:,} generations, against a chain of"
    return [
        against(f"{what} true", "s", own, plain, name="torc run"),
        against(f"{what} torc user-data update", "s", own, calling, name="torc run", budget=3.0),
    ]
