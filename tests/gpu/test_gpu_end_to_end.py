"""A shared machine with four GPUs: placement, waiting and reasons while GPUs fill, empty and
vanish.
"""

from __future__ import annotations

import json
import re
import signal

import pytest
from fake_nvml import GB, FakeInstance, fake_gpu
from gpu_bench import MEET, SEEN, Bench, ended, plain, uuid

from tests.waiting import wait_for


@pytest.fixture
def box(bench: Bench) -> Bench:
    """Four GPUs of 80 GiB."""
    bench.fake.gpus = [fake_gpu(number) for number in range(4)]
    bench.fake.write()
    return bench


def test_a_shared_box(box: Bench) -> None:
    gpu = box.fake.gpus[1]
    assert gpu is not None
    gpu.overhead = 2 * GB
    stranger = box.stranger(1, 48 * GB)
    jobs = {
        "whole_a": (box.holding("whole_a", "70g"), {"num_gpus": 1, "priority": 2}),
        "whole_b": (box.holding("whole_b"), {"num_gpus": 1, "priority": 2}),
        "whole_c": (box.holding("whole_c"), {"num_gpus": 1}),
        **{
            f"share_{i}": (
                box.holding(f"share_{i}"),
                {"num_gpus": 0.25, "gpu_memory": "10g", "priority": 2},
            )
            for i in range(1, 5)
        },
        "mem_a": (box.holding("mem_a", "30g"), {"gpu_memory": "30g", "priority": 2}),
        "mem_b": (box.holding("mem_b"), {"gpu_memory": "40g", "priority": 1}),
        "share_5": (box.holding("share_5"), {"num_gpus": 0.5, "gpu_memory": "35g", "priority": 1}),
        "none": (SEEN.format(name="none"), {"priority": 2}),
    }
    runner = box.start(jobs, "--num-cpus=16")
    first = ["whole_a", "whole_b", "share_1", "share_2", "share_3", "share_4", "mem_a"]
    box.running(*first)
    box.using(len(first))
    assert {box.seen("whole_a"), box.seen("whole_b")} == {uuid(0), uuid(2)}
    assert {box.seen(name) for name in first[2:]} == {uuid(3)}
    assert box.seen("none") == ""

    busy = "GPUs 0 and 2 are held by other jobs"
    half = "GPU 1 has 30 GiB of 80 GiB free (pid N python, 48 GiB)"
    full = "GPU 3 has 7.5 GiB of 80 GiB free (72.5 GiB reserved by other jobs)"
    assert plain(box.why("mem_b")) == (
        f"mem_b is ready\n└─ {half}, 40.5 GiB requested; {full}, 40.5 GiB requested; {busy}\n"
    )
    first_end = re.compile("next on GPU [02]")
    assert first_end.sub("next on GPU N", plain(box.why("share_5"))) == (
        "share_5 is ready\n"
        f"├─ GPU 1 has 0.4 free (pid N python, 48 GiB), 0.5 requested; GPU 3 has 0 free, 0.5 requested; {busy}\n"
        "└─ next on GPU N, by TIME at the latest\n"
    )
    assert plain(box.why("whole_c")) == (
        "whole_c is ready\n└─ needs 1 GPU, 0 free: GPU 1 is in use (pid N python, 48 GiB);"
        f" GPU 3 is shared by 5 jobs; {busy}\n"
    )
    shown = box.json("resources")
    own = {
        one["index"]: (one["memory_own_bytes"], one["memory_foreign_bytes"])
        for one in shown["gpus"]
    }
    assert own == {0: own[0], 1: (0, 48 * GB), 2: own[2], 3: (34 * GB, 0)}
    assert {own[0], own[2]} == {(70 * GB, 0), (GB, 0)}
    others = {one["index"]: one["memory_others_bytes"] for one in shown["gpus"]}
    assert others == {0: 0, 1: 50 * GB, 2: 0, 3: 0}, "what is used and is not that of jobs"
    listed = plain(box.torc("resources"))
    assert "GPU 1: pid N python, 48 GiB\nGPU 1: 2 GiB of unlisted processes\n" in listed
    assert [len(one["holders"]) for one in shown["gpus"]] == [1, 0, 1, 5]
    assert {one["job_name"] for one in shown["held"]} == set(first)

    box.slowness()
    left = box.gone(stranger)
    box.running(*first, "mem_b", "share_5")
    waited = [event["at"] - left for event in box.events("job_started")]
    slow = box.slowness()
    assert 0 < max(waited) < 1.5 * slow, (waited, slow)
    print(f"started {max(waited):.2f} s after the GPU was left")
    assert box.seen("mem_b") == box.seen("share_5") == uuid(1)
    box.release("whole_a")
    box.running(*first[1:], "mem_b", "share_5", "whole_c")
    box.release(*jobs)
    code, said = ended(runner)
    assert code == 0, said
    results = {one["job_name"]: one for one in box.json("results", "list", "1")}
    assert results["whole_c"]["gpus"] == results["whole_a"]["gpus"]
    assert results["whole_a"]["peak_gpu_memory_bytes"] == 70 * GB
    assert results["whole_a"]["avg_gpu_percent"] == 90
    assert results["mem_b"]["gpus"] == [
        {"uuid": uuid(1), "index": 1, "share": 0.0, "memory_bytes": 40 * GB}
    ]
    assert results["none"]["gpus"] == [] and results["none"]["peak_gpu_memory_bytes"] is None
    table = box.torc("results", "list", "1")
    assert "Peak GPU Mem" in table and "70 GiB" in table and "1 (0.5, 35 GiB)" in table


