"""The parts of the machine sheet: one GPU in words and as a bar.

No Textual, no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.model import Gpu, GpuProcess
from torc_tui.resources.gpu_state import GpuState
from torc_tui.store.runner_liveness import Holding
from torc_tui.tui.look.text_layout import Span, line_width, sanitize
from torc_tui.wording import duration, size
from torc_tui.wording.gpu_sentences import LEAST_IDLE

OWN, RESERVED, OTHERS, FREE = ("█", "bar"), ("▒", "accent"), ("×", "warning"), ("░", "bar-rest")
"""The parts of a memory bar, distinguished by characters as well as colors."""


def wrapped(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Return spans wrapped to lines.

    Spans up to one that ends with two blanks stay in one line; those blanks may stick out.
    """
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
    return lines


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


def memory_words(state: GpuState, *, short: bool = False) -> str:
    """Return the used memory of a GPU in words."""
    gpu = state.gpu
    assert gpu is not None
    if state.limitless:
        share = 1.0 if state.wholes else state.share / 1000
        return (
            f"{share:g} allocated" if short or not gpu.virtual else f"virtual, {share:g} allocated"
        )
    free = gpu.memory if gpu.memory_free is None else gpu.memory_free
    if short:
        return f"{(gpu.memory - free) / (1 << 30):.0f}/{size(gpu.memory)}"
    words = [f"{size(gpu.memory - free)} of {size(gpu.memory)} used"]
    words += [f"jobs {size(state.own_used)}"] if state.own_used else []
    words += [f"reserved {size(state.reserved)}"] if state.reserved else []
    words += [f"others {size(state.foreign_memory)}"] if state.foreign_memory else []
    return " · ".join(words)


def figures(gpu: Gpu) -> list[str]:
    """Return the use, temperature and power of a GPU, as far as they are known."""
    out = [] if gpu.utilization is None else [f"{gpu.utilization:.0f} %"]
    out += [] if gpu.temperature is None else [f"{gpu.temperature:.0f} °C"]
    return out + ([] if gpu.power is None else [f"{gpu.power:.0f} W"])


def process_words(process: GpuProcess) -> str:
    """Return a process on a GPU with its memory."""
    memory = "" if process.memory is None else f" {size(process.memory)}"
    user = f" of {process.user}" if process.user else ""
    idle = ""
    if process.idle is not None and process.idle >= LEAST_IDLE:
        idle = f", 0 % for {duration(process.idle)}"
    return sanitize(f"pid {process.pid} {process.name}".rstrip() + user) + memory + idle


def device_words(one: Holding, index: Mapping[str, int]) -> str:
    """Return the GPUs that a job holds: their numbers and shares."""
    words = []
    for grant in one.allocation.gpus:
        name = str(index.get(grant.uuid, "?"))
        share = f"·{grant.share / 1000:g}" if 0 < grant.share < 1000 else ""
        memory = f"·{size(grant.memory)}" if grant.memory and not grant.share else ""
        words.append(name + share + memory)
    return ", ".join(words)
