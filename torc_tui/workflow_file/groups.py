"""Expand the entries of a file that have parameters.

Input: entries as they were read, with their checked fields. Output: the records that they stand
for. The values and the records of one file are limited, together for all its entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from torc_tui.errors import Problem
from torc_tui.model import Json, Value
from torc_tui.quoting import quoted, shorten
from torc_tui.units import printed
from torc_tui.workflow_file.document import Map
from torc_tui.workflow_file.fields import FieldChecker, Fields
from torc_tui.workflow_file.key_tables import KeyTable
from torc_tui.workflow_file.parameters import NAME, Allowance, ReadText, combine, values_of
from torc_tui.workflow_file.templates import ParameterRows, substitute
from torc_tui.workflow_file.values import InvalidValue, suggestion

if TYPE_CHECKING:
    from torc_tui.workflow_file.tables import ParameterTable

Expand = Callable[[Fields, ParameterRows | None], list[Any]]
Values = dict[str, tuple[Value, ...] | None]
"""The values of each parameter; None for a parameter whose error is reported already."""


class GroupExpander:
    """Expand the entries of one file."""

    def __init__(self, checker: FieldChecker, read_text: ReadText) -> None:
        """Take the checker of the file, and the function that reads files with values."""
        self.checker = checker
        self.problems = checker.problems
        self.read_text = read_text
        self.variables: Mapping[str, str] = {}
        self.shared: Values = {}
        self.shared_names: frozenset[str] = frozenset()
        self.shared_table: str | None = None
        self.warnings: list[Problem] = []
        self._tables: dict[str, ParameterTable | InvalidValue] = {}
        self._unusable: set[str] = set()
        """Tables whose error was already reported."""
        self._values_left = Allowance()
        self._records_left = Allowance()

    def share(self, given: Fields, top: Map) -> None:
        """Read the shared parameters of the workflow."""
        parameters = given.get("parameters", Map())
        self.shared_table = given.get("parameters_file")
        if self.shared_table is not None and "parameters" in given:
            message = "'parameters_file' and 'parameters' cannot be used together"
            self._report(top, "workflow", "parameters_file", InvalidValue(message))
        self.shared_names = frozenset(parameters)
        self.shared = self.values(parameters, "the shared parameters")

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
                    value, self.read_text, self._values_left, given.spelling(name)
                )
            except InvalidValue as invalid:
                if not reported:
                    message = f"{where}: parameter {quoted(name)} {invalid.message}"
                    self.problems.add(
                        message, given.lines.get(name, given.line), name, invalid.hint
                    )
        return found

    def expand(
        self, entry: Map, fields: Fields | None, table: KeyTable, make: Expand
    ) -> list[Any] | None:
        """Return the records of an entry; None where it cannot be expanded."""
        if fields is None:
            return None
        name = fields.get("name")
        where = f"{table.what} {quoted(name)}" if name else table.what
        try:
            combinations = self._combinations(entry, fields, where)
        except InvalidValue as invalid:
            self._report(entry, where, str(invalid.item), invalid)
            return None
        if "name" not in fields or id(entry) in self.checker.incomplete.entries:
            return None
        if combinations is None:
            return None
        self._complete(entry, fields, table)
        reported = self._records_left.exhausted
        try:
            rows = combinations()
            found = make(fields, rows)
            self._records_left.take(len(found), "jobs, files and records")
        except InvalidValue as invalid:
            if not reported:
                self._report(entry, where, "parameters", invalid)
            return None
        if rows is not None and rows.unfit:
            self._warn_unfit(entry, rows, where)
        return found

    def _combinations(
        self, entry: Map, fields: Fields, where: str
    ) -> Callable[[], ParameterRows | None] | None:
        """Return the combinations of an entry; None if its values cannot be used.

        Raise InvalidValue with the key if a table cannot be used.
        """
        own = fields.pop("parameters", None)
        use = fields.pop("use_parameters", ())
        mode = fields.pop("parameter_mode", None)
        has_values = own is not None or bool(use) or mode is not None
        table_file, key = self._table_of(fields, has_values)
        if table_file is not None:
            return self._rows_of(table_file, key)
        used = self._used(entry, use, where)
        values = self.values(own, where) if own else used
        if any(column is None for column in values.values()):
            return None
        return partial(self._rows, values, mode or "product")

    def _table_of(self, fields: Fields, has_values: bool) -> tuple[str | None, str]:
        """Return the file with the table of an entry, if any, and the key that names it."""
        own = fields.pop("parameters_file", None)
        uses_shared = fields.pop("use_parameters_file", False)
        key = "use_parameters_file" if own is None else "parameters_file"
        if own is None and not uses_shared:
            return None, key
        if has_values:
            others = "'parameters', 'parameter_mode' or 'use_parameters'"
            raise InvalidValue(f"cannot be used together with {others}", None, key)
        if own is not None and uses_shared:
            raise InvalidValue("cannot be used together with 'use_parameters_file'", None, key)
        if own is None and self.shared_table is None:
            raise InvalidValue("needs the key 'parameters_file' of the workflow", None, key)
        return own or self.shared_table, key

    def _rows_of(self, name: str, key: str) -> Callable[[], ParameterRows] | None:
        """Return the combinations of a table; None if its error was already reported."""
        table = self._table(name)
        if not isinstance(table, InvalidValue):
            return partial(ParameterRows, table.columns, table.rows)
        if name in self._unusable:
            return None
        self._unusable.add(name)
        raise InvalidValue(table.message, table.hint, key)

    def _table(self, name: str) -> ParameterTable | InvalidValue:
        """Return a table, which is read only once, or the reason why it cannot be used."""
        if name not in self._tables:
            from torc_tui.workflow_file.tables import read_table

            try:
                table = read_table(name, self.read_text(name))
                self._values_left.take(len(table.columns) * len(table.rows), "values")
                self._tables[name] = table
            except InvalidValue as invalid:
                self._tables[name] = invalid
        return self._tables[name]

    def columns(self, name: Json) -> tuple[str, ...]:
        """Return the columns of the table that an entry names, if it can be used."""
        if not isinstance(name, str):
            return ()
        table = self._table(substitute(name, self.variables) if self.variables else name)
        return () if isinstance(table, InvalidValue) else table.columns

    def _report(self, entry: Map, where: str, key: str, invalid: InvalidValue) -> None:
        """Add a problem of an entry at the line of a key; a problem of a table names the key."""
        line = entry.lines.get(key, entry.line)
        named = f"{quoted(key)} {invalid.message}" if invalid.item == key else invalid.message
        self.problems.add(f"{where}: {named}", line, key, invalid.hint)

    def _rows(self, values: Values, mode: str) -> ParameterRows | None:
        if not values:
            return None
        columns: dict[str, tuple[Value, ...]] = {
            name: column for name, column in values.items() if column is not None
        }
        return ParameterRows(tuple(columns), combine(columns, mode, self._records_left))

    def _complete(self, entry: Map, fields: Fields, table: KeyTable) -> None:
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
