"""Tell about the selected box of the graph, where the pane has room below the graph. Pure.

Input: the scene, a box, jobs and run times. Output: lines: what the box depends on, what depends on
it, how long its jobs took, and its jobs, those with problems first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest

from torc_tui.model import Job
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, fit_line, line_width, sanitize, width_of
from torc_tui.views.graph_boxes import Spot
from torc_tui.views.graph_scene import Scene
from torc_tui.views.run_progress import Durations
from torc_tui.views.status_bar import MOST_TELLING
from torc_tui.wording import elapsed, elapsed_in_column, optional_sentence

LEAST_ROOM, MOST_ROOM = 6, 16
"""Lines that the notes need, and get at most."""
MOST_JOBS = 2000
"""Jobs of a box up to which they are listed."""
NAMED = 6
"""Boxes of each direction that are named."""
WIDEST_NAME, LABEL = 30, 12
"""Cells of the name of a job at most, and of a label."""
_URGENCY = {status: place for place, status in enumerate(MOST_TELLING)}


def box_notes(
    scene: Scene,
    spot: Spot,
    jobs: Mapping[int, Job],
    durations: Mapping[str, Durations],
    room: tuple[int, int],
) -> Sequence[Line]:
    """Return at most as many lines as there is room for (width and height)."""
    node = scene.nodes[spot.node]
    width, height = room
    opened = node.grid is not None and spot.job is not None  # the grid lists the others
    members = [job for one in ([spot.job] if opened else node.jobs) if (job := jobs.get(one or 0))]
    label = members[0].name if opened and members else node.label
    times = f" ×{len(members)}" if len(members) > 1 else ""
    lines: list[Line] = [
        [(" ", ""), (sanitize(label), "accent bold"), (times, "muted")],
        *_neighbors(scene, spot.node),
    ]
    if len(members) == 1:
        lines += _facts(members[0])
    elif members:
        lines += _times(members[0], durations)
        lines += _jobs(members, height - len(lines) - 1) if len(members) <= MOST_JOBS else []
    return [fit_line(line, width) if line_width(line) > width else line for line in lines[:height]]


def _labeled(label: str, *spans: Span) -> Line:
    return [("  ", ""), (label.ljust(LABEL), "faint"), *spans]


def _neighbors(scene: Scene, number: int) -> Iterator[Line]:
    above = [source for source, target in scene.links if target == number]
    below = [target for source, target in scene.links if source == number]
    for label, found in (("after", above), ("before", below)):
        if found:
            names: list[Span] = []
            for node in (scene.nodes[one] for one in found[:NAMED]):
                sign = None if node.status is None else STATUS[node.status]
                names.append((f"{sign.sign} " if sign else "", sign.style if sign else ""))
                times = f" ×{node.count}" if node.count > 1 else ""
                names.append((f"{sanitize(node.label)}{times}  ", "text"))
            rest = len(found) - NAMED
            yield _labeled(label, *names, (f"and {rest} more" if rest > 0 else "", "faint"))


def _facts(job: Job) -> Iterator[Line]:
    if job.started_at is not None and job.ended_at is not None:
        yield _labeled("time", (elapsed(job.ended_at - job.started_at), "text"))
    if reason := optional_sentence(job.reason):
        yield _labeled("why", (sanitize(reason), "text"))


def _times(job: Job, durations: Mapping[str, Durations]) -> Iterator[Line]:
    known = durations.get(job.group)
    if known is not None and known.count > 1:
        longest = (f", longest {elapsed(known.longest)}", "muted")
        yield _labeled("time", ("mean ", "muted"), (elapsed(known.mean), "text"), longest)


def _jobs(members: Sequence[Job], room: int) -> list[Line]:
    """Return the jobs of a box with their reasons, those that tell most first."""
    if room < 1:
        return []
    shown = nsmallest(room, members, key=lambda job: (_URGENCY[job.status], job.id))
    rest = len(members) - room + 1
    if rest > 1:
        del shown[-1]
    name = min(WIDEST_NAME, max((width_of(sanitize(job.name)) for job in shown), default=0))
    lines: list[Line] = [[], *(_job_line(job, name) for job in shown)]
    return [*lines, [("  ", ""), (f"… and {rest} more", "faint")]] if rest > 1 else lines


def _job_line(job: Job, name: int) -> Line:
    sign = STATUS[job.status]
    took = "" if job.started_at is None or job.ended_at is None else job.ended_at - job.started_at
    time = elapsed_in_column(took) if isinstance(took, float) else ""
    reason = optional_sentence(job.reason) or ""
    label = fit_line([(sanitize(job.name), "text")], name)
    return [
        ("  ", ""),
        (f"{sign.sign} ", sign.style),
        *label,
        (f"  {sign.word:<12}", sign.style),
        (f"{time:>8}  ", "muted"),
        (sanitize(reason), "muted"),
    ]
