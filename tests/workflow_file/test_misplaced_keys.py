"""A key that is known elsewhere gets a hint that names its place."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.workflow_file.load import loads


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("execution_config: {cpu_bind: cores}", "'cpu_bind' is a key of the workflow or a job"),
        (
            "resource_requirements: [{name: r, num_cpus: 1, cpu_bind: cores}]",
            "'cpu_bind' is a key of the workflow or a job",
        ),
        ("num_cpus: 4", "'num_cpus' is a key of resource requirements"),
        ("limit_resources: false", "'limit_resources' is a key of execution_config"),
        ("descripton: x", "did you mean 'description'?"),
    ],
    ids=["execution", "requirements", "cpus", "limits", "typing"],
)
def test_hints(text: str, hint: str) -> None:
    with pytest.raises(SpecError) as refused:
        loads(f"name: w\njobs: []\n{text}\n", format="yaml")
    assert [problem.hint for problem in refused.value.problems] == [hint]
