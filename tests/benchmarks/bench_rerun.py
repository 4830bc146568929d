"""The second run: what recording costs the first one, and the time of `torc plan`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.measuring import PYTHON, TORC, Cost, new_folder, spend
from tests.benchmarks.rows import Rows, absolute, against

RECORDING = """
import sys
from torc_tui.cli.main import main
from torc_tui.engine.attempt_record import Start
from torc_tui.engine.recording import Recorder
"""
WITHOUT_RECORDING = f"""
{RECORDING}
Recorder.look_ahead = lambda *arguments: None
Recorder.begin = lambda self, job, began: Start(began)
Recorder.look = lambda *arguments: None
"""
RUN = "sys.exit(main())"
LIMITS = ["--num-cpus", "2", "--max-parallel-jobs", "2", "-q"]


def _folder(root: Path, jobs: int) -> Path:
    """Return a folder with a workflow of jobs that read one file each and declare another."""
    folder = new_folder(root, "rerun")
    parameters = {"i": f"1:{jobs}"}
    job = {
        "name": "j_{i}",
        "command": "true",
        "input_files": ["in_{i}"],
        "output_files": ["out_{i}"],
        "parameters": parameters,
    }
    files = [
        {"name": f"{kind}_{{i}}", "path": f"{kind}_{{i}}", "parameters": parameters}
        for kind in ("in", "out")
    ]
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [job], "files": files}))
    for number in range(1, jobs + 1):
        (folder / f"in_{number}").write_text(f"{number}\n")
        (folder / f"out_{number}").write_text("")
    return folder


def _run(root: Path, jobs: int, program: str) -> Cost:
    command = [PYTHON, "-c", f"{program}\n{RUN}", "run", "w.json", *LIMITS]
    return spend(command, _folder(root, jobs))


def recording(root: Path, rounds: int, *, jobs: int = 1000) -> Rows:
    """Measure jobs `true` with two files each against the same runs without recording."""
    own, without = [], []
    for _ in range(rounds):
        own.append(_run(root, jobs, RECORDING))
        without.append(_run(root, jobs, WITHOUT_RECORDING))
    what = f"recording of {jobs:,} jobs with two files"
    return [against(what, "s", own, without, name="without recording", budget=1.03)]


def plan(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Measure `torc plan` of a finished workflow with a file for each job."""
    folder = _folder(root, jobs)
    spend([TORC, "run", "w.json", *LIMITS], folder)
    plan = [TORC, "plan", "1", "--check"]
    spend(plan, folder)  # fills the cache of hashes
    costs = [spend(plan, folder) for _ in range(rounds)]
    return [absolute(f"torc plan of {jobs:,} jobs and files", "s", costs, 1.0)]


def reset(root: Path, rounds: int, *, jobs: int = 10_000) -> Rows:
    """Measure `torc rerun` of many finished jobs."""
    folder = new_folder(root, "reset")
    job = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [job]}))
    spend([TORC, "create", "w.json"], folder)
    spend([TORC, "init", "1"], folder)
    costs = []
    for _ in range(rounds):
        spend([TORC, "workflows", "cancel", "1", "-y"], folder)
        costs.append(spend([TORC, "jobs", "retry", "1", "--failed", "-y"], folder))
    return [absolute(f"reset of {jobs:,} jobs", "s", costs, 1.0)]


def update(root: Path, rounds: int, *, jobs: int = 100_000) -> Rows:
    """Measure `torc update` with an unchanged file, and with one changed job."""
    folder = new_folder(root, "update")
    many = {"name": "j_{i}", "command": "true", "parameters": {"i": f"2:{jobs}"}}

    def write(command: str) -> None:
        one = {"name": "one", "command": command}
        (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [many, one]}))

    write("true")
    spend([TORC, "create", "w.json"], folder)
    update = [TORC, "update", "1", "w.json"]
    same = [spend(update, folder) for _ in range(rounds)]
    changed = []
    for number in range(rounds):
        write(f"echo {number}")
        changed.append(spend(update, folder))
    return [
        absolute(f"update of {jobs:,} jobs, unchanged file", "s", same, 2.0),
        absolute(f"update of {jobs:,} jobs, one of them changed", "s", changed, 2.0),
    ]
