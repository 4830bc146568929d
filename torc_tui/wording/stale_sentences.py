"""Turn the reasons why a job is stale into sentences.

Input: `Reason` records. Output: text without a final period.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torc_tui.reasons import Kind, Reason
from torc_tui.wording.quantities import count, listed, moment, size

_AROUND = 3
"""Equal words that are shown before and after a change."""
_MARKS = {"equal": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
_LONGEST = 2000
"""Words beyond which two commands are not compared word by word."""


def word_diff(before: str | None, after: str | None) -> str:
    """Return the changed words of a text with some words around: ``--lr [-0.1-] {+0.2+} x``."""
    pieces = changed_words(before or "", after or "")
    if pieces is None:
        return "too long to show"
    if all(kind == "equal" for kind, _ in pieces):
        return "only white space"
    shown: list[str] = []
    for place, (kind, words) in enumerate(pieces):
        if kind == "equal":
            shown += _shortened(words, place == 0, place == len(pieces) - 1)
        else:
            shown.append(marked_words(kind, words))
    return " ".join(shown)


def marked_words(kind: str, words: list[str]) -> str:
    """Return a piece of a text with the marks of its kind: ``[-0.1-]``, ``{+0.2+}``."""
    before, after = _MARKS[kind]
    return f"{before}{' '.join(words)}{after}"


def changed_words(before: str, after: str) -> list[tuple[str, list[str]]] | None:
    """Return the words of two texts in pieces: ``equal``, ``removed`` or ``added``.

    None if the texts are too long.
    """
    from difflib import SequenceMatcher  # slow to import, and seldom needed

    old, new = before.split(), after.split()
    if max(len(old), len(new)) > _LONGEST:
        return None
    pieces: list[tuple[str, list[str]]] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(("equal", old[start:end]))
            continue
        if end > start:
            pieces.append(("removed", old[start:end]))
        if new_end > new_start:
            pieces.append(("added", new[new_start:new_end]))
    return pieces


def _shortened(words: list[str], first: bool, last: bool) -> list[str]:
    """Return equal words, without those that are far from a change."""
    before = [] if first else words[:_AROUND]
    after = [] if last else words[max(len(before), len(words) - _AROUND) :]
    return words if len(words) <= len(before) + len(after) + 1 else [*before, "…", *after]


def _file(what: str) -> Callable[[Reason], str]:
    """Return the words for a file: what happened, and its size and time before and after."""

    def text(reason: Reason) -> str:
        states = [state for one in ("before", "after") if (state := _state(reason, one))]
        change = " → ".join(states)
        if len(states) == 2 and states[0] == states[1]:
            change = f"{states[0]}, other content"
        return f"{what.format(_named(reason))}{f' ({change})' if change else ''}"

    return text


def _named(reason: Reason) -> str:
    name, path = reason["name"], reason["path"]
    return f"{name} ({path})" if path and path != name else f"{name}"


def _state(reason: Reason, which: str) -> str:
    try:
        state = reason[which]
    except KeyError:  # this kind does not have it
        return ""
    if state is None:
        return ""
    amount, at = state
    return f"directory, {moment(at)}" if amount < 0 else f"{size(amount)}, {moment(at)}"


def _never_ran(reason: Reason) -> str:
    status = reason["status"]
    if status in ("pending", "running"):
        return f"is {status}"
    return "has not run yet" if status in (None, "uninitialized") else f"has not run yet ({status})"


def _command_changed(reason: Reason) -> str:
    before, after = reason["before"], reason["after"]
    if before is None or after is None:
        return f"invocation script {'added' if before is None else 'removed'}"
    return f"command changed: {word_diff(before, after)}"


def _inputs_declared(reason: Reason) -> str:
    parts = []
    if reason["added"]:
        parts.append(f"{listed(reason['added'])} added")
    if reason["removed"]:
        parts.append(f"{count(reason['removed'], 'input')} removed")
    return f"declared inputs changed: {', '.join(parts)}"


def _changed_while_running(reason: Reason) -> str:
    what = "input" if reason["path"] else "user data"
    return f"{what} {_named(reason)} changed while the job ran"


def _data_changed(reason: Reason) -> str:
    versions = f"version {reason['before']} → {reason['after']}"
    return f"user data {reason['name']} changed ({versions})"


STALE_SENTENCES: Mapping[Kind, str | Callable[[Reason], str]] = {
    Kind.NEVER_RAN: _never_ran,
    Kind.UNSUCCESSFUL: lambda reason: f"was not successful ({reason['status']})",
    Kind.INTERRUPTED: "was interrupted",
    Kind.COMMAND_CHANGED: _command_changed,
    Kind.ENV_CHANGED: lambda reason: f"environment changed: {listed(reason['names'] or ())}",
    Kind.INPUT_CHANGED: _file("input {} changed"),
    Kind.INPUT_APPEARED: _file("input {} appeared"),
    Kind.INPUT_MISSING: _file("input {} is missing"),
    Kind.CHANGED_WHILE_RUNNING: _changed_while_running,
    Kind.DATA_CHANGED: _data_changed,
    Kind.OUTPUT_MISSING: _file("output {} is missing"),
    Kind.OUTPUT_CHANGED: _file("output {} changed"),
    Kind.INPUTS_DECLARED: _inputs_declared,
    Kind.FOLLOWS: lambda reason: (
        f"follows {listed(reason['jobs'] or (), more=reason['more'] or 0)}"
    ),
    Kind.NOT_RECORDED: "nothing was recorded of its last attempt",
    Kind.NOT_VISIBLE: lambda reason: f"{_named(reason)} cannot be seen",
    Kind.MAY_BE_KEPT: "is kept if its inputs do not change",
}
"""How to say each kind of reason of a stale job."""
