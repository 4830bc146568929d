"""Resource requirements that are written inside a job."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads

TEXT = """
jobs:
  - name: train_{i}
    command: x
    parameters: {i: "1:2"}
    resource_requirements:
      num_cpus: 4
      memory: 16g
      runtime: PT2H
  - {name: eval, command: x, resource_requirements: {memory: 1g}}
  - {name: plain, command: x, resource_requirements: small}
  - {name: small, command: x, resource_requirements: {num_cpus: 2}}
resource_requirements: [{name: small, num_cpus: 1}]
"""


def test_jobs_have_their_own() -> None:
    plan = resolve(loads(TEXT, format="yaml"))
    found = {job.spec.name: plan.requirements[job.requirement] for job in plan.jobs}
    assert (found["train_1"].num_cpus, found["train_1"].memory) == (4, 16 << 30)
    assert found["train_1"] is found["train_2"] and found["train_1"].name == "train_i"
    assert (found["eval"].num_cpus, found["eval"].memory) == (1, 1 << 30)
    assert (found["plain"].num_cpus, found["small"].num_cpus) == (1, 2)
    assert not [one for one in plan.warnings if one.kind == "unused"]


def test_in_kdl() -> None:
    text = """
    job "a" { command "x"; resource_requirements { num_cpus 0.5; memory "1g"; }; }
    job "b" { command "x"; resource_requirements "own" { num_cpus 2; }; }
    job "c" { command "x"; resource_requirements "own"; }
    """
    plan = resolve(loads(text, format="kdl"))
    found = [plan.requirements[job.requirement] for job in plan.jobs]
    assert [(one.name, one.num_cpus) for one in found] == [("a", 0.5), ("own", 2), ("own", 2)]


def test_without_a_section() -> None:
    text = "jobs: [{name: a, command: x, resource_requirements: {num_cpus: 3}}]"
    plan = resolve(loads(text, format="yaml"))
    assert plan.requirements[plan.jobs[0].requirement].num_cpus == 3


@pytest.mark.parametrize(
    ("inline", "message"),
    [
        ("{num_cpus: 0}", "'num_cpus'"),
        ("{cpus: 4}", "cpus"),
        ("[4]", "'resource_requirements' must be a string, not a list"),
    ],
)
def test_wrong(inline: str, message: str) -> None:
    text = f"jobs:\n- {{name: a, command: x, resource_requirements: {inline}}}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, format="yaml")
    assert message in str(caught.value) and caught.value.problems[0].line == 2
