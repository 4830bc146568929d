"""What the host offers, from made-up /proc and /sys trees, and from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torc_tui.resources.detect import (
    ContainerLimits,
    available_cpus,
    available_memory,
    detect_machine,
    limits,
)
from torc_tui.resources.driver_library import library_present
from torc_tui.resources.machine_identity import boot_id, hostname
from torc_tui.resources.process_identity import leader_of, process_started

GB = 1 << 30
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v2(root: Path, group: str, files: dict[str, str], mount: str = V2_MOUNT) -> Path:
    base = {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": mount,
        "proc/meminfo": "MemTotal: 67108864 kB\n",
    }
    return write(root, base | {f"sys/fs/cgroup/{name}": text for name, text in files.items()})


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("/", {}, ContainerLimits(None, None)),
        (
            "/a/b",
            {"a/b/cpu.max": "max 100000\n", "a/b/memory.max": "max\n"},
            ContainerLimits(None, None),
        ),
        (
            "/a/b",
            {"a/b/cpu.max": "150000 100000\n", "a/b/memory.max": f"{GB}\n"},
            ContainerLimits(1.5, GB),
        ),
        (
            "/a/b",
            {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "400000 100000\n"},
            ContainerLimits(0.5, None),
        ),
        (
            "/a/b",
            {"memory.max": "4096\n", "a/b/memory.max": f"{GB}\n"},
            ContainerLimits(None, 4096),
        ),
        ("/a", {"a/cpu.max": "nonsense\n", "a/memory.max": "\n"}, ContainerLimits(None, None)),
        ("/a", {"a/cpu.max": "\n", "a/memory.max": "-1\n"}, ContainerLimits(None, None)),
        ("/../../x", {"cpu.max": "200000 100000\n"}, ContainerLimits(2.0, None)),
    ],
)
def test_cgroup_v2(
    tmp_path: Path, group: str, files: dict[str, str], expected: ContainerLimits
) -> None:
    assert limits(v2(tmp_path, group, files)) == expected


def test_cgroup_v2_in_a_container_that_sees_its_own_part_of_the_tree(tmp_path: Path) -> None:
    mount = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
    assert limits(v2(tmp_path, "/docker/abc", {"memory.max": "1000"}, mount)) == ContainerLimits(
        None, 1000
    )
    assert limits(
        v2(tmp_path, "/docker/abc/in", {"in/memory.max": "900"}, mount)
    ) == ContainerLimits(None, 900)
    assert limits(v2(tmp_path, "/elsewhere", {}, mount)) == ContainerLimits(None, 1000)
    assert limits(
        v2(tmp_path, "/docker/abc-in", {"-in/memory.max": "5"}, mount)
    ) == ContainerLimits(None, 1000)


def test_cgroup_v1(tmp_path: Path) -> None:
    mounts = (
        "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    )
    groups = "9:name=systemd:/\n5:devices:/d\n4:memory:/slurm/job_1/step_0\n1:cpuacct,cpu:/slurm/job_1\n0::/\n"
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": groups,
            "proc/self/mountinfo": mounts,
            "sys/fs/cgroup/cpu,cpuacct/slurm/job_1/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/slurm/job_1/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/slurm/job_1/step_0/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/slurm/job_1/memory.limit_in_bytes": f"{8 * GB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{64 * GB}\n",
        },
    )
    assert limits(root) == ContainerLimits(2.5, 8 * GB)


def test_no_proc_no_limits(tmp_path: Path) -> None:
    assert limits(tmp_path) == ContainerLimits(None, None)


@pytest.mark.parametrize(
    ("quota", "slurm", "expected"),
    [
        ("max", None, CPUS),
        ("100000", None, 1),
        ("190000", None, 1),
        ("10000", None, 1),
        ("6400000", None, min(64, CPUS)),
        ("max", "1", 1),
        ("max", "4096", CPUS),
        ("max", "many", CPUS),
    ],
)
def test_cpus(tmp_path: Path, quota: str, slurm: str | None, expected: int) -> None:
    root = v2(tmp_path, "/a", {"a/cpu.max": f"{quota} 100000\n"})
    environ = {} if slurm is None else {"SLURM_JOB_ID": "1", "SLURM_CPUS_ON_NODE": slurm}
    assert available_cpus(environ, root) == expected


def test_slurm_variables_without_a_job(tmp_path: Path) -> None:
    assert available_cpus({"SLURM_CPUS_ON_NODE": "1"}, tmp_path) == CPUS


@pytest.mark.parametrize(
    ("limit", "environ", "expected"),
    [
        ("max", {}, 64 * GB),
        (str(16 * GB), {}, 16 * GB),
        (str(900 * GB), {}, 64 * GB),
        ("max", {"SLURM_MEM_PER_NODE": "4096"}, 64 * GB),
        ("max", {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "4096"}, 4 * GB),
        ("max", {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "0"}, 64 * GB),
        (
            "max",
            {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "3"},
            3 * GB,
        ),
        ("max", {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_CPU": "1024"}, 64 * GB),
    ],
)
def test_memory(tmp_path: Path, limit: str, environ: dict[str, str], expected: int) -> None:
    assert available_memory(environ, v2(tmp_path, "/a", {"a/memory.max": limit})) == expected


def test_limits_of_the_user() -> None:
    machine = detect_machine(num_cpus=12, memory_gb=0.5)
    assert (machine.hostname, machine.num_cpus, machine.memory, machine.gpus) == (
        hostname(),
        12,
        GB // 2,
        (),
    )


def test_this_host() -> None:
    machine = detect_machine()
    assert 1 <= machine.num_cpus <= (os.cpu_count() or 1)
    assert machine.memory > 1 << 20
    assert hostname()
    assert boot_id() == boot_id() != ""


def test_start_times_identify_processes() -> None:
    started = process_started(os.getpid())
    assert started is not None
    assert started == process_started(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        later = process_started(child.pid)
        assert later is not None
        assert later >= started
        assert leader_of(child.pid, {os.getpid()}) == os.getpid()
        assert leader_of(child.pid, {child.pid}) == child.pid
        assert not leader_of(os.getpid(), {child.pid})
        child.communicate(b"\n")
    assert process_started(child.pid) is None
    assert not leader_of(child.pid, {os.getpid()})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NVML is looked for on Linux only")
def test_the_library_is_found_without_loading_it(tmp_path: Path) -> None:
    assert not library_present({}, tmp_path)
    write(tmp_path, {"usr/lib64/libnvidia-ml.so.1": ""})
    assert library_present({}, tmp_path)
    other = write(tmp_path / "other", {"etc/ld.so.cache": "xx\0libnvidia-ml.so.1\0/opt/x\0"})
    assert library_present({}, other)
    assert not library_present({"LD_LIBRARY_PATH": "/nowhere:"}, tmp_path / "none")
    assert library_present({"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}/usr/lib64"}, tmp_path / "none")
