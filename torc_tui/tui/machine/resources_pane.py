"""Show the tab of the machine: its load, the jobs that hold it, and the runners of the workflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar

from textual.app import ComposeResult

from torc_tui.model import Event
from torc_tui.status import is_complete
from torc_tui.tui.feed.machine import MachineHistory
from torc_tui.tui.frame.pane import Pane
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.look.terminal import shows_braille
from torc_tui.tui.machine.cluster_charts import cluster_charts
from torc_tui.tui.machine.cluster_part import ClusterPart
from torc_tui.tui.machine.machine_sheet import draw
from torc_tui.tui.machine.runner_rows import RunnerRows
from torc_tui.tui.machine.runner_table import RunnerTable
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing

MOST_RUNNERS = 3
"""The list of runners takes at most this part of the height, as a divisor."""


class ResourcesPane(Pane):
    """The machine and the jobs that hold its resources; a click on a job selects it.

    For a workflow that was submitted to a cluster, its allocations and their nodes come first, for
    one with runners on other machines these machines. This one is shown only if it runs jobs.
    """

    NAME: ClassVar[str] = "resources"
    PER_JOB: ClassVar[bool] = False

    def __init__(self, host: PaneHost) -> None:
        super().__init__(host)
        self.canvas = LineCanvas(empty="loading …")
        self.rows = RunnerRows()
        self.table = RunnerTable(self.rows, host)
        self.table.display = False
        self.cluster = ClusterPart(host)
        self.cluster.display = False

    def compose(self) -> ComposeResult:
        yield self.cluster
        yield self.canvas
        yield self.table

    def data_changed(self, changed: Set[int], events: Sequence[Event]) -> None:
        """Ignore events, which do not concern the machine."""

    def machine_changed(self) -> None:
        self.refresh_content()

    def on_resize(self) -> None:
        self.refresh_content()

    def refresh_content(self) -> None:
        machine = self.torc.machine
        if machine.host is None or not self.size.width:
            return
        width, height = self.size.width - 1, self.size.height
        workflow = self.host.workflow
        is_finished = workflow is not None and is_complete(workflow.counts)
        taken = self.cluster.show(machine, width, height, is_finished=is_finished)
        if not taken:
            taken = self._show_runners(machine, machine.host.at)
        else:
            self.table.display = False
        braille = shows_braille(self.torc.environ)
        workflow_id, rest = self.host.workflow_id, height - taken
        if machine.runs_here(workflow_id):
            lines, jobs = draw(machine, workflow_id, width, rest, braille=braille)
        else:
            lines, jobs = cluster_charts(machine, width, rest, braille=braille), {}
        self.canvas.set_drawing(TextDrawing(lines, jobs))

    def _show_runners(self, machine: MachineHistory, now: float) -> int:
        """Show the runners of the workflow on this machine; return the lines that they take."""
        assert machine.host is not None
        runners = [one for one in machine.host.runners if one.workflow_id == self.host.workflow_id]
        lines = min(len(runners) + 1, max(2, self.size.height // MOST_RUNNERS))
        self.rows.show(runners, self._held(), now)
        self.table.reload()
        self.table.display = bool(runners)
        self.table.styles.height = lines
        return lines if runners else 0

    def _held(self) -> Mapping[int, int]:
        """Return the number of jobs that each runner holds."""
        view = self.host.view
        if view is None:
            return {}
        nodes = (view.jobs[key].compute_node_id for key in view.running)
        return Counter(node for node in nodes if node is not None)

    def on_line_canvas_hit(self, event: LineCanvas.Hit) -> None:
        self.host.go_to_job(event.what, focus=False)
