"""Check the keys of one mapping of the file against a table.

Input: a mapping as it was read, and its table. Output: the checked values by the present names of
their keys. Every error is added to the problems of the file, at its line.
"""

from __future__ import annotations

from torc_tui.model import Json, Source
from torc_tui.quoting import quoted
from torc_tui.workflow_file.document import List, Map
from torc_tui.workflow_file.incomplete_sections import IncompleteSections
from torc_tui.workflow_file.invalid_value import InvalidValue, kind_of, nearest
from torc_tui.workflow_file.key_tables import Table
from torc_tui.workflow_file.problems import FileProblems

Fields = dict[str, Json]

_FEW_KEYS = 12
"""The hint for an unknown key lists the keys of a table with at most this number of keys."""


def label(entry: Map, table: Table) -> str:
    """Return what an entry is called in messages: ``job 'train'``."""
    name = entry.get("name")
    return f"{table.what} {quoted(name)}" if isinstance(name, str) and name else table.what


class FieldChecker:
    """Checks the mappings of one file."""

    def __init__(
        self, file: str | None, problems: FileProblems, incomplete: IncompleteSections
    ) -> None:
        """Take the name of the file, and the collectors of its problems."""
        self.file = file
        self.problems = problems
        self.incomplete = incomplete

    def fields(
        self, entry: Json, table: Table, line: int | None = None, where: str = ""
    ) -> Fields | None:
        """Return the values of a mapping by the present names of their keys.

        The result is None if ``entry`` is no mapping; the message then names it ``where``.
        """
        if not isinstance(entry, Map):
            what = where or table.what
            self.problems.add(f"{what} must be a mapping, not {kind_of(entry)}", line)
            return None
        found: Fields = {}
        written: dict[str, str] = {}
        keys, aliases = table.keys, table.aliases
        for key, value in entry.items():
            name = key
            rule = keys.get(key)
            if rule is None:
                name = aliases.get(key, "")
                rule = keys.get(name)
            if rule is None:
                self._unknown(entry, key, table)
            elif value is None:
                continue
            elif name in written:
                message = f"means the same as {quoted(written[name])}"
                self.invalid(entry, key, table, InvalidValue(message, "keep one of them"))
            else:
                written[name] = key
                try:
                    found[name] = rule.check(value)
                except InvalidValue as invalid:
                    self.invalid(entry, key, table, invalid)
        self._require(entry, table, written)
        return found

    def _require(self, entry: Map, table: Table, written: dict[str, str]) -> None:
        for name in table.required:
            if name not in written:
                message = f"{label(entry, table)}: the key '{name}' is missing"
                self.problems.add(message, entry.line, name, kind="missing-key")

    def _unknown(self, entry: Map, key: str, table: Table) -> None:
        if key in table.gone:
            return
        meant = hint = None
        if not self.problems.full:
            meant = nearest(key, [*table.keys, *table.aliases])
            if meant is not None:
                hint = f"did you mean {quoted(meant)}?"
            elif len(table.keys) <= _FEW_KEYS:
                hint = f"known keys: {', '.join(table.keys)}"
        self.incomplete.unknown_key(entry, table, meant)
        message = f"{label(entry, table)}: unknown key {quoted(key)}"
        self.problems.add(message, entry.lines.get(key, entry.line), key, hint, "unknown-key")

    def invalid(self, entry: Map, key: str, table: Table, invalid: InvalidValue) -> None:
        """Report a value that cannot be used, at the line of the part that is wrong."""
        self.incomplete.missing_value(entry, key, table)
        value = entry.get(key)
        line = entry.lines.get(key, entry.line)
        item = invalid.item
        if isinstance(value, List) and isinstance(item, int) and item < len(value.lines):
            line = value.lines[item]
        elif isinstance(value, Map) and isinstance(item, str):
            line = value.lines.get(item, line)
        message = f"{label(entry, table)}: {quoted(key)} {invalid.message}"
        self.problems.add(message, line, key, invalid.hint)

    def source(self, entry: Map) -> Source:
        """Return the place of an entry in the file."""
        return Source(self.file, entry.line, entry.lines)
