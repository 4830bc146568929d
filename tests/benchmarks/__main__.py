"""Measure torc against its budgets and against other programs.

    python -m tests.benchmarks [NAME …]         the budget table; without NAME all but `growth`
    python -m tests.benchmarks growth           cost per job at 1,000, 10,000 and 100,000 jobs
    python -m tests.benchmarks --peers          torc and other programs, as a Markdown table
    python -m tests.benchmarks --json FILE      save the run
    python -m tests.benchmarks --compare FILE   compare this run with a saved one
    python -m tests.benchmarks --compare BEFORE AFTER    compare two saved runs, measure nothing

All files go to a new folder in $TORC_BENCH_DIR, else in /dev/shm if it exists, so that no disk is
measured. Exit code 0, also when a budget is missed; 1 when --compare finds a slower row.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    bench_app,
    bench_batches,
    bench_commands,
    bench_executor,
    bench_failures,
    bench_gpu_placement,
    bench_gpus,
    bench_growth,
    bench_jobs,
    bench_log,
    bench_rerun,
    bench_runners,
    bench_scale,
    bench_usage,
    machine,
)
from tests.benchmarks.measuring import REPOSITORY
from tests.benchmarks.programs import PEERS
from tests.benchmarks.report import Run, changes, comparison, markdown
from tests.benchmarks.rows import Row, Rows, Skipped, table


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark; ``tiny`` are the sizes of a run that only shows that it works."""

    measure: Callable[..., Rows]
    tiny: dict[str, float] = field(default_factory=dict)
    by_default: bool = True


BENCHMARKS = {
    bench_jobs.THOUSAND: Benchmark(bench_jobs.thousand, {"jobs": 4}),
    bench_jobs.CHAIN: Benchmark(bench_jobs.chain, {"links": 4}),
    "independent": Benchmark(bench_jobs.independent, {"few": 2, "many": 6}),
    "executor": Benchmark(bench_executor.executor, {"jobs": 4}),
    "one": Benchmark(bench_jobs.one),
    "commands": Benchmark(bench_commands.commands, {"repeats": 1}),
    "user-data": Benchmark(bench_commands.user_data, {"repeats": 1}),
    "validate": Benchmark(bench_scale.validate, {"jobs": 200}),
    "large": Benchmark(bench_scale.large, {"jobs": 20}),
    "many-to-many": Benchmark(bench_scale.many_to_many, {"jobs": 5}),
    "memory": Benchmark(bench_scale.memory, {"jobs": 5}),
    "runners": Benchmark(bench_runners.runners, {"jobs": 8}),
    "growth": Benchmark(bench_growth.growth, {"smallest": 2}, by_default=False),
    "batch": Benchmark(bench_batches.batch, {"jobs": 4}),
    "batch-start": Benchmark(bench_batches.first, {"repeats": 1}),
    "batch-lines": Benchmark(bench_batches.lines, {"number": 4}),
    "spawn": Benchmark(bench_batches.children, {"jobs": 4}),
    "generations": Benchmark(bench_batches.generations, {"links": 2}),
    "recording": Benchmark(bench_rerun.recording, {"jobs": 4}),
    "plan": Benchmark(bench_rerun.plan, {"jobs": 4}),
    "reset": Benchmark(bench_rerun.reset, {"jobs": 4}),
    "update": Benchmark(bench_rerun.update, {"jobs": 4}),
    "failures": Benchmark(bench_failures.failures, {"jobs": 20}),
    "sampling": Benchmark(bench_usage.sampling, {"jobs": 2, "samples": 1}),
    "series": Benchmark(bench_usage.series, {"jobs": 4}),
    "gpu-placement": Benchmark(bench_gpu_placement.placement, {"jobs": 4, "placements": 20}),
    "report": Benchmark(bench_usage.report, {"jobs": 4}),
    "gpus": Benchmark(bench_gpus.gpus, {"devices": 1, "each": 2, "seconds": 0.1}),
    "log": Benchmark(bench_log.log, {"megabytes": 5}),
    "app-paint": Benchmark(bench_app.paint),
    "app-load": Benchmark(bench_app.load, {"jobs": 50, "seconds": 0.5}),
    "app-keys": Benchmark(bench_app.keys, {"jobs": 50, "rate": 20, "each": 3, "settle": 0.2}),
    "app-idle": Benchmark(bench_app.idle, {"seconds": 0.5, "settle": 0.2}),
    "app-busy": Benchmark(bench_app.busy, {"jobs": 50, "rate": 20, "seconds": 0.5, "settle": 0.2}),
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; or all")
    parser.add_argument("--peers", action="store_true", help="compare with all installed programs")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default 5)")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to show that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the run")
    parser.add_argument("--compare", type=Path, nargs="+", metavar="FILE", help="saved runs")
    options = parser.parse_args(argv)
    for name in options.names:
        if name != "all" and name not in BENCHMARKS:
            parser.error(f"NAME must be one of {', '.join(BENCHMARKS)} or all, not {name!r}")
    if options.compare and len(options.compare) > 2:
        parser.error("--compare takes one or two files")
    if options.rounds < 1:
        parser.error("--rounds must be greater than 0")
    return options


