"""The review of a change of user data: differences, violations of the schema, conflicts.

Input: texts and values; `prepare` and `write` run in the reader thread. Output: lines to review,
and the new version. Only `write` writes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torc_tui.errors import Conflict
from torc_tui.json_errors import JsonError
from torc_tui.model import Json
from torc_tui.records import dataclass
from torc_tui.tui.data.data_texts import Record, change_lines, diff_lines, heading
from torc_tui.tui.data.json_editor import fits
from torc_tui.tui.data.json_text_view import readable
from torc_tui.tui.look.text_layout import Line
from torc_tui.tuples import NamedTuple
from torc_tui.views.json_diff import JsonChange, diff, unified
from torc_tui.views.json_document import Path, parse
from torc_tui.views.json_merge import MergeConflict, MergeSide, merge
from torc_tui.views.json_schema import Violation, check, violation_texts
from torc_tui.wording import count

if TYPE_CHECKING:
    from torc_tui.store.database import Store

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class ReviewedValue:
    """A checked text: its value or error, its changes, and violations of its schema."""

    value: Json = None
    wrong: JsonError | None = None
    changes: Sequence[JsonChange] = ()
    unified: Sequence[str] = ()
    violations: Sequence[Violation] = ()


def examine(text: str, schema: Json) -> ReviewedValue:
    """Check a text without comparing it."""
    value, wrong = parse(text)
    if wrong is None and (half := _half(value, text)) is not None:
        wrong = half
    if wrong is not None:
        return ReviewedValue(wrong=wrong)
    return ReviewedValue(value, violations=check(value, schema) if schema is not None else ())


def prepare(text: str, base: Json, base_name: str, schema: Json) -> ReviewedValue:
    """Check a text, and compare it with ``base``."""
    found = examine(text, schema)
    if found.wrong is not None:
        return found
    changes, lines = compare(base, found.value, base_name, "as edited", large=not fits(text))
    return ReviewedValue(found.value, None, changes, lines, found.violations)


def compare(
    old: Json, new: Json, old_name: str, new_name: str, *, large: bool = False
) -> tuple[Sequence[JsonChange], Sequence[str]]:
    """Return the changes by path, and as text unless the values are ``large``."""
    changes = diff(old, new)
    return changes, () if large or not changes else unified(
        old, new, old_name=old_name, new_name=new_name
    )


def _half(value: Json, text: str) -> JsonError | None:
    """Return the error of half a surrogate pair: JSON allows it, the database does not."""
    found = _HALF.search(text)
    if found is None:
        return None
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        at = found.start()
        line = text.count("\n", 0, at) + 1
        return JsonError(
            "half of a character that takes two escapes", line, at - text.rfind("\n", 0, at), at
        )
    return None


def review(prepared: ReviewedValue, against: str, stale: Sequence[Line] = ()) -> list[Line]:
    """Return the lines that the user reviews before saving.

    ``stale`` are lines about the jobs that the change makes stale.
    """
    lines: list[Line] = [heading(f"{count(len(prepared.changes), 'change')} to {against}")]
    lines += change_lines(prepared.changes)
    if prepared.violations:
        lines += [[], heading("The value violates its schema", "error bold")]
        lines += [
            [("  ✖ ", "error"), (violation.text, "text")] for violation in prepared.violations[:20]
        ]
    if stale:
        lines += [[], *stale]
    if prepared.unified:
        lines += [[], heading("As text"), *diff_lines(prepared.unified)]
    return lines


@dataclass(frozen=True, slots=True)
class Clash:
    """A conflict: the record that another writer saved, its text, and our changes to it."""

    theirs: Record
    text: str
    changes: Sequence[JsonChange]
    unified: Sequence[str]


class MergedChanges(NamedTuple):
    """A merge: its text, the conflicts, and the changes that only one side has made."""

    text: str
    conflicts: Sequence[MergeConflict]
    mine: Sequence[JsonChange]
    theirs: Sequence[JsonChange]


def merge_versions(
    base: Json, mine: Json, theirs: Json, choices: Mapping[Path, MergeSide] | None = None
) -> MergedChanges:
    """Merge two versions of a value; called in the reader thread."""
    value, conflicts = merge(base, mine, theirs, choices)
    paths = [one.path for one in conflicts]

    def alone(changes: Sequence[JsonChange]) -> list[JsonChange]:
        return [one for one in changes if not any(one.path[: len(path)] == path for path in paths)]

    of_theirs, of_mine = alone(diff(mine, value)), alone(diff(theirs, value))
    return MergedChanges(readable(value), conflicts, of_mine, of_theirs)


def write(store: Store, actor: str, record_id: int, value: Json, version: int) -> Record | Clash:
    """Write the value if ``version`` is still the newest; called in the reader thread."""
    from torc_tui.store import user_data, user_data_records

    connection = store.connection()
    try:
        return user_data.update(
            connection,
            record_id,
            {"data": value},
            user_data.Author(time.time(), actor=actor),
            expected_version=version,
            check=violation_texts,
        )
    except Conflict:
        theirs = user_data_records.opened(connection, record_id)
        text = readable(theirs["data"])
        name = f"version {theirs['version']}"
        changes, lines = compare(theirs["data"], value, name, "mine", large=not fits(text))
        return Clash(theirs, text, changes, lines)


_LONGEST_DATA = 4000
"""Characters of a value on a command line; larger ones are read from a file."""


def command_of(record_id: int, value: Json) -> str:
    """Return the command line that writes this value; it reads a large one from a file."""
    import shlex

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    given = f"--data {shlex.quote(text)}" if len(text) <= _LONGEST_DATA else "--data-file FILE"
    return f"torc user-data update {record_id} {given}"
