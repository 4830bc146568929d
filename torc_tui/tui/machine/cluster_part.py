"""Show the allocations of a workflow, and a line for each node; part of the tab of the machine.

Without a cluster, there is a line for each machine with a runner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from torc_tui.operations.cluster_state import ClusterState
from torc_tui.operations.cluster_summary import room_words, trouble
from torc_tui.tui.feed.machine import MachineHistory
from torc_tui.tui.frame.ports import PaneHost
from torc_tui.tui.look.text_layout import Line, broken, sanitize
from torc_tui.tui.machine.allocation_rows import AllocationRows
from torc_tui.tui.machine.node_rows import NodeRows
from torc_tui.tui.machine.runner_table import RunnerTable
from torc_tui.tui.widgets.command_node import Handler
from torc_tui.tui.widgets.line_canvas import LineCanvas, TextDrawing
from torc_tui.tui.widgets.virtual_table import VirtualTable

ROOMY = 24
"""Lines from which on an empty one stands between the tables."""
MORE = "allocation-more"
COMMANDS = ("allocation-cancel", MORE, "queue-group-pause")
"""What the keys of the list of allocations do with the one under the cursor."""


class AllocationTable(VirtualTable):
    """The allocations of the workflow; its keys act on the one under the cursor.

    Without any, a key requests the first one.
    """

    CONTEXTS: ClassVar[tuple[str, ...]] = ("allocations", *VirtualTable.CONTEXTS)
    KEEPS_CURSOR: ClassVar[bool] = False  # the keys act on one table of the tab

    def __init__(self, rows: AllocationRows, host: PaneHost) -> None:
        super().__init__(rows, empty="no allocation yet")
        self._host = host

    def handlers(self) -> Mapping[str, Handler]:
        of_list = {
            name: handle for name, handle in super().handlers().items() if "mark" not in name
        }
        commands = COMMANDS if self.order else (MORE,)
        return {**of_list, **{name: partial(self._run, name) for name in commands}}

    def activate(self) -> None:
        self._run("allocation-open")

    def _run(self, command: str) -> None:
        if self.cursor is None and command == MORE:
            self._host.allocation_commands.request_first()
        elif isinstance(self.cursor, int):
            self._host.allocation_commands.run(command, self.cursor)


class ClusterPart(Vertical):
    """A line about all allocations, what is wrong with them, the allocations, and the nodes."""

    DEFAULT_CSS = """
    ClusterPart { height: auto; }
    ClusterPart LineCanvas { height: 1; }
    """

    def __init__(self, host: PaneHost) -> None:
        super().__init__()
        self.heading = LineCanvas(empty="")
        self.heading.can_focus = False
        self.allocations = AllocationTable(AllocationRows(), host)
        self.nodes = RunnerTable(NodeRows(), host)
        self._host = host

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.allocations
        yield self.nodes

    def show(self, machine: MachineHistory, width: int, height: int, *, is_finished: bool) -> int:
        """Show a reading in a pane of that size; return the lines that are taken."""
        cluster, host = machine.nodes, machine.host
        self.display = cluster is not None
        if cluster is None or host is None:
            return 0
        lines = heading_lines(cluster, width, is_finished=is_finished)
        self.heading.styles.height = len(lines)
        self.heading.set_drawing(TextDrawing(lines))
        allocations, nodes = self.allocations.rows, self.nodes.rows
        assert isinstance(allocations, AllocationRows) and isinstance(nodes, NodeRows)
        allocations.show(cluster)
        nodes.show(cluster, host)
        gap = 1 if height >= ROOMY else 0
        self.nodes.styles.margin = (gap, 0, 0, 0)
        room = height - len(lines) - gap
        if machine.runs_here(cluster.workflow_id):
            room = room * 2 // 3  # the rest is for this machine
        rows = len(allocations.records)
        if not rows and cluster.is_submitted and not is_finished:
            rows = 1  # that there is none
        first, second = table_heights(rows, len(nodes.records), room)
        _resize(self.allocations, first)
        _resize(self.nodes, second)
        return len(lines) + gap + first + second


def table_heights(first: int, second: int, room: int) -> tuple[int, int]:
    """Return the lines of two tables with so many rows: what they need, or a fair part each."""
    needed = [rows + 1 if rows else 0 for rows in (first, second)]
    half = max(2, room // 2)
    if sum(needed) <= room:
        return needed[0], needed[1]
    if needed[0] <= half:
        return needed[0], min(needed[1], max(2, room - needed[0]))
    if needed[1] <= half:
        return min(needed[0], max(2, room - needed[1])), needed[1]
    return half, max(2, room - half)


def _resize(table: VirtualTable, lines: int) -> None:
    table.display = lines > 0
    table.styles.height = lines
    table.set_rows(table.rows)  # the columns may have changed, too


def heading_lines(
    cluster: ClusterState, width: int, *, is_finished: bool = False
) -> Sequence[Line]:
    """Return the sum over the nodes, and what keeps allocations from being requested."""
    words = room_words(cluster) if cluster.places else "no node runs jobs"
    title = " Allocations  " if cluster.is_submitted else " Runners  "
    lines: list[Line] = [[(title, "accent bold"), (words, "muted")]]
    for text in () if is_finished or not cluster.is_submitted else trouble(cluster):
        wrapped = broken([(f"⚠ {sanitize(text)}", "warning")], max(20, width - 3))
        lines += [[(" " if place == 0 else "   ", ""), *line] for place, line in enumerate(wrapped)]
    return lines
