"""Format the parts of the machine sheet: one GPU in words and as a bar.

No Textual, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from torc_tui.model import Gpu
from torc_tui.resources.gpu_state import GpuState
from torc_tui.store.runner_liveness import Holding
from torc_tui.tui.look.text_layout import Span, line_width
from torc_tui.wording import size

OWN, RESERVED, OTHERS, FREE = ("█", "bar"), ("▒", "accent"), ("×", "warning"), ("░", "bar-rest")
"""The parts of a memory bar, distinguished by characters as well as colors."""


def wrapped(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Return spans wrapped to lines, broken only after spans that end with two spaces."""
    groups: list[list[Span]] = [[]]
    for span in spans:
        groups[-1].append(span)
        if span[0].endswith("  "):
            groups.append([])
    lines: list[list[Span]] = [[]]
    for group in filter(None, groups):
        if lines[-1] and line_width([*lines[-1], *group]) > width + len("  "):
            lines.append([])
        lines[-1] += group
    return [[*line[:-1], (line[-1][0].rstrip(), line[-1][1])] for line in lines if line]


def warning_lines(text: str, indent: int, width: int | None) -> list[list[Span]]:
    """Return a warning as indented lines; without a width, as one line."""
    if not text:
        return []
    room = len(text) + 2 if width is None else max(width - indent, 10)
    lines = wrap(text, room, initial_indent="⚠ ", subsequent_indent="  ")
    return [[(" " * indent + line, "warning")] for line in lines]


def memory_bar(state: GpuState, width: int) -> list[Span]:
    """Return a bar of the memory used by jobs, reserved by them, used by others, and free.

    A GPU whose memory is not known shows its shares.
    """
    gpu = state.gpu
    assert gpu is not None
    if state.limitless:
        parts = [(state.share if not state.wholes else 1000, RESERVED)]
        total = 1000
    else:
        total = gpu.memory
        free = gpu.memory if gpu.memory_free is None else gpu.memory_free
        others = max(total - free - state.own_used, 0)
        reserved = max((total if state.wholes else state.reserved) - state.own_used, 0)
        parts = [
            (state.own_used, OWN),
            (min(reserved, total - others - state.own_used), RESERVED),
            (others, OTHERS),
        ]
    out: list[Span] = []
    left = width
    for amount, (sign, style) in parts:
        cells = min(left, max(1, round(amount * width / total))) if amount > 0 else 0
        out += [(sign * cells, style)] if cells else []
        left -= cells
    return [*out, (FREE[0] * left, FREE[1])] if left else out


def memory_words(state: GpuState) -> str:
    """Return the memory of a GPU in words: used, by whom, and the room for another job."""
    gpu = state.gpu
    assert gpu is not None
    if state.limitless:
        share = 1.0 if state.wholes else state.share / 1000
        return f"virtual, {share:g} allocated" if gpu.virtual else f"{share:g} allocated"
    free = gpu.memory if gpu.memory_free is None else gpu.memory_free
    words = [f"{size(gpu.memory - free)} of {size(gpu.memory)} used"]
    words += [f"jobs {size(state.own_used)}"] if state.own_used else []
    words += [f"reserved {size(state.reserved)}"] if state.reserved else []
    words += [f"others {size(state.others_used)}"] if state.others_used else []
    return " · ".join([*words, f"room {room_words(state)}"])


def room_words(state: GpuState) -> str:
    """Return the memory that another job can get; "" if it is not limited."""
    return "" if state.limitless else size(state.memory_available)


def mode_words(gpu: Gpu) -> str:
    """Return the compute mode of a GPU unless it is the usual one."""
    return "" if gpu.compute_mode in (None, "default") else gpu.compute_mode.replace("_", " ")


def figures(gpu: Gpu) -> tuple[str, str, str]:
    """Return the load, temperature and power of a GPU; unknown values are ""."""
    return (
        "" if gpu.utilization is None else f"{gpu.utilization:.0f} %",
        "" if gpu.temperature is None else f"{gpu.temperature:.0f} °C",
        "" if gpu.power is None else f"{gpu.power:.0f} W",
    )


def device_words(one: Holding, index: Mapping[str, int]) -> str:
    """Return the GPUs that a job holds: their numbers and shares."""
    words = []
    for grant in one.allocation.gpus:
        name = str(index.get(grant.uuid, "?"))
        share = f"·{grant.share / 1000:g}" if 0 < grant.share < 1000 else ""
        memory = f"·{size(grant.memory)}" if grant.memory and not grant.share else ""
        words.append(name + share + memory)
    return ", ".join(words)
