"""Show the runners of a workflow as lines: host, process, size, jobs, heartbeat. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from torc_tui.operations.machine_state import MachineState
from torc_tui.store.runner_liveness import ActiveRunner
from torc_tui.tui.look.text_layout import Line, Span, fit, fit_line, line_width, sanitize
from torc_tui.wording import clock, count, size

HOST = 18
"""Cells of the name of a host."""
LATE = 15.0
"""Seconds without a heartbeat after which it is highlighted."""


def runner_lines(
    here: Sequence[ActiveRunner],
    elsewhere: Sequence[ActiveRunner],
    host: MachineState,
    width: int,
) -> list[Line]:
    """Return a heading, and a line for each runner; nothing without runners."""
    if not here and not elsewhere:
        return []
    held = Counter(one.node_id for one in host.holdings)
    lines = [_line(one, host, count(held[one.node_id], "job")) for one in here]
    lines += [_line(one, host, "load unknown") for one in elsewhere]
    head: Line = [(" Runners ", "accent bold"), (str(len(lines)), "muted")]
    return [[], head, *(_fitting(line, width) for line in lines)]


def _line(one: ActiveRunner, host: MachineState, load: str) -> list[Span]:
    """Return the parts of a line, the most important first."""
    quiet = max(0.0, host.at - one.heartbeat_at)
    gpus = f", {count(len(one.gpus), 'GPU')}" if one.gpus else ""
    spans: list[Span] = [
        (f" {one.node_id:>4}  ", "faint"),
        (f"{fit(sanitize(one.hostname), HOST)}  ", "text"),
        (f"{count(one.num_cpus, 'CPU')}, {size(one.memory)}{gpus}  ", "muted"),
        (f"{load}  ", "running"),
        (f"pid {one.pid}  ", "muted"),
    ]
    if one.heartbeat_at:
        style = "warning" if quiet >= LATE else "faint"
        spans.append((f"heartbeat {clock(quiet)} ago", style))
    return spans


def _fitting(line: list[Span], width: int) -> Line:
    """Return the parts that fit."""
    while len(line) > 1 and line_width(line) > width:
        line = line[:-1]
    return fit_line(line, width)
