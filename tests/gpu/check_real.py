"""Checks everything about GPUs on a machine that has a real NVIDIA GPU; says "skipped" elsewhere.

    python tests/gpu/check_real.py [--quick]       (needs the driver, and no CUDA toolkit)

--quick gives the driver less time to see what runs: enough for the stand-in of the tests.

1. the inventory, against what nvidia-smi says;
2. a CUDA program of this check, as the monitor sees it: its memory, load and owner;
3. a workflow, run by `torc run`: a whole-GPU job, two shares of one GPU and a job without GPUs,
each of which says
   what CUDA showed it; their results with the measured memory;
4. the program as a foreign process: a whole-GPU job is not started beside it, and is when it
leaves (one GPU only);
5. a job of another database that holds all GPUs: the job waits, shows why, and starts after it;
6. a program that runs outside of the session of the job, as in a container, and names only its
control group: it belongs to the job, and use beyond the request is an event within seconds;
7. hints: a job with a part of a GPU finds the limits of its memory in its environment;
8. a GPU that a user has set aside: no job starts there until it is put back into use;
9. a job that computes on a GPU that it was not given is reported (several GPUs only).

Exit code 0: all checks passed, or skipped. 1: some checks failed, printed with FAIL.
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
        outside(checks, folder)
        hints(checks, folder)
        avoided(checks, gpus, folder)
        if len(gpus) > 1:
            stray(checks, gpus, folder)
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


# -- 6 to 9 ----------------------------------------------------------------------------------------


def started(folder: Path, name: str, command: str, **wants: object) -> subprocess.Popen[bytes]:
    """Start the run of a workflow with one job; both have that name."""
    settings = {"execution_config": wants.pop("execution")} if "execution" in wants else {}
    needs = {"name": "r", "num_cpus": 1, "memory": "1g", "runtime": "PT2M", **wants}
    job = {"name": name, "command": command, "resource_requirements": "r"}
    spec = {"name": name, "jobs": [job], "resource_requirements": [needs], **settings}
    (folder / f"{name}_check.json").write_text(json.dumps(spec))
    return subprocess.Popen(
        torc_words("run", f"{name}_check.json", "-q"), cwd=folder, env=torc_environ(folder)
    )


def waits_for(folder: Path, text: str, *words: str) -> str:
    """Return the output of a command once it contains the text, or the last output."""
    deadline = time.monotonic() + PATIENCE / 2
    while text not in (found := torc(folder, *words).stdout) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def ends(checks: Checks, runner: subprocess.Popen[bytes], what: str) -> None:
    try:
        code: int | None = runner.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        runner.terminate()
        code = None
    checks.that(code == 0, what, code)


def outside(checks: Checks, folder: Path) -> None:
    """This script acts as the daemon that starts the containers."""
    job = "env > out.new; mv out.new out.env; while [ ! -e out.go ]; do sleep 0.05; done"
    with started(folder, "outside", job, num_gpus=0.5, gpu_memory="1g") as runner:
        if not wait((folder / "out.env").exists, runner):
            checks.that(False, "the job that waits for its container runs")
            return
        lines = (line.partition("=") for line in (folder / "out.env").read_text().splitlines())
        variables = {name: value for name, _, value in lines}
        keep = ("CUDA_VISIBLE_DEVICES", "TORC_CGROUP", "FAKE_NVML_STATE", "LD_LIBRARY_PATH")
        environ = {name: variables[name] for name in keep if name in variables}
        report, done = folder / "outside.json", folder / "outside.done"
        with subprocess.Popen(
            hold(report, 2048, done), env=environ, start_new_session=True
        ) as program:
            wait(report.exists, program)
            seen = waits_for(folder, "1 GiB requested", "events", "list", "outside")
            checks.that("1 GiB requested" in seen, "a program in a container belongs to its job")
            (folder / "out.go").touch()
            ends(checks, runner, "the job with a container ends well")
            done.touch()
    results = json.loads(torc(folder, "results", "list", "outside", "-f", "json").stdout)
    peak = results[0].get("peak_gpu_memory_bytes") if results else None
    checks.that((peak or 0) >= 2048 * MB, "its memory is in the peak of the job", peak)


def hints(checks: Checks, folder: Path) -> None:
    job = 'echo "$XLA_PYTHON_CLIENT_MEM_FRACTION $CUDA_MPS_PINNED_DEVICE_MEM_LIMIT" > hints'
    with started(folder, "hints", job, gpu_memory="2g", execution={"gpu_hints": True}) as runner:
        ends(checks, runner, "the job with hints ends well")
    seen = (folder / "hints").read_text().split() if (folder / "hints").exists() else []
    good = len(seen) == 2 and 0 < float(seen[0]) < 1 and seen[1] == "0=2048M"
    checks.that(good, "it finds the limits of its memory", seen)


def avoided(checks: Checks, gpus: tuple[Gpu, ...], folder: Path) -> None:
    uuids = [gpu.parent or gpu.uuid for gpu in gpus]
    for uuid in dict.fromkeys(uuids):
        torc(folder, "gpu", "avoid", uuid, "--for", "1h")
    with started(folder, "avoided", "touch avoided.ran", num_gpus=1) as runner:
        why = waits_for(folder, "is not used", "why", "avoided/avoided")
        checks.that("is not used" in why, "a GPU that a user has set aside is not used", why[-200:])
        checks.that(not (folder / "avoided.ran").exists(), "no job starts there")
        for uuid in dict.fromkeys(uuids):
            torc(folder, "gpu", "use", uuid)
        ends(checks, runner, "it runs when the GPU may be used again")


def stray(checks: Checks, gpus: tuple[Gpu, ...], folder: Path) -> None:
    wrong = hold(folder / "stray.json", 1024, folder / "stray.done")
    names = " ".join(gpu.uuid for gpu in gpus)
    other = f'for g in {names}; do [ $g = "$CUDA_VISIBLE_DEVICES" ] || other=$g; done'
    job = f"{other}; CUDA_VISIBLE_DEVICES=$other {' '.join(wrong)}"
    with started(folder, "stray", job, num_gpus=1) as runner:
        seen = waits_for(folder, "was not given", "events", "list", "stray")
        checks.that("was not given" in seen, "a job on a GPU that it was not given is reported")
        (folder / "stray.done").touch()
        ends(checks, runner, "the job on the wrong GPU ends well")


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
