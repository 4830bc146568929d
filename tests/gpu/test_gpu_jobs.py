"""What jobs do on GPUs and what GPUs do to jobs: losses, excess, strays and damage."""

from __future__ import annotations

import contextlib
import getpass
import time
from pathlib import Path

import pytest
from fake_nvml import GB, FakeInstance, FakeProcess, fake_gpu
from gpu_bench import SEEN, Bench, ended, uuid

from tests.waiting import wait_for


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


@pytest.mark.parametrize("ledger", ["ledger", "database"])
def test_one_bad_gpu_fails_few_jobs(box: Bench, ledger: str) -> None:
    if ledger == "database":
        (box.folder / "ledger").write_text("no directory")
    command = f'[ "$CUDA_VISIBLE_DEVICES" = {uuid(0)} ] && exit 1; sleep 0.2'
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(12)}
    code, said = ended(box.start(jobs, "--num-cpus=4"))
    assert code == 1, said
    lost = [name for name, status in box.states().items() if status == "failed"]
    assert len(lost) <= 3, said
    [told] = [text for text in messages(box, "node_notice") if "not used until" in text]
    assert told.startswith("GPU 0 is not used until ")


def test_databases_learn_of_a_bad_gpu_from_each_other(box: Bench) -> None:
    command = f'[ "$CUDA_VISIBLE_DEVICES" = {uuid(0)} ] && exit 1; sleep 0.2'
    jobs = {f"j{number}": (command, {"num_gpus": 1}) for number in range(12)}
    other = box.neighbor()
    both = [one.start(jobs, "--num-cpus=4") for one in (box, other)]
    assert [ended(one)[0] for one in both].count(1) >= 1
    lost = [status for one in (box, other) for status in one.states().values()].count("failed")
    assert 3 <= lost <= 4, "the second database may have begun one before it was told"


