"""What the jobs of this database use of the machine: live, ended, and those of lost runners."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.waiting import wait_for
from torc_tui.operations import own_load
from torc_tui.operations.own_load import OwnLoad
from torc_tui.resources.session_processes import SessionProcess

SPIN = "while True: pass"


def test_a_job_that_computes() -> None:
    process = subprocess.Popen([sys.executable, "-c", SPIN], start_new_session=True)
    try:
        load = OwnLoad()
        first = load.measure([process.pid, None], [os.getpid()])
        assert first.cpu_percent is None
        wait_for(lambda: (load.measure([process.pid], []).cpu_percent or 0) > 10, "CPU use")
        assert load.measure([process.pid], []).memory > 1 << 20
    finally:
        process.kill()
        process.wait()
    assert OwnLoad().measure([], []).memory == 0


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """The CPU times of processes; the sessions are those below 100."""
    found: dict[int, float] = {}

    def process(pid: int) -> SessionProcess | None:
        cpu = found.get(pid)
        return None if cpu is None else SessionProcess(pid, pid, pid, 0, cpu, 1000, False)

    def scan(self: object, wanted: set[int]) -> dict[int, list[SessionProcess]]:
        return {pid: [one] if (one := process(pid)) else [] for pid in wanted}

    monkeypatch.setattr(own_load, "read", process)
    monkeypatch.setattr(own_load.Sessions, "scan", scan)
    return found


def test_the_time_of_an_ended_job_counts_once(seconds: dict[int, float]) -> None:
    clock = iter(range(100))
    load = OwnLoad(lambda: float(next(clock)))
    seconds |= {1: 3.0, 100: 50.0}
    load.measure([1], [100])
    del seconds[1]
    seconds[100] = 53.5  # the runner has waited for the job, which took another half second
    assert load.measure([], [100]).cpu_percent == 50.0


def test_a_new_runner_is_not_charged_with_its_past(seconds: dict[int, float]) -> None:
    clock = iter(range(100))
    load = OwnLoad(lambda: float(next(clock)))
    load.measure([], [])
    seconds |= {1: 0.25, 100: 50.0}
    assert load.measure([1], [100]).cpu_percent == 25.0


def test_a_lost_runner(seconds: dict[int, float]) -> None:
    clock = iter(range(100))
    load = OwnLoad(lambda: float(next(clock)))
    seconds |= {1: 3.0, 100: 50.0}
    load.measure([1], [100])
    seconds.clear()
    assert load.measure([], []).cpu_percent == 0.0
