"""Workflows on fake GPUs, on the command line: the GPUs and the environment of each job."""

from __future__ import annotations

import pytest
from fake_nvml import fake_gpu
from gpu_bench import MEET, SEEN, Bench, ended


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    bench.fake.write()
    return bench


def test_jobs_beside_each_other_see_their_own_gpus(bench: Bench) -> None:
    code, said = bench.run(
        {
            "a": (MEET.format(name="a", other="b"), {"num_gpus": 1}),
            "b": (MEET.format(name="b", other="a"), {"num_gpus": 1}),
            "none": (SEEN.format(name="none"), {}),
        },
        "--num-cpus=3",
    )
    assert code == 0, said
    assert {bench.seen("a"), bench.seen("b")} == {gpu.uuid for gpu in bench.fake.gpus if gpu}
    assert bench.seen("none") == ""


def test_shares_meet_on_one_gpu(bench: Bench) -> None:
    code, said = bench.run(
        {
            "a": (MEET.format(name="a", other="b"), {"num_gpus": 0.5}),
            "b": (MEET.format(name="b", other="a"), {"num_gpus": 0.25, "gpu_memory": "30g"}),
        },
        "--num-cpus=2",
    )
    assert code == 0, said
    assert bench.seen("a") == bench.seen("b") != ""


def test_what_can_never_run_is_named(bench: Bench) -> None:
    code, said = bench.run(
        {
            "a": (SEEN.format(name="a"), {"num_gpus": 3}),
            "b": (SEEN.format(name="b"), {"num_gpus": 2}),
        }
    )
    assert code == 3, said
    assert "needs 3 GPUs, machine has 2" in said
    assert bench.seen("b").split(",") == [gpu.uuid for gpu in bench.fake.gpus if gpu]


def test_virtual_gpus_are_numbers(bench: Bench) -> None:
    bench.environ["LD_LIBRARY_PATH"] = str(bench.folder)
    code, said = bench.run(
        {"a": (SEEN.format(name="a"), {"num_gpus": 2, "gpu_model": "H100"})}, "--num-gpus=3"
    )
    assert code == 0, said
    assert said.count("jobs get 3 virtual GPUs") == 1
    assert bench.seen("a") == "0,1"


@pytest.mark.parametrize("visible", ["broken driver", "empty list"])
def test_no_virtual_gpus_beside_real_ones(bench: Bench, visible: str) -> None:
    if visible == "broken driver":
        bench.fake.failures = [("nvmlInitWithFlags", 9, None)]
        bench.fake.write()
    else:
        bench.environ["CUDA_VISIBLE_DEVICES"] = ""
    code, said = bench.run({"a": ("true", {"num_gpus": 1})}, "--num-gpus=2", "--gpu-wait=0")
    assert code == 3, said
    assert "needs 1 GPU, machine has 0" in said
    code, said = ended(bench.go("run", "1", "--virtual-gpus=2"))
    assert (code, "cannot be used on a machine with a GPU driver" in said) == (2, True), said


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"ROCR_VISIBLE_DEVICES": "1,3"}, "1,3"),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_GPUS": "2-3"}, "2,3"),
        ({"ONEAPI_DEVICE_SELECTOR": "level_zero:1,0"}, "0,1"),
    ],
)
def test_gpus_that_the_environment_names_are_real(
    bench: Bench, environ: dict[str, str], seen: str
) -> None:
    bench.environ |= {"LD_LIBRARY_PATH": str(bench.folder), **environ}
    command = 'echo "${ROCR_VISIBLE_DEVICES:-$CUDA_VISIBLE_DEVICES}" > a.seen'
    if "ONEAPI_DEVICE_SELECTOR" in environ:
        command = 'echo "${ONEAPI_DEVICE_SELECTOR#*:}" > a.seen'
    code, said = bench.run({"a": (command, {"num_gpus": 2})}, "--num-gpus=4")
    assert code == 0, said
    assert "virtual" not in said
    assert bench.seen("a") == seen


def test_two_runners_share_the_gpus_without_overlap(bench: Bench) -> None:
    assert bench.run({"first": ("true", {})})[0] == 0  # the store exists before both use it
    both = [
        bench.start({one: (MEET.format(name=one, other=other), {"num_gpus": 1})}, "--num-cpus=2")
        for one, other in (("a", "b"), ("b", "a"))
    ]
    results = [ended(process) for process in both]
    assert [code for code, _ in results] == [0, 0], results
    assert {bench.seen("a"), bench.seen("b")} == {gpu.uuid for gpu in bench.fake.gpus if gpu}
