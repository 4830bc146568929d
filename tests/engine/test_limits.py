"""The limits of a job are those that its requirements declare."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.model import DEFAULT_REQUIREMENTS, ResourceRequirements
from torc_tui.workflow_file.load import loads


def requirements(text: str) -> ResourceRequirements:
    spec = loads(f"jobs: []\nresource_requirements: [{{name: r, num_cpus: 2, {text}}}]")
    return spec.resource_requirements[0]


@pytest.mark.parametrize(
    ("text", "memory", "runtime"),
    [
        ("memory: 2g, runtime: PT1H", 2 << 30, 3600.0),
        ("memory: 2g", 2 << 30, None),
        ("runtime: PT1H", None, 3600.0),
        ("num_nodes: 1", None, None),
        ("memory: null, runtime: ~", None, None),
    ],
)
def test_a_limit_that_is_not_declared_is_not_enforced(
    text: str, memory: int | None, runtime: float | None, bench: Any
) -> None:
    """The file, the stored record and the order to the executor agree."""
    found = requirements(text)
    assert (found.memory, found.runtime) == (memory, runtime)
    assert found.planned_memory == (memory or 1 << 20)
    assert found.planned_runtime == (runtime or 60.0)
    entry = f"resource_requirements: [{{name: r, num_cpus: 2, {text}}}]"
    here = bench(f"jobs: [{{name: a, command: x, resource_requirements: r}}]\n{entry}")
    here.step()
    limits = here.fake.order(here.ids["a"]).limits
    assert (limits.memory, limits.runtime) == (memory, runtime)


def test_a_job_without_requirements_has_no_limits(bench: Any) -> None:
    assert (DEFAULT_REQUIREMENTS.memory, DEFAULT_REQUIREMENTS.runtime) == (None, None)
    here = bench("jobs: [{name: a, command: x}]")
    here.step()
    order = here.fake.order(here.ids["a"])
    assert (order.limits.memory, order.limits.runtime) == (None, None)
    assert (order.allocation.num_cpus, order.allocation.memory) == (1, 1 << 20)
