"""What jobs do on GPUs and what GPUs do to jobs: losses, excess, strays and damage."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_nvml import GB, FakeProcess, fake_gpu
from gpu_bench import SEEN, Bench, ended

from tests.waiting import wait_for


@pytest.fixture
def box(bench: Bench) -> Bench:
    """Two GPUs."""
    bench.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    bench.fake.write()
    return bench


def uuid(number: int) -> str:
    return f"GPU-0000000{number}-0000-0000-0000-000000000000"


def messages(box: Bench, kind: str) -> list[str]:
    return [event["message"] for event in box.events(kind)]


def causes(box: Bench, name: str) -> list[str]:
    found = box.json("results", "list", "1", "--all-runs")
    return [one["cause"] for one in found if one["job_name"] == name]


def test_a_job_that_fails_with_its_gpu_runs_again_without_a_retry(box: Bench) -> None:
    command = (
        f"{SEEN.format(name='a')}; [ -e second ] && exit 0; touch second;"
        " while [ ! -e fail ]; do sleep 0.02; done; exit 1"
    )
    runner = box.start({"a": (command, {"num_gpus": 1})})
    number = int(box.seen("a")[11])
    box.fake.failures = [("nvmlDeviceGetMemoryInfo", 15, number)]
    box.fake.write()
    (box.folder / "fail").touch()
    code, said = ended(runner)
    assert code == 0, said
    assert causes(box, "a") == ["gpu_lost", "exit"]
    assert f"GPU {number} failed while the job ran" in said
    assert box.seen("a") == uuid(1 - number)


def test_one_bad_gpu_fails_few_jobs(box: Bench) -> None:
    command = f'[ "$CUDA_VISIBLE_DEVICES" = {uuid(0)} ] && exit 1; sleep 0.2'
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(12)}
    code, said = ended(box.start(jobs, "--num-cpus=4"))
    assert code == 1, said
    lost = [name for name, status in box.states().items() if status == "failed"]
    assert len(lost) <= 3, said
    [told] = [text for text in messages(box, "node_notice") if "not used until" in text]
    assert told.startswith("GPU 0 is not used until ")


@pytest.mark.parametrize(
    ("fields", "text"), [({"ecc": 1}, "uncorrected memory errors"), ({"remap": 1}, "remapping")]
)
def test_a_damaged_gpu_is_not_used(box: Bench, fields: dict[str, int], text: str) -> None:
    box.fake.gpus = [fake_gpu(0, **fields), fake_gpu(1)]
    box.fake.write()
    jobs = {name: (box.holding(name), {"num_gpus": 1}) for name in ("a", "b")}
    runner = box.start(jobs, "--num-cpus=4")
    wait_for(lambda: "running" in box.states().values(), "one runs")
    [running] = [name for name, status in box.states().items() if status == "running"]
    assert box.seen(running) == uuid(1)
    [waiting] = {"a", "b"} - {running}
    why = box.why(waiting)
    assert "GPU 0 is not used" in why and text in why
    box.release("a", "b")
    assert ended(runner)[0] == 0
    assert sum(text in told for told in messages(box, "node_notice")) == 1


def test_cuda_out_of_memory_is_a_cause(box: Bench) -> None:
    command = "echo 'torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB' >&2; exit 1"
    code, said = box.run({"a": (command, {"num_gpus": 1}), "b": (command, {})})
    assert code == 1, said
    assert (causes(box, "a"), causes(box, "b")) == (["gpu_oom"], ["exit"])


@pytest.mark.parametrize(("policy", "cause"), [("warn", "exit"), ("kill", "gpu_oom")])
def test_use_beyond_the_request_is_seen_at_once(box: Bench, policy: str, cause: str) -> None:
    jobs = {"a": (box.holding("a", "9g"), {"gpu_memory": "2g"})}
    runner = box.start(jobs, execution_config={"gpu_over": policy})
    box.using(1)
    seen = time.monotonic()
    wait_for(lambda: messages(box, "job_warning"), "the event")
    assert time.monotonic() - seen < 6
    if policy == "warn":
        box.release("a")
    assert ended(runner)[0] == (0 if policy == "warn" else 1)
    assert messages(box, "job_warning") == ["used 9 GiB of GPU memory, 2 GiB requested"]
    [result] = box.json("results", "list", "1")
    assert (result["cause"], result["return_code"]) == (cause, 0 if policy == "warn" else 137)


def test_a_job_on_a_gpu_that_it_was_not_given_is_reported(box: Bench) -> None:
    runner = box.start({"a": (box.holding("a"), {"num_gpus": 1})})
    box.using(1)
    given = int(box.seen("a")[11])
    [pid] = [int(path.name) for path in Path(f"{box.fake.state}.d").iterdir()]
    box.fake.processes.append(FakeProcess(1 - given, pid=pid, memory=GB))
    box.fake.write()
    wait_for(lambda: messages(box, "job_warning"), "the event")
    [told] = messages(box, "job_warning")
    assert f"computes on GPU {1 - given}, which the job was not given" in told
    box.release("a")
    assert ended(runner)[0] == 0
