"""Define the icons of the app: every state as an icon, a word and the name of a style. Pure.

Invariant: a state is never shown by color alone, and every icon is one cell wide.
"""

from __future__ import annotations

from torc_tui.model import Job, Workflow
from torc_tui.status import STARTABLE, JobStatus, WorkflowState
from torc_tui.tuples import NamedTuple
from torc_tui.wording.cluster_sentences import ended_words


class Sign(NamedTuple):
    """The icon, word and style of a state; ``style`` is a name in the palette."""

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
SUSPENDED = Sign("‖", "suspended", "warning")


_ALLOCATIONS = {
    "requested": Sign("◌", "requested", "pending"),
    "queued": Sign("…", "queued", "pending"),
    "running": Sign("▶", "running", "running"),
    "ending": Sign("▷", "ending", "muted"),
    "refused": Sign("✖", "refused", "error"),
    "done": Sign("✔", "done", "completed"),
    "canceled": Sign("⊘", "canceled", "canceled"),
    "walltime": Sign("■", "walltime", "terminated"),
}


def of_allocation(state: str, outcome: str | None) -> Sign:
    """Return the sign of an allocation: of its state, or of how it ended."""
    name = outcome or state
    return _ALLOCATIONS.get(name) or Sign("✖", ended_words(name), "error")


def of_job(job: Job) -> Sign:
    """Return the sign of a job: of its status, or that it is held or suspended."""
    if job.suspended:
        return SUSPENDED
    return HELD if job.held and job.status in STARTABLE else STATUS[job.status]


_SIGNS = {
    ".": "·░",
    "o": "◌○◇",
    "~": "…⋯",
    "}": "▷",
    ">": "▶▸→≥⇥›",
    "+": "✔┌┐└┘├┤┬┴┼╭╮╰╯┯┠╤╟┏┓┗┛┣┫┻┳╋╔╗╚╝",
    "x": "✖×",
    "/": "⊘╱",
    "#": "■█▉▊▋▓▇",
    "-": "–▀─╴╶╌┄┈╸╺╼╾↔🮂▔—",
    "!": "⚑⚠",
    "|": "‖▌▍▎▏▐▕│┃║╵╷╎┆┊╹╻⏸↕🮇",
    "*": "●•◆",
    "@": "◉⟳",
    "v": "▾▼↓",
    "^": "▴▲↑",
    "<": "◂←↵⏎≤⇤‹",
    "=": "▒▅▆━═▬",
    "_": "▄▁▂▃",
    "\\": "╲",
    "`": "↳",
    "i": "ℹ",
    ":": "⋮",
    "'": "’‘",
    '"': "“”",
}
ASCII = {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}
"""Every character that the app itself draws, as ASCII; braille becomes dots."""
ASCII |= dict.fromkeys(range(0x2801, 0x2900), ":") | {0x2800: " "}

STATES = {
    WorkflowState.EMPTY: Sign("·", "empty", "muted"),
    WorkflowState.UNINITIALIZED: Sign("·", "uninitialized", "uninitialized"),
    WorkflowState.READY: Sign("…", "ready", "ready"),
    WorkflowState.WAITING: Sign("◌", "waiting", "blocked"),
    WorkflowState.RUNNING: STATUS[JobStatus.RUNNING],
    WorkflowState.PAUSED: Sign("‖", "paused", "warning"),
    WorkflowState.INTERRUPTED: Sign("■", "interrupted", "warning"),
    WorkflowState.CANCELING: Sign("⊘", "canceling", "canceled"),
    WorkflowState.CANCELED: Sign("⊘", "canceled", "canceled"),
    WorkflowState.FAILED: STATUS[JobStatus.FAILED],
    WorkflowState.COMPLETED: STATUS[JobStatus.COMPLETED],
    WorkflowState.ARCHIVED: Sign("–", "archived", "disabled"),
}
"""The icon of each state of a workflow."""


def workflow_state(workflow: Workflow) -> Sign:
    """Return the sign for the state of a workflow."""
    return STATES[workflow.state]
