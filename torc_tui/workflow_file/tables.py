"""Read tables of parameters: one row for each combination.

Input: the text of a CSV file with a header, of a JSON array of objects, or of one JSON object per
line. Output: the names of the columns and the rows, in the order of the file. A cell of CSV keeps
its spelling and counts as a number if it looks like one. Strings and numbers of JSON keep their
types; any other JSON value becomes its JSON text. Errors name the file and the row.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from torc_tui.json_errors import json_error, refuse_constant
from torc_tui.model import Json, Value
from torc_tui.quoting import quoted
from torc_tui.tuples import NamedTuple
from torc_tui.workflow_file.parameters import LIMIT
from torc_tui.workflow_file.values import InvalidValue, as_written, kind_of, string, typed


class ParameterTable(NamedTuple):
    """The combinations of a table."""

    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]


Row = dict[str, Json]
Rows = Iterator[tuple[int, Row]]
"""The line of each row, 0 if unknown, and its values by the names of the columns."""


def read_table(name: str, text: str) -> ParameterTable:
    """Return a table; raise InvalidValue with the file and the row."""
    try:
        return _read_table(name, text)
    except InvalidValue as invalid:
        raise InvalidValue(f"cannot be used: {invalid.message}", invalid.hint) from None


def _read_table(name: str, text: str) -> ParameterTable:
    file = quoted(name, 120)
    extension = PurePath(name).suffix.lower()
    if extension not in _READERS:
        hint = f"extensions: {', '.join(_READERS)}"
        raise InvalidValue(f"{file} is not a table of a supported format", hint)
    columns: tuple[str, ...] = ()
    rows: list[tuple[Value, ...]] = []
    for number, (line, row) in enumerate(_READERS[extension](text, file), 1):
        where = f"{file}, row {number}" + (f" (line {line})" if line else "")
        if number > LIMIT:
            raise InvalidValue(f"{file} has more than {LIMIT} rows")
        columns = columns or tuple(row)
        if not columns:
            raise InvalidValue(f"{where} has no columns")
        _check_columns(row, columns, where)
        try:
            rows.append(tuple(_value(row[name]) for name in columns))
        except InvalidValue as invalid:
            raise InvalidValue(f"{where}: a value {invalid.message}", invalid.hint) from None
    if not rows:
        raise InvalidValue(f"{file} has no rows")
    return ParameterTable(columns, rows)


def _check_columns(row: Row, columns: Sequence[str], where: str) -> None:
    missing = next((name for name in columns if name not in row), None)
    if missing is not None:
        raise InvalidValue(f"{where} has no column {quoted(missing)}")
    if len(row) > len(columns):
        more = next(name for name in row if name not in columns)
        raise InvalidValue(f"{where} has the column {quoted(more)}, which row 1 does not have")


def _check_names(names: Sequence[str], where: str) -> None:
    """Refuse empty or repeated names of columns."""
    for index, name in enumerate(names):
        if not string(name).strip():
            raise InvalidValue(f"{where}: a column has no name")
        if name in names[:index]:
            raise InvalidValue(f"{where} has the column {quoted(name)} twice")


def _check_separator(header: Sequence[str], where: str) -> None:
    """Refuse a header whose only column holds the separators of other formats."""
    found = next((one for one in ";\t|" if one in header[0]), None)
    if len(header) == 1 and found is not None:
        hint = f"found {quoted(found)} between the columns"
        raise InvalidValue(f"{where}: columns must be separated by commas", hint)


def _value(given: Json) -> Value:
    if isinstance(given, str):
        return string(given)
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        as_written(given, None)  # raises for infinite numbers
        return given
    return json.dumps(given, separators=(",", ":"), ensure_ascii=False)


# -- formats ---------------------------------------------------------------------------------------


def _csv_rows(text: str, file: str) -> Rows:
    csv.field_size_limit(max(len(text), csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    header: list[str] = []
    number = 0
    try:
        for cells in reader:
            where = f"{file}, row {number + 1} (line {reader.line_num})"
            cells = [cell.strip() for cell in cells]
            if not header:
                header = cells
                _check_names(header, f"{file}, header")
                _check_separator(header, f"{file}, header")
            elif cells:  # an empty line has no cells
                number += 1
                if len(cells) != len(header):
                    cell = "cell" if len(cells) == 1 else "cells"
                    message = f"{where} has {len(cells)} {cell}; the header has {len(header)}"
                    raise InvalidValue(message)
                yield reader.line_num, dict(zip(header, map(typed, cells), strict=True))
    except csv.Error:
        where = f"{file}, row {number + 1} (line {reader.line_num})"
        hint = 'quote a cell as "…", and a quote in it as ""'
        raise InvalidValue(f"{where} is not valid CSV", hint) from None


def _json_rows(text: str, file: str) -> Rows:
    found = _decoded(text, file)
    if not isinstance(found, list):
        raise InvalidValue(f"{file} must hold a JSON array of objects, not {kind_of(found)}")
    for number, one in enumerate(found, 1):
        yield 0, _object(one, f"{file}, row {number}")


def _json_lines(text: str, file: str) -> Rows:
    number = 0
    for line, written in enumerate(text.split("\n"), 1):
        if written.strip():
            number += 1
            where = f"{file}, row {number} (line {line})"
            yield line, _object(_decoded(written, where), where)


class _Object(dict[str, Json]):
    """A JSON object; ``names`` are its keys as written, including repeated keys."""

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        self.names = [name for name, _ in pairs]


def _decoded(text: str, where: str) -> Json:
    try:
        return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=_Object)
    except RecursionError:
        raise InvalidValue(f"{where} is nested too deeply") from None
    except ValueError as error:
        found = json_error(text, error)
        line = "" if "(line" in where else f" (line {found.line})"
        raise InvalidValue(f"{where}{line} is not valid JSON: {found.message}") from None


def _object(value: Json, where: str) -> Row:
    if not isinstance(value, _Object):
        raise InvalidValue(f"{where} must be a JSON object, not {kind_of(value)}")
    _check_names(value.names, where)
    return value


_READERS: dict[str, Callable[[str, str], Rows]] = {
    ".csv": _csv_rows,
    ".json": _json_rows,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
