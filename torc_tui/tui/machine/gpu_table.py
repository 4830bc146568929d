"""Show the GPUs of a machine as a table: memory, room, load, mode, users. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.resources.explain import label
from torc_tui.resources.gpu_state import GpuState
from torc_tui.tui.look.text_layout import Span, fit, line_width
from torc_tui.tui.machine.sheet_parts import (
    figures,
    memory_bar,
    mode_words,
    room_words,
    warning_lines,
    wrapped,
)
from torc_tui.tuples import NamedTuple
from torc_tui.wording import gpu_label, size

_COLUMNS = ("memory", "room", "load", "mode", "temp", "power", "history")
"""All columns before the users; columns are omitted from the end of this list."""
_LEAST_USERS = 26
"""Minimum width of the users before a column is omitted."""
_INDENT = "    "


class GpuRow(NamedTuple):
    """One GPU, its users, its load over the last minutes as a line, and why it is set aside."""

    state: GpuState
    users: Sequence[Span]
    history: str = ""
    warning: str = ""


def gpu_table(
    rows: Sequence[GpuRow], width: int, *, wraps: bool, heading: bool
) -> list[list[Span]]:
    """Return the lines of a table; with ``wraps``, users that do not fit get lines below."""
    cells = [_cells(row) for row in rows]
    widths = {name: max(len(one[name]) for one in cells) for name in ("name", *_COLUMNS)}
    if heading:
        widths |= {name: max(widths[name], len(name)) for name in _COLUMNS if widths[name]}
    widths["bar"] = 6 if width < 60 else 10 if width < 100 else 20
    chosen = _chosen(widths, width, _LEAST_USERS)
    room = width - _taken(widths, chosen)
    below = wraps and any(line_width(row.users) > room + 2 for row in rows)
    if below:
        chosen = _chosen(widths, width, 0)
    lines = [_heading(widths, chosen, users=not below)] if heading else []
    for row, one in zip(rows, cells, strict=True):
        lines.append(
            [
                (f" {fit(one['name'], widths['name'])} ", "accent bold"),
                *memory_bar(row.state, widths["bar"]),
                *((f"  {one[name]:>{widths[name]}}", _style(name)) for name in chosen),
                *([("  ", ""), *row.users] if row.users and not below else []),
            ]
        )
        if below and row.users:
            inner = wrapped(row.users, width - len(_INDENT))
            lines += [[(_INDENT, ""), *line] for line in inner]
        lines += warning_lines(row.warning, len(_INDENT), width if wraps else None)
    return lines


def _chosen(widths: Mapping[str, int], width: int, least: int) -> list[str]:
    """Return the columns that leave at least the minimum width for the users."""
    names = [name for name in _COLUMNS if widths[name]]
    while len(names) > 2 and width - _taken(widths, names) < least:
        names.pop()
    return names


def _taken(widths: Mapping[str, int], names: Sequence[str]) -> int:
    return widths["name"] + widths["bar"] + len("    ") + sum(widths[name] + 2 for name in names)


def _heading(widths: Mapping[str, int], chosen: Sequence[str], *, users: bool) -> list[Span]:
    start = " " + "GPU".ljust(widths["name"] + 1 + widths["bar"])
    names = "".join(f"  {'' if name == 'history' else name:>{widths[name]}}" for name in chosen)
    return [(f"{start}{names}{'  users' if users else ''}", "head")]


def _style(name: str) -> str:
    return {"mode": "warning", "load": "text", "history": "load"}.get(name, "muted")


def _cells(row: GpuRow) -> dict[str, str]:
    state, gpu = row.state, row.state.gpu
    assert gpu is not None
    load, temperature, power = figures(gpu)
    return {
        "name": gpu_label(label(gpu)),
        "memory": _memory(state),
        "room": room_words(state),
        "load": load,
        "mode": mode_words(gpu),
        "temp": temperature,
        "power": power,
        "history": row.history,
    }


def _memory(state: GpuState) -> str:
    """Return the used memory and the size, such as ``0.5/80 GiB``."""
    gpu = state.gpu
    assert gpu is not None
    if state.limitless:
        share = 1.0 if state.wholes else state.share / 1000
        return f"{share:g} allocated"
    used = gpu.memory - (gpu.memory if gpu.memory_free is None else gpu.memory_free)
    return f"{used / (1 << 30):.3g}/{size(gpu.memory)}"
