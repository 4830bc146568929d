"""Expand the entries of a file that have parameters.

Input: entries as they were read, with their checked fields. Output: the records that they stand
for. The values and the records of one file are limited, together for all its entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torc_tui.errors import Problem
from torc_tui.model import Value
from torc_tui.quoting import quoted, shorten
from torc_tui.workflow_file.document import Map
from torc_tui.workflow_file.fields import FieldChecker, Fields
from torc_tui.workflow_file.key_tables import Table
from torc_tui.workflow_file.parameters import (
    NAME,
    Allowance,
    ReadLines,
    combine,
    values_of,
)
from torc_tui.workflow_file.templates import ParameterRows
from torc_tui.workflow_file.values import InvalidValue, printed, suggestion

Expand = Callable[[Fields, ParameterRows | None], list[Any]]
Values = dict[str, tuple[Value, ...] | None]
"""The values of each parameter; None for a parameter whose error is reported already."""


class GroupExpander:
    """Expand the entries of one file."""

    def __init__(self, checker: FieldChecker, read_lines: ReadLines) -> None:
        """Take the checker of the file, and the function that reads ``@file``."""
        self.checker = checker
        self.problems = checker.problems
        self.read_lines = read_lines
        self.variables: Mapping[str, str] = {}
        self.shared: Values = {}
        self.shared_names: frozenset[str] = frozenset()
        self.warnings: list[Problem] = []
        self._values_left = Allowance()
        self._records_left = Allowance()

    def share(self, given: Map) -> None:
        """Read the shared parameters."""
        self.shared_names = frozenset(given)
        self.shared = self.values(given, "the shared parameters")

    def values(self, given: Map, where: str) -> Values:
        """Return the values of each parameter."""
        found: Values = {}
        for name, value in given.items():
            if value is None:
                continue
            found[name] = None
            reported = self._values_left.exhausted
            try:
                if not NAME.fullmatch(name):
                    hint = "use letters, digits, _ and - only"
                    raise InvalidValue("is not a name for a parameter", hint)
                if name in self.variables:
                    raise InvalidValue("is also a variable", "give one of them another name")
                found[name] = values_of(
                    value, self.read_lines, self._values_left, given.spelling(name)
                )
            except InvalidValue as invalid:
                if not reported:
                    message = f"{where}: parameter {quoted(name)} {invalid.message}"
                    self.problems.add(
                        message, given.lines.get(name, given.line), name, invalid.hint
                    )
        return found

    def expand(
        self, entry: Map, fields: Fields | None, table: Table, make: Expand
    ) -> list[Any] | None:
        """Return the records of an entry; None where it cannot be expanded."""
        if fields is None:
            return None
        own = fields.pop("parameters", None)
        use = fields.pop("use_parameters", ())
        mode = fields.pop("parameter_mode", "product")
        name = fields.get("name")
        where = f"{table.what} {quoted(name)}" if name else table.what
        used = self._used(entry, use, where)
        values = self.values(own, where) if own else used
        known = "name" in fields and id(entry) not in self.checker.incomplete.entries
        if not known or any(column is None for column in values.values()):
            return None
        self._complete(entry, fields, table)
        reported = self._records_left.exhausted
        try:
            rows = self._rows(values, mode)
            found = make(fields, rows)
            self._records_left.take(len(found), "jobs, files and records")
        except InvalidValue as invalid:
            if not reported:
                line = entry.lines.get("parameters", entry.line)
                self.problems.add(f"{where}: {invalid.message}", line, "parameters", invalid.hint)
            return None
        if rows is not None and rows.unfit:
            self._warn_unfit(entry, rows, where)
        return found

    def _rows(self, values: Values, mode: str) -> ParameterRows | None:
        if not values:
            return None
        columns: dict[str, tuple[Value, ...]] = {
            name: column for name, column in values.items() if column is not None
        }
        return ParameterRows(tuple(columns), combine(columns, mode, self._records_left))

    def _complete(self, entry: Map, fields: Fields, table: Table) -> None:
        """Fill in a missing command or path, so that the name is there for those that use it."""
        if "command" in table.required and "command" not in fields:
            self.checker.incomplete.missing_value(entry, "command", table)
            fields["command"] = ""
        elif "path" in table.required and "path" not in fields:
            fields["path"] = f"{fields['name']}?"
        fields["source"] = self.checker.source(entry)

    def _used(self, entry: Map, use: Sequence[str], where: str) -> Values:
        """Return the values of the shared parameters that an entry names."""
        found: Values = {}
        for name in use:
            if name in self.shared:
                found[name] = self.shared[name]
            elif name not in self.shared_names and not self.checker.incomplete.all:
                known = list(self.shared)
                hint = f"shared parameters: {', '.join(known)}" if known else None
                self.problems.add(
                    f"{where}: no shared parameter is called {quoted(name)}",
                    entry.lines.get("use_parameters", entry.line),
                    "use_parameters",
                    suggestion(name, known, hint),
                    "unknown-name",
                )
                found[name] = None
        return found

    def _warn_unfit(self, entry: Map, rows: ParameterRows, where: str) -> None:
        for (name, form), value in rows.unfit.items():
            message = (
                f"{where}: the format of {{{shorten(name)}:{shorten(form)}}} does not fit the value"
                f" {quoted(printed(value))}, which is written without it"
            )
            hint = "formats: 03d for integers, .2f and .2e for numbers, q to quote for the shell"
            line = entry.line
            self.warnings.append(
                Problem(message, self.checker.file, line, None, name, hint, "format-ignored")
            )
