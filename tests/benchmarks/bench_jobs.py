"""Runs of many jobs: 1,000 jobs and a chain against other programs, one more job, one job alone.

Every subject is a `torc` process as a user starts it, its output in a file; every reference is
another process that does the same work, measured in the same round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.measuring import BARE, BARE_NAME, TORC, Cost, new_folder, spend
from tests.benchmarks.programs import DOIT, LOOP, MAKE, TORC_PROGRAM, Program, Work
from tests.benchmarks.rows import Rows, Skipped, against

THOUSAND, CHAIN = "thousand", "chain"
"""Names of the benchmarks that are measured with every program by --peers."""

THOUSAND_BUDGETS = {MAKE.name: 1.1, DOIT.name: 1.1}
CHAIN_BUDGETS = {MAKE.name: 1.2}


def run_parameterized(root: Path, jobs: int) -> Cost:
    """Run ``jobs`` jobs `true` of one parameterized entry."""
    folder = new_folder(root, "torc")
    entry = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    (folder / "w.json").write_text(json.dumps({"name": "w", "jobs": [entry]}))
    limits = ["--num-cpus", "2", "--max-parallel-jobs", "2"]
    return spend([TORC, "run", "w.json", *limits], folder)


def compare(
    root: Path,
    rounds: int,
    work: Work,
    what: str,
    programs: Sequence[Program],
    budgets: Mapping[str, float],
) -> Rows:
    """Run the same work with torc and with each program that is installed, in turns."""
    present = [program for program in programs if program.find() is not None]
    own: list[Cost] = []
    others: dict[str, list[Cost]] = {program.name: [] for program in present}
    for _ in range(rounds):
        own.append(TORC_PROGRAM.run(root, work))
        for program in present:
            others[program.name].append(program.run(root, work))
    rows: Rows = []
    for program in programs:
        line = f"{what}, against {program.name}"
        if program not in present:
            rows.append(Skipped(what=line, why=f"not installed ({program.install})"))
            continue
        costs, budget = others[program.name], budgets.get(program.name)
        rows.append(against(line, "s", own, costs, name=program.title(), budget=budget))
    return rows


def thousand(
    root: Path, rounds: int, *, jobs: int = 1000, programs: Sequence[Program] = (MAKE, DOIT)
) -> Rows:
    """Measure independent jobs written out in YAML, the whole process."""
    what = f"{jobs:,} independent jobs"
    return compare(root, rounds, Work(jobs), what, programs, THOUSAND_BUDGETS)


def chain(
    root: Path, rounds: int, *, links: int = 200, programs: Sequence[Program] = (MAKE,)
) -> Rows:
    """Measure a chain written out in YAML, the whole process."""
    what = f"chain of {links:,} jobs"
    return compare(root, rounds, Work(links, chain=True), what, programs, CHAIN_BUDGETS)


def independent(root: Path, rounds: int, *, few: int = 200, many: int = 2200) -> Rows:
    """Measure the cost of one more independent job."""
    own, bare = [], []
    for _ in range(rounds):
        loop = LOOP.run(root, Work(many)).slope(LOOP.run(root, Work(few)), many - few)
        torc = run_parameterized(root, many).slope(run_parameterized(root, few), many - few)
        bare.append(loop)
        own.append(torc)
    what = f"one more independent job ({few:,} to {many:,})"
    return [against(what, "ms", own, bare, name=LOOP.name, budget=1.25, cpu_budget=1.25)]


def one(root: Path, rounds: int) -> Rows:
    """Measure `torc run` of a file with one job; the first round only fills caches."""
    own, bare = [], []
    for _ in range(rounds * 3 + 1):
        own.append(run_parameterized(root, 1))
        bare.append(spend(BARE, root))
    return [against("torc run of one job", "ms", own[1:], bare[1:], name=BARE_NAME, budget=10)]
