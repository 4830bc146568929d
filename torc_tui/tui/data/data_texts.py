"""Describe user data in the app: states, writers, differences. Pure.

Input: records and values. Output: lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torc_tui.tui.look.status_icons import Sign
from torc_tui.tui.look.text_layout import Line, Span
from torc_tui.views.json_diff import JsonChange
from torc_tui.views.json_document import jq_path, preview
from torc_tui.views.json_schema import Violation
from torc_tui.wording import listed, moment

Record = Mapping[str, Any]
"""A record of user data, as ``store.data_overview`` returns it."""

STATES = {
    "empty": Sign("○", "empty", "muted"),
    "written": Sign("●", "written", "success"),
    "edited": Sign("◆", "edited", "accent"),
    "missing": Sign("✖", "missing", "error"),
}
LISTED = 40
"""Changes or violations that are listed."""
LINES = 2000
"""Lines of a difference that are shown."""


def attempt(record: Record) -> str:
    """Return the attempt that wrote a record: ``run 2, attempt 1``; empty if no job did."""
    if record["job_id"] is None:
        return ""
    return f"run {record['run_id']}, attempt {record['attempt_id']}"


def written(record: Record) -> list[Span]:
    """Return the writer and time of a record: ``by fit (run 2, attempt 1) 2026-11-20 17:38:02``."""
    if not record["version"]:
        return [("not written yet", "muted")]
    spans: list[Span] = [("by ", "faint"), (record["writer"] or "the workflow file", "accent")]
    if place := attempt(record):
        spans.append((f" ({place})", "faint"))
    return [*spans, (f" {moment(record['written_at'])}", "faint")]


def named(number: int, first: str) -> str:
    """Return the first job and the number of others: ``train_model``, ``align_1 and 11 more``."""
    return listed([first], more=number - 1) if number else ""


def change_line(change: JsonChange) -> Line:
    """Return a change as a line: ``~ .lr: 0.1 → 0.01``."""
    path = (jq_path(change.path), "json-key")
    if change.kind == "added":
        return [("  + ", "added"), path, (": ", "json-punct"), (preview(change.new), "added")]
    if change.kind == "removed":
        return [("  - ", "removed"), path, (": ", "json-punct"), (preview(change.old), "removed")]
    old, new = (preview(change.old), "removed"), (preview(change.new), "added")
    return [("  ~ ", "warning"), path, (": ", "json-punct"), old, (" → ", "faint"), new]


def change_lines(changes: Sequence[JsonChange]) -> list[Line]:
    """Return the first changes by path."""
    lines = [change_line(change) for change in changes[:LISTED]]
    if len(changes) > LISTED:
        lines.append([(f"  … {len(changes) - LISTED} more", "faint")])
    return lines


_DIFF = {"+": "added", "-": "removed", "@": "faint", "!": "warning"}


def diff_lines(unified: Sequence[str]) -> list[Line]:
    """Return a unified diff with its colors."""
    lines: list[Line] = [
        [("  ", ""), (line, "faint" if number < 2 else _DIFF.get(line[:1], "muted"))]
        for number, line in enumerate(unified[:LINES])
    ]
    if len(unified) > LINES:
        lines.append([(f"  … {len(unified) - LINES} more lines", "faint")])
    return lines


def heading(text: str, style: str = "accent bold") -> Line:
    """Return the line above a section."""
    return [(text, style)]


def violation_lines(violations: Sequence[Violation], most: int, hint: str = "") -> list[Line]:
    """Return the first violations of a schema; ``hint`` follows the number of the others."""
    lines: list[Line] = [[("✖ ", "error"), (one.text, "text")] for one in violations[:most]]
    if len(violations) > most:
        lines.append([(f"  … {len(violations) - most} more{hint}", "faint")])
    return lines
