"""Draw how much of the nodes in allocations jobs hold, over time. Pure.

Input: the readings of the app. Output: lines.
"""

from __future__ import annotations

from torc_tui.operations.cluster_summary import room_of
from torc_tui.tui.feed.machine import MachineHistory
from torc_tui.tui.look.text_layout import Line
from torc_tui.tui.machine.load_charts import (
    BESIDE_FROM,
    NARROW_FROM,
    LoadChart,
    part_of,
    two_charts,
)
from torc_tui.wording import size

_LEAST = 4
"""Minimum lines of a chart."""


def cluster_charts(
    machine: MachineHistory, width: int, height: int, *, braille: bool = False
) -> list[Line]:
    """Return charts of the CPUs and memory that jobs hold; nothing where there is no room."""
    cluster = machine.nodes
    if cluster is None or not len(machine.held_cpus):
        return []
    least = _LEAST if width >= BESIDE_FROM else NARROW_FROM
    rows = height - 4
    if rows < least:
        return []
    room = room_of(cluster.places)
    words = "no node", "no node"
    if room.nodes:
        memory = part_of(size(room.memory_held), size(room.memory))
        words = f"{room.cpus_held:g} of {room.cpus:g}", memory
    cpus: list[Line] = [[("CPUs held ", "accent bold"), (words[0], "strong")]]
    memories: list[Line] = [[("Memory held ", "accent bold"), (words[1], "strong")]]
    charts = (
        LoadChart(cpus, machine.held_cpus, machine.held_cpus, ("100 %", "50 %")),
        LoadChart(memories, machine.held_memory, machine.held_memory, ("100 %", "50 %")),
    )
    lines = two_charts(charts, machine, width - 2, rows, braille)
    return [[], *([(" ", ""), *line] for line in lines)]
