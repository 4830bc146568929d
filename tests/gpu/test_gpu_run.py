"""Workflows on fake GPUs, on the command line: the GPUs and the environment of each job."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_nvml import GB, fake_gpu
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


def test_two_databases_share_the_gpus_without_overlap(bench: Bench) -> None:
    other = bench.neighbor()
    command = (
        'd=$FAKE_NVML_STATE.$CUDA_VISIBLE_DEVICES; mkdir "$d" || exit 1; sleep 0.05; rmdir "$d"'
    )
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(6)}
    results = [ended(one.start(jobs, "--num-cpus=8")) for one in (bench, other)]
    assert [code for code, _ in results] == [0, 0], results


def test_why_and_resources_name_the_job_of_another_database(bench: Bench) -> None:
    other = bench.neighbor()
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


def test_a_killed_runner_leaves_its_jobs_in_the_ledger(bench: Bench) -> None:
    other = bench.neighbor()
    holder = other.start({"theirs": (other.holding("theirs"), {"num_gpus": 2})})
    other.running("theirs")
    holder.kill()
    ended(holder)
    runner = bench.start({"mine": (SEEN.format(name="mine"), {"num_gpus": 1})})
    wait_for(lambda: bench.states().get("mine") == "ready", "the workflow")
    wait_for(lambda: "held by job theirs" in bench.why("mine"), "the reason")
    other.release("theirs")
    assert ended(runner)[0] == 0


@pytest.mark.long
def test_two_databases_in_200_rounds(bench: Bench) -> None:
    """Two queues of 800 jobs on 8 GPUs: no GPU ever has two of them."""
    bench.fake.gpus = [fake_gpu(number) for number in range(8)]
    bench.fake.write()
    other = bench.neighbor()
    command = (
        'for gpu in $(echo "$CUDA_VISIBLE_DEVICES" | tr , " "); do'
        ' mkdir "$FAKE_NVML_STATE.$gpu" || exit 1; done; sleep 0.02;'
        ' for gpu in $(echo "$CUDA_VISIBLE_DEVICES" | tr , " "); do rmdir "$FAKE_NVML_STATE.$gpu"; done'
    )
    jobs = {f"j{number}": (command, {"num_gpus": 1 + (number % 3 == 0)}) for number in range(800)}
    both = [one.start(jobs, "--num-cpus=8") for one in (bench, other)]
    for process in both:
        process.communicate(timeout=900)
    states = [status for one in (bench, other) for status in one.states().values()]
    print({status: states.count(status) for status in set(states)})
    assert states == ["completed"] * 1600


def test_a_sqlite_and_a_postgresql_database_share_the_gpus(
    bench: Bench, postgresql_url: str
) -> None:
    other = bench.neighbor()
    other.url = other.environ["TORC_DATABASE"] = postgresql_url
    command = (
        'd=$FAKE_NVML_STATE.$CUDA_VISIBLE_DEVICES; mkdir "$d" || exit 1; sleep 0.05; rmdir "$d"'
    )
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(6)}
    results = [ended(one.start(jobs, "--num-cpus=8")) for one in (bench, other)]
    assert [code for code, _ in results] == [0, 0], results
    holder = other.start({"theirs": (other.holding("theirs"), {"num_gpus": 2})})
    other.running("theirs", workflow=2)
    runner = bench.start({"mine": (SEEN.format(name="mine"), {"num_gpus": 1})})
    wait_for(lambda: bench.states(2).get("mine") == "ready", "the workflow")
    wait_for(lambda: "is held by job theirs of" in bench.why("mine", 2), "the reason")
    other.release("theirs")
    assert [ended(one)[0] for one in (holder, runner)] == [0, 0]


def not_a_directory(path: Path) -> None:
    path.write_text("no directory")


def closed(path: Path) -> None:
    path.mkdir(0o700)


def of_another_user(path: Path) -> None:
    path.mkdir()
    path.chmod(0o1777)
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)


def garbage(path: Path) -> None:
    path.mkdir()
    path.chmod(0o1777)
    for number, text in enumerate((b"", b"\xff\x00", b"[" * 100_000, b"{}")):
        (path / f"{number:016x}-0-1-1-1-1").write_bytes(text)
        (path / f"health-{number}").write_bytes(text)
    (path / "directory").mkdir()
    (path / "health-9").symlink_to("nowhere")
    os.mkfifo(path / "fifo")


@pytest.mark.parametrize(
    ("make", "warnings"), [(not_a_directory, 1), (closed, 1), (of_another_user, 0), (garbage, 0)]
)
def test_ledgers_that_others_have_made(
    bench: Bench, make: Callable[[Path], None], warnings: int
) -> None:
    make(bench.folder / "ledger")
    code, said = bench.run({name: (SEEN.format(name=name), {"num_gpus": 1}) for name in ("a", "b")})
    assert code == 0, said
    assert said.count("the GPU ledger") == warnings, said


def test_a_share_of_another_database_counts_once(bench: Bench) -> None:
    bench.fake.gpus = [fake_gpu(0)]
    bench.fake.write()
    other = bench.neighbor()
    holder = other.start({"theirs": (other.holding("theirs", "8g"), {"gpu_memory": "10g"})})
    other.running("theirs")
    bench.using(1)
    [gpu] = bench.json("resources")["gpus"]
    assert gpu["memory_available_bytes"] == 80 * GB - 10 * GB - GB // 2
    assert (gpu["memory_others_bytes"], gpu["memory_own_bytes"]) == (8 * GB, 0)
    other.release("theirs")
    assert ended(holder)[0] == 0