def test_vanished_gpu_is_reported_once(box: Bench) -> None:
    box.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    box.fake.write()
    names = ("a", "b", "c")
    runner = box.start(
        {name: (box.holding(name), {"num_gpus": 1}) for name in names}, "--num-cpus=4"
    )
    box.running("a", "b")
    lost, kept = ("a", "b") if box.seen("a") == uuid(1) else ("b", "a")
    box.fake.failures = [
        ("nvmlDeviceGetMemoryInfo", 15, 1),
        ("nvmlDeviceGetUtilizationRates", 15, 1),
    ]
    box.fake.write()
    wait_for(lambda: box.events("node_notice"), "the notice")
    assert "GPU 0 is held by another job" in box.why("c")
    box.release(kept)
    box.running(lost, "c")
    assert box.seen("c") == uuid(0)
    box.release(lost, "c")
    code, said = ended(runner)
    assert code == 0, said
    messages = [event["message"] for event in box.events("node_notice")]
    assert messages == [f"GPU 1 ({uuid(1)}) does not answer (GPU is lost); it is not used"]
    assert said.count("does not answer") == 1


def test_driver_not_loaded(box: Bench) -> None:
    box.fake.failures = [("nvmlInitWithFlags", 9, None)]
    box.fake.write()
    jobs = {"a": (box.holding("a"), {"num_gpus": 1}), "b": ("true", {})}
    code, said = box.run(jobs, "--gpu-wait=1")
    assert code == 3
    assert said.count("warning: the NVIDIA driver is not loaded, so no NVIDIA GPU is used") == 1
    assert "a (job 1) is unschedulable: needs 1 GPU, machine has 0" in said
    assert box.states() == {"a": "ready", "b": "completed"}


def test_foreign_programs_can_be_ignored(box: Bench) -> None:
    box.fake.gpus = [fake_gpu(0)]
    box.stranger(0, 48 * GB)
    waits = box.start({"a": (SEEN.format(name="a"), {"num_gpus": 1})})
    wait_for(lambda: box.events("node_started"), "the runner")
    unread = "a is ready\n└─ the runner has not read its GPUs yet\n"
    why = wait_for(lambda: (text := plain(box.why("a"))) != unread and text, "the GPUs")
    assert why == "a is ready\n└─ needs 1 GPU, 0 free: GPU 0 is in use (pid N python, 48 GiB)\n"
    waits.send_signal(signal.SIGINT)
    assert ended(waits)[0] == 130
    assert ended(box.go("run", "1", "--gpu-foreign", "ignore"))[0] == 0
    assert box.seen("a") == uuid(0)


