"""A driver that hangs, fails, disappears and returns, on the command line."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from fake_nvml import fake_gpu
from gpu_bench import SEEN, Bench, ended

from tests.waiting import wait_for

MEMORY = "nvmlDeviceGetMemoryInfo"


@pytest.fixture
def box(bench: Bench) -> Iterator[Bench]:
    """Two GPUs, and a driver that no longer hangs at the end."""
    bench.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    bench.fake.write()
    yield bench
    bench.fake.hangs = []
    bench.fake.write()


def hang(box: Bench, function: str = MEMORY) -> None:
    box.fake.hangs = [(function, None)]
    box.fake.write()


def messages(box: Bench) -> list[str]:
    return [event["message"] for event in box.events("node_notice")]


@pytest.mark.parametrize("function", ["nvmlInitWithFlags", MEMORY])
def test_hang_without_gpu_jobs(box: Bench, function: str) -> None:
    hang(box, function)
    code, said = box.run({"a": (SEEN.format(name="a"), {})})
    assert (code, "GPU" in said) == (0, False), said
    assert box.states() == {"a": "completed"}


def test_hang_at_the_start(box: Bench) -> None:
    hang(box, "nvmlInitWithFlags")
    jobs = {"gpu": ("true", {"num_gpus": 1}), "cpu": ("date +%s.%N > ran", {})}
    runner = box.start(jobs)
    wait_for(lambda: box.states().get("cpu") == "completed", "the CPU job")
    [event] = box.events("node_started")
    [started] = box.events("job_started")
    assert started["at"] - event["at"] < 1, "it waits for no reading"
    assert box.states()["gpu"] == "ready"
    runner.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert ended(runner)[0] == 130
    assert time.monotonic() - sent < 5


@pytest.mark.long
def test_limits_are_enforced_while_the_driver_hangs(box: Bench) -> None:
    gpu = {"num_gpus": 1, "priority": 1}
    jobs = {"holds": (box.holding("holds"), gpu), "waits": (box.holding("waits"), {"num_gpus": 2})}
    runner = box.start({**jobs, "long": ("sleep 60", {"runtime": "PT5S"})}, "--num-cpus=4")
    box.running("holds", "long")
    box.using(1)
    hang(box)
    wait_for(lambda: box.states()["long"] == "terminated", "the limit")
    wait_for(lambda: any("does not answer" in text for text in messages(box)), "the notice")
    box.release("holds")
    wait_for(lambda: box.states()["holds"] == "completed", "an end beside the hang")
    assert box.states()["waits"] == "ready", "no job starts on an old reading"
    assert "the GPU driver does not answer" in box.torc("why", "1/waits")
    box.fake.hangs = []
    box.fake.write()
    box.running("waits")
    box.release("waits")
    assert ended(runner)[0] == 1
    assert "the GPU driver answers again" in messages(box)


def test_driver_failure_at_the_start(box: Bench) -> None:
    box.fake.failures = [("nvmlInitWithFlags", 9, None)]
    box.fake.write()
    runner = box.start({"a": (SEEN.format(name="a"), {"num_gpus": 1})})
    wait_for(lambda: any("is not loaded" in text for text in messages(box)), "the notice")
    assert box.states() == {"a": "ready"}
    box.fake.failures = []
    box.fake.write()
    code, said = ended(runner)
    assert code == 0, said


def test_all_gpus_vanish_and_return(box: Bench) -> None:
    jobs = {name: (box.holding(name), {"num_gpus": 2}) for name in ("a", "b")}
    runner = box.start(jobs, "--num-cpus=4")
    wait_for(lambda: "running" in box.states().values(), "one runs")
    [first] = [name for name, status in box.states().items() if status == "running"]
    [second] = {"a", "b"} - {first}
    box.fake.failures = [("nvmlDeviceGetCount_v2", 999, None)]
    box.fake.write()
    wait_for(lambda: any("does not answer" in text for text in messages(box)), "the notice")
    box.release(first)
    wait_for(lambda: box.states()[first] == "completed", "the first")
    assert box.states()[second] == "ready"
    box.fake.failures = []
    box.fake.write()
    box.running(second)
    box.release(second)
    code, said = ended(runner)
    assert code == 0, said


@pytest.mark.long
def test_resources_and_why_do_not_wait_for_a_driver_that_hangs(box: Bench) -> None:
    hang(box, "nvmlInitWithFlags")
    began = time.monotonic()
    assert "does not answer" in box.torc("resources")
    assert time.monotonic() - began < 40


def test_a_run_without_gpu_jobs_imports_nothing_for_gpus(box: Bench) -> None:
    box.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    code, said = box.run({"a": ("true", {})})
    assert code == 0
    assert not [name for name in ("pynvml", "nvml", "ctypes", "pickle") if f" {name}\n" in said]
    assert "torc_tui.resources.nvml" not in said
    assert "host_ledger" not in said
