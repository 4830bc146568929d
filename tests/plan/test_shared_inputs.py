"""Jobs with equal lists of inputs share their groups, and each reports its own errors."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads

FILES = "files: [{name: f_1, path: f_1}, {name: f_2, path: f_2}]\n"


def test_equal_patterns() -> None:
    text = (
        "name: w\n"
        + FILES
        + """
jobs:
  - {name: a, command: x, output_files: [f_1]}
  - {name: b, command: x, output_files: [f_2], input_file_regexes: ['^f_']}
  - {name: c, command: x, input_file_regexes: ['^f_']}
  - {name: d, command: x, input_file_regexes: ['^f_']}
  - {name: e, command: x, input_files: [f_1], input_file_regexes: ['^f_']}
"""
    )
    plan = resolve(loads(text, format="yaml"))
    groups = [
        None if one.input_files is None else plan.file_groups[one.input_files] for one in plan.jobs
    ]
    assert groups == [None, (0,), (0, 1), (0, 1), (0, 1)]
    waits = {(edge[0], edge[1]) for edge in plan.edges}
    waits |= {(job, on) for gate in plan.gates for job in gate.waiting for on in gate.members}
    assert waits == {(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (4, 1)}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("input_files: [f_1, nothing]", "nothing"),
        ("input_file_regexes: ['^g']", "'^g' matches no file"),
    ],
)
def test_equal_errors(inputs: str, message: str) -> None:
    """Each of the jobs is reported, also the second one with the same list."""
    jobs = "".join(f"  - {{name: {name}, command: x, {inputs}}}\n" for name in ("a", "b"))
    with pytest.raises(SpecError) as caught:
        resolve(loads("name: w\n" + FILES + "jobs:\n" + jobs, format="yaml"))
    found = [problem.message for problem in caught.value.problems]
    assert len(found) == 2
    assert all(message in one for one in found)


def test_one_set_that_becomes_a_gate() -> None:
    """A member that waits for the others has edges of its own, without itself."""
    jobs = "".join(f"  - {{name: a_{n}, command: x}}\n" for n in range(6))
    jobs += "  - {name: 'b_{i}', command: x, parameters: {i: '1:6'}, depends_on_regexes: ['^a']}\n"
    jobs += "  - {name: a_x, command: x, depends_on_regexes: ['^a']}\n"
    plan = resolve(loads("name: w\njobs:\n" + jobs, format="yaml"))
    names = [job.spec.name for job in plan.jobs]
    (gate,) = plan.gates
    assert {names[job] for job in gate.waiting} == {f"b_{n}" for n in range(1, 7)}
    assert {names[job] for job in gate.members} == {f"a_{n}" for n in range(6)} | {"a_x"}
    waits = {(names[edge[0]], names[edge[1]]) for edge in plan.edges}
    assert waits == {("a_x", f"a_{n}") for n in range(6)}
