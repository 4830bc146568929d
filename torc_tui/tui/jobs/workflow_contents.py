"""Build what the workflow screen shows of a snapshot, in the thread that has read it.

With 100,000 jobs this takes as long as several paints. Input: the view of a workflow. Output: rows
and activity. Invariant: the thread does not use them after it has passed them on.
"""

from __future__ import annotations

from torc_tui.tui.jobs.activity import Activity
from torc_tui.tui.jobs.job_rows import JobRows
from torc_tui.tuples import NamedTuple
from torc_tui.views.workflow_view import WorkflowView


class WorkflowContents(NamedTuple):
    """The jobs of a workflow as its screen needs them."""

    rows: JobRows
    activity: Activity

    @property
    def view(self) -> WorkflowView:
        """Return all jobs with their statuses."""
        return self.rows.view


def contents_of(view: WorkflowView) -> WorkflowContents:
    """Return the contents of the screen; called in a reading thread."""
    return WorkflowContents(JobRows(view), Activity(view))
