"""What the local executor costs per job, against a loop that only starts the same bash with the
same files.

    [TORC_BENCH_DIR=/dev/shm] python tests/benchmarks/bench_executor.py [jobs] [rounds]

Both run `true` two at a time, in own sessions, with stdout and stderr in files of their own; they
take turns within one process. The budget is a ratio of 1.15; the executor also writes an exit file,
watches limits and measures.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from torc_tui.executors.local import LocalExecutor
from torc_tui.model import AttemptKey, Exited, Limits, Order

BUDGET = 1.15
AT_ONCE = 2


def bare(folder: str, jobs: int, environment: dict[str, str]) -> None:
    poll = select.epoll()
    children: dict[int, subprocess.Popen[bytes]] = {}
    started = ended = 0
    while ended < jobs:
        while started < jobs and len(children) < AT_ONCE:
            with (
                open(f"{folder}/{started}.o", "wb") as out,
                open(f"{folder}/{started}.e", "wb") as err,
            ):
                child = subprocess.Popen(
                    ["/bin/bash", "-c", "true"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                )
            fd = os.pidfd_open(child.pid)
            poll.register(fd, select.EPOLLIN)
            children[fd] = child
            started += 1
        for fd, _ in poll.poll():
            children.pop(fd).wait()
            os.close(fd)
            ended += 1
    poll.close()


def executor(folder: str, jobs: int, environment: dict[str, str]) -> None:
    started = ended = 0
    limits = Limits(memory=1 << 30, runtime=3600)
    with LocalExecutor() as local:
        while ended < jobs:
            while started < jobs and started - ended < AT_ONCE:
                base = f"{folder}/{started}"
                order = Order(
                    key=AttemptKey(1, started, 1, 1),
                    name="true",
                    command="true",
                    directory=folder,
                    environment=environment,
                    stdout=base + ".o",
                    stderr=base + ".e",
                    exit_file=base + ".exit",
                    limits=limits,
                )
                local.submit([order])
                started += 1
            for report in local.wait(None):
                if isinstance(report, Exited):
                    assert report.return_code == 0, report
                    ended += 1


def measure(
    way: Callable[[str, int, dict[str, str]], None], jobs: int, root: str
) -> tuple[float, float]:
    """Milliseconds per job: wall, and CPU of this process and its children."""
    folder = tempfile.mkdtemp(dir=root)
    environment = {**os.environ, "TORC_JOB_ID": "1"}
    cpu, wall = _cpu(), time.perf_counter()
    way(folder, jobs, environment)
    return (time.perf_counter() - wall) / jobs * 1e3, (_cpu() - cpu) / jobs * 1e3


def _cpu() -> float:
    own, theirs = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> int:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "executor": []}
    # Files go all at once at the end: ext4 looks past each lately deleted one when it makes the
    # next, for a minute.
    root = tempfile.mkdtemp(dir=os.environ.get("TORC_BENCH_DIR"))
    try:
        for _ in range(rounds):
            figures["bare"].append(measure(bare, jobs, root))
            figures["executor"].append(measure(executor, jobs, root))
    finally:
        shutil.rmtree(root)
    for name, values in figures.items():
        walls, cpus = zip(*values, strict=True)
        print(
            f"{name:10} {statistics.median(walls):.3f} ms a job (best {min(walls):.3f}), CPU {min(cpus):.3f} ms"
        )
    ratios = [
        own[0] / base[0] for own, base in zip(figures["executor"], figures["bare"], strict=True)
    ]
    ratio = statistics.median(ratios)
    print(f"ratio      {ratio:.2f} (budget {BUDGET}) {'met' if ratio <= BUDGET else 'MISSED'}")
    return 0 if ratio <= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
