"""Runners in a Slurm environment use the resources of their allocation alone, until its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import wait_for
from torc_tui.store.compute_nodes import this_location

TOGETHER = """
name: together
jobs:
  - {name: a, command: 'touch a; until [ -e b ]; do sleep 0.05; done'}
  - {name: b, command: 'touch b; until [ -e a ]; do sleep 0.05; done'}
"""
"""Two jobs that end only if they run at the same time."""

TIMED = """
name: timed
jobs: [{name: a, command: 'true', resource_requirements: r}]
resource_requirements: [{name: r, num_cpus: 1, memory: 1m, runtime: PT50S}]
"""


def slurm(number: int, node: str = "n1", **more: object) -> dict[str, str]:
    """Return the environment of an allocation of one CPU; it ends in an hour."""
    values = {
        "SLURM_JOB_ID": number,
        "SLURM_CLUSTER_NAME": "c",
        "SLURMD_NODENAME": node,
        "SLURM_CPUS_ON_NODE": 1,
        "SLURM_MEM_PER_NODE": 500,
        "SLURM_JOB_END_TIME": int(time.time()) + 3600,
        **more,
    }
    return {name: str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("second", "names"),
    [
        pytest.param((8, "n1"), ("slurm:c:7:n1", "slurm:c:8:n1"), id="one node"),
        pytest.param((7, "n2"), ("slurm:c:7:n1", "slurm:c:7:n2"), id="one host name"),
    ],
)
def test_two_runners_of_one_machine(
    make_shell: Callable[..., Any], second: tuple[int, str], names: tuple[str, str]
) -> None:
    one, other = make_shell(), make_shell()
    assert one.run("create", one.write(TOGETHER))[0] == 0
    one.env |= slurm(7)
    other.env |= slurm(*second)
    runners = [shell.start("run", "1") for shell in (one, other)]
    wait_for(lambda: set(one.states_quickly().values()) == {5}, one.states)
    assert [one.finish(runner)[0] for runner in runners] == [0, 0]
    rows = one.sql("SELECT location, node_name, ends_at FROM compute_node")
    assert {row[0] for row in rows} == {this_location(name) for name in names}
    assert {row[1] for row in rows} == {"n1", second[1]}
    assert all(3000 < row[2] - time.time() < 3600 for row in rows)


def test_one_allocation_is_shared(make_shell: Callable[..., Any]) -> None:
    """Two runners of one allocation on one node share its CPU."""
    one, other = make_shell(), make_shell()
    text = "name: s\njobs: [{name: 'j{i}', command: 'until [ -e go ]; do sleep 0.05; done',"
    assert one.run("create", one.write(text + " parameters: {i: '1:2'}}]"))[0] == 0
    one.env |= slurm(7)
    other.env |= slurm(7)
    runners = [shell.start("run", "1") for shell in (one, other)]
    wait_for(lambda: len(one.events("node_started")) == 2, "both runners have joined")
    for runner in runners:
        one.wait_for_beat(runner)
    assert len(one.events("job_started")) == 1
    (one.folder / "go").touch()
    assert [one.finish(runner)[0] for runner in runners] == [0, 0]


@pytest.mark.parametrize(
    ("seconds", "buffer", "code"),
    [
        pytest.param(120, None, 0, id="fits"),
        pytest.param(70, None, 3, id="grace and default buffer"),
        pytest.param(110, 60, 3, id="buffer of the file"),
        pytest.param(85, 0, 0, id="no buffer"),
        pytest.param(45, None, 3, id="shorter than the job"),
    ],
)
def test_jobs_end_before_the_allocation(
    shell: Any, seconds: int, buffer: int | None, code: int
) -> None:
    """A job needs 50 s, the time from SIGTERM to SIGKILL 15 s, and the default buffer is 10 s."""
    more = "" if buffer is None else f"compute_node_expiration_buffer_seconds: {buffer}\n"
    shell.env |= slurm(7, SLURM_JOB_END_TIME=int(time.time()) + seconds)
    ended, said = shell.run("run", shell.write(TIMED + more), "--grace", "15")
    assert ended == code, said
    assert ("requests a runtime of 50 s, the runner has" in said) == (code == 3)


def test_an_option_ends_the_run_earlier(shell: Any) -> None:
    shell.env |= slurm(7)
    code, said = shell.run("run", shell.write(TIMED), "--time-limit", "PT40S")
    assert code == 3, said
    assert "requests a runtime of 50 s, the runner has" in said
