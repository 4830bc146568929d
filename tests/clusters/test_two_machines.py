"""Two machines without a batch system: a runner on each, and one database URL."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import NAMESPACES, why_no_machines
from tests.clusters.conftest import TORC, job, workflow
from tests.waiting import DEADLINE, wait_for
from torc_tui.status import JobStatus
from torc_tui.store.database import Store
from torc_tui.store.workflows import counts

MACHINE = """
hostname "$1"; mount --bind "$2" /proc/sys/kernel/random/boot_id; shift 2; "$@" & wait
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, postgresql_url: str) -> Iterator[Start]:
    """Start torc on a machine with this name."""
    if reason := why_no_machines():
        pytest.skip(f"no second machine: {reason}")
    started: list[subprocess.Popen[str]] = []

    def run(name: str, *words: str) -> subprocess.Popen[str]:
        boot_id = tmp_path / f"boot-{name}"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("TORC_", "SLURM_"))}
        environ |= {"TORC_DATABASE": postgresql_url, "XDG_STATE_HOME": str(tmp_path / name)}
        machine = [*NAMESPACES, "bash", "-c", MACHINE, "machine", name, str(boot_id)]
        process = subprocess.Popen(
            [*machine, TORC, *words],
            cwd=tmp_path,
            env=environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def completed(url: str) -> int:
    store = Store.open(url)
    try:
        with store.read() as conn:
            return counts(conn, 1).get(JobStatus.COMPLETED, 0)
    finally:
        store.close()


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output
    return output


@pytest.mark.long
def test_share(start: Start, tmp_path: Path, postgresql_url: str) -> None:
    """Both machines work on the jobs, none of which runs twice."""
    jobs = [f"j{n}" for n in range(40)]
    text = workflow(
        *[job(name, "sleep 0.5", resource_requirements="r") for name in jobs],
        resource_requirements=[{"name": "r", "num_cpus": 1, "memory": "10m"}],
    )
    (tmp_path / "w.yaml").write_text(text)
    finish(start("desk", "create", "w.yaml"))
    runners = [start(name, "run", "1", "-q", "--num-cpus", "1") for name in ("box1", "box2")]
    for runner in runners:
        finish(runner)
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert Counter(name for name, _, what in lines if what == "start") == Counter(jobs)
    shares = Counter(host for _, host, what in lines if what == "end")
    assert set(shares) == {"box1", "box2"} and min(shares.values()) >= 10
    listed = finish(start("desk", "compute-nodes", "list", "1"))
    assert "box1" in listed and "box2" in listed


@pytest.mark.long
def test_lost_machine(start: Start, tmp_path: Path, postgresql_url: str) -> None:
    """Without a batch system nothing proves a loss; with `on_lost: rerun`, the lease decides."""
    jobs = [job(name, "sleep 3", resource_requirements="r") for name in "abcd"]
    requests = [{"name": "r", "num_cpus": 1, "memory": "10m"}]
    text = workflow(*jobs, on_lost="rerun", resource_requirements=requests)
    (tmp_path / "w.yaml").write_text(text)
    finish(start("desk", "create", "w.yaml"))
    lost = start("box1", "run", "1", "-q", "--num-cpus", "1")
    log = tmp_path / "log"
    wait_for(lambda: log.exists() and "box1 start" in log.read_text(), "box1 runs a job")
    lost.kill()
    lost.communicate()
    finish_slowly = start("box2", "run", "1", "-q", "--num-cpus", "1")
    output, _ = finish_slowly.communicate(timeout=4 * DEADLINE)
    assert finish_slowly.returncode == 0, output
    assert completed(postgresql_url) == 4
