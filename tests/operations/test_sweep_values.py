"""The values of a sweep, read from both databases."""

from __future__ import annotations

from typing import Any

import pytest

from torc_tui.operations import workflows
from torc_tui.operations.sweep import LARGEST, read_values
from torc_tui.plan.resolve import resolve
from torc_tui.store import user_data
from torc_tui.store.queries import list_jobs
from torc_tui.workflow_file.load import loads

SPEC = """
name: w
user_data: [{name: "m_{i}", parameters: {i: "1:4"}}, {name: "extra_1"}]
jobs:
  - {name: "fit_{i}", parameters: {i: "1:4"}, command: "x ${user_data.output.m_{i}}"}
  - {name: other, command: "x ${user_data.output.extra_1}"}
"""


@pytest.mark.parametrize("figures", [None, [".loss"]])
def test_values(store: Any, figures: list[str] | None) -> None:
    plan = resolve(loads(SPEC, format="yaml"))
    workflow = workflows.create_workflow(store, plan, user="ada", directory="/w", actor="ada@here")
    jobs = [job["id"] for job in list_jobs(store, workflow)]
    author = user_data.Author(100.0, actor="ada@here")
    values = {
        "m_1": {"loss": 0.5, "name": "a"},
        "m_2": {"loss": "big", "rest": "x" * LARGEST},
        "m_3": {"loss": "text"},
        "extra_1": {"loss": 7},
    }
    with store.write() as conn:
        for name, value in values.items():
            user_data.update(conn, name, {"data": value}, author, workflow_id=workflow)
    found = read_values(store, jobs[:4], figures)
    assert [found.jobs[job].figures for job in jobs[:4]] == [
        {".loss": 0.5}, {}, {".loss": "text"}, {},
    ]  # fmt: skip
    assert found.figures == [".loss"] and [one.path for one in found.offers] == [".loss", ".name"]
    assert found.jobs[jobs[0]].peak is None
    assert read_values(store, [], figures).jobs == {}
