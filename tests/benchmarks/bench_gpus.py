"""Measure the cost of watching GPUs: the time of one reading, and the CPU share of a runner.

The GPUs are those of the stand-in driver, which needs a C compiler.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.measuring import REPOSITORY, Cost
from tests.benchmarks.rows import Rows, Skipped, absolute, values
from torc_tui.engine.gpu_readings import GpuWatch
from torc_tui.resources.gpu_service import GpuService
from torc_tui.resources.session_processes import read

sys.path.insert(0, str(REPOSITORY / "tests" / "gpu"))

from fake_nvml import FakeNvml, FakeProcess, NoCompiler, fake_gpu


def gpus(
    root: Path, rounds: int, *, devices: int = 8, each: int = 40, seconds: float = 20.0
) -> Rows:
    """Measure readings of GPUs with many processes, and the watch of a run."""
    what = f"{devices} GPUs with {each} processes"
    try:
        fake = FakeNvml(root)
    except NoCompiler as reason:
        return [Skipped(what=what, why=str(reason))]
    programs = [subprocess.Popen(["sleep", "3600"]) for _ in range(devices * each)]
    try:
        fake.gpus = [fake_gpu(number) for number in range(devices)]
        fake.processes = [
            FakeProcess(place // each, pid=program.pid, sm=1)
            for place, program in enumerate(programs)
        ]
        fake.write()
        environ = fake.environment(PYTHONPATH=str(REPOSITORY))
        own = {programs[0].pid: ""}
        return [
            absolute(f"one reading of {what}", "ms", _readings(environ, own, rounds), 20.0),
            values(f"share of a CPU: {what}", "×", [_share(environ, own, seconds)], 0.01),
        ]
    finally:
        for program in programs:
            program.kill()
        for program in programs:
            program.wait()


def _readings(environ: dict[str, str], own: dict[int, str], rounds: int) -> list[Cost]:
    """Return the cost of readings; the first readings discover the processes."""
    service, costs = GpuService(environ), []
    try:
        for _ in range(3):
            service.read(own, use=True)
        for _ in range(10 * rounds):
            began = time.perf_counter()
            assert service.read(own, use=True) is not None
            costs.append(Cost(time.perf_counter() - began, 0.0))
            time.sleep(0.05)
    finally:
        service.close()
    return costs


def _share(environ: dict[str, str], own: dict[int, str], seconds: float) -> float:
    """Return the CPU share of a watch and its helper, without their start."""
    service = GpuService(environ)
    watch = GpuWatch(service)
    watch.set_own(own)
    watch.start(lambda: None)
    try:
        time.sleep(min(seconds, 7.0))  # readings are frequent after a job has started
        assert service._helper is not None
        helper = service._helper.pid
        before, began = _cpu(helper), time.monotonic()
        time.sleep(seconds)
        return (_cpu(helper) - before) / (time.monotonic() - began)
    finally:
        watch.close()


def _cpu(helper: int) -> float:
    """Return the CPU time of this process and of the helper."""
    found = read(helper)
    assert found is not None
    return time.process_time() + found.cpu
