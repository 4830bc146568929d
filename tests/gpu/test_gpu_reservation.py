"""The first job that does not fit is next: no job overtakes it, and `why` says where and when."""

from __future__ import annotations

import re

import pytest
from gpu_bench import SEEN, WAIT, Bench, ended

from tests.waiting import wait_for

NEXT = re.compile(r"next on GPUs 0 and 1, by (\d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d) at the latest")


def test_a_pair_starts_after_at_most_one_more_small_job_per_gpu(box: Bench) -> None:
    small = {f"small{n}": (box.holding(f"small{n}"), {"num_gpus": 1}) for n in range(8)}
    jobs = {
        **small,
        "gate": (WAIT.format("gate"), {"priority": 9}),
        "pair": (SEEN.format(name="pair"), {"num_gpus": 2, "depends_on": ["gate"], "priority": 9}),
    }
    runner = box.start(jobs, "--num-cpus=16")
    wait_for(lambda: list(box.states().values()).count("running") == 3, "two small jobs")
    box.release("gate")
    wait_for(lambda: box.states()["pair"] == "ready", "the pair")
    assert NEXT.search(box.why("pair")), box.why("pair")
    running = [name for name, status in box.states().items() if status == "running"]
    for name in running:  # one GPU is free while the other one is still in use
        box.release(name)
        wait_for(lambda name=name: box.states()[name] == "completed", name)
    box.seen("pair")
    box.release(*small)
    assert ended(runner)[0] == 0
    names = {job["id"]: job["name"] for job in box.json("jobs", "list", "1")}
    order = [names[event["job_id"]] for event in box.events("job_started")]
    assert order.index("pair") <= 3 + 2, order


def test_others_are_told_for_whom_gpus_are_reserved(box: Bench) -> None:
    jobs = {
        "one": (box.holding("one"), {"num_gpus": 1, "priority": 10}),
        "pair": (box.holding("pair"), {"num_gpus": 2, "priority": 9}),
        "long": (box.holding("long"), {"num_gpus": 1, "runtime": "PT1H"}),
        "short": (SEEN.format(name="short"), {"num_gpus": 1, "runtime": "PT30S"}),
    }
    runner = box.start(jobs, "--num-cpus=16")
    box.running("one")
    box.seen("short")
    wait_for(lambda: box.states()["short"] == "completed", "the short job, which ends in time")
    free = "GPU 1" if box.seen("one").startswith("GPU-00000000") else "GPU 0"
    assert f"{free} is reserved for pair" in box.why("long")
    assert NEXT.search(box.why("pair"))
    box.release("one", "long")
    box.running("pair")
    box.release("pair")
    assert ended(runner)[0] == 0


def test_jobs_without_runtime_end_at_an_unknown_time(box: Bench) -> None:
    jobs = {
        "one": (box.holding("one"), {"num_gpus": 2, "priority": 10, "runtime": None}),
        "pair": (SEEN.format(name="pair"), {"num_gpus": 2}),
    }
    runner = box.start(jobs, "--num-cpus=16")
    box.running("one")
    assert re.search(r"next on GPUs 0 and 1$", box.why("pair"), re.MULTILINE)
    box.release("one")
    assert ended(runner)[0] == 0


@pytest.mark.parametrize(("priority", "told"), [(5, True), (0, False)])
def test_cpus_are_reserved_against_lower_priority_only(
    box: Bench, priority: int, told: bool
) -> None:
    jobs = {
        "holds": (WAIT.format("holds"), {"num_cpus": 3, "priority": 10}),
        "large": ("true", {"num_cpus": 4, "priority": priority}),
        "small": (WAIT.format("small"), {"runtime": "PT1H"}),
    }
    runner = box.start(jobs, "--num-cpus=4", jobs_sort_method="none")
    box.running(*(["holds"] if told else ["holds", "small"]))
    said = box.why("large")
    assert bool(re.search(r"next, by .* at the latest", said)) == told, said
    box.release("holds", "small")
    assert ended(runner)[0] == 0
