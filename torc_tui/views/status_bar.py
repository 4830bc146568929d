"""A group of jobs in a few cells: ``███▓░``. In: counts per state. Out: a character and a state for
each cell.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import get_character_cell_size

from torc_tui.status import JobStatus

S = JobStatus
ORDER = (
    S.COMPLETED, S.FAILED, S.TERMINATED, S.CANCELED, S.RUNNING, S.PENDING, S.READY, S.PENDING_FAILED, S.BLOCKED,
    S.UNINITIALIZED, S.DISABLED,
)  # fmt: skip
"""From the left: what is over, what runs, what waits."""

_BLOCKS = {S.COMPLETED: "█", S.FAILED: "▚", S.TERMINATED: "▚", S.PENDING_FAILED: "▚", S.CANCELED: "▒", S.RUNNING: "▓",
           S.PENDING: "▓"}  # fmt: skip
_LETTERS = {S.COMPLETED: "#", S.FAILED: "!", S.TERMINATED: "!", S.PENDING_FAILED: "!", S.CANCELED: "x", S.RUNNING: ">",
            S.PENDING: ">"}  # fmt: skip


def strip(counts: Sequence[int], width: int, *, plain: bool = False) -> list[tuple[str, JobStatus]]:
    """``width`` cells that share themselves out like the counts (index: JobStatus). Nothing that
    occurs is left out as long as there are cells; ``plain`` uses ASCII.
    """
    total = sum(counts)
    present = [status for status in ORDER if counts[status]]
    if not total or width <= 0:
        return []
    if len(present) > width:
        present = sorted(
            sorted(present, key=lambda status: -counts[status])[:width], key=ORDER.index
        )
        total = sum(counts[status] for status in present)
    spare = width - len(present)
    exact = [(status, counts[status] * width / total - 1) for status in present]
    over = sum(max(0.0, part) for _, part in exact) or 1.0
    shares = {status: max(0.0, part) * spare / over for status, part in exact}
    cells = {status: 1 + int(shares[status]) for status in present}
    for status in sorted(present, key=lambda status: int(shares[status]) - shares[status]):
        if sum(cells.values()) < width:
            cells[status] += 1
    signs, other = (_LETTERS, ".") if plain else (_BLOCKS, "░")
    return [(signs.get(status, other), status) for status in present for _ in range(cells[status])]


def width_of(text: str) -> int:
    """How many cells a text takes in a terminal, sign by sign."""
    return len(text) if text.isascii() else sum(map(get_character_cell_size, text))


def fit(text: str, width: int, *, plain: bool = False) -> str:
    """The text in at most ``width`` cells, cut with ``…``."""
    if width_of(text) <= width:
        return text
    mark = "~" if plain else "…"
    out, used = "", 0
    for char in text:
        used += get_character_cell_size(char)
        if used > width - 1:
            break
        out += char
    return out + mark if width > 0 else ""
