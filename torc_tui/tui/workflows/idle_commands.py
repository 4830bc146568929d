"""Find commands that would have no effect now, so that the footer omits them. Pure.

Input: the state of the workflow and of its jobs. Output: ids of commands.
"""

from __future__ import annotations

from torc_tui.model import Job
from torc_tui.status import HELD, NOT_STARTED, TROUBLED, JobStatus, WorkflowState
from torc_tui.views.workflow_view import WorkflowView

FINISHED = frozenset(
    {
        WorkflowState.EMPTY,
        WorkflowState.COMPLETED,
        WorkflowState.FAILED,
        WorkflowState.CANCELED,
        WorkflowState.ARCHIVED,
    }
)
"""States in which a runner finds nothing to do."""
_RUNNING = frozenset({WorkflowState.RUNNING, WorkflowState.CANCELING})


def of_workflow(state: WorkflowState, *, runs: bool | None = None) -> set[str]:
    """Return the idle commands of a workflow; ``runs`` is None if it is unknown whether it runs."""
    active = state in _RUNNING if runs is None else runs
    idle = {"workflow-run"} if active or state in FINISHED else {"workflow-stop"}
    if state in FINISHED and not active:
        idle |= {"workflow-stop", "workflow-pause"}
    return idle


def of_jobs(view: WorkflowView, selected: Job | None) -> set[str]:
    """Return the idle commands of the jobs of a workflow and of the job under the cursor."""
    idle = set()
    failed = view.count(*TROUBLED) - view.stopped
    if failed <= (selected is not None and selected.status in TROUBLED):
        idle |= {"failed-next", "failed-previous"}  # there is no other job
    if sum(bool(view.count(*some)) for some in (TROUBLED, HELD, NOT_STARTED)) == 0:
        idle.add("filter-next")
    if selected is None:
        idle |= {"job-open", "job-why", "filter-same", "details-open"}
    elif selected.status is JobStatus.COMPLETED:
        idle.add("job-why")
    return idle
