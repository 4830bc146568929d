"""Parts of CPUs: in the file, the scheduler, explanations and commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_tui.errors import SpecError
from torc_tui.model import Machine, ResourceRequirements
from torc_tui.resources.pool import Pool
from torc_tui.workflow_file.load import loads

Shell = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("written", "read"), [("0.5", 0.5), ("1.5", 1.5), ("2.0", 2), ("0.0014", 0.001), ("3", 3)]
)
def test_the_file(written: str, read: float) -> None:
    text = f"resource_requirements: [{{name: r, num_cpus: {written}}}]\njobs: []\n"
    (found,) = loads(text).resource_requirements
    assert (found.num_cpus, type(found.num_cpus)) == (read, type(read))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0", "must be at least 0.001, not 0"),
        ("-0.5", "must be at least 0.001, not -0.5"),
        ("0.0001", "must be at least 0.001"),
        ("1e12", "must be at most 2147483647"),
        (".nan", "must be a number of CPUs, not"),
        ("true", "must be a number of CPUs, not true"),
        ("'2'", "must be a number of CPUs, not the string '2'"),
    ],
)
def test_wrong_numbers(written: str, expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        loads(f"resource_requirements: [{{name: r, num_cpus: {written}}}]\njobs: []\n")


@given(st.lists(st.integers(1, 3000), max_size=30), st.integers(1, 8))
def test_a_pool_neither_loses_nor_overbooks(parts: list[int], cpus: int) -> None:
    """Sums of parts are exact to a thousandth, in every order of taking and giving."""
    pool = Pool(Machine(hostname="h", num_cpus=cpus, memory=1 << 40))
    taken: list[Any] = []
    for part in parts:
        held = sum(round(one.num_cpus * 1000) for one in taken)
        allocation = pool.take(ResourceRequirements(name="r", num_cpus=part / 1000))
        assert (allocation is not None) == (held + part <= cpus * 1000)
        if allocation is not None:
            taken.append(allocation)
    for one in taken[::2] + taken[1::2]:
        pool.give(one)
    assert pool.free_cpus == cpus


SPEC = """
name: w
resource_requirements:
- {name: half, num_cpus: 0.5}
- {name: more, num_cpus: 2.5}
jobs:
- {name: "h{i}", command: "sleep 0.01", resource_requirements: half, parameters: {i: "1:6"}}
- {name: big, command: "true", resource_requirements: more}
"""


def test_jobs_share_a_cpu(user_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "work/w.yaml").write_text(SPEC)
    done = user_shell("torc run w.yaml --num-cpus 1")
    assert done.returncode == 3
    assert "needs 2.5 CPUs, machine has 1" in done.stdout + done.stderr
    events = json.loads(user_shell("torc events list 1 -f json").stdout)
    running = most = 0
    for event in events:
        running += {"job_claimed": 1, "job_completed": -1}.get(event["event_type"], 0)
        most = max(most, running)
    assert most == 2
    listed = json.loads(user_shell("torc resource-requirements list 1 -f json").stdout)
    assert {one["name"]: one["num_cpus"] for one in listed} == {
        "default": 1,
        "half": 0.5,
        "more": 2.5,
    }


@pytest.mark.parametrize("program", ["torc", "torc-client"])
def test_commands(user_shell: Shell, tmp_path: Path, program: str) -> None:
    (tmp_path / "work/w.yaml").write_text(SPEC)
    assert user_shell("torc create w.yaml").returncode == 0
    done = user_shell("torc jobs update h1 --cpus 0.25 && torc jobs update h2 --cpus x3")
    assert done.returncode == 0, done.stderr
    done = user_shell("torc resource-requirements create 1 -n tiny --num-cpus 0.125")
    assert done.returncode == 0, done.stderr
    script = f"{program} -f json resource-requirements list 1"
    listed = json.loads(user_shell(script).stdout)
    listed = listed if isinstance(listed, list) else listed["resource_requirements"]
    found = sorted(one["num_cpus"] for one in listed)
    assert found == [0.125, 0.25, 0.5, 1, 1.5, 2.5]
    assert "0.125" in user_shell("torc resource-requirements list 1").stdout
    exported = json.loads(user_shell("torc workflows export 1").stdout)
    assert 0.125 in [one["num_cpus"] for one in exported["resource_requirements"]]
    assert user_shell("torc workflows export 1 | torc workflows import -").returncode == 0
