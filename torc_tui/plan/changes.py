"""Compare a workflow as it is stored with the plan of a file.

Input: names, and values of columns of both sides. Output: what is added, removed and changed.
Nothing is read here.

Invariant: a value that a user changed counts with what the file gave before, so that the file
changes it only where the file itself has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torc_tui.records import dataclass, field
from torc_tui.tuples import NamedTuple

Values = Mapping[str, Any]


class Matched(NamedTuple):
    """The stored ids of named entries, None for new ones; and those that have new names or none."""

    ids: list[int | None]
    renamed: dict[int, str]
    gone: list[int]


def match(stored: Mapping[str, int], wanted: Iterable[tuple[str, str | None]]) -> Matched:
    """Match entries by name; ``wanted`` has names, each with an earlier name if one is given."""
    pairs = list(wanted)
    names = {name for name, _ in pairs}
    matched = Matched([], {}, [])
    for name, was in pairs:
        found = stored.get(name)
        if found is None and was is not None and was not in names:
            found = stored.get(was)
            if found is not None:
                matched.renamed[found] = was
        matched.ids.append(found)
    used = set(matched.ids)
    matched.gone.extend(one for one in stored.values() if one not in used)
    return matched


class ColumnChange(NamedTuple):
    """The old and the new value of a column."""

    before: Any
    after: Any


def differences(before: Values, after: Values) -> dict[str, ColumnChange]:
    """Return the columns of ``after`` whose values differ; JSON texts are compared by value."""
    return {
        name: ColumnChange(before[name], value)
        for name, value in after.items()
        if before[name] != value and not _is_same_json(before[name], value)
    }


def _is_same_json(one: Any, other: Any) -> bool:
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    if one[:1] not in ("{", "[") or one[:1] != other[:1]:
        return False
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


def of_file(present: Values, edited: Values) -> Values:
    """Return the columns as the file gave them last: without what users have changed."""
    return {**present, **edited} if edited else present


@dataclass(slots=True)
class SectionChanges:
    """What changes in a section of the file, by name."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, ColumnChange]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare_named(
    stored: Mapping[str, Values], names: Sequence[str], columns: Mapping[str, Sequence[Any]]
) -> SectionChanges:
    """Compare the named entries of a section; ``columns`` has the new values of all entries."""
    found = SectionChanges(removed=[name for name in stored if name not in set(names)])
    for place, name in enumerate(names):
        if name not in stored:
            found.added.append(name)
            continue
        after = {key: values[place] for key, values in columns.items()}
        changed = differences(stored[name], after)
        if changed:
            found.changed[name] = changed
    return found


_WORDS = {
    "requirement_id": "resource_requirements",
    "failure_handler_id": "failure_handler",
    "parameter_values": "parameters",
}
"""Column -> key of the file, where they differ."""


def key_of(column: str) -> str:
    """Return the key of the file that gives a column."""
    return _WORDS.get(column, column)
