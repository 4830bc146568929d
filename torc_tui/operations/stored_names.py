"""Turn ids of a stored workflow and of the plan of its file into the names of both.

Input: the matched parts. Output: values as a workflow file writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torc_tui.operations.workflow_matching import Matching
from torc_tui.store.encoding import loads

_TEXTS = frozenset({"command", "invocation_script", "name"})
_TABLES = {
    "requirement_id": "resource_requirements",
    "failure_handler_id": "failure_handler",
    "input_files": "file_group",
    "output_files": "file_group",
    "input_user_data": "user_data_group",
    "output_user_data": "user_data_group",
}


def _requirement_names(one: Matching) -> dict[int, Any]:
    new = zip(one.ids.resource_requirements, one.plan.requirements, strict=True)
    return {row.id: row.name for row in one.requirements.values()} | {i: e.name for i, e in new}


def _handler_names(one: Matching) -> dict[int, Any]:
    new = zip(one.ids.failure_handler, one.plan.spec.failure_handlers, strict=True)
    return {row.id: row.name for row in one.handlers.values()} | {i: e.name for i, e in new}


def _file_names(one: Matching) -> dict[int, Any]:
    names = {number: name for (name, _), number in one.files.items()}
    names |= {i: e.name for i, e in zip(one.ids.file, one.plan.files, strict=True)}
    return _group_names(
        one.file_groups, one.ids.file_group, one.plan.file_groups, one.ids.file, names
    )


def _record_names(one: Matching) -> dict[int, Any]:
    names = {row.id: row.name for row in one.records.values()}
    names |= {i: e.name for i, e in zip(one.ids.user_data, one.plan.user_data, strict=True)}
    groups = one.plan.user_data_groups
    return _group_names(
        one.record_groups, one.ids.user_data_group, groups, one.ids.user_data, names
    )


def _group_names(
    stored: Mapping[tuple[int, ...], int],
    ids: Sequence[int],
    groups: Sequence[Sequence[int]],
    members: Sequence[int],
    names: Mapping[int, str],
) -> dict[int, Any]:
    found: dict[int, Any] = {
        group: [names.get(one, str(one)) for one in all_] for all_, group in stored.items()
    }
    for group, all_ in zip(ids, groups, strict=True):
        found[group] = [names[members[one]] for one in all_]
    return found


_NAMES: Mapping[str, Callable[[Matching], Mapping[int, Any]]] = {
    "resource_requirements": _requirement_names,
    "failure_handler": _handler_names,
    "file_group": _file_names,
    "user_data_group": _record_names,
}


class StoredNames:
    """Return the values of columns as a workflow file writes them: names instead of ids."""

    def __init__(self, parts: Matching) -> None:
        self._parts = parts
        self._found: dict[str, Mapping[int, Any]] = {}

    def shown(self, column: str, value: Any) -> Any:
        """Return a value of a column."""
        if value is None:
            return None
        table = _TABLES.get(column)
        if table is not None:
            return self._names(table).get(value, value)
        if isinstance(value, str) and value[:1] in ("{", "[") and column not in _TEXTS:
            return loads(value)
        return value

    def _names(self, table: str) -> Mapping[int, Any]:
        """Return the names of the entries of a table, or the lists of names of its groups."""
        if table not in self._found:
            self._found[table] = _NAMES[table](self._parts)
        return self._found[table]
