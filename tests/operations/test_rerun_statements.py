"""How often a rerun plan asks the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_tui.operations.rerun import plan_rerun
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.store.database import Store
from torc_tui.workflow_file.load import loads

JOBS = """
name: w
files:
  - {{name: 'in_{{i}}', path: 'in_{{i}}', parameters: {{i: '1:{jobs}'}}}}
  - {{name: 'out_{{i}}', path: 'out_{{i}}', parameters: {{i: '1:{jobs}'}}}}
user_data:
  - {{name: 'x_{{i}}', data: 1, parameters: {{i: '1:{jobs}'}}}}
jobs:
  - name: 'j_{{i}}'
    command: 'true'
    input_files: ['in_{{i}}']
    output_files: ['out_{{i}}']
    input_user_data: ['x_{{i}}']
    parameters: {{i: '1:{jobs}'}}
"""


def statements(store: Store, folder: Path, jobs: int) -> int:
    plan = resolve(loads(JOBS.format(jobs=jobs), format="yaml"))
    workflow_id = create_workflow(store, plan, user="u", directory=str(folder), actor="u@h")
    initialize(store, workflow_id, force=True)
    seen: list[str] = []
    connection = store.connection().raw
    connection.set_trace_callback(seen.append)
    found = plan_rerun(store, workflow_id)
    connection.set_trace_callback(None)
    assert len(found.verdicts) == jobs
    return len(seen)


def test_number_of_statements(store: Store, tmp_path: Path) -> None:
    """It does not grow with the number of jobs."""
    if store.dialect != "sqlite":
        pytest.skip("the statements are seen by sqlite3")
    assert statements(store, tmp_path, 2) == statements(store, tmp_path, 20)
