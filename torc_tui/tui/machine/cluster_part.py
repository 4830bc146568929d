"""Show the allocations of a workflow, and a line for each node; part of the tab of the machine."""

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

LARGEST = 3
"""Each of the tables takes at most this part of the height, as a divisor."""
ROOMY = 24
"""Lines from which on an empty one stands between the tables."""
COMMANDS = ("allocation-cancel", "allocation-more", "queue-group-pause")
"""What the keys of the list of allocations do with the one under the cursor."""


class AllocationTable(VirtualTable):
    """The allocations of the workflow; its keys act on the one under the cursor."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("allocations", *VirtualTable.CONTEXTS)

    def __init__(self, rows: AllocationRows, host: PaneHost) -> None:
        super().__init__(rows, empty="")
        self._host = host

    def handlers(self) -> Mapping[str, Handler]:
        of_list = {
            name: handle for name, handle in super().handlers().items() if "mark" not in name
        }
        return {**of_list, **{name: partial(self._run, name) for name in COMMANDS}}

    def activate(self) -> None:
        self._run("allocation-open")

    def _run(self, command: str) -> None:
        if isinstance(self.cursor, int):
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

    def show(self, machine: MachineHistory, width: int, height: int) -> int:
        """Show a reading in a pane of that size; return the lines that are taken."""
        cluster, host = machine.cluster, machine.host
        self.display = cluster is not None
        if cluster is None or host is None:
            return 0
        lines = heading_lines(cluster, width)
        self.heading.styles.height = len(lines)
        self.heading.set_drawing(TextDrawing(lines))
        taken = len(lines)
        rows = self.allocations.rows
        assert isinstance(rows, AllocationRows)
        rows.show(cluster)
        taken += _fit(self.allocations, len(rows.records), height)
        nodes = self.nodes.rows
        assert isinstance(nodes, NodeRows)
        nodes.show(cluster, host)
        gap = 1 if height >= ROOMY else 0
        self.nodes.styles.margin = (gap, 0, 0, 0)
        return taken + gap + _fit(self.nodes, len(nodes.records), height)


def _fit(table: VirtualTable, rows: int, height: int) -> int:
    """Give a table the lines that it needs, up to a part of the pane; return their number."""
    lines = min(rows + 1, max(3, height // LARGEST)) if rows else 0
    table.display = rows > 0
    table.styles.height = lines
    table.set_rows(table.rows)  # the columns may have changed, too
    return lines


def heading_lines(cluster: ClusterState, width: int) -> Sequence[Line]:
    """Return the sum over the nodes, and what keeps allocations from being requested."""
    words = room_words(cluster) if cluster.places else "no allocation runs"
    lines: list[Line] = [[(" Allocations  ", "accent bold"), (words, "muted")]]
    for text in trouble(cluster):
        wrapped = broken([(f"⚠ {sanitize(text)}", "warning")], max(20, width - 3))
        lines += [[(" " if place == 0 else "   ", ""), *line] for place, line in enumerate(wrapped)]
    return lines
