"""Folding real events gives the rows of the database."""

from __future__ import annotations

import tempfile
from math import inf
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fake_executor import FakeExecutor
from torc_tui.engine.engine import Engine
from torc_tui.engine.orders import OrderMaker
from torc_tui.engine.report import RunOptions
from torc_tui.engine.shared_state import NodeIdentity
from torc_tui.model import Machine
from torc_tui.operations import job_holds
from torc_tui.operations import jobs as acts
from torc_tui.operations.workflows import create_workflow, initialize
from torc_tui.plan.resolve import resolve
from torc_tui.records import fields
from torc_tui.resources.pool import Pool
from torc_tui.status import FINISHED
from torc_tui.store import compute_nodes, run_context, workflows
from torc_tui.store.database import Store
from torc_tui.store.feed import list_events
from torc_tui.views.replay import record
from torc_tui.views.workflow_view import WorkflowView
from torc_tui.workflow_file.load import loads

MACHINE = Machine(hostname="bench", num_cpus=2, memory=64 << 30)
HERE = compute_nodes.MachineProcess(hostname="bench", boot_id="boot", pid=1, started=1)
SPEC = """
name: fold
failure_handlers: [{name: again, rules: [{exit_codes: [7], max_retries: 1}]}]
jobs:
- {name: prep, command: x, failure_handler: again}
- {name: "train_{i}", command: x, depends_on: [prep], failure_handler: again, parameters: {i: "1:4"}, canary: 2}
- {name: merge, command: x, depends_on_regexes: ["train_.*"]}
- {name: other, command: x, depends_on: [prep], cancel_on_blocking_job_failure: false}
- {name: report, command: x, depends_on: [merge, other]}
"""
PLAN = resolve(loads(SPEC, format="yaml"))
UNTOLD = {"unmet"}
"""What changes in rows without an event: how many jobs are still waited for."""
ACTS = {
    "cancel": acts.cancel_jobs, "retry": acts.retry_jobs, "hold": job_holds.hold_jobs, "release": job_holds.release_jobs,
    "disable": acts.disable_jobs, "enable": acts.enable_jobs,
    "hold after": job_holds.hold_after, "release after": job_holds.release_after,
    "suspend": job_holds.suspend_jobs, "resume": job_holds.resume_jobs,
}  # fmt: skip
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["end", "end", "end", *ACTS]),
        st.integers(0, 7),
        st.sampled_from([0, 0, 7, 1]),
    ),
    max_size=25,
)


def rows(view: WorkflowView) -> list[dict[str, Any]]:
    return [
        {one.name: getattr(job, one.name) for one in fields(job) if one.name not in UNTOLD}
        for job in view.jobs.values()
    ]


def check_replay(store: Store, workflow_id: int) -> None:
    """The replay ends with the present rows, and is the same at once and in steps."""
    now = workflows.snapshot(store, workflow_id)
    events = list_events(store, workflow_id)
    recording = record(now.workflow, now.jobs, now.requirements, events)
    assert (recording is None) is all(event.kind != "job_claimed" for event in events)
    if recording is None:
        return
    last = recording.view_at(inf)
    present = WorkflowView(now.workflow, now.jobs, now.requirements, now.cursor)
    assert rows(last) == rows(present) and last.counts == present.counts
    view = recording.view_at(-inf)
    assert not view.running and not view.count(*FINISHED)
    while step := recording.until(view.cursor, inf)[:1]:
        view.apply(step)
        assert not view.needs_reload
    assert rows(view) == rows(last) and view.counts == last.counts


@settings(max_examples=20, deadline=None)
@example([("end", 0, 0), ("cancel", 0, 0), ("cancel", 3, 0), ("end", 0, 0)])
@example([("suspend", 0, 0), ("suspend", 1, 0), ("end", 0, 0), ("resume", 1, 0), ("end", 0, 7)])
@given(STEPS)
def test_fold_of_real_events_equals_a_new_snapshot(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/torc.db")
        try:
            workflow_id = create_workflow(store, PLAN, user="u", directory=folder, actor=None)
            initialize(store, workflow_id)
            fake = FakeExecutor()
            with store.write() as conn:
                context = run_context.read(conn, workflow_id)
                node_id, _ = compute_nodes.register(
                    conn, workflow_id, context.run_id, HERE, MACHINE, {}, 0.0
                )
            out = str(Path(folder) / "out")
            maker = OrderMaker(
                context, RunOptions(), store_url=store.url, output_dir=out, inherited={}
            )
            identity = NodeIdentity(node_id=node_id, location=MACHINE.hostname)
            engine = Engine(store, fake, Pool(MACHINE), maker, identity)
            taken = workflows.snapshot(store, workflow_id)
            view = WorkflowView(taken.workflow, taken.jobs, taken.requirements, taken.cursor)
            ids = list(view.jobs)
            for act, number, code in steps:
                if act == "end":
                    fake.wake()
                    engine.step(fake.wait(0), fake.now)  # what was asked to stop has ended by now
                    running = sorted(fake.job_ids)
                    if running:
                        fake.finish(running[number % len(running)], code)
                else:
                    ACTS[act](store, [ids[number % len(ids)]], actor="u@h")
                fake.wake()
                engine.step(fake.wait(0), fake.now)
                view.apply(list_events(store, workflow_id, after=view.cursor))
                assert not view.needs_reload
                again = workflows.snapshot(store, workflow_id)
                fresh = WorkflowView(again.workflow, again.jobs, again.requirements, again.cursor)
                assert view.cursor == fresh.cursor
                assert rows(view) == rows(fresh)
                assert view.counts == fresh.counts and view.running == fresh.running
                engine.step([], fake.now)  # what was suspended or resumed is told the executor
                told = {key.job_id for key in fake.suspended} & set(fake.job_ids)
                assert told == {job.id for job in again.jobs if job.suspended}
            check_replay(store, workflow_id)
        finally:
            store.close()
