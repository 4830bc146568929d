"""Warnings about jobs that do not fit the Slurm scheduler that they name."""

from __future__ import annotations

import pytest

from torc_tui.plan.resolve import resolve
from torc_tui.workflow_file.load import loads

TEXT = """\
name: w
resource_requirements:
- {{name: r, num_cpus: 1, memory: 8g, num_gpus: 2, runtime: PT1H, num_nodes: {nodes}}}
jobs:
- {{name: a, command: x, resource_requirements: r, scheduler: s}}
- {{name: b, command: x, resource_requirements: r, scheduler: s}}
slurm_schedulers:
- {{name: s, {keys}}}
"""


def found(keys: str, nodes: int = 1) -> list[tuple[str, int | None]]:
    plan = resolve(loads(TEXT.format(keys=keys, nodes=nodes), format="yaml"))
    return [(one.message, one.line) for one in plan.warnings if one.kind == "scheduler-limit"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (
            'walltime: "01:00:00"',
            "runtime PT1H and 90 s for start and end exceed walltime 01:00:00",
        ),
        ("mem: 4G", "memory 8g exceeds mem 4G"),
        ('gres: "gpu:1"', "num_gpus 2 exceeds gres gpu:1"),
    ],
)
def test_scheduler_that_is_too_small(keys: str, text: str) -> None:
    [(message, line)] = found(keys)
    assert message == f"job 'b' (line 6) does not fit scheduler 's': {text}" and line == 8


def test_too_few_nodes() -> None:
    [(message, _)] = found("nodes: 2", nodes=3)
    assert message.endswith("num_nodes 3 exceeds nodes 2")


@pytest.mark.parametrize("keys", ['walltime: "01:01:30"', "mem: 8G", 'gres: "gpu:2"', 'mem: "0"'])
def test_scheduler_that_is_large_enough(keys: str) -> None:
    assert found(keys) == []
