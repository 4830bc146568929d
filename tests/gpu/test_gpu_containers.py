"""Jobs whose programs run in containers: outside of the session of the job, often without its
environment, with other process ids or with none.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator

import pytest
from fake_nvml import GB, FakeProcess
from gpu_bench import SEEN, WAIT, Bench, ended

from tests.waiting import wait_for

VARIABLES = ("TORC_WORKFLOW_ID", "TORC_RUN_ID", "TORC_JOB_ID", "TORC_ATTEMPT_ID")


class Container:
    """A program that a daemon has started for the job ``a``; the daemon is this test."""

    def __init__(self, box: Bench) -> None:
        self.box = box
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, names: tuple[str, ...]) -> None:
        """Use 30 GiB of the GPU of the job, with these of its variables."""
        wait_for((self.box.folder / "env").exists, "the environment of the job")
        pairs = (line.partition("=") for line in (self.box.folder / "env").read_text().split("\n"))
        job = {name: value for name, _, value in pairs}
        environ = {name: job[name] for name in ("CUDA_VISIBLE_DEVICES", "FAKE_NVML_STATE", *names)}
        command = self.box.fake.use("30g", until=self.box.folder / "container.go")
        self.process = subprocess.Popen(
            shlex.split(command), env=environ, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def stop(self) -> None:
        self.box.release("container")
        if self.process is not None:
            self.process.wait(60)


@pytest.fixture
def container(box: Bench) -> Iterator[Container]:
    one = Container(box)
    yield one
    one.stop()


def start(box: Bench) -> subprocess.Popen[str]:
    keep = "env > env.new; mv env.new env"
    job = f"{SEEN.format(name='a')}; {keep}; {WAIT.format('a')}"
    return box.start({"a": (job, {"gpu_memory": "2g"})})


def used(box: Bench) -> list[tuple[int, int]]:
    """Return what jobs and other programs use of each GPU."""
    gpus = box.json("resources")["gpus"]
    return [(one["memory_own_bytes"], one["memory_foreign_bytes"]) for one in gpus]


@pytest.mark.parametrize(
    "names", [VARIABLES, ("TORC_CGROUP",), ()], ids=["ids", "group", "presumed"]
)
def test_a_program_in_a_container_belongs_to_the_job(
    box: Bench, container: Container, names: tuple[str, ...]
) -> None:
    runner = start(box)
    container.start(names)
    wait_for(lambda: box.events("job_warning"), "the event")
    [told] = [event["message"] for event in box.events("job_warning")]
    assert told == "used 30 GiB of GPU memory, 2 GiB requested"
    given = int(box.seen("a")[11])
    assert used(box)[given] == (30 * GB, 0)
    box.release("a")
    code, said = ended(runner)
    assert code == 0, said
    [result] = box.json("results", "list", "1")
    assert result["peak_gpu_memory_bytes"] == 30 * GB
    assert result["avg_gpu_percent"] == 90


def test_a_program_that_began_before_the_job_stays_foreign(box: Bench) -> None:
    stranger = box.stranger(0, GB)
    box.fake.processes.append(FakeProcess(1, pid=stranger.pid, memory=GB))
    box.fake.write()
    runner = start(box)
    given = int(box.seen("a")[11])
    box.running("a")
    assert used(box)[given] == (0, GB)
    box.release("a")
    assert ended(runner)[0] == 0
