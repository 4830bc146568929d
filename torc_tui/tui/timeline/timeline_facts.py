"""Word what the timeline shows: the whole run, and the attempt under the cursor. Pure.

Input: a timeline, a place in it. Output: parts of a line with their importance, 0 first.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.status import JobStatus
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, sanitize, shorten
from torc_tui.views.report import CriticalStep, ReportAttempt
from torc_tui.views.timeline_lanes import Grouping, Timeline
from torc_tui.wording import count, duration, exit_code, time_of_day

Part = tuple[int, Line]
"""A part of a line; the less important ones are left out first."""
LONGEST = 60
"""Most cells for the name of a job."""


def of_run(timeline: Timeline, path: Sequence[CriticalStep]) -> list[Part]:
    """Return what the timeline shows."""
    parts: list[Part] = [
        (0, [(timeline.grouping.value, "strong")]),
        (2, [(count(len(timeline.attempts), "attempt"), "muted")]),
        (4, [(count(timeline.runners, "runner"), "muted")]),
        (1, [(duration(timeline.seconds), "muted")]),
        (3, [(f"{timeline.used:.0%} of CPUs used", "muted")]),
    ]
    if timeline.hidden:
        parts.append((1, [(f"{count(timeline.hidden, 'attempt')} without GPU", "warning")]))
    if path:
        parts.append((2, [("◆ critical path ", "accent"), (path_words(path), "muted")]))
    return parts


def path_words(path: Sequence[CriticalStep]) -> str:
    """Return the length of the critical path: ``3 jobs, 12 s running, 2.0 s waiting``."""
    ran, waited = sum(one.seconds for one in path), sum(one.waited for one in path)
    words = f"{count(len(path), 'job')}, {duration(ran)}"
    return f"{words} + {duration(waited)} waiting" if waited >= 0.05 else words


def of_attempt(timeline: Timeline, one: ReportAttempt, where: str, *, critical: bool) -> list[Part]:
    """Return the facts about an attempt; ``where`` is its runner."""
    sign = STATUS[JobStatus.RUNNING if one.running else one.status]
    name = shorten(sanitize(one.name), LONGEST, "middle")
    span = time_of_day(one.started_at)
    if not one.running:
        span += f"–{time_of_day(one.ended_at)}"
    parts: list[Part] = [
        (0, [(f"{sign.sign} ", sign.style), (name, "strong")]),
        (3, [(f"attempt {one.attempt_id}", "muted")]),
        (1, [(duration(one.ended_at - one.started_at), sign.style)]),
        (4, [(span, "muted")]),
        (3, [(sanitize(where), "muted")]),
    ]
    if one.return_code is not None:
        parts.append((2, [(exit_code(one.return_code), sign.style)]))
    elif one.status is not JobStatus.COMPLETED:
        parts.append((2, [(sign.word, sign.style)]))
    parts.append((5, [(count(one.num_cpus, "CPU"), "muted")]))
    if one.gpus:
        parts.append((5, [(count(len(one.gpus), "GPU"), "muted")]))
    if critical:
        parts.append((4, [("◆ critical path", "accent")]))
    return parts


def next_grouping(now: Grouping, *, has_gpus: bool) -> Grouping:
    """Return the grouping that follows; GPUs only if attempts used some."""
    order = [one for one in Grouping if has_gpus or one is not Grouping.GPUS]
    return order[(order.index(now) + 1) % len(order)] if now in order else order[0]
