"""The ten most frequent acts take at most three keys each."""

from __future__ import annotations

import os
import time
from pathlib import Path
from socket import gethostname

import pytest

from tests.raw_sql import execute
from tests.tui.driving import Workspace, sees, until
from torc_tui.model import Machine
from torc_tui.status import JobStatus
from torc_tui.store import compute_nodes
from torc_tui.tui.frame.action_runner import ActionRunner

pytestmark = pytest.mark.system

SPEC = """
name: pipeline
user_data: [{name: config, data: {lr: 0.1}}]
jobs:
  - {name: prep, command: "echo ${user_data.input.config}"}
  - {name: fit, command: x, depends_on: [prep]}
  - {name: report, command: x, depends_on: [fit]}
  - {name: publish, command: x}
"""
S = JobStatus
RUNS = {"prep": S.COMPLETED, "fit": S.FAILED, "report": S.CANCELED, "publish": S.RUNNING}
ENDED = {**RUNS, "publish": S.COMPLETED}
WAITS = {"prep": S.COMPLETED, "fit": S.READY, "report": S.BLOCKED, "publish": S.READY}

ACTS = {
    "show what failed": (RUNS, "f", ("status:failed", "1 of 4")),
    "go to the failed job": (RUNS, "]", ("fit  ✖ failed",)),
    "read the log of the failed job": (RUNS, "] enter", ("no log",)),
    "see why a job waits": (WAITS, "down down w", ("Why report", "fit is ready")),
    "retry the failed job": (ENDED, "] r", ("torc jobs retry 2",)),
    "start a runner": (WAITS, "R", ("torc run 1 --detach",)),
    "stop the runner": (RUNS, "X y", ("torc workflows stop 1",)),
    "search all logs": (RUNS, "L", ("Search the logs",)),
    "see the graph": (RUNS, "3", ("╭", "publish")),
    "edit a value of user data": (RUNS, "4 4 e", ("valid JSON",)),
}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.replace(" ", "_"))
async def test_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    statuses, keys, seen = ACTS[act]
    done: list[str] = []
    monkeypatch.setattr(
        ActionRunner, "run", lambda self, action, *, line=None, **more: done.append(line or "")
    )
    place = Workspace(tmp_path, SPEC)
    with place.store.write() as conn:
        node = None
        if S.RUNNING in statuses.values():
            process = compute_nodes.this_process(gethostname())
            machine = Machine(hostname=gethostname(), num_cpus=8, memory=16 << 30)
            node, _ = compute_nodes.register(conn, 1, 1, process, machine, {}, time.time())
        for name, status in statuses.items():
            held = (node, os.getpid()) if status is S.RUNNING else (None, None)
            began = 100.0 if status in (S.COMPLETED, S.FAILED, S.RUNNING) else None
            execute(
                conn,
                "UPDATE job SET status = ?, started_at = ?, compute_node_id = ?, pid = ?"
                " WHERE name = ?",
                (int(status), began, *held, name),
            )
    assert len(keys.split()) <= 3
    async with place.app().run_test(size=(140, 40), notifications=True) as pilot:
        await until(pilot, sees(pilot, "prep", "publish"))
        names = {"]": "right_square_bracket"}
        for key in keys.split():
            await pilot.press(names.get(key, key))
            await until(pilot, lambda: not pilot.app.reader.is_busy and not pilot.app.inbox)
        if seen[0].startswith("torc "):
            await until(pilot, lambda: any(line.startswith(seen[0]) for line in done), str(done))
        else:
            await until(pilot, sees(pilot, *seen))
    place.store.close()