ALONE = "mkdir {lock} || exit 1; " + SEEN + "; sleep 0.1; rmdir {lock}"


def test_num_gpus_is_how_many_at_a_time(box: Bench) -> None:
    box.stranger(0, 48 * GB)
    jobs = {
        name: (ALONE.format(name=name, lock="gpu"), {"num_gpus": 1}) for name in ("a", "b", "c")
    }
    code, said = box.run(jobs, "--num-gpus=1", "--num-cpus=4")
    assert code == 0, said
    assert uuid(0) not in {box.seen(name) for name in jobs}, "any of them, not the first one"
    code, said = box.run({"d": ("true", {"num_gpus": 2})}, "--num-gpus=1")
    assert code == 3 and "needs 2 GPUs, machine has 1" in said
    code, said = box.run({"e": ("true", {"num_gpus": 1})}, "--num-gpus=0")
    assert code == 3 and "needs 1 GPU, machine has 0" in said
    code, said = box.run({"f": ("true", {"num_gpus": 1})}, "--num-gpus=9")
    assert code == 0 and said.count("9 GPUs requested, 4 usable here") == 1


def test_why_names_the_limit(box: Bench) -> None:
    jobs = {name: (box.holding(name), {"num_gpus": 1}) for name in ("a", "b")}
    runner = box.start(jobs, "--num-gpus=1", "--num-cpus=4")
    wait_for(lambda: "running" in box.states().values(), "one runs")
    [waiting] = [name for name, status in box.states().items() if status == "ready"]
    assert "the runner may use 1 GPU at a time" in box.why(waiting)
    box.release("a", "b")
    assert ended(runner)[0] == 0


def test_two_runners(box: Bench) -> None:
    box.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    box.fake.write()
    assert box.run({"first": ("true", {})})[0] == 0  # the store exists before both use it
    command = 'mkdir "$CUDA_VISIBLE_DEVICES" || exit 1; sleep 0.05; rmdir "$CUDA_VISIBLE_DEVICES"'
    both = [
        box.start({f"{letter}{i}": (command, {"num_gpus": 1}) for i in range(6)}, "--num-cpus=8")
        for letter in "ab"
    ]
    answers = [ended(one) for one in both]
    assert [code for code, _ in answers] == [0, 0], answers


def test_adopted_attempts_keep_their_devices(box: Bench) -> None:
    box.fake.gpus = [fake_gpu(0), fake_gpu(1)]
    box.fake.write()
    jobs = {name: (box.holding(name, "5g"), {"num_gpus": 1}) for name in ("a", "b", "c")}
    killed = box.start(jobs, "--num-cpus=4")
    box.running("a", "b")
    box.using(2)
    assert box.seen("a") != box.seen("b")
    killed.send_signal(signal.SIGKILL)
    ended(killed)
    runner = box.go("run", "1", "--num-cpus=4")
    wait_for(lambda: box.events("node_lost"), "the heir")
    nodes = ("compute-nodes", "list", "1")
    wait_for(lambda: all(len(one["gpus"]) == 2 for one in box.json(*nodes)), "its first reading")
    assert plain(box.why("c")) == (
        "c is ready\n├─ needs 1 GPU, 0 free: GPUs 0 and 1 are held by other jobs\n"
        "└─ next on GPU 0, by TIME at the latest\n"
    )
    assert box.states() == {"a": "running", "b": "running", "c": "ready"}
    box.release("a")
    box.running("b", "c")
    assert box.seen("c") == box.seen("a") != box.seen("b")
    box.release("b", "c")
    code, said = ended(runner)
    assert code == 0, said
    results = {one["job_name"]: one for one in box.json("results", "list", "1")}
    for name in jobs:
        assert [gpu["uuid"] for gpu in results[name]["gpus"]] == [box.seen(name)]


