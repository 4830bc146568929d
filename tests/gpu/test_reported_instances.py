"""Instances from reports about other programs on shared machines, each as a run."""

from __future__ import annotations

from fake_nvml import GB, fake_gpu
from gpu_bench import SEEN, WAIT, Bench, ended, uuid

from tests.waiting import wait_for


def test_memory_in_use_by_no_listed_process(box: Bench) -> None:
    """Another container holds 78 of 80 GB of GPU 0, and GPU 1 is empty."""
    box.fake.gpus = [fake_gpu(0, overhead=78 * GB), fake_gpu(1)]
    box.fake.write()
    jobs = {name: (box.holding(name), {"num_gpus": 1}) for name in ("a", "b")}
    runner = box.start(jobs, "--num-cpus=4")
    wait_for(lambda: "running" in box.states().values(), "one runs")
    [first] = [name for name, status in box.states().items() if status == "running"]
    assert box.seen(first) == uuid(1)
    [second] = jobs.keys() - {first}
    assert "GPU 0 has 78 GiB of 80 GiB in use by no process that the driver lists" in box.why(
        second
    )
    box.release(first)
    assert box.seen(second) == uuid(1)
    box.release(second)
    assert ended(runner)[0] == 0


def test_reservations_per_job(box: Bench) -> None:
    """a says 10g and uses 30g, b says 20g and allocates late: c with 45g does not fit."""
    box.fake.gpus = [fake_gpu(0)]
    box.fake.write()
    jobs = {
        "a": (box.holding("a", "30g"), {"gpu_memory": "10g", "priority": 2}),
        "b": (box.holding("b", "1g"), {"gpu_memory": "20g", "priority": 2}),
        "gate": (WAIT.format("gate"), {}),
        "c": (SEEN.format(name="c"), {"gpu_memory": "45g", "depends_on": ["gate"]}),
    }
    runner = box.start(jobs, "--num-cpus=4")
    box.running("a", "b", "gate")
    box.using(2)
    wait_for(lambda: box.events("job_warning"), "a reading of what a uses")
    box.release("gate")
    wait_for(lambda: box.states()["c"] == "ready", "c")
    assert "29.5 GiB of 80 GiB free" in box.why("c")
    box.release("a")
    box.seen("c")
    box.release("b")
    assert ended(runner)[0] == 0


def test_jobs_that_request_memory_only_are_spread(box: Bench) -> None:
    box.fake.gpus = [fake_gpu(number) for number in range(4)]
    box.fake.write()
    jobs = {f"j{n}": (box.holding(f"j{n}"), {"gpu_memory": "10g"}) for n in range(4)}
    runner = box.start(jobs, "--num-cpus=4")
    box.running(*jobs)
    assert {box.seen(name) for name in jobs} == {uuid(number) for number in range(4)}
    box.release(*jobs)
    assert ended(runner)[0] == 0


def test_unified_memory_has_the_size_of_the_machine(box: Bench) -> None:
    """A GPU without its own memory does not count as unlimited."""
    box.fake.gpus = [fake_gpu(0)]
    box.fake.failures = [("nvmlDeviceGetMemoryInfo", 3, None)]
    box.fake.write()
    jobs = {
        "huge": ("true", {"gpu_memory": "900000g"}),
        "small": (SEEN.format(name="small"), {"gpu_memory": "100m"}),
    }
    code, said = box.run(jobs)
    assert code == 3, said
    assert "needs 879 TiB of memory on one GPU, the largest has" in said
    assert box.seen("small") == uuid(0)


def test_a_desktop_process_blocks_no_gpu(box: Bench) -> None:
    box.stranger(0, 4 << 20)
    box.stranger(1, 4 << 20)
    code, said = box.run({"a": (SEEN.format(name="a"), {"num_gpus": 2})})
    assert code == 0, said
    assert box.seen("a") == f"{uuid(0)},{uuid(1)}"