DAMAGES = {
    "ecc": ({"ecc": 2}, "uncorrected memory errors (2)"),
    "remap": ({"remap": 1}, "remapping"),
    "reset": ({"recovery": 1}, "needs a reset"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_gpu_is_not_used(box: Bench, kind: str) -> None:
    fields, text = DAMAGES[kind]
    box.fake.gpus = [fake_gpu(0, **fields), fake_gpu(1)]
    box.fake.write()
    jobs = {name: (box.holding(name), {"num_gpus": 1}) for name in ("a", "b")}
    runner = box.start(jobs, "--num-cpus=4")
    wait_for(lambda: "running" in box.states().values(), "one runs")
    [running] = [name for name, status in box.states().items() if status == "running"]
    assert box.seen(running) == uuid(1)
    [waiting] = {"a", "b"} - {running}
    why = box.why(waiting)
    assert "GPU 0 is not used" in why and text in why and "torc gpu use 0" in why
    assert text in box.torc("resources")
    assert box.torc("gpu", "use", uuid(0)[:13]) == "GPU 0 is back in use\n"
    box.running("a", "b")
    assert box.seen(waiting) == uuid(0)
    box.release("a", "b")
    assert ended(runner)[0] == 0
    told = messages(box, "node_notice")
    assert sum(text in one for one in told) == 1
    assert sum(one.startswith("GPU 0 is back in use (put back by ") for one in told) == 1
    assert ended(box.start({"c": ("true", {"num_gpus": 2})}))[0] == 0, "the user knows it"


def test_a_fatal_error_sets_a_gpu_aside_for_all(box: Bench) -> None:
    runner = box.start({"a": (box.holding("a"), {"num_gpus": 2})})
    box.using(1)
    box.fake.xids = [(1, 31), (1, 79)]
    box.fake.write()
    wait_for(lambda: messages(box, "node_notice"), "the notice")
    [told] = messages(box, "node_notice")
    assert "GPU 1 is not used: the driver reported the fatal error Xid 79" in told
    box.release("a")
    assert ended(runner)[0] == 0
    other = box.neighbor()
    other.fake.xids = []
    other.fake.write()
    waits = other.start({"b": ("true", {"num_gpus": 2})})
    wait_for(lambda: messages(other, "node_notice"), "what the first runner saw")
    assert "Xid 79" in other.why("b")
    assert other.torc("gpu", "use", "1") == "GPU 1 is back in use\n"
    assert ended(waits)[0] == 0


@pytest.mark.parametrize("ledger", ["ledger", "database"])
def test_a_user_sets_gpus_aside(box: Bench, ledger: str) -> None:
    if ledger == "database":
        (box.folder / "ledger").write_text("no directory")
        assert box.run({"first": ("true", {})})[0] == 0
    assert box.torc("gpu", "avoid", f"0,{uuid(1)}", "--for", "2h").startswith(
        "GPUs 0 and 1 are set aside until "
    )
    jobs = {"a": (SEEN.format(name="a"), {"num_gpus": 1})}
    runner = box.start(jobs)
    number = 1 if ledger == "ledger" else 2
    wait_for(lambda: len(box.events("node_notice", number)) > 1, "the notices")
    notices = [event["message"] for event in box.events("node_notice", number)]
    assert sum("set it aside" in one for one in notices) == 2
    assert "GPU 0 is not used until" in box.why("a", number)
    assert [bool(gpu["set_aside"]) for gpu in box.json("resources")["gpus"]] == [True, True]
    assert box.torc("gpu", "use", "1", "1") == "GPU 1 is back in use\n"
    assert box.seen("a") == uuid(1)
    assert ended(runner)[0] == 0
    assert box.torc("gpu", "use", "1") == "GPU 1 is not set aside\n"


def test_a_gpu_is_set_aside_with_its_mig_instances(box: Bench) -> None:
    instances = [FakeInstance(f"MIG-{n}", 10 * GB, gpu_instance=n) for n in (1, 2)]
    box.fake.gpus = [fake_gpu(0, mig=True, instances=instances)]
    box.fake.write()
    assert box.torc("gpu", "avoid", "0").startswith("GPU 0 is set aside until `torc gpu use`")
    runner = box.start({"a": (SEEN.format(name="a"), {"num_gpus": 1})})
    wait_for(lambda: len(box.events("node_notice")) == 2, "the notices")
    assert "GPU 0 (MIG-1) is not used: root set it aside" in box.why("a").replace(
        getpass.getuser(), "root"
    )
    assert box.torc("gpu", "use", "MIG-2") == "GPU 0 is back in use\n"
    assert ended(runner)[0] == 0
    assert box.seen("a") in ("MIG-1", "MIG-2")


def test_a_gpu_that_is_set_aside_is_found_without_the_driver(box: Bench) -> None:
    box.torc("gpu", "avoid", "1")
    box.fake.failures = [("nvmlInitWithFlags", 9, None)]
    box.fake.write()
    code, said = ended(box.go("gpu", "avoid", "0"))
    assert (code, "there is no GPU '0'; this machine has 1 (GPU-00000001" in said) == (2, True)
    assert "the GPU driver does not answer" in said
    assert box.torc("gpu", "use", "1") == "GPU 1 is back in use\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["avoid", "7"], "there is no GPU '7'; this machine has 0 (GPU-00000000"),
        (["use", "GPU-0000000"], "matches several GPUs: "),
        (["use", "GPU"], "there is no GPU 'GPU'"),
        (["avoid", "0", "--for", "soon"], "'soon' is not a duration such as 2h"),
    ],
    ids=["index", "prefix", "short", "time"],
)
def test_gpus_that_do_not_exist(box: Bench, words: list[str], text: str) -> None:
    code, said = ended(box.go("gpu", *words))
    assert (code, text in said) == (2, True), said


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
    wait_for(lambda: messages(box, "job_warning"), "the event")
    if policy == "warn":
        box.release("a")
    assert ended(runner)[0] == (0 if policy == "warn" else 1)
    assert messages(box, "job_warning") == ["used 9 GiB of GPU memory, 2 GiB requested"]
    [result] = box.json("results", "list", "1")
    assert (result["cause"], result["return_code"]) == (cause, 0 if policy == "warn" else 137)


def growing(box: Bench, name: str, first: str, then: str) -> str:
    """Return a command that uses memory of its GPU, and more once ``NAME.more`` exists."""
    use = box.fake.use(first, until=box.folder / f"{name}.more")
    return f"{SEEN.format(name=name)}; {use}; {box.fake.use(then, until=box.folder / f'{name}.go')}"


def held(box: Bench) -> str:
    """Return what the programs of these tests tell the stand-in driver; the files come and go."""
    texts = []
    for path in Path(f"{box.fake.state}.d").iterdir():
        with contextlib.suppress(FileNotFoundError):
            texts.append(path.read_text())
    return "".join(texts)


MIB = 1 << 20


@pytest.mark.parametrize(
    ("promised", "used", "ends"),
    [
        ("20g", 80 * GB - 300 * MIB, True),
        ("20g", 78 * GB, False),
        (None, 80 * GB - 300 * MIB, False),
    ],
    ids=["in need", "enough is free", "nobody waits for it"],
)
def test_a_job_above_its_request_is_stopped_to_protect_others(
    box: Bench, promised: str | None, used: int, ends: bool
) -> None:
    box.fake.gpus = [fake_gpu(0, memory=81 * GB)]
    box.fake.write()
    jobs = {"bad": (growing(box, "bad", "1g", str(used)), {"gpu_memory": "10g"})}
    if promised:
        jobs["good"] = (box.holding("good", "1g"), {"gpu_memory": promised})
    runner = box.start(jobs, "--num-cpus=4", execution_config={"gpu_over": "protect"})
    box.running(*jobs)
    box.using(len(jobs))
    (box.folder / "bad.more").touch()
    wait_for(lambda: messages(box, "job_warning"), "the event")
    if ends:
        wait_for(lambda: box.states()["bad"] == "failed", "the end")
        assert box.states()["good"] == "running"
    else:
        seen = len(box.events("node_notice"))
        box.fake.gpus += [fake_gpu(1)]  # a later reading without changes
        box.fake.write()
        wait_for(lambda: len(box.json("compute-nodes", "list", "1")[0]["gpus"]) == 2, "a reading")
        assert (box.states()["bad"], seen) == ("running", 0)
    box.release("bad", "good")
    assert ended(runner)[0] == (1 if ends else 0)
    [warning] = messages(box, "job_warning")
    assert warning.endswith("of GPU memory, 10 GiB requested")
    assert causes(box, "bad") == ["gpu_oom" if ends else "exit"]


def test_excess_is_reported_within_two_seconds(box: Bench) -> None:
    jobs = {"a": (growing(box, "a", "1g", "9g"), {"gpu_memory": "2g"})}
    runner = box.start(jobs)
    box.using(1)
    box.slowness()
    (box.folder / "a.more").touch()
    wait_for(lambda: "memory=9663676416" in held(box), "the excess")
    excess = time.time()
    wait_for(lambda: messages(box, "job_warning"), "the event")
    [event] = box.events("job_warning")
    print(f"told {event['at'] - excess:.2f} s after the excess")
    assert event["at"] - excess < 2 * box.slowness()
    box.release("a")
    assert ended(runner)[0] == 0


def test_a_job_gets_more_memory_and_finally_a_whole_gpu(box: Bench) -> None:
    oom = "echo 'torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB' >&2; exit 1"
    command = f'echo "$TORC_GPU_SHARE $TORC_GPU_MEMORY_MB" >> seen; [ "$TORC_GPU_SHARE" = 1 ] || {{ {oom}; }}'
    rule = {"causes": ["gpu_oom"], "gpu_memory": "x1.5", "max_retries": 3}
    code, said = box.run(
        {"a": (command, {"gpu_memory": "20g", "failure_handler": "grows"})},
        failure_handlers=[{"name": "grows", "rules": [rule]}],
    )
    assert code == 0, said
    assert "requests a whole GPU instead of a share" in said
    sizes = [line.split() for line in (box.folder / "seen").read_text().splitlines()]
    assert [float(share) for share, _ in sizes] == [0, 0, 0, 1]
    assert [int(memory) for _, memory in sizes[:3]] == [20 << 10, 30 << 10, 45 << 10]
    assert causes(box, "a") == ["gpu_oom", "gpu_oom", "gpu_oom", "exit"]
    grown = box.json("jobs", "get", "1/a")["grown"]
    assert (grown["gpu_memory"], grown["num_gpus"]) == ([20 * GB, None], [0, 1])
    assert "requests a whole GPU instead of a share" in box.torc("why", "1/a")


def test_a_job_on_a_gpu_that_it_was_not_given_is_reported(box: Bench) -> None:
    runner = box.start({"a": (box.holding("a"), {"num_gpus": 1})})
    box.using(1)
    given = int(box.seen("a")[11])
    [pid] = [int(path.name) for path in Path(f"{box.fake.state}.d").iterdir()]
    box.slowness()
    box.fake.processes.append(FakeProcess(1 - given, pid=pid, memory=GB))
    box.fake.write()
    began = time.time()
    wait_for(lambda: messages(box, "job_warning"), "the event")
    [event] = box.events("job_warning")
    assert f"computes on GPU {1 - given}, which the job was not given" in event["message"]
    print(f"told {event['at'] - began:.2f} s after the process began")
    assert event["at"] - began < 2 * box.slowness()
    gpus = box.json("resources")["gpus"]
    others = {one["index"]: one["memory_others_bytes"] for one in gpus}
    assert others == {given: 0, 1 - given: GB}, "it counts as foreign there"
    box.release("a")
    assert ended(runner)[0] == 0