def selected(options: argparse.Namespace) -> dict[str, Callable[..., Rows]]:
    """Return the benchmarks to run, with their sizes."""
    names = list(dict.fromkeys(options.names))
    if "all" in names:
        names = list(BENCHMARKS)
    peers = (bench_jobs.THOUSAND, bench_jobs.CHAIN)
    if options.peers:
        names = [*peers, *(name for name in names if name not in peers)]
    elif not names:
        names = [name for name, benchmark in BENCHMARKS.items() if benchmark.by_default]
    found: dict[str, Callable[..., Rows]] = {}
    for name in names:
        benchmark = BENCHMARKS[name]
        sizes: dict[str, Any] = dict(benchmark.tiny) if options.tiny else {}
        if options.peers and name in peers:
            sizes["programs"] = PEERS
        found[name] = partial(benchmark.measure, **sizes)
    return found


def measure(options: argparse.Namespace) -> Run:
    """Run the selected benchmarks one after the other."""
    place = os.environ.get("TORC_BENCH_DIR") or ("/dev/shm" if Path("/dev/shm").is_dir() else None)
    before = os.getloadavg()[0]
    if not options.tiny:  # a run that measures must not compile
        compileall.compile_dir(REPOSITORY / "torc_tui", quiet=1)
    found: Rows = []
    others: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory(prefix="torc-bench-", dir=place) as created:
        root = Path(created)
        facts = machine.description(root.parent)
        for name, benchmark in selected(options).items():
            print(f"{name} …", file=sys.stderr, flush=True)
            folder = root / name
            folder.mkdir()
            meter = machine.Meter()
            found += [replace(row, benchmark=name) for row in benchmark(folder, options.rounds)]
            others[name] = meter.others()
            shutil.rmtree(folder)
    load = {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)}
    facts |= {"rounds": options.rounds, "tiny": options.tiny, "load": load, "others": others}
    rows = [row for row in found if isinstance(row, Row)]
    return Run(facts, rows, [row for row in found if isinstance(row, Skipped)])


def show(run: Run, *, peers: bool) -> None:
    """Print the run: the Markdown table of programs, or the budget table, and what disturbed it."""
    facts = run.facts
    if peers:
        print(markdown(run.rows) + "\n")
    print(table(run.rows))
    for row in run.skipped:
        print(f"not measured: {row.what}: {row.why}")
    known = {name: each for name, each in facts["others"].items() if each is not None}
    used = ", ".join(f"{name} {each:.2f}" for name, each in known.items())
    print(
        f"\ntorc {facts['torc']} ({facts['commit']}), CPython {facts['python']}, "
        f"{facts['system']}, {facts['cpus']} CPUs; "
        f"medians of {facts['rounds']} rounds in {facts['folder']}"
    )
    print(f"load average {facts['load']['before']} before, {facts['load']['after']} after")
    print(f"CPUs used by other processes: {used or 'unknown'}")
    for warning in doubts(run):
        print(warning)


def doubts(run: Run) -> list[str]:
    """Return the signs that other processes disturbed a run."""
    facts = run.facts
    return machine.warnings(facts["load"]["before"], facts["others"], facts["cpus"])


def compare(before: Run, after: Run) -> int:
    """Print before and after; return 1 if a row became slower."""
    print(comparison(before, after))
    for name, run in (("before", before), ("after", after)):
        for warning in doubts(run):
            print(f"{name}: {warning}")
    return 1 if any(change.verdict == "slower" for change in changes(before, after)) else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks, or compare saved runs; return the exit code."""
    options = parse(argv)
    saved = [Run.load(path) for path in options.compare or ()]
    if len(saved) == 2:
        return compare(*saved)
    for warning in machine.warnings(os.getloadavg()[0], {}, machine.cpus()):
        print(warning, file=sys.stderr)
    run = measure(options)
    if options.json:
        run.save(options.json)
    show(run, peers=options.peers)
    if saved:
        print()
        return compare(saved[0], run)
    return 0


def _terminate(number: int, frame: object) -> None:
    """Leave through every `finally`, so that no folder stays behind."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(main())
