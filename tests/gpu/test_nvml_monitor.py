"""The real pynvml against the fake driver: readings, and notices when something goes
wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fake_nvml import GB, FakeInstance, FakeNvml, FakeProcess, fake_gpu
from nvml_reader import REPOSITORY, Reader

from tests.waiting import DEADLINE

Start = Callable[..., Reader]

UUIDS = [f"GPU-0000000{number}-0000-0000-0000-000000000000" for number in range(4)]


def test_inventory(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [
        fake_gpu(0, util=37, temp=61, power=250500, overhead=GB),
        fake_gpu(1, mode=3, name="NVIDIA H100 PCIe"),
    ]
    fake.processes = [
        FakeProcess(0, pid=os.getpid(), memory=10 * GB),
        FakeProcess(0, pid=3_999_999, memory=-1),
        FakeProcess(0, pid=3, memory=GB, kind="G"),
        FakeProcess(0, pid=2, memory=2 * GB, kind="B"),
    ]
    fake.write()
    first, second = reader().read()
    processes = first.pop("processes")
    assert first == {
        "uuid": UUIDS[0],
        "index": 0,
        "name": "NVIDIA A100-SXM4-80GB",
        "memory": 80 * GB,
        "memory_free": 66 * GB,
        "utilization": 37.0,
        "temperature": 61.0,
        "power": 250.5,
        "compute_mode": "default",
        "parent": None,
        "virtual": False,
        "memory_reserved": 0,
        "unified": False,
        "lists_processes": True,
        "order": 0,
    }
    assert (second["index"], second["compute_mode"], second["processes"]) == (
        1,
        "exclusive_process",
        [],
    )
    told = {
        process["pid"]: (process["memory"], process["graphics"], process["own"])
        for process in processes
    }
    assert told == {
        os.getpid(): (10 * GB, False, False),
        3_999_999: (None, False, False),
        3: (GB, True, False),
        2: (2 * GB, False, False),
    }
    names = {process["pid"]: process["name"] for process in processes}
    assert names[3_999_999] == ""
    assert names[os.getpid()]


def test_own_processes_are_told_by_session_and_descent(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0)]
    script = "import os, subprocess, sys; subprocess.run(['sleep', '60'], start_new_session=True)"
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True);" + script], stdout=subprocess.PIPE
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        children = Path(f"/proc/{leader.pid}/task/{leader.pid}/children")
        while not (child := children.read_text().split()):
            assert leader.poll() is None
        fake.processes = [
            FakeProcess(0, pid=int(child[0])),
            FakeProcess(0, pid=leader.pid),
            FakeProcess(0, pid=1),
        ]
        fake.write()
        [gpu] = reader().ask(f"read([{leader.pid}])")
        os.kill(int(child[0]), 15)
    assert {p["pid"]: p["own"] for p in gpu["processes"]} == {
        int(child[0]): True,
        leader.pid: True,
        1: False,
    }


def test_each_problem_is_reported_once(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.write()
    one = reader()
    assert one.uuids() == UUIDS[:2]
    fake.processes = [FakeProcess(1, pid=4711, memory=48 * GB)]
    fake.write()
    assert one.read()[1]["memory_free"] == 32 * GB
    fake.gpus = [fake_gpu(0), None, fake_gpu(2)]
    fake.write()
    assert [one.uuids(), one.uuids()] == [[UUIDS[0], UUIDS[2]]] * 2
    [said] = one.notices()
    assert said.startswith("GPU 1 does not answer (GPU is lost)")
    fake.gpus = [fake_gpu(0), fake_gpu(1), fake_gpu(2)]
    fake.write()
    assert one.uuids() == UUIDS[:3]
    assert one.notices() == [said, "GPU 1 answers again"]


@pytest.mark.parametrize("code", [1, 2, 7, 10, 15, 16, 17, 20, 999])
def test_a_gpu_whose_memory_cannot_be_read_is_left_out(
    fake: FakeNvml, reader: Start, code: int
) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.failures = [("nvmlDeviceGetMemoryInfo", code, 0)]
    fake.write()
    one = reader()
    assert one.uuids() == [UUIDS[1]]
    assert one.uuids() == [UUIDS[1]]
    [said] = one.notices()
    assert said.startswith(f"GPU 0 ({UUIDS[0]}) does not answer (")


@pytest.mark.parametrize("code", [3, 4, 6, 13, 25, 999])
def test_unknown_figures_are_none(fake: FakeNvml, reader: Start, code: int) -> None:
    fake.gpus = [fake_gpu(0)]
    asked = ["UtilizationRates", "Temperature", "PowerUsage", "ComputeMode", "Name", "MigMode"]
    fake.failures = [(f"nvmlDeviceGet{name}", code, None) for name in asked]
    fake.write()
    [gpu] = reader().read()
    assert (gpu["utilization"], gpu["temperature"], gpu["power"], gpu["compute_mode"]) == (
        None,
    ) * 4
    assert (gpu["name"], gpu["memory_free"]) == ("", 80 * GB)


def test_unified_memory_is_that_of_the_machine(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0)]
    fake.failures = [("nvmlDeviceGetMemoryInfo", 3, None)]
    fake.write()
    [gpu] = reader().read()
    total = psutil.virtual_memory().total
    assert (gpu["unified"], gpu["memory"]) == (True, total)
    assert 0 < gpu["memory_free"] < total


def test_reserved_memory(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0, reserved=GB), fake_gpu(1)]
    fake.processes = [FakeProcess(0, pid=os.getpid(), memory=10 * GB)]
    fake.write()
    first, _ = reader().read()
    assert (first["memory"], first["memory_reserved"], first["memory_free"]) == (
        80 * GB,
        GB,
        69 * GB,
    )


LISTS = [f"nvmlDeviceGet{kind}RunningProcesses" for kind in ("Compute", "Graphics")]


@pytest.mark.parametrize("newest", [3, 2, 1, 0])
def test_an_old_driver_lists_processes_in_older_forms(
    fake: FakeNvml, reader: Start, newest: int
) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.processes = [FakeProcess(0, pid=4711, memory=GB), FakeProcess(0, pid=4712, memory=-1)]
    suffixes = {3: "_v3", 2: "_v2", 1: ""}
    absent = [suffix for version, suffix in suffixes.items() if version > newest]
    fake.failures = [(name + suffix, 13, None) for name in LISTS for suffix in absent]
    fake.write()
    one = reader()
    first, second = one.read()
    listed = {process["pid"]: process["memory"] for process in first["processes"]}
    assert listed == ({4711: GB, 4712: None} if newest else {})
    assert first["lists_processes"] is second["lists_processes"] is bool(newest)
    said = one.notices()
    assert len(said) == (0 if newest else 1)
    assert all("too old to list the processes" in text for text in said)


def test_mps_clients_and_server(fake: FakeNvml, reader: Start, tmp_path: Path) -> None:
    server = tmp_path / "nvidia-cuda-mps-server"
    server.symlink_to("/bin/sleep")
    fake.gpus = [fake_gpu(0)]
    with subprocess.Popen([server, "60"]) as process:
        fake.processes = [FakeProcess(0, pid=process.pid, memory=GB // 32)]
        fake.mps = [(0, os.getpid())]
        fake.write()
        [gpu] = reader().read()
        process.kill()
    assert {one["pid"]: one["graphics"] for one in gpu["processes"]} == {
        process.pid: True,
        os.getpid(): False,
    }


def test_impossible_entries_are_left_out(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0)]
    fake.processes = [
        FakeProcess(0, pid=0, memory=GB),
        FakeProcess(0, pid=1 << 30, memory=GB),
        FakeProcess(0, pid=4711, memory=81 * GB),
    ]
    fake.write()
    [gpu] = reader().read()
    assert [(one["pid"], one["memory"]) for one in gpu["processes"]] == [(4711, None)]


DAMAGED = "[[one.gpu_index, *one.damage[:4]] for one in monitor.read().damaged]"
"""Index, uncorrected errors, failed remapping, needed reset and Xid of each GPU."""


@pytest.mark.parametrize(
    ("fields", "damage"),
    [
        ({}, [0, 0, 0, 0]),
        ({"ecc": 2}, [2, 0, 0, 0]),
        ({"remap": 1}, [0, 1, 0, 0]),
        ({"recovery": 1}, [0, 0, 1, 0]),
        ({"recovery": 3}, [0, 0, 0, 0]),
    ],
    ids=["none", "ecc", "remap", "reset", "drain"],
)
def test_damaged_hardware(
    fake: FakeNvml, reader: Start, fields: dict[str, int], damage: list[int]
) -> None:
    fake.gpus = [fake_gpu(0, **fields)]
    fake.write()
    assert reader().ask(DAMAGED) == [[0, *damage]]


def test_damage_of_a_gpu_with_mig_instances(fake: FakeNvml, reader: Start) -> None:
    instances = [FakeInstance(f"MIG-{n}", 10 * GB, gpu_instance=n) for n in (1, 2)]
    fake.gpus = [fake_gpu(0, ecc=1, mig=True, instances=instances)]
    fake.write()
    assert reader().ask(DAMAGED) == [[0, 1, 0, 0, 0]]


def test_a_gpu_that_must_be_reset_leaves_and_is_damaged(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.write()
    one = reader()
    assert one.uuids() == UUIDS[:2]
    for function in ("nvmlDeviceGetMemoryInfo", "nvmlDeviceGetHandleByIndex_v2"):
        fake.failures = [(function, 16, 1)]
        fake.write()
        assert one.uuids() == UUIDS[:1]
        assert one.ask(DAMAGED) == [[0, 0, 0, 0, 0], [1, 0, 0, 1, 0]]


@pytest.mark.parametrize(("xid", "seen"), [(79, 79), (31, 0)], ids=["fatal", "program"])
def test_errors_that_the_driver_reports(fake: FakeNvml, reader: Start, xid: int, seen: int) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.xids = [(0, 79)]
    fake.write()
    one = reader()
    assert one.ask(DAMAGED) == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], "before anybody listened"
    fake.xids += [(1, xid)]
    fake.write()
    assert one.ask(DAMAGED) == [[0, 0, 0, 0, 0], [1, 0, 0, 0, seen]]
    fake.gpus[1] = None
    fake.write()
    assert one.ask(DAMAGED) == [[0, 0, 0, 0, 0], [1, 0, 0, 0, seen]], "it is gone, and known"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (9, "is not loaded"),
        (12, "cannot be loaded"),
        (13, "too old"),
        (18, "reboot the machine"),
        (999, "fails"),
    ],
)
def test_driver_that_does_not_start(fake: FakeNvml, reader: Start, code: int, text: str) -> None:
    fake.gpus = [fake_gpu(0)]
    fake.failures = [("nvmlInitWithFlags", code, None)]
    fake.write()
    one = reader()
    assert [one.read(), one.read()] == [[], []]
    [said] = one.notices()
    assert text in said
    fake.failures = []
    fake.write()
    assert one.uuids() == UUIDS[:1]


def test_driver_failure_during_a_run(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0)]
    fake.write()
    one = reader()
    assert one.uuids() == UUIDS[:1]
    fake.failures = [("nvmlDeviceGetCount_v2", 999, None)]
    fake.write()
    assert [one.read(), one.ask("monitor.read(use=True).use")] == [[], {}]
    assert len(one.notices()) == 1
    fake.failures = []
    fake.write()
    assert one.uuids() == UUIDS[:1]


def test_missing_library(reader: Start, tmp_path: Path) -> None:
    one = reader(LD_LIBRARY_PATH=str(tmp_path / "nothing"))
    if one.read():
        pytest.skip("this machine has NVIDIA GPUs")
    assert one.notices() == []
    assert one.ask("'pynvml' in sys.modules") is False


def test_mig_instances_are_devices(fake: FakeNvml, reader: Start) -> None:
    mig = [FakeInstance(f"MIG-{number}", 10 * GB, gpu_instance=number + 7) for number in range(2)]
    fake.gpus = [fake_gpu(0), fake_gpu(1, mig=True, instances=mig), fake_gpu(2, mig=True)]
    fake.processes = [FakeProcess("MIG-1", pid=4711, memory=4 * GB)]
    fake.write()
    one = reader()
    gpus = one.read()
    assert [(gpu["uuid"], gpu["index"], gpu["parent"]) for gpu in gpus] == [
        (UUIDS[0], 0, None),
        ("MIG-0", 1, UUIDS[1]),
        ("MIG-1", 1, UUIDS[1]),
    ]
    assert [(gpu["memory_free"], len(gpu["processes"])) for gpu in gpus[1:]] == [
        (10 * GB, 0),
        (6 * GB, 1),
    ]
    assert one.notices() == ["GPU 2 is in MIG mode and has no instances, so it cannot be used"]
    assert reader(CUDA_VISIBLE_DEVICES="MIG-1").uuids() == ["MIG-1"]
    assert reader(CUDA_VISIBLE_DEVICES=f"MIG-{UUIDS[1]}/7/0").uuids() == ["MIG-0"]


def test_gpus_of_others_in_a_cgroup_do_not_exist(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0, hidden=True), fake_gpu(1), fake_gpu(2, hidden=True), fake_gpu(3)]
    fake.write()
    slurm = reader(SLURM_JOB_ID="1", SLURM_JOB_GPUS="1,3", CUDA_VISIBLE_DEVICES="0,1")
    assert slurm.uuids() == [UUIDS[1], UUIDS[3]]
    assert slurm.notices() == []
    assert reader(CUDA_VISIBLE_DEVICES="1").uuids() == [UUIDS[3]]


def test_topology(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1), fake_gpu(2)]
    fake.links = {(0, 1): 50, (0, 2): 20}
    fake.nvlinks = [(0, 1)]
    fake.write()
    assert reader().ask("monitor.read().distances") == {
        UUIDS[0]: {UUIDS[1]: 5, UUIDS[2]: 20},
        UUIDS[1]: {UUIDS[0]: 5},
        UUIDS[2]: {UUIDS[0]: 20},
    }
    fake.links, fake.nvlinks = {}, []
    fake.write()
    assert reader().ask("monitor.read().distances") is None


def test_use_by_process_over_all_gpus(fake: FakeNvml, reader: Start) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.processes = [
        FakeProcess(0, pid=7, memory=GB, sm=40),
        FakeProcess(1, pid=7, memory=2 * GB, sm=30),
        FakeProcess(1, pid=8, memory=-1, sm=10),
    ]
    fake.write()
    one = reader()
    assert one.ask("monitor.read(use=True).use") == {"7": [3 * GB, 70.0], "8": [0, 10.0]}
    fake.failures = [("nvmlDeviceGetProcessUtilization", 3, None)]
    fake.write()
    assert reader().ask("monitor.read(use=True).use") == {"7": [3 * GB, None], "8": [0, None]}
    fake.processes, fake.failures = [], []
    fake.write()
    assert one.ask("monitor.read(use=True).use") == {}


def test_simulated_cuda_program(fake: FakeNvml, reader: Start, tmp_path: Path) -> None:
    fake.gpus = [fake_gpu(0), fake_gpu(1)]
    fake.write()
    done = tmp_path / "done"
    command = ["bash", "-c", fake.use("12g", until=done)]
    one = reader()
    with subprocess.Popen(
        command, env=fake.environment(CUDA_VISIBLE_DEVICES=UUIDS[1]), stdout=subprocess.PIPE
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline().decode().strip() == UUIDS[1]
        while one.read()[1]["memory_free"] != 68 * GB:
            assert job.poll() is None
        done.touch()
        assert job.wait(DEADLINE) == 0
    assert one.read()[1]["memory_free"] == 80 * GB


def test_imports_without_gpus() -> None:
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from torc_tui.resources.detect import detect_machine\n"
        "machine = detect_machine()\n"
        "print(machine.num_cpus > 0, machine.memory > 0, 'psutil' in sys.modules, 'pynvml' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == ["True", "True", "False", "False"]
