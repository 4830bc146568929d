"""Why a job would run again, as a page: the words of the command, the data, the files. Pure.

Input: a verdict with its reasons, and the values of changed records. Output: lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torc_tui.lifecycle.rerun_plan import JobVerdict
from torc_tui.reasons import Kind, Reason
from torc_tui.tui.look.text_layout import Line, Span, broken, sanitize
from torc_tui.tui.rerun.plan_rows import sign_of
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_diff import JsonChange
from torc_tui.views.json_document import jq_path, preview
from torc_tui.wording import changed_words, duration, marked_words, moment, sentence, two_sizes

_CHANGES = 40
"""Changes of a record that are shown."""
_WORDS = {"equal": "text", "removed": "removed", "added": "added"}
_DATA = {"added": ("+", "added"), "removed": ("-", "removed"), "changed": ("~", "warning")}


class Evidence(NamedTuple):
    """What the page is made of. ``changes`` are those of records, by name, once they are read."""

    verdict: JobVerdict
    changes: Mapping[str, Sequence[JsonChange]]
    seconds: float | None


def page(evidence: Evidence, width: int, *, is_low: bool = False) -> list[Line]:
    """Return the page for a width; a low one has no empty lines."""
    verdict = evidence.verdict
    sign = sign_of(verdict)
    lines: list[Line] = [
        [(" ", ""), (sanitize(verdict.name), "strong"), (f"  {sign.word} because", sign.style)]
    ]
    gap: list[Line] = [] if is_low else [[]]
    for reason in verdict.reasons:
        lines += [*gap, *_reason_lines(reason, evidence.changes, width)]
    if evidence.seconds is not None:
        took = duration(evidence.seconds)
        lines += [*gap, [(" takes about ", "faint"), (took, "text")]]
    return lines


def _reason_lines(
    reason: Reason, changes: Mapping[str, Sequence[JsonChange]], width: int
) -> list[Line]:
    if reason.kind is Kind.COMMAND_CHANGED and reason["before"] and reason["after"]:
        return [
            *_bullet("command changed", width),
            *_words(reason["before"], reason["after"], width),
        ]
    if reason.kind is Kind.DATA_CHANGED:
        name = str(reason["name"])
        sentence_lines = _bullet(sentence(reason), width)
        return [
            *sentence_lines,
            *(line for one in changes.get(name, ())[:_CHANGES] for line in _data(one)),
        ]
    if reason.kind in _FILES:
        return [*_bullet(_FILES[reason.kind].format(reason["name"]), width), *_file(reason)]
    return _bullet(sentence(reason), width)


def _bullet(text: str, width: int) -> list[Line]:
    """Return a sentence with a mark before it, broken to lines."""
    lines = broken([(text, "text")], max(20, width - 6))
    return [[(" • " if not place else "   ", "accent"), *line] for place, line in enumerate(lines)]


# -- the command -----------------------------------------------------------------------------------


def _words(before: str, after: str, width: int) -> list[Line]:
    """Return the words of a command, the removed and the added ones marked as git does."""
    pieces = changed_words(before, after)
    if pieces is None:
        return [[("   too long to show", "muted")]]
    spans = [(marked_words(kind, words), _WORDS[kind]) for kind, words in pieces]
    return [[("   ", ""), *line] for line in broken(spans, max(20, width - 6))]


# -- user data -------------------------------------------------------------------------------------


def _data(change: JsonChange) -> list[Line]:
    mark, style = _DATA.get(change.kind, _DATA["changed"])
    path: list[Span] = [(f"   {mark} ", style), (jq_path(change.path), "json-key"), (": ", "faint")]
    if change.kind in ("added", "removed"):
        value = change.new if change.kind == "added" else change.old
        return [[*path, (preview(value), style)]]
    old, new = preview(change.old), preview(change.new)
    return [[*path, (old, "removed"), (" → ", "faint"), (new, "added")]]


# -- files -----------------------------------------------------------------------------------------


_FILES = {
    Kind.INPUT_CHANGED: "input {} changed",
    Kind.INPUT_APPEARED: "input {} appeared",
    Kind.INPUT_MISSING: "input {} is missing",
    Kind.OUTPUT_CHANGED: "output {} changed",
    Kind.OUTPUT_MISSING: "output {} is missing",
}
_NO_STATE = (None, None)


def _file(reason: Reason) -> list[Line]:
    lines = [_row("path", [(sanitize(str(reason["path"])), "text")])]
    old, new = (_state(reason, which) for which in ("before", "after"))
    if old == new == _NO_STATE:
        return lines
    sizes = two_sizes(max(0, old[0] or 0), max(0, new[0] or 0))
    lines.append(_row("size", _pair(old[0], new[0], *sizes)))
    times = (moment(old[1]) if old[1] else "", moment(new[1]) if new[1] else "")
    lines.append(_row("modified", _pair(old[1], new[1], *times)))
    return lines


def _state(reason: Reason, which: str) -> tuple[float | None, float | None]:
    """Return size and time of a file before or after; None for one that did not exist."""
    try:
        state = reason[which]
    except KeyError:  # this kind does not have it
        return _NO_STATE
    return _NO_STATE if state is None else (state[0], state[1])


def _pair(old: object, new: object, old_text: str, new_text: str) -> list[Span]:
    if old is None or new is None:
        gone = new is None
        return [(old_text if gone else new_text, "removed" if gone else "added")]
    if old_text == new_text:
        return [(new_text, "muted"), (", as before", "faint")]
    return [(old_text, "removed"), (" → ", "faint"), (new_text, "added")]


def _row(label: str, spans: Sequence[Span]) -> Line:
    return [(f"   {label:<9}", "faint"), *spans]
