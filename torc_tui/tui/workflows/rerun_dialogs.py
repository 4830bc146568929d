"""Rerun what is stale: the questions before it, and the start of a runner for it.

Input: a workflow, and its rerun plan from the thread for slow questions. Output: a question, then a
new run of the stale jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from torc_tui.errors import Refused
from torc_tui.model import Workflow
from torc_tui.operations.catalog import INITIALIZE, REINITIALIZE
from torc_tui.operations.user_action import shell_line, workflow_refusal
from torc_tui.status import FINISHED, HELD, number_of
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.frame.ports import AppPort
from torc_tui.tui.workflows.runner_startup_check import RunnerStartupCheck
from torc_tui.tui.workflows.workflow_questions import act, carry_out, confirm, refused, text_lines
from torc_tui.wording import count, listed, status_counts

if TYPE_CHECKING:
    from torc_tui.operations.rerun import Reinitialized, RerunPlan
    from torc_tui.operations.runners import Background
    from torc_tui.store.database import Store

NAMED = 8
"""Jobs that a question names."""


def rerun_stale(torc: AppPort, workflow: Workflow, job_ids: Sequence[int] | None = None) -> None:
    """Rerun what is stale, or these jobs of it, after a question with their number and names."""
    again = partial(rerun_stale, job_ids=job_ids)
    if job_ids is None and refused(REINITIALIZE, torc, workflow, again):
        return

    def ask(plan: RerunPlan) -> None:
        names = [one.name for one in plan.stale if job_ids is None or one.id in job_ids]
        if not names:
            torc.notify("no job is stale")
            return
        number = count(len(names), "job")
        kept = len(plan.verdicts) - len(names)
        others = f"{count(kept, 'other job')} {'keeps' if kept == 1 else 'keep'} the results. "
        about = [
            f"{listed(names, NAMED)}.",
            "",
            f"{others if kept else ''}A runner is started in the background.",
        ]
        title, button = f"Rerun {number} of {workflow.name}?", f"Rerun {number}"
        go = partial(rerun, torc, workflow.id, job_ids)
        confirm(torc, title, about, button, go, danger=False)

    _read_plan(torc, workflow, ask)


def rerun(torc: AppPort, workflow_id: int, only: Sequence[int] | None) -> None:
    """Begin a run of the stale jobs, or of ``only`` these; start a runner if there is none.

    If the workflow was submitted to a cluster, allocations run the jobs.

    While other jobs run, the jobs in ``only`` join the present run.
    """

    def begin(store: Store, actor: str) -> tuple[int, Background | None]:
        from torc_tui.operations import runners
        from torc_tui.operations.submitted import cluster_of
        from torc_tui.store import runner_liveness

        number = _begin(store, workflow_id, only, actor)
        if not number:
            raise Refused("no job is stale any more")
        cluster = cluster_of(store, workflow_id)
        if cluster is not None and not cluster.is_watched:
            runners.start_allocator(store, workflow_id)
        if cluster is not None or runner_liveness.runners(store, workflow_id=workflow_id):
            return number, None
        return number, runners.start_runner(store, workflow_id, actor=actor)

    def then(result: tuple[int, Background | None]) -> None:
        if result[1] is not None:
            RunnerStartupCheck(torc, workflow_id, result[1]).watch()

    torc.actions.run(
        begin,
        line=_line(torc, workflow_id) if only is None else None,
        report=lambda result: f"Rerunning {count(result[0], 'job')}",
        then=then,
    )


def _line(torc: AppPort, workflow_id: int) -> str:
    """Return the command line that reruns what is stale."""
    cluster = torc.machine.cluster
    if cluster is not None and cluster.workflow_id == workflow_id:
        return f"torc reinit {workflow_id} && torc submit {workflow_id}"
    return f"torc run {workflow_id} --stale --detach"


def _begin(store: Store, workflow_id: int, only: Sequence[int] | None, actor: str) -> int:
    """Make stale jobs ready; return how many."""
    from torc_tui.operations.rerun import reinitialize
    from torc_tui.operations.rerun_jobs import rerun_jobs
    from torc_tui.store import workflows

    with store.read() as conn:
        running = number_of(workflows.counts(conn, workflow_id), HELD)
    if running and only is not None:
        return len(rerun_jobs(store, only, alone=True, actor=actor).moved)
    return reinitialize(store, workflow_id, only=only, actor=actor).stale


def initialize(torc: AppPort, workflow: Workflow) -> None:
    """Initialize a workflow; if it has results, ask whether only the stale jobs run again."""
    finished = number_of(workflow.counts, FINISHED)
    if not finished or workflow_refusal(INITIALIZE, workflow) is not None:
        act((INITIALIZE,), torc, workflow)
        return

    def ask(plan: RerunPlan) -> None:
        names = [one.name for one in plan.stale]
        from torc_tui.tui.widgets.choice import Choice, Option

        stale = Option("s", f"Rerun what is stale ({len(names)})", "stale")
        options = [
            *([stale] if names else []),
            Option("a", f"Rerun all ({len(plan.verdicts)})", "all", danger=True),
            Option("n", "Cancel", ""),
        ]
        summary = f"Stale: {listed(names, NAMED)}." if names else "No job is stale."
        about = [f"Jobs: {status_counts(workflow.counts)}.", "", summary]
        title = f"Initialize {workflow.name}?"
        dialog = Choice(title, text_lines(about), options)
        torc.push(dialog, partial(_take, torc, workflow))

    _read_plan(torc, workflow, ask)


def _take(torc: AppPort, workflow: Workflow, chosen: str | None) -> None:
    """Carry out what was chosen for a workflow that has results."""
    if chosen == "all":
        carry_out(INITIALIZE, torc, workflow, {})
    elif chosen == "stale":
        _reinitialize(torc, workflow)


def _reinitialize(torc: AppPort, workflow: Workflow) -> None:
    def begin(store: Store, actor: str) -> Reinitialized:
        from torc_tui.operations.rerun import reinitialize

        return reinitialize(store, workflow.id, actor=actor)

    key = torc.keymap.key("workflow-run")
    torc.actions.run(
        begin,
        line=shell_line(REINITIALIZE, workflow=workflow.id),
        report=lambda done: (
            f"{REINITIALIZE.done.format(workflow=workflow.name)}: "
            f"{count(done.stale, 'stale job')}\n{key} starts a runner"
        ),
    )


def _read_plan(torc: AppPort, workflow: Workflow, then: Callable[[RerunPlan], None]) -> None:
    """Pass on what would run again; it is computed by the thread for slow questions."""

    def read(source: FeedReader) -> RerunPlan:
        from torc_tui.operations.rerun import plan_rerun

        return plan_rerun(source.store, workflow.id)

    torc.planner.ask(("rerun question", workflow.id), read, then, torc.show_error)