@pytest.mark.parametrize("by", ["option", "spec"])
def test_gpus_by_number(box: Bench, by: str) -> None:
    options = ["--gpu-by-index"] if by == "option" else []
    settings = {"execution_config": {"gpu_binding": "index"}} if by == "spec" else {}
    code, said = box.run({"a": (SEEN.format(name="a"), {"num_gpus": 2})}, *options, **settings)
    assert code == 0, said
    assert box.seen("a") == "0,1"


def test_hidden_gpus(box: Bench) -> None:
    box.environ["CUDA_VISIBLE_DEVICES"] = f"2,{uuid(3)}"
    code, said = box.run(
        {"a": (SEEN.format(name="a"), {"num_gpus": 2}), "b": ("true", {"num_gpus": 3})}
    )
    assert code == 3, said
    assert "needs 3 GPUs, machine has 2" in said
    assert box.seen("a") == f"{uuid(2)},{uuid(3)}"
    shown = box.json("resources")
    assert shown["num_gpus"] == 2
    assert [gpu["usable"] for gpu in shown["gpus"]] == [False, False, True, True]


def test_mig_instances(box: Bench) -> None:
    instances = [FakeInstance(f"MIG-{n}", 10 * GB, gpu_instance=n) for n in (1, 2)]
    box.fake.gpus = [fake_gpu(0, mig=True, instances=instances)]
    box.fake.write()
    jobs = {
        name: (MEET.format(name=name, other=other), {"num_gpus": 1})
        for name, other in (("a", "b"), ("b", "a"))
    }
    code, said = box.run({**jobs, "both": ("true", {"num_gpus": 2})}, "--num-cpus=3")
    assert code == 3, said
    assert "needs 2 GPUs in one job (MIG instances cannot be joined)" in said
    assert {box.seen("a"), box.seen("b")} == {"MIG-1", "MIG-2"}


def test_memory_above_the_request_is_an_event(box: Bench) -> None:
    runner = box.start({"a": (box.holding("a", "3g"), {"gpu_memory": "2g"})})
    box.using(1)
    wait_for(lambda: box.events("job_warning"), "the event")
    box.release("a")
    code, said = ended(runner)
    assert code == 0, said
    assert [event["message"] for event in box.events("job_warning")] == [
        "used 3 GiB of GPU memory, 2 GiB requested"
    ]


