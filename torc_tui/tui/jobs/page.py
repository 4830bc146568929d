"""Lines of a page about a job or a group, some of which lead to other jobs. No Textual, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from torc_tui.records import dataclass, field, replace
from torc_tui.tui.look.text_layout import Line, Span, fit_line, line_width, sanitize
from torc_tui.wording import timestamp

if TYPE_CHECKING:
    from torc_tui.store.relations import Dependency

LABEL = 12
"""Cells of a label."""
NEIGHBORS = 12
"""Jobs that a list on the page names."""

Record = Mapping[str, Any]
"""A row of the database, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the database knows about a job beyond its row in the table.

    ``before`` and ``after`` are the first of ``before_count`` and ``after_count`` jobs.
    ``stderr_tail`` is the end of the standard error of a job that failed; ``stdout_tail`` that of
    its standard output if standard error is empty. ``place`` is where its last attempt runs or ran.
    """

    record: Record
    results: Sequence[Record] = ()
    before: Sequence[Dependency] = ()
    before_count: int = 0
    after: Sequence[Dependency] = ()
    after_count: int = 0
    io: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stderr_tail: Sequence[str] = ()
    stdout_tail: Sequence[str] = ()
    place: Record | None = None
    warnings: Sequence[str] = ()

    def until(self, moment: float | None) -> Details:
        """Return what was known at a moment of a replay; None: at present."""
        results = ended_until(self.results, moment)
        if len(results) == len(self.results):
            return self
        return replace(self, results=results, stderr_tail=(), warnings=())


def ended_until(results: Sequence[Record], moment: float | None) -> Sequence[Record]:
    """Return the results that there were at a moment; None: all."""
    if moment is None:
        return results
    last = timestamp(moment)
    return [one for one in results if one["completion_time"] <= last]


@dataclass(slots=True)
class LinkedLines:
    """Lines, and ``links``: the job ids by line number."""

    lines: list[Line] = field(default_factory=list)
    links: dict[int, int] = field(default_factory=dict)

    def add(self, *lines: Line) -> None:
        """Add lines at the end."""
        self.lines += lines

    def add_link(self, job_id: int, line: Line) -> None:
        """Add a line that leads to a job."""
        self.links[len(self.lines)] = job_id
        self.lines.append(line)

    def fit(self, width: int) -> LinkedLines:
        """Cut the lines that are too long; return the page."""
        self.lines = [
            fit_line(line, width) if line_width(line) > width else line for line in self.lines
        ]
        return self


def heading(text: str, *more: Span) -> list[Span]:
    """Return the line above a section."""
    return [(" ", ""), (text, "accent bold"), *more]


def labeled(label: str, *spans: Span) -> list[Span]:
    """Return a line with a label in front."""
    return [("  ", ""), (label.ljust(LABEL), "faint"), *spans]


def more_line(number: int) -> Line:
    """Return the last line of an incomplete list."""
    return [("  ", ""), (f"… and {number} more", "faint")]


def wrapped(label: str, text: str, width: int, style: str = "text") -> list[Line]:
    """Return a text wrapped to the width, with an optional label."""
    room = max(16, width - (LABEL if label else 0) - 4)
    out: list[Line] = []
    for raw in text.splitlines() or [""]:
        for line in wrap(sanitize(raw), room, break_on_hyphens=False) or [""]:
            span = (line, style)
            out.append(labeled("" if out else label, span) if label else [("  ", ""), span])
    return out


def folded(text: str, width: int) -> list[str]:
    """Return a reason wrapped to the width; further lines are indented."""
    inside = " " * (len(text) - len(text.lstrip("│├└─| `-")) + 2)
    return wrap(
        text, max(20, width), subsequent_indent=inside, break_on_hyphens=False, drop_whitespace=True
    ) or [""]
