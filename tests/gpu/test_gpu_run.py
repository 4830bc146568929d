"""Workflows on fake GPUs, on the command line: the GPUs and the environment of each job."""

from __future__ import annotations

import getpass

import pytest
from fake_nvml import fake_gpu
from gpu_bench import MEET, SEEN, Bench, ended

from tests.waiting import wait_for


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
        "--gpu-packing=pack",
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


def other_user(bench: Bench) -> Bench:
    """Return a bench with a database of its own on the same GPUs."""
    folder = bench.folder / "other"
    folder.mkdir()
    return Bench(bench.fake, folder)


def test_two_databases_share_the_gpus_without_overlap(bench: Bench) -> None:
    other = other_user(bench)
    command = (
        'd=$FAKE_NVML_STATE.$CUDA_VISIBLE_DEVICES; mkdir "$d" || exit 1; sleep 0.05; rmdir "$d"'
    )
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(6)}
    results = [ended(one.start(jobs, "--num-cpus=8")) for one in (bench, other)]
    other.close()
    assert [code for code, _ in results] == [0, 0], results


def test_why_and_resources_name_the_job_of_another_database(bench: Bench) -> None:
    other = other_user(bench)
    holder = other.start({"theirs": (other.holding("theirs"), {"num_gpus": 2})})
    other.running("theirs")
    runner = bench.start({"mine": (SEEN.format(name="mine"), {"num_gpus": 1})})
    wait_for(lambda: bench.states().get("mine") == "ready", "the workflow")
    user = getpass.getuser()
    wait_for(lambda: f"GPU 0 is held by job theirs of {user}" in bench.why("mine"), "the reason")
    shown = bench.json("resources")
    assert [gpu["others"] for gpu in shown["gpus"]] == [[{"user": user, "job": "theirs"}]] * 2
    assert "theirs" in bench.torc("resources")
    other.release("theirs")
    assert ended(holder)[0] == 0
    assert ended(runner)[0] == 0, "it starts when the other database has left"
    other.close()


def test_a_killed_runner_leaves_its_jobs_in_the_ledger(bench: Bench) -> None:
    other = other_user(bench)
    holder = other.start({"theirs": (other.holding("theirs"), {"num_gpus": 2})})
    other.running("theirs")
    holder.kill()
    ended(holder)
    runner = bench.start({"mine": (SEEN.format(name="mine"), {"num_gpus": 1})})
    wait_for(lambda: bench.states().get("mine") == "ready", "the workflow")
    wait_for(lambda: "held by job theirs" in bench.why("mine"), "the reason")
    other.release("theirs")
    assert ended(runner)[0] == 0
    other.close()


def test_a_ledger_that_cannot_be_used_is_reported_once(bench: Bench) -> None:
    (bench.folder / "ledger").write_text("no directory")
    code, said = bench.run({name: (SEEN.format(name=name), {"num_gpus": 1}) for name in ("a", "b")})
    assert code == 0, said
    assert said.count("the GPU ledger") == 1, said


HINTS = 'echo "$XLA_PYTHON_CLIENT_MEM_FRACTION $CUDA_MPS_PINNED_DEVICE_MEM_LIMIT" > {name}.seen'


@pytest.mark.parametrize("wanted", [True, False])
def test_hints_are_given_on_request(bench: Bench, wanted: bool) -> None:
    bench.fake.gpus = [fake_gpu(0)]
    bench.fake.write()
    jobs = {
        "part": (HINTS.format(name="part"), {"gpu_memory": "20g"}),
        "whole": (HINTS.format(name="whole"), {"num_gpus": 1}),
    }
    settings = {"execution_config": {"gpu_hints": True}} if wanted else {}
    code, said = bench.run(jobs, **settings)
    assert code == 0, said
    assert bench.seen("part") == ("0.250 0=20480M" if wanted else "")
    assert bench.seen("whole") == ""


def test_cpus_and_memory_of_another_database_are_shown(bench: Bench) -> None:
    bench.fake.gpus = []
    bench.fake.write()
    other = other_user(bench)
    holding = f"while [ ! -e {other.folder}/go ]; do sleep 0.02; done"
    theirs = {f"t{n}": (holding, {"num_cpus": 2, "memory": "1g"}) for n in range(3)}
    holder = other.start(theirs, "--num-cpus=6")
    try:
        other.running(*theirs)
        user = getpass.getuser()
        wait_for(lambda: bench.json("resources")["other_databases"], "what they hold")
        shown = bench.json("resources")
        assert shown["other_databases"] == [
            {
                "user": user,
                "workflow": "gpus",
                "jobs": 3,
                "num_cpus": 6,
                "memory_bytes": 3 << 30,
                "gpus": [],
            }
        ]
        assert shown["cpus_held"] == 0, "they are shown and not counted"
        assert "Other User" in bench.torc("resources")
        mine = {"m1": (holding, {}), "m2": (holding, {})}
        runner = bench.start(mine, "--num-cpus=1")
        bench.running("m1")
        assert bench.why("m2") == (
            "m2 is ready\n"
            "├─ needs 1 CPU, 0 free\n"
            f"└─ jobs of other databases hold 6 CPUs and 3 GiB here, too ({user})\n"
        )
    finally:
        (other.folder / "go").touch()
    assert (ended(holder)[0], ended(runner)[0]) == (0, 0)
    assert bench.json("resources")["other_databases"] == []
    other.close()
