"""A driver that hangs delays no job without GPUs, no limit and no Ctrl-C.

Times are compared with the same run without a hang, on the same machine.
"""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_nvml import FakeNvml, fake_gpu
from gpu_bench import SEEN, WAIT, Bench, ended

from tests.waiting import wait_for

MEMORY = "nvmlDeviceGetMemoryInfo"
ATTEMPTS = 3
"""Runs of which one must be in time: a busy machine delays some, a driver that hangs all."""
CHAIN = 25
"""Jobs that start one after another."""
TOLERANCE = 0.05
"""Seconds by which a hang may delay a job, on a machine where such a job usually takes 20 ms."""


@contextmanager
def bench(fake: FakeNvml, folder: Path) -> Iterator[Bench]:
    """Return a bench with a separate directory and database."""
    folder.mkdir()
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.hangs = []
    fake.write()
    box = Bench(fake, folder)
    try:
        yield box
    finally:
        hang(box, None)
        box.close()


def hang(box: Bench, function: str | None) -> None:
    box.fake.hangs = [] if function is None else [(function, None)]
    box.fake.write()


def notices(box: Bench) -> str:
    return "".join(event["message"] for event in box.events("node_notice"))


def begin_to_hang(box: Bench) -> None:
    """Hang, and wait until the run has seen it."""
    hang(box, MEMORY)
    wait_for(lambda: "does not answer" in notices(box), "the notice")


def delays(box: Bench, when: str) -> tuple[float, float]:
    """Run a chain of jobs beside one with a GPU.

    Return the median time from the end of a job to the start of the next one, and the time from
    the end of the last job to that of the run.
    """
    if when == "start":
        hang(box, "nvmlInitWithFlags")
    jobs = {"holds": (box.holding("holds"), {"num_gpus": 1}), "c00": (WAIT.format("c00"), {})}
    for number in range(1, CHAIN):
        jobs[f"c{number:02}"] = ("true", {"depends_on": [f"c{number - 1:02}"]})
    runner = box.start(jobs, "--num-cpus=4")
    wait_for(lambda: box.states().get("c00") == "running", "the first job")
    if when != "start":
        box.running("holds", "c00")
        box.using(1)
    if when == "middle":
        begin_to_hang(box)
    box.release("c00")
    last = f"c{CHAIN - 1:02}"
    wait_for(lambda: box.states()[last] == "completed", "the last job of the chain")
    if when == "end":
        begin_to_hang(box)
    if when == "start":
        assert box.states()["holds"] == "ready"
        hang(box, None)
        box.running("holds")
    box.release("holds")
    assert ended(runner)[0] == 0
    now = time.time()
    names = {job["id"]: job["name"] for job in box.json("jobs", "list", "1")}
    starts = {names[event["job_id"]]: event["at"] for event in box.events("job_started")}
    ends = {names[event["job_id"]]: event["at"] for event in box.events("job_completed")}
    pairs = [(f"c{number - 1:02}", f"c{number:02}") for number in range(1, CHAIN)]
    between = statistics.median(starts[following] - ends[one] for one, following in pairs)
    return between, now - ends["holds"]


@pytest.mark.parametrize("when", ["start", "middle", "end"])
def test_jobs_without_gpus_start_as_always(fake: FakeNvml, tmp_path: Path, when: str) -> None:
    with bench(fake, tmp_path / "normal") as box:
        normal, normal_end = delays(box, "never")
    slow = max(normal / 0.02, 1.0)
    for attempt in range(ATTEMPTS):
        with bench(fake, tmp_path / f"hang{attempt}") as box:
            found, end = delays(box, when)
        print(f"{when}: {found * 1e3:.1f} ms, normal {normal * 1e3:.1f} ms; ends after {end:.2f} s")
        if abs(found - normal) <= TOLERANCE * slow and end - normal_end <= 1.0 * slow:
            break
    assert abs(found - normal) <= TOLERANCE * slow
    assert end - normal_end <= 1.0 * slow, "the end of the run waits for no driver"


@pytest.mark.parametrize("when", ["start", "middle"])
def test_limits_are_enforced_while_the_driver_hangs(
    fake: FakeNvml, tmp_path: Path, when: str
) -> None:
    fat = "python3 -c 'import time; x = bytearray(300 << 20); time.sleep(60)'"
    gate = {"depends_on": ["gate"]}
    with bench(fake, tmp_path / "hang") as box:
        if when == "start":
            hang(box, "nvmlInitWithFlags")
        jobs = {
            "gate": (WAIT.format("gate"), {}),
            "fat": (fat, {"memory": "100m", **gate}),
            "long": ("sleep 60", {"runtime": "PT2S", **gate}),
            "holds": (box.holding("holds"), {"num_gpus": 1}),
        }
        runner = box.start(jobs, "--num-cpus=4")
        if when == "middle":
            box.running("gate", "holds")
            begin_to_hang(box)
        wait_for(lambda: box.states().get("gate") == "running", "the gate")
        box.release("gate")
        done = {"failed", "terminated"}
        wait_for(lambda: {box.states()[name] for name in ("fat", "long")} <= done, "both ends")
        hang(box, None)
        box.running("holds")
        box.release("holds")
        assert ended(runner)[0] == 1
        results = {one["job_name"]: one["cause"] for one in box.json("results", "list", "1")}
        assert (results["fat"], results["long"]) == ("oom", "timeout")


GRACE = 2.0


def time_of_interrupt(box: Bench, when: str) -> float:
    """Return how long a run takes to end after Ctrl-C, with a job that ignores SIGTERM."""
    stubborn = "trap '' TERM; touch begun; while true; do sleep 0.05; done"
    jobs = {
        "stubborn": (stubborn, {}),
        "holds": (box.holding("holds"), {"num_gpus": 1}),
        "waits": (SEEN.format(name="waits"), {"num_gpus": 2}),
    }
    if when == "start":
        hang(box, "nvmlInitWithFlags")
    runner = box.start(jobs, "--num-cpus=4", f"--grace={GRACE:g}")
    wait_for((box.folder / "begun").exists, "the stubborn job")
    if when != "start":
        box.running("stubborn", "holds")
    if when == "middle":
        begin_to_hang(box)
    runner.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert ended(runner)[0] == 130
    return time.monotonic() - sent


@pytest.mark.parametrize("when", ["start", "middle"])
def test_interrupt_ends_a_second_past_the_grace_period(
    fake: FakeNvml, tmp_path: Path, when: str
) -> None:
    with bench(fake, tmp_path / "normal") as box:
        normal = time_of_interrupt(box, "never")
    most = GRACE + max(2 * (normal - GRACE), 1.0)
    for attempt in range(ATTEMPTS):
        with bench(fake, tmp_path / f"hang{attempt}") as box:
            found = time_of_interrupt(box, when)
        assert found >= GRACE
        if found <= most:
            break
    print(f"{when}: {found:.2f} s, normal {normal:.2f} s, of which {GRACE:g} s grace")
    assert found <= most
