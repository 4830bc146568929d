"""The rows of the nodes that run jobs of a workflow: CPUs, memory, GPUs, time left. Pure.

Input: the runners in allocations and elsewhere, and this host. Output: a row for each. Bars show
what jobs hold; for this host without a runner, what all programs use.
"""

from __future__ import annotations

from torc_tui.operations.cluster_state import ClusterState, NodeUse
from torc_tui.operations.cluster_summary import gpus_held
from torc_tui.operations.machine_state import MachineState
from torc_tui.tui.look.text_layout import Span, bar, sanitize
from torc_tui.tui.machine.allocation_rows import time_bar
from torc_tui.tui.machine.load_charts import part_of
from torc_tui.tui.machine.runner_rows import LATE
from torc_tui.tui.widgets.table_model import Cell, ListRows, TableColumn
from torc_tui.tuples import NamedTuple
from torc_tui.wording import clock, size

HOST = "host"
"""The key of the row of this host, if the workflow has no runner on it."""
COLUMNS = (
    TableColumn("node", "node", 16, minimum=8, importance=0, grow=1),
    TableColumn("slurm", "Slurm", 8, minimum=6, importance=5),
    TableColumn("cpus", "CPUs held", 16, minimum=10, importance=0),
    TableColumn("memory", "memory held", 22, minimum=16, importance=2),
    TableColumn("gpus", "GPUs held", 10, minimum=9, importance=1),
    TableColumn("time", "left for jobs", 17, minimum=13, importance=1),
    TableColumn("jobs", "jobs", 5, minimum=4, importance=3, align="right"),
    TableColumn("heartbeat", "heartbeat", 10, minimum=9, importance=4, align="right"),
)


class NodeLine(NamedTuple):
    """A node: its resources and what is held of them. ``is_load``: what all programs use."""

    name: str
    native_id: str
    cpus: float
    cpus_held: float
    memory: int
    memory_held: int
    gpus: int
    gpus_held: int
    at: float
    began: float | None = None
    ends_at: float | None = None
    jobs: int = 0
    quiet: float | None = None
    is_load: bool = False

    @property
    def is_silent(self) -> bool:
        """Return whether the runner sent no heartbeat for too long."""
        return self.quiet is not None and self.quiet >= LATE


class NodeRows(ListRows):
    """The nodes by the ids of their runners; the last one is this host."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, _cell, _value)

    def show(self, cluster: ClusterState, host: MachineState) -> None:
        """Show the nodes of a workflow, and this host among them."""
        self.records = {}
        for one in sorted(cluster.nodes, key=_by_name):
            runner, row = one.runner, one.allocation
            self.records[runner.node_id] = NodeLine(
                name=runner.name,
                native_id="" if row is None or row.native_id is None else row.native_id,
                cpus=runner.num_cpus,
                cpus_held=one.held.num_cpus,
                memory=runner.memory,
                memory_held=one.held.memory,
                gpus=len(runner.gpus or ()),
                gpus_held=gpus_held(one),
                at=cluster.at,
                began=one.began,
                ends_at=one.ends_at,
                jobs=one.jobs,
                quiet=max(0.0, cluster.at - runner.heartbeat_at) if runner.heartbeat_at else None,
            )
        if not any(one.runner.location == host.location for one in cluster.nodes):
            self.records[HOST] = _host_line(host)

        empty = {"gpus"} if not any(line.gpus for line in self.records.values()) else set()
        if not cluster.is_submitted:
            empty.add("slurm")
        self.columns = [one for one in COLUMNS if one.key not in empty]


def _by_name(node: NodeUse) -> tuple[int, str]:
    """Order n2 before n10."""
    return len(node.runner.name), node.runner.name


def _host_line(host: MachineState) -> NodeLine:
    machine, load = host.machine, sum(host.cpu_percent) / 100
    gpus = host.gpu_states()
    return NodeLine(
        name=f"{machine.hostname} (here)",
        native_id="",
        cpus=machine.num_cpus,
        cpus_held=round(load, 1),
        memory=machine.memory,
        memory_held=host.memory_used,
        gpus=len(gpus),
        gpus_held=sum(bool(gpu.grants or gpu.computing) for gpu in gpus),
        at=host.at,
        is_load=True,
    )


def _cell(line: NodeLine, column: str, width: int) -> Cell:
    match column:
        case "node":
            name = sanitize(line.name)
            return (f"⚠ {name}", "warning") if line.is_silent else (name, _text_style(line))
        case "slurm":
            return (sanitize(line.native_id), "muted")
        case "cpus":
            words = f"{line.cpus_held:g}/{line.cpus:g}"
            return _bar(line, line.cpus_held / max(line.cpus, 1), words, width)
        case "memory":
            words = part_of(size(line.memory_held), size(line.memory)).replace(" of ", "/")
            return _bar(line, line.memory_held / max(line.memory, 1), words, width)
        case "gpus":
            words = f"{line.gpus_held}/{line.gpus}"
            return _bar(line, line.gpus_held / line.gpus, words, width) if line.gpus else ("", "")
        case "time":
            return _time(line, width)
        case "jobs":
            return (
                (str(line.jobs), "running") if line.jobs else ("" if line.is_load else "0", "faint")
            )
    if line.quiet is None:
        return ("", "")
    return (f"{clock(line.quiet)} ago", "warning" if line.is_silent else "faint")


def _time(line: NodeLine, width: int) -> Cell:
    if line.is_load:
        return ("no runner", "faint")
    if line.is_silent:
        return (f"silent {clock(line.quiet or 0.0)}", "warning")
    return time_bar(line.began, line.ends_at, line.at, width)


def _text_style(line: NodeLine) -> str:
    return "muted" if line.is_load else "text"


def _bar(line: NodeLine, share: float, words: str, width: int) -> list[Span]:
    room = width - len(words) - 1
    style = "muted" if line.is_load else "load"
    drawn = [*bar(min(1.0, share), room, style=style), (" ", "")] if room >= 3 else []
    return [*drawn, (words, _text_style(line))]


def _value(line: NodeLine, column: str) -> str | float | None:
    values: dict[str, str | float | None] = {
        "node": line.name, "slurm": line.native_id, "cpus": line.cpus_held,
        "memory": line.memory_held, "gpus": line.gpus_held, "time": line.ends_at,
        "jobs": line.jobs, "heartbeat": line.quiet,
    }  # fmt: skip
    return values[column]
