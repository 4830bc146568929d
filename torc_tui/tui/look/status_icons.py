"""The signs of the app: every state as a sign, a word and the name of a colour. No Textual, no I/O.

Law: a state is never told by colour alone, and every sign is one cell wide.
"""

from __future__ import annotations

from typing import NamedTuple

from torc_tui.model import Workflow
from torc_tui.status import JobStatus


class Sign(NamedTuple):
    """How a state looks. ``style`` is a name that the palette of the theme knows
    (``theme.Palette``)."""

    sign: str
    word: str
    style: str


STATUS: dict[JobStatus, Sign] = {
    JobStatus.UNINITIALIZED: Sign("·", "uninitialized", "uninitialized"),
    JobStatus.BLOCKED: Sign("◌", "blocked", "blocked"),
    JobStatus.READY: Sign("…", "ready", "ready"),
    JobStatus.PENDING: Sign("▷", "pending", "pending"),
    JobStatus.RUNNING: Sign("▶", "running", "running"),
    JobStatus.COMPLETED: Sign("✔", "completed", "completed"),
    JobStatus.FAILED: Sign("✖", "failed", "failed"),
    JobStatus.CANCELED: Sign("⊘", "canceled", "canceled"),
    JobStatus.TERMINATED: Sign("■", "terminated", "terminated"),
    JobStatus.DISABLED: Sign("–", "disabled", "disabled"),
    JobStatus.PENDING_FAILED: Sign("⚑", "pending_failed", "pending_failed"),
}

HELD = Sign("‖", "held", "warning")

ASCII = str.maketrans(
    {
        "·": ".", "◌": "o", "…": "~", "▷": "}", "▶": ">", "✔": "+", "✖": "x", "⊘": "/", "■": "#", "–": "-", "⚑": "!",
        "‖": "|", "●": "*", "○": "o", "◉": "@", "▸": ">", "▾": "v", "▴": "^", "▲": "^", "▼": "v", "◂": "<",
        "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "|", "▍": "|", "▎": "|", "▏": "|", "▐": "|", "▕": "|",
        "▓": "#", "▒": "=", "░": ".", "▀": "-", "▄": "_", "▁": "_", "▂": "_", "▃": "_", "▅": "=", "▆": "=", "▇": "#",
        "─": "-", "━": "=", "═": "=", "│": "|", "┃": "|", "║": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+",
        "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "╴": "-", "╶": "-",
        "┯": "+", "┠": "+", "╤": "+", "╟": "+",
        "╵": "|", "╷": "|", "┏": "+", "┓": "+", "┗": "+", "┛": "+", "╔": "+", "╗": "+", "╚": "+", "╝": "+", "╱": "/",
        "╲": "\\", "╌": "-", "╎": "|", "┄": "-", "┆": "|", "┈": "-", "┊": "|", "╸": "-", "╺": "-", "╼": "-", "╾": "-",
        "→": ">", "←": "<", "↑": "^", "↓": "v", "↳": "`", "↵": "<", "⏎": "<", "×": "x", "•": "*", "≥": ">", "≤": "<",
        "⋯": "~", "⚠": "!", "ℹ": "i", "◆": "*", "◇": "o", "▬": "=", "⟳": "@", "⏸": "|", "↔": "-", "↕": "|", "⋮": ":",
        "🮂": "-", "🮇": "|", "▔": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "⇥": ">", "⇤": "<",
        "‹": "<", "›": ">",
    }
)  # fmt: skip
"""Every sign that the app itself draws, as ASCII; braille becomes dots (see ``to_ascii``)."""

_BRAILLE = {code: ("." if code == 0x2800 else ":") for code in range(0x2801, 0x2900)} | {
    0x2800: " "
}
ASCII.update(_BRAILLE)


def workflow_state(workflow: Workflow) -> Sign:
    """One sign for a whole workflow, from its flags and counts."""
    counts = workflow.counts
    total = sum(counts.values())
    if workflow.is_archived:
        return Sign("–", "archived", "disabled")
    active = counts.get(JobStatus.RUNNING, 0) + counts.get(JobStatus.PENDING, 0)
    if workflow.is_canceled:
        return Sign("⊘", "canceling" if active else "canceled", "canceled")
    if workflow.is_paused:
        return Sign("‖", "paused", "warning")
    if active:
        return STATUS[JobStatus.RUNNING]
    if total == 0:
        return Sign("·", "empty", "muted")
    if counts.get(JobStatus.UNINITIALIZED, 0) == total:
        return Sign("·", "new", "uninitialized")
    bad = sum(
        counts.get(s, 0) for s in (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.TERMINATED)
    )
    if counts.get(JobStatus.COMPLETED, 0) + bad + counts.get(JobStatus.DISABLED, 0) == total:
        return Sign("✖", "failed", "failed") if bad else Sign("✔", "completed", "completed")
    if counts.get(JobStatus.READY, 0):
        return Sign("…", "ready", "ready")
    return Sign("◌", "waiting", "blocked")
