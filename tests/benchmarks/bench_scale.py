"""Large workflows: creation, files of 10,000 jobs, many-to-many dependencies, memory."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, new_folder, output, spend
from tests.benchmarks.rows import Rows, absolute, against, values

BARE_INSERTS = str(Path(__file__).with_name("bare_inserts.py"))
MEGABYTE = 1e6

PARSE = """
import sys, yaml
with open(sys.argv[1], "rb") as file:
    yaml.load(file, Loader=yaml.CSafeLoader)
"""


def _layers(jobs: int) -> dict[str, object]:
    """Return a workflow of one entry that becomes ``jobs`` jobs, each waiting for 3 others."""
    last = jobs + 2
    numbers = {"i": f"3:{last}", "a": f"2:{last - 1}", "b": f"1:{last - 2}", "c": f"0:{last - 3}"}
    entry = {
        "name": "j_{i}",
        "command": "echo {i}",
        "depends_on": ["j_{a}", "j_{b}", "j_{c}"],
        "parameters": numbers,
        "parameter_mode": "zip",
    }
    first = [{"name": f"j_{i}", "command": "true"} for i in range(3)]
    return {"name": "large", "jobs": [*first, entry]}


def _many_to_many(jobs: int, how: str) -> dict[str, object]:
    """Return ``jobs`` jobs that each wait for ``jobs`` others, by a pattern or by files."""
    parameters = {"i": f"1:{jobs}"}
    first: dict[str, object] = {"name": "first_{i}", "command": "true", "parameters": parameters}
    second: dict[str, object] = {"name": "second_{i}", "command": "true", "parameters": parameters}
    if how == "regex":
        return {"name": how, "jobs": [first, {**second, "depends_on_regexes": ["^first_.*$"]}]}
    files = [{"name": "f_{i}", "path": "f_{i}.txt", "parameters": parameters}]
    first |= {"output_files": ["f_{i}"]}
    second |= {"input_file_regexes": ["^f_.*$"]}
    return {"name": how, "files": files, "jobs": [first, second]}


def _new(root: Path, spec: dict[str, object]) -> Path:
    folder = new_folder(root, "scale")
    (folder / "w.json").write_text(json.dumps(spec))
    return folder


def _create(folder: Path) -> Cost:
    """Create and initialize the workflow of the folder with two commands."""
    return spend([TORC, "create", "w.json"], folder) + spend([TORC, "init", "1"], folder)


def large(root: Path, rounds: int, *, jobs: int = 100_000) -> Rows:
    """Create and initialize, start-up left out, against the inserts of the same rows."""
    own, bare = [], []
    for _ in range(rounds):
        small = _create(_new(root, _layers(1)))
        folder = _new(root, _layers(jobs))
        own.append(_create(folder).slope(small, 1))
        spend([PYTHON, BARE_INSERTS], folder)
        found = json.loads(output(folder))
        if found["rows"]["dependency"] != 3 * jobs:
            raise RuntimeError(f"{found['rows']} rows instead of {3 * jobs} dependencies")
        bare.append(Cost(found["wall"], found["cpu"]))
        for name in ("torc.db", "bare.db"):
            (folder / name).unlink()
    what = f"create + initialize {jobs:,} jobs, {3 * jobs:,} dependencies"
    return [against(what, "s", own, bare, name="sqlite3 inserts", budget=2.5)]


def validate(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Check a file with ``jobs`` jobs written out, against the YAML parser alone."""
    folder = new_folder(root, "validate")
    lines = ["name: w", "resource_requirements:"]
    lines += ["  - {name: small, num_cpus: 1, memory: 10m}", "jobs:"]
    for number in range(jobs):
        lines += [f"  - name: job_{number:05d}", f"    command: python work.py --number {number}"]
        lines += ["    resource_requirements: small", f"    priority: {number % 7}"]
        if number >= 100:
            lines.append(f"    depends_on: [job_{number - 100:05d}]")
    (folder / "w.yaml").write_text("\n".join(lines) + "\n")
    own, bare = [], []
    for _ in range(rounds):
        own.append(spend([TORC, "validate", "w.yaml"], folder))
        bare.append(spend([PYTHON, "-c", PARSE, "w.yaml"], folder))
    what = f"torc validate, {jobs:,} jobs in YAML"
    return [against(what, "s", own, bare, name="yaml.load, CSafeLoader", budget=1.3)]


def many_to_many(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Measure the creation, and what the end of one job costs the engine (no job is started)."""
    rows: Rows = []
    for how in ("regex", "files"):
        made, ends = [], []
        for _ in range(rounds):
            small = _create(_new(root, _many_to_many(1, how)))
            folder = _new(root, _many_to_many(jobs, how))
            made.append(_create(folder).slope(small, 1))
            for number in range(1, jobs + 1):
                (folder / f"f_{number}.txt").write_text(f"{number}\n")
            spend([PYTHON, "-m", "tests.benchmarks.internals", "fake-run", "1"], folder)
            ran = json.loads(output(folder))
            ends.append(Cost(ran["wall"] / ran["jobs"], ran["cpu"] / ran["jobs"]))
        what = f"{jobs:,} × {jobs:,} by {how}"
        rows += [
            absolute(f"{what}: create + initialize", "s", made, 0.1),
            absolute(f"{what}: each completion", "ms", ends, 0.3),
        ]
    return rows


def memory(root: Path, rounds: int, *, jobs: int = 100_000, seconds: int = 3) -> Rows:
    """Measure the peak of a runner that starts some of ``jobs`` ready jobs for ``seconds``."""
    needs = {"name": "little", "num_cpus": 1, "memory": "10m", "runtime": "PT1S"}
    entry = {
        "name": "j_{i}",
        "command": "true",
        "parameters": {"i": f"1:{jobs}"},
        "resource_requirements": "little",  # its runtime fits into the time limit
    }
    limit = ["--max-parallel-jobs", "2", "--time-limit", str(seconds)]
    stored: list[float] = []
    whole: list[float] = []
    for _ in range(rounds):
        folder = _new(root, {"name": "w", "resource_requirements": [needs], "jobs": [entry]})
        for peaks, subject in ((whole, "w.json"), (stored, "1")):
            cost = spend([TORC, "run", subject, *limit], folder, expect=(0, 1, 3))
            peaks.append(cost.peak / MEGABYTE)
            if subject == "w.json" and "completed" not in output(folder):
                raise RuntimeError("no job ran")
        (folder / "torc.db").unlink()
    return [
        values(f"memory of a run, {jobs:,} jobs stored", "MB", stored, 80),
        values(f"memory of a run, {jobs:,} jobs from a file", "MB", whole, 160),
    ]
