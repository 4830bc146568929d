"""Measure placements on GPUs of the stand-in driver.

Output: how long a placement holds the lock of the host's ledger, and how soon a queue of small jobs
has started.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path

from tests.benchmarks.measuring import REPOSITORY, TORC, Cost, environment, new_folder, spend
from tests.benchmarks.rows import Rows, Skipped, absolute
from torc_tui.engine.gpu_ledger import GpuLedger
from torc_tui.engine.gpu_quarantine import GpuQuarantine
from torc_tui.model import Allocation, AttemptKey, Gpu, GpuGrant, Machine, ResourceRequirements
from torc_tui.operations.gpu_health import SharedHealth
from torc_tui.resources.host_ledger import Ledger
from torc_tui.resources.pool import Pool

sys.path.insert(0, str(REPOSITORY / "tests" / "gpu"))

from fake_nvml import FakeNvml, NoCompiler, fake_gpu  # found by the line above

GPUS = 8
HELD = 16
"""Grants of another database."""


def _p99(folder: Path, placements: int) -> Cost:
    """Return the 99th percentiles of the lock times of placements, in seconds."""
    gpus = tuple(Gpu(uuid=f"GPU-{n}", index=n, memory=80 << 30) for n in range(GPUS))
    pool = Pool(Machine(hostname="h", num_cpus=999, memory=1 << 40, gpus=gpus))
    other = Ledger("other", folder / "ledger")
    with other.placing():
        for number in range(HELD):
            grant = GpuGrant(f"GPU-{number % 4}", 250, 1 << 30)
            other.claim(other.name(1, 1, number, 1), "w", "j", Allocation(1, 1, (grant,)))
    own = Ledger("own", folder / "ledger")
    quarantine = GpuQuarantine(SharedHealth(own, None), pool, own.name())
    ledger = GpuLedger(own, pool, quarantine)
    walls, cpus = [], []
    quarter = ResourceRequirements(name="quarter", num_cpus=1, memory=1, num_gpus=0.25)
    for job in range(placements):
        began, used = time.perf_counter(), time.thread_time()
        with ledger.placing(0.0):
            taken = pool.take(quarter)
            assert taken is not None
            ledger.claim(AttemptKey(1, job, 1, 1), ("w", "j"), taken)
        walls.append(time.perf_counter() - began)
        cpus.append(time.thread_time() - used)
        ledger.release(AttemptKey(1, job, 1, 1))
        pool.give(taken)
    place = placements * 99 // 100
    return Cost(sorted(walls)[place], sorted(cpus)[place])


def _quarters(folder: Path, fake: FakeNvml, jobs: int) -> Cost:
    """Run jobs with a quarter of a GPU each; return the time from the first start to the last."""
    request = {"name": "quarter", "num_cpus": 1, "memory": "1m", "num_gpus": 0.25}
    entry = {"name": "j_{i}", "command": "true", "parameters": {"i": f"1:{jobs}"}}
    entry["resource_requirements"] = "quarter"
    spec = {"name": "w", "jobs": [entry], "resource_requirements": [request]}
    (folder / "w.json").write_text(json.dumps(spec))
    extra = {
        name: value
        for name, value in fake.environment().items()
        if name in ("LD_LIBRARY_PATH", "FAKE_NVML_STATE", "TORC_GPU_LEDGER")
    }
    cost = spend([TORC, "run", "w.json", "--quiet", "--num-cpus", "64"], folder, extra=extra)
    path = environment(folder)["TORC_DATABASE"]
    with sqlite3.connect(path) as database:
        query = "SELECT max(started_at) - min(started_at), count(*) FROM result"
        span, number = database.execute(query).fetchone()
    assert number == jobs
    return Cost(span, cost.cpu)


def placement(root: Path, rounds: int, *, jobs: int = 200, placements: int = 2000) -> Rows:
    """Measure placements under the lock of the ledger, and a queue of quarter jobs."""
    what = f"{jobs} quarter jobs on {GPUS} GPUs, first to last start"
    p99 = [_p99(new_folder(root, "ledger"), placements) for _ in range(rounds)]
    rows: Rows = [absolute("GPU placement under the lock, p99", "ms", p99, budget=5.0)]
    try:
        fake = FakeNvml(new_folder(root, "nvml"))
    except NoCompiler as error:
        return [*rows, Skipped(what=what, why=str(error))]
    fake.gpus = [fake_gpu(number) for number in range(GPUS)]
    fake.write()
    costs = [_quarters(new_folder(root, "quarters"), fake, jobs) for _ in range(rounds)]
    return [*rows, absolute(what, "s", costs, budget=0.9)]
