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
SHORTEST_WAIT = 0.05
"""Seconds of waiting that are told."""
LONGEST = 60
"""Most cells for the name of a job."""


def of_run(
    timeline: Timeline, path: Sequence[CriticalStep], run_id: int | None = None
) -> list[Part]:
    """Return what the timeline shows; ``run_id`` is a run that the user has chosen."""
    chosen: list[Part] = [] if run_id is None else [(0, [(f"run {run_id}", "accent")])]
    parts: list[Part] = [
        *chosen,
        (0, [(timeline.grouping.value, "strong")]),
        (2, [(count(len(timeline.attempts), "attempt"), "muted")]),
        (4, [(count(timeline.runners, "runner"), "muted")]),
        (0, [(duration(timeline.seconds), "muted")]),
        (3, [(f"{timeline.used:.0%} of CPUs used", "muted")]),
    ]
    if timeline.hidden:
        parts.append((1, [(f"{count(timeline.hidden, 'attempt')} without GPU", "warning")]))
    return parts + path_parts(path)


def path_parts(path: Sequence[CriticalStep]) -> list[Part]:
    """Return the length of the critical path, and how long its jobs waited."""
    if not path:
        return []
    ran, waited = sum(one.seconds for one in path), sum(one.waited for one in path)
    words = f"{count(len(path), 'job')}, {duration(ran)}"
    parts: list[Part] = [(1, [("◆ critical path ", "accent"), (words, "muted")])]
    if waited >= SHORTEST_WAIT:
        parts.append((3, [(f"its jobs waited {duration(waited)}", "muted")]))
    return parts


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
