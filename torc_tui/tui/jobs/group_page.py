"""The page about a folded group: its statuses, durations and jobs that need attention. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from torc_tui.model import Job
from torc_tui.status import TROUBLED, JobStatus
from torc_tui.tui.jobs.job_columns import TELLING
from torc_tui.tui.jobs.job_groups import JobGroup
from torc_tui.tui.jobs.page import NEIGHBOURS, Page, heading, labeled, more_line
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, fit, sanitize, width_of
from torc_tui.views.run_progress import Durations
from torc_tui.wording import elapsed


def group_page(
    group: JobGroup,
    jobs: Mapping[int, Job],
    *,
    durations: Durations | None,
    reason: Callable[[Job], str],
    width: int,
) -> Page:
    """Return the page; ``reason`` returns why a job is where it is."""
    out = Page()
    total = sum(group.counts)
    strip = [(text, status.word) for text, status in group.strip(min(60, width - 4))]
    out.add([], [("  ", ""), (sanitize(group.name), "group"), (f" ×{total}", "accent")])
    out.add([("  ", ""), *strip], [], heading("Status"))
    out.add(*(_status_line(group, status, total) for status in TELLING if group.counts[status]))
    if durations is not None and durations.count:
        spread = f" ± {elapsed(durations.deviation)}" if durations.count > 2 else ""
        mean = (elapsed(durations.mean) + spread, "text")
        out.add([], heading("Time"), labeled("on average", mean))
    for status in (*sorted(TROUBLED), JobStatus.RUNNING):
        if group.counts[status]:
            _add_jobs(out, group, status, jobs, reason, width)
    return out.fit(width - 1)


def _status_line(group: JobGroup, status: JobStatus, total: int) -> Line:
    sign, number = STATUS[status], group.counts[status]
    share = 100 * number / max(1, total)
    return [
        ("  ", ""),
        (f"{sign.sign} {sign.word:<14}", sign.style),
        (f"{number:>7}", "text"),
        (f"{share:>6.0f} %", "faint"),
    ]


def _add_jobs(
    out: Page,
    group: JobGroup,
    status: JobStatus,
    jobs: Mapping[int, Job],
    reason: Callable[[Job], str],
    width: int,
) -> None:
    sign, number = STATUS[status], group.counts[status]
    out.add([], heading(f"{sign.word.capitalize()} ({number})"))
    members = (jobs[job_id] for job_id in group.jobs if job_id in jobs)
    found = list(islice((job for job in members if job.status is status), NEIGHBOURS))
    room = max((width_of(sanitize(job.name)) for job in found), default=8)
    for job in found:
        name = fit(sanitize(job.name), max(8, min(room, width - 30)))
        out.add_link(
            job.id,
            [
                ("  ", ""),
                (f"{sign.sign} ", sign.style),
                (name, "text"),
                (f"  {reason(job)}", "muted"),
            ],
        )
    if number > len(found):
        out.add(more_line(number - len(found)))
