"""The texts about the visible log: its state, and why it has no lines.

No Textual, no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torc_tui.model import Job
from torc_tui.status import HELD, JobStatus
from torc_tui.tui.logs.log_scroll import LogScroll
from torc_tui.tui.logs.log_window import LogWindow
from torc_tui.tui.logs.merged_log import Stream
from torc_tui.tui.look.status_icons import STATUS
from torc_tui.tui.look.text_layout import Line, Span, sanitize
from torc_tui.tuples import NamedTuple

if TYPE_CHECKING:
    from torc_tui.store.log_files import AttemptLog

Item = tuple[int, Line]
"""A part of a line with its importance; 0 is never left out."""
_NOT_KEPT = {"no_stdout": "stdout", "no_stderr": "stderr"}
"""The stream that a stdio mode does not keep."""
REASONS = 8
"""Lines of the reason why a job never started."""


class ShownLog(NamedTuple):
    """The log on screen: the attempts of the job, the chosen one, and its open files."""

    attempts: Sequence[AttemptLog]
    attempt: AttemptLog | None
    streams: tuple[Stream, ...]
    scroll: LogScroll
    selected: bool
    """Whether lines are selected."""

    @property
    def window(self) -> LogWindow:
        return self.scroll.lines.window


# -- the bar below the log -------------------------------------------------------------------------


def state_items(log: ShownLog) -> list[Item]:
    """Return the state of the log: followed or ended, the position, the search."""
    attempt, window = log.attempt, log.window
    if attempt is None:
        return [(0, [("no log", "faint")])]
    items = [(0, [following(log.scroll) if attempt.status in HELD else _end(attempt)])]
    if window.lines:
        items.append((2, [(position(log.scroll), "text")]))
    if any(window.gone):
        items.append((1, [("file deleted; showing what was read before", "error")]))
    elif window.generation:
        items.append((3, [("the file was rewritten from its start", "warning")]))
    return [*items, *search_items(log.scroll)]


def following(scroll: LogScroll) -> Span:
    """Return whether the end of the log is followed."""
    return ("● following", "success") if scroll.follow else ("‖ not following", "warning")


def _end(attempt: AttemptLog) -> Span:
    sign, code = STATUS[attempt.status], attempt.return_code
    return (f"{sign.sign} ended, {sign.word if code is None else f'exit {code}'}", sign.style)


def about_items(log: ShownLog, directory: str) -> list[Item]:
    """Return the attempt, streams and path of the log; paths in ``directory`` are shortened."""
    attempt = log.attempt
    if attempt is None:
        return []
    items: list[Item] = []
    if log.selected:
        items.append((1, [("y copies the selected lines", "accent")]))
    if log.scroll.lines.wrap:
        items.append((4, [("wrapped", "muted")]))
    if attempt.mode in _NOT_KEPT:
        items.append((3, [(f"{_NOT_KEPT[attempt.mode]} not kept", "warning")]))
    if len(log.attempts) > 1:
        items.append((1, [_attempt(log.attempts, attempt)]))
    items.append((2, _streams(log)))
    if log.streams:
        path = log.streams[0].path.removeprefix(f"{directory}/")
        items.append((5, [(sanitize(path), "faint")]))
    return items


def _attempt(attempts: Sequence[AttemptLog], shown: AttemptLog) -> Span:
    newest = attempts[-1]
    last = (shown.run_id, shown.attempt_id) == (newest.run_id, newest.attempt_id)
    several = len({one.run_id for one in attempts}) > 1
    rest = f"of run {shown.run_id}" if several else f"of {len(attempts)}"
    return (f"attempt {shown.attempt_id} {rest}", "text" if last else "warning")


def _streams(log: ShownLog) -> Line:
    names = [stream.name for stream in log.streams]
    if names == ["combined"]:
        return [("stdout and stderr", "strong")]
    styles = {"stdout": "strong", "stderr": "stderr"}
    empty = [name for name, size in zip(names, log.window.sizes, strict=False) if not size]
    if len(names) == 2 and len(empty) == 1:
        full = next(name for name in names if name not in empty)
        return [(full, styles[full]), (f" ({empty[0]} is empty)", "faint")]
    if len(names) == 2:
        return [("stdout", "strong"), (" + ", "faint"), ("▎stderr", "stderr")]
    return [(name, styles[name]) for name in names] or [("not kept", "faint")]


def position(scroll: LogScroll) -> str:
    """Return where the screen is in the log: ``line 12 of 3,000``, ``40%``, ``12 lines``."""
    window, here = scroll.lines.window, scroll.on_screen
    total = _total(window)
    if total is not None and (scroll.fits or (scroll.follow and len(here) < total)):
        return f"{total:,} line{'' if total == 1 else 's'}"
    line = next((one for one in reversed(here) if one.number is not None), None)
    if line is None or line.number is None:
        share = here[-1].at / window.size if here and window.size else 0
        return "the end" if scroll.follow else f"{share:.0%}"
    named = len(window.streams) > 1 and scroll.lines.gutter
    name = f"{window.streams[line.stream].name} " if named else ""
    known = window.counts[line.stream]
    return f"{name}line {line.number + 1:,}" + (f" of {known:,}" if known is not None else "")


def _total(window: LogWindow) -> int | None:
    """Return how many lines the log has; None until they are counted."""
    counts = [count for count in window.counts if count is not None]
    return sum(counts) if len(counts) == len(window.counts) else None


def search_items(scroll: LogScroll) -> list[Item]:
    """Return the progress and the hits of the search."""
    pattern, found = scroll.lines.pattern, scroll.lines.window.found
    if not pattern or found is None or found.pattern != pattern:
        return []
    if found.error:
        return [(1, [(found.error, "error")])]
    more = "" if found.done else f" … {found.share:.0%}"
    if not found.total:
        text = f"no match for {pattern}" if found.done else f"searching{more}"
        return [(1, [(text, "warning")])]
    rank = f"{found.rank + 1:,} of " if found.rank >= 0 else ""
    hits = "" if rank else " hit" if found.total == 1 else " hits"
    return [(1, [(f"{rank}{found.total:,}{hits}{more}", "accent"), (f" {pattern}", "muted")])]


# -- why there are no lines ------------------------------------------------------------------------


def never_started(job: Job, reasons: Sequence[Span]) -> list[Line]:
    """Return why a job without attempts has no log."""
    sign = STATUS[job.status]
    first: Line = [
        ("no log: ", "muted"),
        (sanitize(job.name), "strong"),
        (" has not started: ", "muted"),
        (f"{sign.sign} {sign.word}", sign.style),
    ]
    return [first, *([span] for span in reasons[:REASONS])]


def no_lines(log: ShownLog, attempt: AttemptLog, only_one: bool, width: int) -> list[Line]:
    """Return why an attempt has no lines; empty until the files were checked.

    ``only_one``: one of the two streams is hidden by the user.
    """
    window = log.window
    other: list[Line] = [[("o shows the other stream", "faint")]] if only_one else []
    if not log.streams:
        return [
            [(f"the output of the job is not kept (stdio mode {attempt.mode})", "muted")],
            *other,
        ]
    if not window.serial:
        return []
    if window.problem:
        return [[("the log cannot be read:", "muted")], *broken(window.problem, width, "error")]
    if window.exists:
        return [*_nothing_written(log, attempt), *([] if attempt.status in HELD else other)]
    return _no_files(log, attempt, width)


def _nothing_written(log: ShownLog, attempt: AttemptLog) -> list[Line]:
    text = "no output yet"
    if attempt.status not in HELD:
        names = [stream.name for stream in log.streams]
        both = "stdout and stderr" if names == ["combined"] else " or ".join(names)
        text = f"the job wrote nothing to {both}"
    lines: list[Line] = [[(text, "muted")]]
    if attempt.mode in _NOT_KEPT:
        text = f"{_NOT_KEPT[attempt.mode]} is not kept (stdio mode {attempt.mode})"
        lines.append([(text, "warning")])
    return lines


def _no_files(log: ShownLog, attempt: AttemptLog, width: int) -> list[Line]:
    if attempt.deleted:
        text = "the output was deleted: the job completed, and delete_on_success is set"
        return [[(text, "muted")]]
    if attempt.status is JobStatus.PENDING:
        return [[("the job is starting", "muted")]]
    lines: list[Line] = [[("log files not found:", "muted")]]
    for stream in log.streams:
        lines += broken(stream.path, width, "text")
    if attempt.hostname:
        lines.append([(f"the job ran on {attempt.hostname}", "muted")])
    return lines


def broken(text: str, width: int, style: str) -> list[Line]:
    """Return a path, divided into lines."""
    room = max(10, width)
    text = sanitize(text)
    return [[(text[start : start + room], style)] for start in range(0, len(text), room)]
