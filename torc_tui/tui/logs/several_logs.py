"""The newest logs of several jobs, for one stream of lines. No Textual.

Input: ids of jobs. Output: their newest attempts, streams, and the texts about them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torc_tui.status import HELD
from torc_tui.tui.feed.source import FeedReader
from torc_tui.tui.logs.log_scroll import LogScroll
from torc_tui.tui.logs.log_words import Item, following, position, search_items
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.store.log_files import AttemptLog

MOST_JOBS = 64
"""Jobs whose logs are shown as one stream, at most."""


def read_newest(source: FeedReader, job_ids: Sequence[int]) -> list[AttemptLog]:
    """Return the newest attempt of each job that has started; called in the reader thread."""
    from torc_tui.store import log_files

    attempts = (log_files.attempts(source.store, job_id) for job_id in job_ids[:MOST_JOBS])
    return [found[-1] for found in attempts if found]


def streams_of(logs: Sequence[AttemptLog], wanted: str) -> tuple[Stream, ...]:
    """Return the streams of the jobs; ``wanted`` is ``stdout``, ``stderr`` or ``both``."""
    return tuple(
        Stream(name, path, log.job)
        for log in logs
        for name, path in log.streams
        if wanted in ("both", name) or name == "combined"
    )


def several_state(logs: Sequence[AttemptLog], scroll: LogScroll) -> list[Item]:
    """Return what the bar says at its left: followed or ended, the position, the search."""
    window = scroll.lines.window
    if any(log.status in HELD for log in logs):
        items: list[Item] = [(0, [following(scroll)])]
    else:
        items = [(0, [("all ended", "muted")])]
    if window.lines:
        items.append((2, [(position(scroll), "text")]))
    if any(window.gone):
        items.append((1, [(f"{count(sum(window.gone), 'file')} deleted", "error")]))
    return [*items, *search_items(scroll)]


def several_about(logs: Sequence[AttemptLog], marked: int, stream: str, unmark: str) -> list[Item]:
    """Return what the bar says at its right: how many jobs, their statuses, the streams."""
    items: list[Item] = [(0, [(f"{marked} marked jobs", "text")])]
    if marked > MOST_JOBS:
        items = [(0, [(f"the first {MOST_JOBS} of {marked} marked jobs", "warning")])]
    statuses = Counter(log.status for log in logs)
    counted: list[tuple[str, str]] = []
    for status, number in statuses.items():
        sign = STATUS[status]
        counted += [(f"{sign.sign} {number}", sign.style), (" ", "")]
    if counted:
        items.append((3, counted[:-1]))
    if stream != "both":
        items.append((1, [(stream, "stderr" if stream == "stderr" else "strong")]))
    return [*items, (4, [(f"{unmark} unmarks", "faint")])]


def several_nothing(logs: Sequence[AttemptLog], marked: int, *, is_read: bool) -> list[Line]:
    """Return the message in place of lines; empty until the files were checked."""
    if not logs:
        return [[(f"none of the {marked} marked jobs has started", "muted")]]
    return [[("the marked jobs have written nothing", "muted")]] if is_read else []
