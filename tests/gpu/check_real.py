"""Checks everything about GPUs on a machine that has a real NVIDIA GPU; says "skipped" elsewhere.

    python tests/gpu/check_real.py [--quick]       (needs the driver, and no CUDA toolkit)

--quick gives the driver less time to see what runs: enough for the stand-in of the tests.

1. the inventory, against what nvidia-smi says;
2. a CUDA program of ours, as the monitor sees it: its memory, its load, whose it is;
3. a workflow, run by `torc run`: a whole-GPU job, two shares of one GPU and a job without GPUs,
each of which says
   what CUDA showed it; their results with the measured memory;
4. the program as a foreign process: a whole-GPU job is not started beside it, and is when it
leaves (one GPU only);
5. a job of another database that holds all GPUs: ours waits, is told why, and starts after it.

Exit code 0: all is well, or skipped. 1: something is wrong, which is printed with FAIL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from torc_tui.model import Allocation, Gpu, GpuGrant  # noqa: E402  # runs from a checkout
from torc_tui.resources.gpu_service import GpuService  # noqa: E402
from torc_tui.resources.host_ledger import Ledger  # noqa: E402
from torc_tui.wording import sentence  # noqa: E402

MB = 1 << 20
PATIENCE = 60.0
QUICK = "--quick" in sys.argv
RUNS = 1.5 if QUICK else 4
"""Seconds that a program stays on a GPU, so that the samplers see it."""


class Checks:
    """Counts failed checks, and prints each check."""

    def __init__(self) -> None:
        self.failed = 0

    def that(self, good: bool, what: str, found: object = "") -> None:
        self.failed += not good
        print(
            f"{'ok  ' if good else 'FAIL'} {what}" + (f": {found}" if found != "" else ""),
            flush=True,
        )


def main() -> int:
    monitor = GpuService()
    reading = monitor.read()
    if reading is None:
        print("FAIL the driver does not answer")
        return 1
    gpus = reading.gpus
    for text in map(sentence, reading.notices):
        print(f"note {text}")
    if not gpus:
        print("skipped: no NVIDIA GPU (none may be used here)")
        return 0
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="torc-check-") as name:
        folder = Path(name)
        inventory(checks, monitor, gpus)
        held(checks, monitor, gpus[0], folder)
        workflow(checks, gpus, folder)
        shared(checks, gpus, folder)
        if len(gpus) == 1:
            foreign(checks, gpus[0], folder)
    monitor.close()
    print("all is well" if not checks.failed else f"{checks.failed} checks failed")
    return 1 if checks.failed else 0


# -- 1 ---------------------------------------------------------------------------------------------


def inventory(checks: Checks, monitor: GpuService, gpus: tuple[Gpu, ...]) -> None:
    for gpu in gpus:
        print(
            f"     {gpu.index} {gpu.uuid} {gpu.name}: {gpu.memory // MB} MiB, {(gpu.memory_free or 0) // MB} free,"
            f" {gpu.utilization} %, {gpu.temperature} °C, {gpu.power} W, {gpu.compute_mode},"
            f" {len(gpu.processes)} processes" + (f", part of {gpu.parent}" if gpu.parent else "")
        )
    started = time.perf_counter()
    again = monitor.read(use=True)
    print(f"     one reading takes {(time.perf_counter() - started) * 1e3:.1f} ms")
    checks.that(again is not None and len(again.gpus) == len(gpus), "it answers again, in time")
    print(f"     distances: {again.distances if again else None}")
    for one in again.damaged if again else ():
        print(f"     {one.gpu_index}: {one.damage}")
    for gpu in gpus:
        print(
            f"     {gpu.index}: {gpu.memory_reserved // MB} MiB reserved, unified {gpu.unified},"
            f" processes listed {gpu.lists_processes}"
        )
        known = gpu.memory_free is not None and gpu.memory_free + gpu.memory_reserved <= gpu.memory
        checks.that(known or gpu.unified, f"the memory of GPU {gpu.index} adds up")
    try:
        asked = ["nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
        lines = subprocess.run(
            asked, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"     nvidia-smi is not asked ({error})")
        return
    told = {uuid.strip(): int(size) for uuid, size in (line.split(",") for line in lines)}
    mine = {gpu.uuid: gpu.memory // MB for gpu in gpus if gpu.parent is None}
    checks.that(
        all(told.get(uuid) == size for uuid, size in mine.items()), "nvidia-smi says the same", mine
    )


# -- 2 ---------------------------------------------------------------------------------------------


def held(checks: Checks, monitor: GpuService, gpu: Gpu, folder: Path) -> None:
    report, done = folder / "held.json", folder / "held.done"
    environ = os.environ | {"CUDA_VISIBLE_DEVICES": gpu.uuid}
    with subprocess.Popen(hold(report, 512, done), env=environ) as program:
        try:
            checks.that(wait(report.exists, program), "the CUDA program runs", report.exists())
            seen = [find(read(monitor, program.pid), program.pid), find(read(monitor), program.pid)]
            time.sleep(0.2 if QUICK else 1.5)  # the driver's own samples come a few times a second
            reading = monitor.read(use=True)
            use = reading.use.get(program.pid) if reading is not None else None
        finally:
            done.touch()
    if None in seen or use is None:
        print("     the driver does not show the process (a container with its own process ids?)")
        return
    checks.that(seen[0].own and not seen[1].own, "it is told from processes of others")
    checks.that(
        (seen[0].memory or 0) >= 512 * MB,
        "its memory is seen",
        f"{(seen[0].memory or 0) // MB} MiB",
    )
    checks.that(use.memory >= 512 * MB, "the sampler sees it", use)


def read(monitor: GpuService, *own: int) -> tuple[Gpu, ...]:
    reading = monitor.read(dict.fromkeys(own, ""))
    return () if reading is None else reading.gpus


def find(gpus: tuple[Gpu, ...], pid: int) -> Any:
    return next((process for gpu in gpus for process in gpu.processes if process.pid == pid), None)


# -- 3 ---------------------------------------------------------------------------------------------

JOBS: dict[str, tuple[dict[str, object], int]] = {
    "whole": ({"num_gpus": 1}, 1024),
    "share_1": ({"num_gpus": 0.5, "gpu_memory": "2g"}, 256),
    "share_2": ({"num_gpus": 0.5, "gpu_memory": "2g"}, 256),
    "none": ({}, 0),
}


def workflow(checks: Checks, gpus: tuple[Gpu, ...], folder: Path) -> None:
    jobs, requirements = [], []
    for name, (wants, megabytes) in JOBS.items():
        requirements.append(
            {"name": name, "num_cpus": 1, "memory": "1g", "runtime": "PT5M", **wants}
        )
        command = " ".join(hold(folder / f"{name}.json", megabytes, folder / f"{name}.done"))
        finish = f"(sleep {RUNS}; touch {folder / f'{name}.done'}) & " if megabytes else ""
        jobs.append({"name": name, "command": finish + command, "resource_requirements": name})
    spec = {
        "name": "check_real",
        "user": "check",
        "jobs": jobs,
        "resource_requirements": requirements,
    }
    (folder / "check.json").write_text(json.dumps(spec))
    ran = torc(folder, "run", "check.json", "-f", "json")
    checks.that(ran.returncode == 0, "torc run ends well", ran.returncode)
    if ran.returncode:
        print(ran.stdout[-2000:], ran.stderr[-2000:])
        return
    ids = {gpu.uuid.removeprefix("GPU-").removeprefix("MIG-") for gpu in gpus}
    for name in JOBS:
        path = folder / f"{name}.json"
        seen = json.loads(path.read_text()) if path.exists() else {}
        if name == "none":
            checks.that(seen.get("count") == 0, "the job without GPUs sees none", seen)
        else:
            checks.that(
                seen.get("count") == 1 and seen.get("uuid") in ids, f"{name} sees its GPU", seen
            )
    workflow_id = json.loads(ran.stdout)["workflow_id"]
    listed = torc(folder, "results", "list", str(workflow_id), "-f", "json")
    for result in json.loads(listed.stdout):
        name = str(result.get("job_name") or result.get("name"))
        peak, load = result.get("peak_gpu_memory_bytes"), result.get("avg_gpu_percent")
        if JOBS.get(name, ({}, 0))[1]:
            expected = JOBS[name][1] * MB
            checks.that(
                (peak or 0) >= expected,
                f"peak memory of {name} is measured",
                f"{peak} bytes, {load} %",
            )


# -- 4 ---------------------------------------------------------------------------------------------


def foreign(checks: Checks, gpu: Gpu, folder: Path) -> None:
    report, done = folder / "foreign.json", folder / "foreign.done"
    spec = {
        "name": "check_foreign",
        "user": "check",
        "jobs": [
            {"name": "waits", "command": "date +%s.%N > started", "resource_requirements": "whole"}
        ],
        "resource_requirements": [
            {"name": "whole", "num_cpus": 1, "memory": "1g", "num_gpus": 1, "runtime": "PT1M"}
        ],
    }
    (folder / "foreign_check.json").write_text(json.dumps(spec))
    with subprocess.Popen(
        hold(report, 2048, done), env=os.environ | {"CUDA_VISIBLE_DEVICES": gpu.uuid}
    ) as program:
        wait(report.exists, program)
        if find(read(GpuService()), program.pid) is None:
            print("     the foreign process is hidden here, so it cannot be avoided")
            done.touch()
            return
        with subprocess.Popen(
            torc_words("run", "foreign_check.json"), cwd=folder, env=torc_environ(folder)
        ) as runner:
            time.sleep(RUNS)
            checks.that(not (folder / "started").exists(), "a whole-GPU job keeps off a GPU in use")
            done.touch()
            program.wait(PATIENCE)
            left = time.time()
            try:
                code: int | None = runner.wait(PATIENCE / 2)
            except subprocess.TimeoutExpired:
                runner.terminate()
                code = None
            checks.that(code == 0, "it runs when the GPU is free", code)
            if (folder / "started").exists():
                waited = float((folder / "started").read_text()) - left
                checks.that(waited < 10, "and starts soon", f"{waited:.1f} s after")


# -- 5 ---------------------------------------------------------------------------------------------


def shared(checks: Checks, gpus: tuple[Gpu, ...], folder: Path) -> None:
    """A job of another database holds all GPUs: ours waits, is told why, and starts after it."""
    other = Ledger("another database", folder / "ledger")
    name = other.name(1, 1, 1, 1)
    with other.placing():
        held = Allocation(gpus=tuple(GpuGrant(gpu.uuid) for gpu in gpus))
        other.claim(name, "theirs", "their_job", held)
    job = {"name": "ours", "command": "touch ours", "resource_requirements": "whole"}
    whole = {"name": "whole", "num_cpus": 1, "memory": "1g", "num_gpus": 1, "runtime": "PT1M"}
    spec = {"name": "check_shared", "jobs": [job], "resource_requirements": [whole]}
    (folder / "shared_check.json").write_text(json.dumps(spec))
    with subprocess.Popen(
        torc_words("run", "shared_check.json"), cwd=folder, env=torc_environ(folder)
    ) as runner:
        time.sleep(RUNS)
        checks.that(not (folder / "ours").exists(), "a GPU of another database is left alone")
        deadline = time.monotonic() + PATIENCE / 2
        while "their_job" not in (why := torc(folder, "why", "ours").stdout):
            if time.monotonic() > deadline:
                break
        checks.that(
            "their_job" in why, "`torc why` names the job of the other database", why[-200:]
        )
        other.release(name)
        try:
            code: int | None = runner.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            runner.terminate()
            code = None
        checks.that(code == 0, "it runs when the other job has left", code)


# -- how things are started ------------------------------------------------------------------------


def hold(report: Path, megabytes: int, done: Path) -> list[str]:
    return [sys.executable, str(HERE / "cuda_hold.py"), str(report), str(megabytes), str(done)]


def torc_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "torc_tui.cli.main", *words]


def torc_environ(folder: Path) -> dict[str, str]:
    path = f"{HERE.parents[1]}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")
    return (
        os.environ
        | {"PYTHONPATH": path, "TORC_DATABASE": f"sqlite:///{folder}/check.db"}
        | {"TORC_GPU_LEDGER": f"{folder}/ledger"}
    )


def torc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = torc_environ(folder)
    return subprocess.run(
        torc_words(*words), cwd=folder, env=environ, capture_output=True, text=True, timeout=300
    )


def wait(condition: Callable[[], bool], program: subprocess.Popen[bytes]) -> bool:
    """Wait until the condition holds; False if the program ends before, or after a minute."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if program.poll() is not None or time.monotonic() > deadline:
            return condition()
        time.sleep(0.05)
    return True


if __name__ == "__main__":
    sys.exit(main())
