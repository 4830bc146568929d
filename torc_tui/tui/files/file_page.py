"""The lines above the content of a file: path, size, time, state, writers and readers. Pure.

Input: a declared file, what lies at its path, and the jobs. Output: lines with links to jobs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torc_tui.tui.files.file_kind import View
from torc_tui.tui.files.file_rows import STATES, FileFacts, FileStatus, ListedFile, size_of
from torc_tui.tui.files.read_file import FileContent
from torc_tui.tui.jobs.job_page import attention
from torc_tui.tui.jobs.page import LinkedLines, labeled, more_line, wrapped
from torc_tui.tui.look.status_icons import of_job
from torc_tui.tui.look.text_layout import Span, sanitize, width_of
from torc_tui.wording import count, moment

SORTED = 1000
"""Jobs among which those that need attention are listed first."""
LABELED = 14
"""Cells before the value of a line."""


def file_page(
    file: ListedFile, content: FileContent | None, facts: FileFacts, width: int, most: int
) -> LinkedLines:
    """Return the page about a file; ``content`` is None until it is read.

    ``most`` writers and as many readers are listed.
    """
    page = LinkedLines()
    page.add(_path("path", file.place if content is None else content.path, width))
    if content is not None and content.path != file.place:
        page.add(labeled("content", *about(content)), labeled("part of", (file.name, "text")))
    else:
        _add_state(page, content, facts.state(file), width, is_low=most == 1)
    _add_jobs(page, "written by", file.writers, facts, most)
    _add_jobs(page, "read by", file.readers, facts, most)
    return page.fit(width)


def _add_state(
    page: LinkedLines, content: FileContent | None, state: FileStatus, width: int, *, is_low: bool
) -> None:
    """Add what the file contains and its state: one line, if it is low and nothing is wrong."""
    sign = STATES[state.key]
    head = (f"{sign.sign} {sign.word}", sign.style)
    if is_low and content is not None and not state.why:
        page.add([("  ", ""), head, (", ", "muted"), *about(content)])
        return
    lines = wrapped("state", f"{head[0]}: {state.why}" if state.why else head[0], width, "text")
    lines[0] = [*lines[0][:2], head, (lines[0][2][0][len(head[0]) :], "muted")]
    if content is not None:
        lines.insert(1 if is_low else 0, labeled("content", *about(content)))
    page.add(*lines)


def about(content: FileContent, *, dated: bool = True) -> list[Span]:
    """Return what a file contains: its kind, pixels, size and, if ``dated``, its time."""
    kind, disk = content.kind, content.disk
    spans: list[Span] = [(kind.word if disk.exists else "nothing", "strong")]
    if kind.image is not None:
        image = kind.image
        if image.width and image.height:
            spans.append((f", {image.width:,} × {image.height:,} pixels", "text"))
    if kind.view is View.DIRECTORY:
        more = "more than " if content.more else ""
        spans.append((f", {more}{count(len(content.entries), 'entry', 'entries')}", "text"))
    elif disk.size is not None and not disk.kind:
        spans.append((f", {size_of(disk)}", "text"))
    if disk.modified is not None and dated:
        spans.append((f", modified {moment(disk.modified)}", "muted"))
    if kind.image is not None and kind.image.detail:
        spans.append((f", {kind.image.detail}", "muted"))
    return spans


def _path(label: str, path: str, width: int) -> list[Span]:
    """Return a path on one line; of a long one, the end is what tells it from others."""
    text = sanitize(path)
    room = max(8, width - LABELED - 1)
    if width_of(text) > room:
        while width_of(text) > room - 1:
            text = text[max(1, width_of(text) - room) :]
        text = "…" + text
    return labeled(label, (text, "text"))


def _add_jobs(
    page: LinkedLines, label: str, numbers: Sequence[int], facts: FileFacts, most: int
) -> None:
    jobs = [facts.jobs[number] for number in numbers[:SORTED] if number in facts.jobs]
    if not jobs:
        page.add(labeled(label, ("no job", "faint")))
        return
    first = sorted(jobs, key=lambda job: attention(job.status))[:most]
    for place, job in enumerate(first):
        sign = of_job(job)
        line = labeled(
            "" if place else label,
            (f"{sign.sign} ", sign.style),
            (sanitize(job.name), "info"),
            (f"  {sign.word}", sign.style),
        )
        page.add_link(job.id, line)
    if len(numbers) > most:
        page.add([(" " * LABELED, ""), *more_line(len(numbers) - most)[1:]])
