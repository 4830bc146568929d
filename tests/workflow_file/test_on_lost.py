"""The key `on_lost`: of a workflow and of a job, in every format."""

from __future__ import annotations

import pytest

from torc_tui.errors import SpecError
from torc_tui.workflow_file.load import loads

FILES = {
    "yaml": "name: w\non_lost: fail\njobs: [{name: a, command: x, on_lost: wait}]\n",
    "json5": "{name: 'w', on_lost: 'fail', jobs: [{name: 'a', command: 'x', on_lost: 'wait'}]}",
    "kdl": 'name "w"\non_lost "fail"\njob "a" {\n  command "x"\n  on_lost "wait"\n}\n',
}


@pytest.mark.parametrize("format", FILES)
def test_formats(format: str) -> None:
    spec = loads(FILES[format], format=format)
    assert spec.settings == {"on_lost": "fail"}
    assert spec.jobs[0].options == {"on_lost": "wait"}


def test_a_wrong_value() -> None:
    with pytest.raises(SpecError) as error:
        loads("name: w\njobs:\n- {name: a, command: x}\non_lost: again\n", format="yaml")
    (problem,) = error.value.problems
    assert problem.line == 4
    assert "'on_lost' must be one of rerun, fail, wait" in problem.message
