"""After a run, however it went: no descriptor, no thread, no process of it is left in this
process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from torc_tui.engine.report import RunOptions
from torc_tui.engine.runner import run
from torc_tui.errors import StoreUnavailable
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.store.database import Store
from torc_tui.store.runner_news import RunnerNews
from torc_tui.workflow_file.load import loads

ALL = """
name: all
compute_node_wait_for_healthy_database_minutes: 0
jobs:
  - {name: good, command: 'echo $$ >> pids'}
  - {name: bad, command: 'echo $$ >> pids; exit 3', failure_handler: again}
  - {name: launch, command: 'true', invocation_script: "#!/nowhere/at/all"}
  - {name: background, command: 'sleep 0.1 & echo $! >> pids'}
failure_handlers: [{name: again, rules: [{exit_codes: [3], max_retries: 1, recovery_script: 'echo $$ >> pids'}]}]
actions: [{trigger_type: on_workflow_complete, action_type: run_commands, commands: ['echo $$ >> pids']}]
"""


def prepared(folder: Path) -> tuple[Store, int]:
    store = Store.open(f"sqlite:///{folder}/t.db")
    workflow_id = create_workflow(
        store, resolve(loads(ALL)), user="u", directory=str(folder), actor=None
    )
    initialize(store, workflow_id)
    return store, workflow_id


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_after_a_run(
    tmp_path: Path, until: Callable[..., Any], gone: Callable[[int], bool]
) -> None:
    store, workflow_id = prepared(tmp_path)
    before = descriptors()
    threads = threading.active_count()
    for _ in range(2):
        assert run(store, workflow_id, RunOptions()).exit_code == 1
        initialize(store, workflow_id)
    assert descriptors() == before
    until(lambda: threading.active_count() == threads, "the threads end")
    assert all(gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())
    store.close()


def test_after_a_run_whose_store_failed(
    tmp_path: Path, until: Callable[..., Any], monkeypatch: Any
) -> None:
    store, workflow_id = prepared(tmp_path)
    before = descriptors()
    threads = threading.active_count()

    def fail(*given: Any) -> None:
        raise StoreUnavailable("the store is on fire")

    monkeypatch.setattr(RunnerNews, "take", fail)
    with pytest.raises(StoreUnavailable, match=r"on fire.*the runner stops"):
        run(store, workflow_id, RunOptions())
    assert descriptors() == before
    until(lambda: threading.active_count() == threads, "the threads end")
    store.close()