FORMATS = {
    "yaml": """
name: formats
jobs:
  - {name: memory, command: "echo $CUDA_VISIBLE_DEVICES > memory.seen", resource_requirements: memory}
  - {name: share, command: "echo $CUDA_VISIBLE_DEVICES > share.seen", resource_requirements: share}
resource_requirements:
  - {name: memory, num_cpus: 1, memory: 1m, runtime: PT1M, gpu_memory: 12g}
  - {name: share, num_cpus: 1, memory: 1m, runtime: PT1M, num_gpus: 0.25, gpu_memory: 8g, gpu_model: "H100|H200"}
""",
    "json": json.dumps(
        {
            "name": "formats",
            "jobs": [
                {
                    "name": n,
                    "command": f"echo $CUDA_VISIBLE_DEVICES > {n}.seen",
                    "resource_requirements": n,
                }
                for n in ("memory", "share")
            ],
            "resource_requirements": [
                {
                    "name": "memory",
                    "num_cpus": 1,
                    "memory": "1m",
                    "runtime": "PT1M",
                    "gpu_memory": "12g",
                },
                {
                    "name": "share",
                    "num_cpus": 1,
                    "memory": "1m",
                    "runtime": "PT1M",
                    "num_gpus": 0.25,
                    "gpu_memory": "8g",
                    "gpu_model": "H100|H200",
                },
            ],
        }
    ),
    "json5": """{
  name: 'formats', // GPUs
  jobs: [
    {name: 'memory', command: 'echo $CUDA_VISIBLE_DEVICES > memory.seen', resource_requirements: 'memory'},
    {name: 'share', command: 'echo $CUDA_VISIBLE_DEVICES > share.seen', resource_requirements: 'share'},
  ],
  resource_requirements: [
    {name: 'memory', num_cpus: 1, memory: '1m', runtime: 'PT1M', gpu_memory: '12g'},
    {name: 'share', num_cpus: 1, memory: '1m', runtime: 'PT1M', num_gpus: .25, gpu_memory: '8g',
     gpu_model: 'H100|H200'},
  ],
}""",
    "kdl": """
name "formats"
job "memory" {
    command "echo $CUDA_VISIBLE_DEVICES > memory.seen"
    resource_requirements "memory"
}
job "share" {
    command "echo $CUDA_VISIBLE_DEVICES > share.seen"
    resource_requirements "share"
}
resource_requirements "memory" {
    num_cpus 1
    memory "1m"
    runtime "PT1M"
    gpu_memory "12g"
}
resource_requirements "share" {
    num_cpus 1
    memory "1m"
    runtime "PT1M"
    num_gpus 0.25
    gpu_memory "8g"
    gpu_model "H100|H200"
}
""",
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_gpu_keys_of_files(box: Bench, suffix: str) -> None:
    box.fake.gpus = [fake_gpu(0), fake_gpu(1, name="NVIDIA H200")]
    box.fake.write()
    (box.folder / f"w.{suffix}").write_text(FORMATS[suffix])
    box.torc("run", f"w.{suffix}", "-q")
    found = {one["job_name"]: one["gpus"] for one in box.json("results", "list", "1")}
    assert [(gpu["share"], gpu["memory_bytes"]) for gpu in found["memory"]] == [(0, 12 * GB)]
    assert [(gpu["index"], gpu["share"], gpu["memory_bytes"]) for gpu in found["share"]] == [
        (1, 0.25, 8 * GB)
    ]
    assert box.seen("share") == uuid(1)
    kinds = {one["name"]: one for one in box.json("resource-requirements", "list", "1")}
    assert (
        kinds["share"]["num_gpus"],
        kinds["share"]["gpu_memory"],
        kinds["share"]["gpu_model"],
    ) == (
        0.25,
        "8g",
        "H100|H200",
    )


def test_gpus_are_used_in_the_order_of_the_list(box: Bench) -> None:
    code, said = box.run({"a": (SEEN.format(name="a"), {"num_gpus": 1})}, "--gpus=2,0,GPU-00000001")
    assert code == 0, said
    assert box.seen("a") == uuid(2)
    code, said = box.run(
        {"b": (SEEN.format(name="b"), {"num_gpus": 1})}, "--gpus=1,1", "--gpu-wait=1"
    )
    assert code == 3
    assert said.count("CUDA_VISIBLE_DEVICES=1,1 names a GPU twice") == 1


def test_sizes_of_gpu_memory(box: Bench) -> None:
    code, said = box.run(
        {
            "half": (SEEN.format(name="half"), {"gpu_memory": "50%"}),
            "nearly": (SEEN.format(name="nearly"), {"gpu_memory": "85g"}),
            "model": (SEEN.format(name="model"), {"gpu_model": "A100"}),
        }
    )
    assert code == 0, said
    assert "'model' has 'gpu_model' alone, so it requests 1 GPU" in said
    assert len(box.seen("model")) == len(uuid(0))
    [half] = [
        one for one in box.json("resource-requirements", "list", "1") if one["name"] == "half"
    ]
    assert half["gpu_memory"] == "50%"
    for value in (24, "8m", "0%", "101%"):
        code, said = box.run({"x": ("true", {"gpu_memory": value})})
        assert code == 2 and "'gpu_memory' must be" in said, said
